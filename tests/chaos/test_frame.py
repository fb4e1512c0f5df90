"""The frame: what makes a run wrong, whatever the rows say."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from deploy.local_kafka.run import BOOTSTRAP
from tests.chaos import __main__ as command
from tests.chaos.judging import Outcome
from tests.chaos.rows import Entry, NotRunError, Row, is_sound
from tests.chaos.stage import Stage
from triggerstream.core.records.record import KIND, Kind

SOUND = Row("F0 nothing", injected=1, compared=1, wrong=0, doubled=0, recovery_s=1.0)

Run = Callable[..., int]


@pytest.fixture(name="run")
def _run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command with one row, which is what the scenario returns or raises."""
    monkeypatch.setenv(BOOTSTRAP, "127.0.0.1:1")

    def run(came_of_it: Row | Exception, *arguments: str) -> int:
        async def scenario(_: Stage, __: int) -> Row:
            if isinstance(came_of_it, Exception):
                raise came_of_it
            return came_of_it

        monkeypatch.setattr(command, "catalogue", lambda _: [Entry("nothing", scenario, 1)])
        return command.main(arguments)

    return run


def test_a_sound_row_is_exit_0_and_printed(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(SOUND) == 0
    assert "F0 nothing" in capsys.readouterr().out


def test_one_wrong_firing_is_exit_1(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(msgspec.structs.replace(SOUND, wrong=1)) == 1
    assert "F0 nothing" in capsys.readouterr().err


def test_a_scenario_that_breaks_off_is_exit_1_and_a_row(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(AssertionError("two ends"), "--json") == 1
    (row,) = msgspec.json.decode(capsys.readouterr().out, type=list[Row])
    assert (row.wrong, row.note) == (1, "broke off: AssertionError: two ends")


def test_a_row_that_cannot_be_run_is_said(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(NotRunError("a small disk takes root")) == 0
    told = capsys.readouterr()
    assert "not run: a small disk takes root" in told.out
    assert "not run: a small disk takes root" in told.err


def test_the_table_is_json_where_that_is_asked_for(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(SOUND, "--json") == 0
    assert msgspec.json.decode(capsys.readouterr().out, type=list[Row]) == [SOUND]


def test_a_row_that_is_not_there_is_exit_2(run: Run) -> None:
    assert run(SOUND, "--only", "something") == 2
    assert run(SOUND, "--only", "nothing") == 0


def test_a_row_is_named_without_an_option_too(run: Run) -> None:
    assert run(SOUND, "something") == 2
    assert run(SOUND, "nothing") == 0


def test_the_world_of_one_directory_needs_no_broker(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(BOOTSTRAP)
    monkeypatch.setattr(command, "Broker", None)

    assert run(msgspec.structs.replace(SOUND, wrong=1), "--world", "local") == 1
    told = capsys.readouterr()
    assert "Chaos in one directory" in told.out
    assert "--world local" in told.err


@pytest.mark.parametrize("lacking", [{"injected": 0}, {"compared": 0}])
def test_a_row_that_injected_or_compared_nothing_proves_nothing(
    lacking: dict[str, int], run: Run
) -> None:
    row = msgspec.structs.replace(SOUND, **lacking)
    assert not is_sound(row)
    assert run(row) == 1


def test_a_repeat_is_counted_and_another_payload_under_one_id_is_a_conflict() -> None:
    outcome = Outcome()
    headers = ((KIND, Kind.FIRING), ("ce_id", b"f1"))
    for value in (b"one", b"one", b"other", b"one"):
        outcome.tell(0, b"c", value, headers)

    assert (len(outcome.firings), outcome.repeats, outcome.conflicts) == (1, 2, 1)
