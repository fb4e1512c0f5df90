"""``python -m tests.simulation``: what people run for a million schedules, or for one."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence

import pytest

from tests.simulation import campaign
from tests.simulation.__main__ import main
from tests.simulation.campaign import CHUNK, Found
from tests.simulation.mutants import MUTANTS, mutated

NO_FENCE = next(mutant for mutant in MUTANTS if mutant.name == "no fence")


def test_a_schedule_that_holds_is_shown_with_what_happened(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--seed", "7"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert any("has a checkpoint up to offset" in line for line in lines)
    assert lines[-1] == "seed 7: every invariant holds"


def test_a_schedule_that_fails_is_shown_with_its_seed_and_what_did_not_hold(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with mutated(NO_FENCE):
        seed = min(campaign.run_seeds(range(8)).failures)
        assert main(["--seed", str(seed)]) == 1

    assert f"seed {seed}: I" in capsys.readouterr().out.splitlines()[-1]


def test_failing_seeds_are_told_and_the_others_are_counted_all_the_same() -> None:
    with mutated(NO_FENCE):
        found = campaign.run_seeds(range(8))

    assert found.schedules == {"protocol": 8}
    assert found.failures
    assert all(f"seed {seed}: " in text for seed, text in found.failures.items())


def test_many_schedules_give_one_table_or_one_line_of_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["--schedules", "4", "--from", "14", "--processes", "1"]
    assert main([*arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)

    assert told["schedules"] == {"protocol": 3, "pair": 1}
    assert told["failures"] == {}
    assert told["reached"]["crash"] > 0


def all_but_the_first_hang(seeds: Sequence[int]) -> Found:
    if seeds[0]:
        signal.pause()
    return Found()


class BreaksOffError(Exception):
    """Whoever waits for schedules waits no more."""


@pytest.mark.timeout(60)
def test_who_breaks_off_is_not_held_by_a_schedule_that_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(campaign, "run_seeds", all_but_the_first_hang)

    def break_off(_: int) -> None:
        raise BreaksOffError

    with pytest.raises(BreaksOffError):
        campaign.run(0, 2 * CHUNK, processes=1, on_progress=break_off)
