"""The commands on a local installation that no engine runs: what they do themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from tests.cli.conftest import CART, Ran, Run
from triggerstream.core.records.record import KIND, Kind
from triggerstream.ops.settings import BOOTSTRAP
from triggerstream.stream.local.directory import Directory
from triggerstream.stream.local.log import LocalLog
from triggerstream.stream.local.reader import LogReader

CHANGED = CART.replace("for: 1h", "for: 2h")


@pytest.fixture(name="fresh")
def _fresh(triggers: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project whose engine was ended before it had a log. It is the current directory; its
    triggers are in a folder of it."""
    with Directory(triggers.parent):
        pass
    monkeypatch.chdir(triggers.parent)
    yield Path()
    assert Directory(triggers.parent).owner() is None, "no command keeps the lock"


@pytest.fixture(name="shop")
def _shop(fresh: Path) -> Path:
    """The same, with a log to which nothing was appended."""

    async def make() -> None:
        log = LocalLog(Directory(fresh).log, now=lambda: 0)
        await log.start()
        await log.stop()

    asyncio.run(make())
    return fresh


def records(shop: Path, topic: str) -> list[tuple[bytes | None, bytes | None]]:
    with LogReader(Directory(shop).log) as reader:
        return [(record.key, record.value) for record in reader.read(topic, 0, 100)[0]]


# ── deploy ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("directory", "other"), [("triggers", "."), (".", "triggers")])
def test_triggers_are_deployed_where_they_lie(
    run: Run, fresh: Path, directory: str, other: str
) -> None:
    first = run("deploy", directory)
    again = run("deploy", other)
    (fresh / "triggers" / "cart.yaml").write_text(CHANGED)
    changed = run("deploy", directory, "--no-test")

    assert (first.code, first.out) == (0, "1\n"), first.err
    assert f"published {directory} as version 1\n" in first.err
    assert (again.code, again.out) == (0, "1\n")
    assert again.err.endswith(f"nothing changed: {other} is in force as version 1\n")
    assert (changed.code, changed.out) == (0, "2\n")


def test_what_was_computed_is_no_authors_to_publish(run: Run, fresh: Path) -> None:
    (fresh / "triggers" / ".values.json").write_text('{"busy": {"number": 2}}')

    ran = run("deploy", "triggers")
    (fresh / "triggers" / ".values.json").unlink()
    again = run("deploy", "triggers")

    assert (ran.code, ran.out) == (0, "1\n"), ran.err
    assert ".values.json is left out" in ran.err
    assert (again.code, again.out) == (0, "1\n"), "it is the same without"


def test_a_version_that_is_not_in_force_is_no_base(run: Run, shop: Path) -> None:
    run("deploy", "triggers")
    (shop / "triggers" / "cart.yaml").write_text(CHANGED)

    ran = run("deploy", "triggers", "--no-test", "--from", "2")

    assert (ran.code, ran.out) == (1, "")
    assert "was made from version 2; in force is version 1" in ran.err
    assert {(key or b"").split(b"/")[0] for key, _ in records(shop, "rulesets")} == {b"1"}


# ── send, erase ─────────────────────────────────────────────────────────────────────────────


def test_events_are_appended_for_when_the_engine_runs_again(run: Run, shop: Path) -> None:
    (shop / "events.jsonl").write_text('{"customer_id": "bob", "event_type": "seen"}\n{}\n')

    one = run("send", "ada", "seen", "n=1", "--json")
    many = run("send", "events.jsonl")

    assert one.code == 0
    assert orjson.loads(one.out) == {
        "kind": "sent",
        "customer_id": "ada",
        "event_type": "seen",
        "event_id": "events/0/0",
        "topic": "events",
        "partition": 0,
        "offset": 0,
    }
    assert (many.code, many.out) == (1, "")
    assert many.err.endswith(
        "sent 1 event of 1 customer, all acknowledged (events, partition 0, offset 1); 1 refused\n"
    )
    assert [key for key, _ in records(shop, "events")] == [b"ada", b"bob"]


def test_the_order_to_forget_is_in_the_log(run: Run, shop: Path) -> None:
    ran = run("erase", "ada", "bob", "ada", "--json")

    assert (ran.code, ran.err) == (0, "")
    told = [orjson.loads(line) for line in ran.out.splitlines()]
    assert told == [
        {"customer_id": "ada", "topic": "inbox", "partition": 0, "offset": 0},
        {"customer_id": "bob", "topic": "inbox", "partition": 0, "offset": 1},
    ]
    with LogReader(Directory(shop).log) as reader:
        found = list(reader.read("inbox", 0, 10)[0])
    assert [(each.key, each.value) for each in found] == [(b"ada", None), (b"bob", None)]
    assert {tuple(each.headers) for each in found} == {((KIND, Kind.ERASE),)}


