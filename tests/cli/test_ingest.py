"""``triggerstream ingest``: making keys, and what it says where it cannot begin."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.cli.conftest import Run
from triggerstream.ingest.keys import Keys, hash_of

CLOSED = "127.0.0.1:1"


def test_a_key_is_told_once_and_its_entry_is_one_of_the_file(run: Run, tmp_path: Path) -> None:
    web = run("ingest", "key", "web", "--browser", "--origin", "https://shop.example")
    shop = run("ingest", "key", "shop")
    secrets = [ran.err.split()[-1] for ran in (web, shop)]

    (tmp_path / "keys.yaml").write_text(web.out + shop.out)
    keys = Keys(tmp_path / "keys.yaml", lambda: 0.0)

    assert (web.code, shop.code) == (0, 0)
    assert [key and key.name for key in map(keys.find, secrets)] == ["web", "shop"]
    (entry,) = YAML(typ="safe").load(web.out)
    assert entry["origins"] == ["https://shop.example"]
    assert entry["hash"] == hash_of(secrets[0])


@pytest.mark.parametrize(
    "arguments", [("a b",), ("web", "--origin", "shop.example"), ("score.x",)], ids=str
)
def test_an_entry_that_nobody_could_read_is_not_made(run: Run, arguments: tuple[str, ...]) -> None:
    ran = run("ingest", "key", *arguments)

    assert (ran.code, ran.out) == (2, "")
    assert "required is" in ran.err


def test_without_a_broker_it_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIGGERSTREAM_KAFKA__BOOTSTRAP", CLOSED)

    ran = run("ingest")

    assert ran.code == 69
    assert CLOSED in ran.err


def test_a_file_of_keys_that_is_wrong_is_told_before_anything_else(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "keys.yaml").write_text("- {name: web}")
    monkeypatch.setenv("TRIGGERSTREAM_INGEST__KEYS", str(tmp_path / "keys.yaml"))

    ran = run("ingest")

    assert ran.code == 2
    assert "missing required field `kind`" in ran.err


def test_others_may_come_only_with_keys(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIGGERSTREAM_INGEST__HOST", "0.0.0.0")  # noqa: S104 - what is refused

    ran = run("ingest")

    assert ran.code == 2
    assert "TRIGGERSTREAM_INGEST__KEYS: a file of keys is required" in ran.err
