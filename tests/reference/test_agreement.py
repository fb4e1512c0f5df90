"""The engine decides what the reference decides, whatever the triggers and the log.

How many examples, the Hypothesis profile says (`tests/conftest.py`). A long run is
``pytest tests/reference/test_agreement.py --hypothesis-profile=long --timeout=0``.
"""

from __future__ import annotations

from hypothesis import given, note, settings
from hypothesis import strategies as st

from tests.reference.evaluator import evaluate
from tests.reference.stories import Json, by_engine
from tests.reference.strategies import (
    GAPPED,
    HOUR,
    MINUTE,
    PLAIN,
    crowded_logs,
    ends,
    logs,
    long_logs,
    policies,
    repeating_logs,
    sequences,
    stray_logs,
    trigger_sets,
    triggers,
    wild_logs,
)
from triggerstream.replay.partition import MAX_GAP


def some(share: int) -> settings:
    """One in *share* of the profile's examples, for what takes longer."""
    return settings(max_examples=settings().max_examples // share)


def agree(
    triggers: list[Json],
    events: list[Json],
    until: int | None,
    policy: Json,
    max_gap: int = MAX_GAP,
) -> None:
    expected = evaluate(triggers, events, until=until, policy=policy, max_gap=max_gap)
    note(f"expected: {expected}")
    found = by_engine(triggers, events, until=until, policy=policy, max_gap=max_gap)
    assert found == expected


@given(trigger_sets(), logs(), ends(), policies())
def test_random_triggers_and_logs(
    triggers: list[Json], events: list[Json], until: int | None, policy: Json
) -> None:
    agree(triggers, events, until, policy)


@given(triggers(sequences(), "t"), stray_logs(), ends())
def test_sequences_and_stray_stamps(trigger: Json, events: list[Json], until: int | None) -> None:
    agree([trigger], events, until, {})


@given(
    triggers(sequences(), "t"), wild_logs(), ends(), st.sampled_from([3 * MINUTE, HOUR, MAX_GAP])
)
def test_stamps_that_are_far_off(
    trigger: Json, events: list[Json], until: int | None, max_gap: int
) -> None:
    agree([trigger], events, until, {}, max_gap)


@some(20)
@given(triggers(GAPPED, "t"), long_logs(), ends())
def test_more_partial_matches_than_are_kept(
    trigger: Json, events: list[Json], until: int | None
) -> None:
    trigger["when"].pop("per", None)
    agree([trigger], events, until, {})


@some(4)
@given(PLAIN, crowded_logs(), st.none() | st.just(4_000_000_000_000))
def test_more_instances_than_are_kept(when: Json, events: list[Json], until: int | None) -> None:
    trigger = {"trigger": "t", "when": {**when, "per": "event_data.k"}}
    agree([trigger], events, until, {})


@some(20)
@given(st.sampled_from([2, 60, 150]), repeating_logs())
def test_more_ids_than_are_known(threshold: int, events: list[Json]) -> None:
    agree([{"trigger": "t", "when": {"count": "a", "at_least": threshold}}], events, None, {})
