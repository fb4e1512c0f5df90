"""The promise under seeded faults, and the proof that the schedules can tell."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.simulation.mutants import MUTANTS, Mutant, mutated
from tests.simulation.schedule import run

SCHEDULES = int(os.environ.get("SIMULATION_SCHEDULES", "2000"))

FAULTS = (
    "append failed",
    "compaction",
    "crash",
    "foreign write",
    "foreign write answered",
    "hand-over with a zombie",
    "lease expired",
    "new generation",
    "null written",
    "ruleset deployed",
    "skipped by fence",
    "stale record dropped",
    "wiped disk",
)


@pytest.mark.timeout(0)
def test_every_schedule_decides_what_a_single_thread_decides() -> None:
    reached: Counter[str] = Counter()
    for seed in range(SCHEDULES):
        reached.update(run(seed).world.reached)

    assert [fault for fault in FAULTS if not reached[fault]] == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_schedules_catch_a_protocol_without(mutant: Mutant) -> None:
    with mutated(mutant):
        assert any(_is_caught(seed) for seed in range(1500))


def _is_caught(seed: int) -> bool:
    try:
        run(seed)
    except AssertionError:
        return True
    return False
