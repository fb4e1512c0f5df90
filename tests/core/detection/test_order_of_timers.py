"""What timers decide is told in the order in which they were due, not by what it says of its time.

What is derived happens at the latest time at which anything was, and so may say a time that is
later than the due time of a timer behind it (36).
"""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.core.detection.customers import LATENESS, ruleset_of
from tests.core.sending.harness import Customer as Receiver
from tests.simulation.broker import Line
from tests.simulation.mutants import Mutant, mutated
from triggerstream.core.decisions import Firing, GoalReached
from triggerstream.core.detection.detect import Detect
from triggerstream.core.keyed import partition
from triggerstream.core.keyed.memory_store import MemoryStore
from triggerstream.core.keyed.partition import Partition
from triggerstream.core.records.columns import in_columns
from triggerstream.core.records.record import KIND, Kind

START = 1_772_366_400_000
SECOND = 1_000

RULES = """
trigger: cart
when: {sequence: [{event: A}, {absent: X, for: 1m}]}
until: {left: warm}
then: [{log: {message: hello}}]
---
segment: warm
is: {count: B, at_least: 1, within: 1m}
---
trigger: other
when: {sequence: [{event: Z}, {absent: W, for: 100s}]}
"""

BY_THEIR_OWN_TIMES = Mutant(
    "timers that are told by the times that they say",
    partition,
    "_in_order",
    "return [each for _, _, start, end in stretches for each in decided[start:end]]",
    "return sorted(decided, key=lambda each: (getattr(each, 'at', 0), each.customer_id))",
)


def happens(offset: int, kind: str, at: int, arrival: int, customer: str = "c") -> Line:
    body = {"event_id": f"{offset}", "customer_id": customer, "event_type": kind}
    value = orjson.dumps(body | {"timestamp": START + at * SECOND})
    return Line(offset, START + arrival * SECOND, customer.encode(), value)


def tick(offset: int, at: int) -> Line:
    return Line(offset, START + at * SECOND, None, None, ((KIND, Kind.TICK),))


def decided() -> list[Any]:
    """Return what a tick leads to that finds two timers ripe: one derives the goal of a trigger,
    and the other, due later, is that trigger's."""
    assert LATENESS == 10 * SECOND
    ruleset = ruleset_of(RULES)
    decides: Partition[Any, Any] = Partition(
        Detect("events"), MemoryStore(), rulesets=lambda _: ruleset
    )
    before = [
        happens(0, "A", 0, 0),
        tick(1, 71),  # it fires, and waits for its goal
        happens(2, "Z", 600, 600),
        happens(3, "B", 610, 705),  # an upload
        happens(4, "A", 620, 705),
        tick(5, 711),  # something is decided for 700
    ]
    decides.apply(in_columns(before))
    decides.outcomes.clear()
    decides.apply(in_columns([tick(6, 716)]))
    return [each for each in decides.outcomes if isinstance(each, Firing | GoalReached)]


def test_a_goal_goes_before_the_firing_that_it_must_not_cancel() -> None:
    goal, firing = decided()

    assert goal == GoalReached("cart", "c", START + 700 * SECOND, 6)
    assert isinstance(firing, Firing)
    assert firing.at == START + 680 * SECOND


@pytest.mark.skipif(
    not str(partition.__file__).endswith(".py"),
    reason="compiled callers do not see what is replaced",
)
def test_told_by_their_own_times_the_goal_would_cancel_it() -> None:
    with mutated(BY_THEIR_OWN_TIMES):
        first, second = decided()

    assert isinstance(first, Firing)
    assert isinstance(second, GoalReached)


def test_customers_go_by_what_was_due_and_then_by_name() -> None:
    ruleset = ruleset_of("{trigger: t, when: {sequence: [{event: A}, {absent: X, for: 1m}]}}")
    decides: Partition[Any, Any] = Partition(
        Detect("events"), MemoryStore(), rulesets=lambda _: ruleset
    )
    begun = [
        happens(0, "A", 2, 2, "ada"),
        happens(1, "A", 1, 2, "cy"),
        happens(2, "A", 1, 2, "bob"),
    ]
    decides.apply(in_columns([*begun, tick(3, 100)]))

    fired = [each.customer_id for each in decides.outcomes if isinstance(each, Firing)]
    assert fired == ["bob", "cy", "ada"]


# ── several tellings of one record ──────────────────────────────────────────────────────────


def test_goals_of_one_record_bear_numbers_from_0() -> None:
    ruleset = ruleset_of(
        "{trigger: a, when: {event: A}, until: G}\n---\n"
        "{trigger: b, when: {event: A}, until: {fired: z}}\n---\n"
        "{trigger: z, when: {event: G}}"
    )
    decides: Partition[Any, Any] = Partition(
        Detect("events"), MemoryStore(), rulesets=lambda _: ruleset
    )
    decides.apply(in_columns([happens(0, "A", 0, 0), happens(1, "G", 1, 1), happens(2, "A", 2, 2),
                              happens(3, "G", 3, 3)]))  # fmt: skip

    goals = [each for each in decides.outcomes if isinstance(each, GoalReached)]
    assert [(each.trigger, each.position, each.n) for each in goals] == [
        ("a", 1, 0), ("b", 1, 1), ("a", 3, 0), ("b", 3, 1),
    ]  # fmt: skip


def test_a_goal_is_told_from_the_repeat_of_another_of_its_record() -> None:
    receiver = Receiver()
    assert receiver.reaches_goal(START, position=5, n=0) == "applied"
    receiver.fires("f", ("a", "email", 3_600_000), position=5)
    assert receiver.reaches_goal(START, position=5, n=0) == "duplicate"
    assert receiver.state.pending

    assert receiver.reaches_goal(START, position=5, n=1) == "applied"
    assert not receiver.state.pending
    assert receiver.reaches_goal(START, position=5, n=0) == "duplicate"
    assert receiver.reaches_goal(START, position=6, n=0) == "applied"
