"""``topics`` without a Kafka: what an installation in a directory keeps, and what is refused."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.cli.conftest import Run


@pytest.fixture(name="directory")
def _directory(tmp_path: Path) -> Path:
    (tmp_path / ".triggerstream").mkdir()
    return tmp_path


def test_a_directory_says_how_long_it_keeps_what(run: Run, directory: Path) -> None:
    ran = run("topics", "check", "--dir", directory, "--json")

    assert ran.code == 0, ran.err
    lines = [msgspec.json.decode(line) for line in ran.out.splitlines()]
    kept = {line["topic"]: line["keeps"] for line in lines}
    assert kept == dict.fromkeys(
        ("events", "actions", "inbox", "deliveries", "events.dlq", "actions.dlq"), "30d"
    ) | {"rulesets": "forever", "segments": "the newest of each key, others up to 1d"}
    assert {line["partitions"] for line in lines} == {1}


def test_the_current_directory_is_meant_where_none_is_named_and_what_is_set_there(
    run: Run, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(directory)
    (directory / ".env").write_text("TRIGGERSTREAM_RETENTION__LOCAL=90d\n")

    ran = run("topics", "check")

    assert ran.code == 0, ran.err
    assert "events.dlq" in ran.out
    assert "90d" in ran.out
    assert "TRIGGERSTREAM_RETENTION__LOCAL, which is 90d" in ran.err


def test_a_directory_without_an_installation_is_refused(run: Run, tmp_path: Path) -> None:
    ran = run("topics", "check", "--dir", tmp_path)

    assert (ran.code, ran.out) == (2, "")
    assert "--dir: required is a directory with an installation" in ran.err


@pytest.mark.parametrize("command", [("check",), ("create",), ("create", "--apply")])
def test_no_broker_is_told_at_once(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("TRIGGERSTREAM_KAFKA__BOOTSTRAP", "127.0.0.1:1")

    ran = run("topics", *command)

    assert (ran.code, ran.out) == (69, "")
    assert "nobody listens there" in ran.err
