"""The promise under seeded faults: every schedule decides what a single thread decides."""

from __future__ import annotations

import os

import pytest

from tests.simulation import campaign
from tests.simulation.campaign import schedule_of

SCHEDULES = int(os.environ.get("SIMULATION_SCHEDULES", "10000"))

FAULTS = (
    "acknowledgement delayed",
    "append failed",
    "changelog append failed",
    "commit lost",
    "commit refused",
    "compaction",
    "crash",
    "crash during a restore",
    "delivered again",
    "given away in order",
    "hand-over with a zombie",
    "new generation",
    "null held up",
    "offsets without a record",
    "paused",
    "paused, and a zombie afterwards",
    "ruleset deployed",
    "unflushed state lost",
    "wiped disk",
)
"""What the schedules do to the processes."""

EFFECTS = (
    "a membership taken back",
    "an older membership told again",
    "decided beside a cut",
    "foreign write",
    "foreign write answered",
    "held back for want of room",
    "lease expired",
    "match suppressed",
    "null written",
    "passed over",
    "skipped by fence",
    "stale record dropped",
    "touched",
    "waited for a ruleset",
)
"""Where the protocol had to do something about it."""

ANSWERS = (
    "a backlog of hours",
    "answer lost after acceptance",
    "answer lost without acceptance",
    "call outlived its sender",
    "channel said no",
    "channel said not now",
    "channel stalled",
    "event sent twice",
    "somebody comes back",
)
"""What the far side and the producers do."""


@pytest.mark.covers("A15", "C13", "M1")
@pytest.mark.long
@pytest.mark.timeout(300 + SCHEDULES // 10)
def test_every_schedule_keeps_every_invariant_and_every_fault_is_reached() -> None:
    found = campaign.run(0, SCHEDULES)

    assert found.failures == {}
    assert found.schedules.total() == SCHEDULES
    assert [what for what in FAULTS + EFFECTS + ANSWERS if not found.reached[what]] == []


@pytest.mark.parametrize("seed", [3, 8, 15, 63], ids=["protocol", "returning", "pair", "whole"])
def test_a_seed_always_gives_the_same_schedule(seed: int) -> None:
    first, second = schedule_of(seed, traced=True), schedule_of(seed, traced=True)
    first.run()
    second.run()

    assert first.world.trace
    assert first.world.trace == second.world.trace
