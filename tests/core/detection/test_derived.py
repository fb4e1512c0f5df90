"""Derived events: what a trigger's firing is to other triggers, in the same decision."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.core.detection.customers import LATENESS, Customer, ruleset_of
from triggerstream.core.decisions import Firing, GoalReached
from triggerstream.core.records.record import Rejected

START = 1_000_000
HOUR = 3_600_000

ABSENCE = "{trigger: a, when: {sequence: [{event: A}, {absent: X, for: 1h}]}}"


def firings(out: list[Any]) -> list[str]:
    return [each.trigger for each in out if isinstance(each, Firing)]


def test_a_trigger_hears_that_another_has_fired_in_the_same_decision() -> None:
    customer = Customer("{trigger: a, when: {event: A}}\n---\n{trigger: b, when: {fired: a}}")

    first, second = customer.happens("A", START, total=5)

    assert (first.trigger, second.trigger, second.at) == ("a", "b", START)
    assert second.events == (f"$fired:a@{first.firing_id[:16]}",)


def test_a_derived_event_says_what_fired_and_by_which_event() -> None:
    customer = Customer("{trigger: a, when: {event: A}}\n---\n{trigger: b, when: {fired: a}}")

    first, second = customer.happens("A", START, total=5)

    assert msgspec.json.decode(second.event) == {
        "event_id": f"$fired:a@{first.firing_id[:16]}",
        "customer_id": "c",
        "event_type": "$fired:a",
        "timestamp": "1970-01-01T00:16:40.000Z",
        "source": "triggerstream/derived",
        "event_data": {
            "trigger": "a",
            "firing_id": first.firing_id,
            "instance": None,
            "cause": {"event_type": "A", "event_data": {"total": 5}},
        },
    }


def test_the_cause_of_a_chain_is_the_real_event_behind_it() -> None:
    customer = Customer(
        "{trigger: a, when: {event: A}}\n---\n{trigger: b, when: {fired: a}}\n---\n"
        "{trigger: c, when: {fired: b, where: {event_data.cause.event_data.total: {equals: 5}}}}"
    )

    assert firings(customer.happens("A", START, total=5)) == ["a", "b", "c"]


def test_what_a_timer_tells_has_no_cause() -> None:
    customer = Customer(f"{ABSENCE}\n---\n{{trigger: b, when: {{fired: a}}}}")
    customer.happens("A", START)

    _, told = customer.waits_until(START + HOUR + LATENESS)

    assert "cause" not in msgspec.json.decode(told.event)["event_data"]
    assert told.at == START + HOUR


def test_what_is_suppressed_has_not_fired() -> None:
    customer = Customer(
        "{trigger: a, when: {event: A}, limits: {cooldown: 1h}}\n---\n"
        "{trigger: b, when: {fired: a}}"
    )

    assert firings(customer.happens("A", START)) == ["a", "b"]
    assert firings(customer.happens("A", START + HOUR - 1)) == []
    assert firings(customer.happens("A", START + HOUR)) == ["a", "b"]


def test_first_made_is_first_handled() -> None:
    """Not depth first: what the second firing tells comes before what the first one led to."""
    customer = Customer(
        "{trigger: a, when: {event: A}}\n---\n{trigger: b, when: {event: A}}\n---\n"
        "{trigger: of-a, when: {fired: a}}\n---\n{trigger: of-b, when: {fired: b}}\n---\n"
        "{trigger: deep, when: {fired: of-a}}"
    )

    assert firings(customer.happens("A", START)) == ["a", "b", "of-a", "of-b", "deep"]


# ── wherever a type stands ──────────────────────────────────────────────────────────────────


@pytest.mark.covers("C23")
@pytest.mark.parametrize("within_ms", [-1, 0])
def test_firings_are_counted_in_a_window_that_is_open_at_its_start(within_ms: int) -> None:
    customer = Customer(
        "{trigger: a, when: {event: A}}\n---\n"
        "{trigger: many, when: {count: {fired: a}, at_least: 2, within: 1h}}"
    )
    customer.happens("A", START)

    out = customer.happens("A", START + HOUR + within_ms)

    assert firings(out) == (["a", "many"] if within_ms else ["a"])


def test_a_step_and_an_absence_may_be_that_a_trigger_fired() -> None:
    customer = Customer(
        "{trigger: a, when: {event: A}}\n---\n{trigger: z, when: {event: Z}}\n---\n"
        "{trigger: t, when: {sequence: [{fired: a}, {absent: [P, {fired: z}], for: 1h}]}}"
    )
    customer.happens("A", START)
    assert firings(customer.waits_until(START + HOUR + LATENESS)) == ["t"]

    customer.happens("A", START + 2 * HOUR)
    customer.happens("Z", START + 2 * HOUR + 1)
    assert firings(customer.waits_until(START + 5 * HOUR)) == []


def test_a_where_in_a_list_is_asked_of_its_own_happening_only() -> None:
    customer = Customer(
        "{trigger: a, when: {event: A, per: event_data.k}}\n---\n"
        "{trigger: t, when: {event: [B, {fired: a, where: {event_data.instance: {equals: x}}}]}}"
    )

    assert firings(customer.happens("B", START)) == ["t"]
    assert firings(customer.happens("A", START, k="y")) == ["a"]
    assert firings(customer.happens("A", START, k="x")) == ["a", "t"]


def test_a_goal_may_be_that_another_trigger_fired() -> None:
    customer = Customer(
        "{trigger: t, when: {event: A}, until: {fired: z}}\n---\n{trigger: z, when: {event: Z}}"
    )
    customer.happens("A", START)

    _, goal = customer.happens("Z", START + 5)

    assert goal == GoalReached("t", "c", START + 5, 1)


# ── time ────────────────────────────────────────────────────────────────────────────────────


def test_what_a_timer_derives_takes_its_place_among_the_timers_that_are_left() -> None:
    """However far the clock has jumped, and whatever it did in between."""
    triggers = (
        f"{ABSENCE}\n---\n"
        "{trigger: later, when: {sequence: [{event: A}, {absent: X, for: 3h}]}}\n---\n"
        "{trigger: b, when: {sequence: [{fired: a}, {absent: X, for: 1h}]}}"
    )
    jumping, ticking = Customer(triggers), Customer(triggers)
    for customer in (jumping, ticking):
        customer.happens("A", START)

    for tick in range(START, START + 4 * HOUR, HOUR // 7):
        ticking.waits_until(tick)
    jumping.waits_until(START + 4 * HOUR)

    assert firings(jumping.out) == ["a", "b", "later"]
    assert jumping.out == ticking.out


def test_a_wait_that_a_derived_event_opens_fires_before_the_next_event_at_or_past_its_due() -> None:
    customer = Customer(
        f"{ABSENCE}\n---\n{{trigger: b, when: {{sequence: [{{fired: a}}, "
        "{absent: X, for: 1h}]}}"
    )
    customer.happens("A", START)

    assert firings(customer.happens("X", START + 2 * HOUR)) == ["a", "b"]


def test_derived_events_do_not_make_those_of_others_late() -> None:
    customer = Customer(f"{ABSENCE}\n---\n{{trigger: b, when: {{fired: a}}}}")
    customer.happens("A", START)
    customer.waits_until(START + 2 * HOUR)

    customer.happens("B", START + 1, arrival=START + 2 * HOUR)

    assert customer.statuses == ["applied", "applied"]
    assert customer.state.last == START + 1


@pytest.mark.parametrize(("after", "counted"), [(HOUR - 1, True), (HOUR, False)])
def test_a_count_takes_an_event_from_before_its_newest_at_that_newest_time(
    after: int, counted: bool
) -> None:
    """An upload of 10:25 is accepted after an absence fired at 10:30 (36)."""
    customer = Customer(
        f"{ABSENCE}\n---\n"
        "{trigger: n, when: {count: [B, {fired: a}], at_least: 3, within: 1h}}"
    )
    customer.happens("A", START)
    customer.waits_until(START + HOUR + LATENESS)
    customer.happens("B", START + HOUR - 5, arrival=START + HOUR + LATENESS)

    out = customer.happens("B", START + HOUR + after)

    assert firings(out) == (["n"] if counted else [])


@pytest.mark.parametrize(("before", "counted"), [(1, True), (0, False)])
def test_what_is_counted_at_a_later_time_looks_back_from_there(before: int, counted: bool) -> None:
    customer = Customer(
        f"{ABSENCE}\n---\n"
        "{trigger: n, when: {count: [B, {fired: a}], at_least: 3, within: 1h}}"
    )
    customer.happens("A", START)
    customer.happens("B", START + before)
    customer.waits_until(START + HOUR + LATENESS)

    out = customer.happens("B", START + HOUR - 5, arrival=START + HOUR + LATENESS)

    assert firings(out) == (["n"] if counted else [])


def test_no_sequence_goes_back_behind_a_derived_event() -> None:
    customer = Customer(
        f"{ABSENCE}\n---\n{{trigger: s, when: {{sequence: [{{fired: a}}, {{event: B}}]}}}}"
    )
    customer.happens("A", START)
    customer.waits_until(START + HOUR + LATENESS)

    assert firings(customer.happens("B", START + HOUR - 1, arrival=START + 2 * HOUR)) == []
    assert firings(customer.happens("B", START + HOUR, arrival=START + 2 * HOUR)) == ["s"]


# ── shadow ──────────────────────────────────────────────────────────────────────────────────


def test_what_a_shadow_trigger_fires_is_seen_by_shadow_triggers_only() -> None:
    customer = Customer(
        "{trigger: s, mode: shadow, when: {event: A}}\n---\n"
        "{trigger: live, when: {fired: s}, until: {fired: s}}\n---\n"
        "{trigger: other, mode: shadow, when: {fired: s}}"
    )

    assert firings(customer.happens("A", START)) == ["s", "other"]


def test_a_shadow_trigger_sees_what_live_ones_fire() -> None:
    customer = Customer(
        "{trigger: a, when: {event: A}}\n---\n{trigger: s, mode: shadow, when: {fired: a}}"
    )

    assert firings(customer.happens("A", START)) == ["a", "s"]


# ── names ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "fields",
    [{"event_type": "$fired:a"}, {"event_type": "$x"}, {"source": "triggerstream/derived"}],
)
def test_nobody_outside_writes_a_derived_event(fields: dict[str, str]) -> None:
    customer = Customer("{trigger: a, when: {event: A}}")
    event = {"event_id": "1", "customer_id": "c", "event_type": "A", "timestamp": START} | fields

    with pytest.raises(Rejected) as rejected:
        customer.receives(msgspec.json.encode(event))

    assert rejected.value.reason == "reserved"
    assert "; found '$" in rejected.value.detail or "engine's" in rejected.value.detail


def test_nothing_is_derived_that_the_ruleset_does_not_name() -> None:
    ruleset = ruleset_of("{trigger: a, when: {event: A}}\n---\n{trigger: b, when: {event: A}}")

    assert ruleset.told == frozenset()
    assert ruleset_of(
        "{trigger: a, when: {event: A}}\n---\n{trigger: b, when: {fired: a}}"
    ).told == {"a"}