@pytest.mark.parametrize(
    ("customer", "said"),
    [
        ("", "CUSTOMER: required are 1 to 256 characters; found 0"),
        ("a" * 257, "CUSTOMER: required are 1 to 256 characters; found 257"),
        ("a\udcff", "CUSTOMER: required is a text in UTF-8; found 'a\\udcff'"),
    ],
)
def test_who_can_be_no_customer_cannot_be_forgotten(
    run: Run, shop: Path, customer: str, said: str
) -> None:
    ran = run("erase", "ada", customer)

    assert (ran.code, ran.out, ran.err) == (2, "", f"triggerstream: {said}\n")
    assert records(shop, "inbox") == []


def test_an_id_of_the_greatest_length_can_be_forgotten(run: Run, shop: Path) -> None:
    assert run("erase", "a" * 256).code == 0
    assert len(records(shop, "inbox")) == 1


# ── tail, dlq, inspect ──────────────────────────────────────────────────────────────────────


def test_the_log_is_read_while_nothing_runs(run: Run, shop: Path) -> None:
    run("send", "ada", "seen")

    assert run("tail", "--no-follow") == Ran(0, "", "")
    assert run("dlq", "list").err == "0 dead letters of events\n"
    shown = run("dlq", "show", "--of", "actions")
    assert (shown.code, shown.err) == (1, "no such dead letter of actions\n")


def test_what_nobody_can_be_asked_for_is_not_known(run: Run, shop: Path) -> None:
    ran = run("inspect", "ada")

    assert (ran.code, ran.out) == (69, "")
    assert ran.err == (
        ".: no engine runs here now that could be asked; start `triggerstream up .`\n"
        "whether anything is remembered of 'ada' is not known\n"
    )


# ── which installation, and what is wrong with it ───────────────────────────────────────────


@pytest.mark.parametrize(
    "command",
    [("send", "ada", "seen"), ("tail", "--no-follow"), ("dlq", "list"), ("erase", "ada")],
    ids=" ".join,
)
def test_an_installation_without_a_log_is_told(
    run: Run, fresh: Path, command: tuple[str, ...]
) -> None:
    ran = run(*command)

    assert (ran.code, ran.out) == (69, "")
    assert ran.err == (
        "triggerstream: required is the log .triggerstream/log.db; there is no such file: has "
        "`triggerstream up .` run yet?\n"
    )


def test_another_directory_is_named(
    run: Run, shop: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run("deploy", ".")
    monkeypatch.chdir("/")

    sent = run("send", "ada", "seen", "--dir", tmp_path)
    wrong = run("send", "ada", "seen", "--dir", tmp_path / "triggers")

    assert sent.code == 0
    assert [key for key, _ in records(tmp_path, "events")] == [b"ada"]
    assert (wrong.code, wrong.out) == (2, "")
    assert "--dir: required is a directory with an installation" in wrong.err


def test_a_name_beside_a_kafka_that_is_set_is_refused(
    run: Run, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BOOTSTRAP, "127.0.0.1:1")

    ran = run("send", "ada", "seen", "--dir", ".")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "triggerstream: --dir: required is an environment without TRIGGERSTREAM_KAFKA__BOOTSTRAP, "
        "which names another installation; found both\n"
    )


def test_settings_of_the_directory_hold_for_commands_as_they_do_for_up(
    run: Run, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIGGERSTREAM_CLOCK", "")  # so that it is put back when the test is over
    monkeypatch.delenv("TRIGGERSTREAM_CLOCK")
    (shop / ".env").write_text("TRIGGERSTREAM_CLOCK=sundial\n")

    ran = run("send", "ada", "seen")

    assert (ran.code, ran.out) == (2, "")
    assert "TRIGGERSTREAM_CLOCK: required is broker or header; found 'sundial'" in ran.err


@pytest.mark.parametrize("command", [("send", "ada", "seen"), ("tail",)], ids=" ".join)
def test_what_a_newer_release_has_written_is_left_alone(
    run: Run, shop: Path, command: tuple[str, ...]
) -> None:
    (shop / ".triggerstream" / "FORMAT").write_text("2\n")

    ran = run(*command)

    assert (ran.code, ran.out) == (70, "")
    assert "required is format 1 or older; found '2': a newer release has written" in ran.err
