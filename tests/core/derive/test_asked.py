"""``since_last`` and ``count`` in conditions: attributes that nobody has named."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.derive.harness import HOUR, START
from tests.core.detection.customers import LATENESS, Customer, ruleset_of
from triggerstream.core.decisions import Firing


def fires(customer: Customer, event_type: str, at: int, **data: Any) -> bool:
    return any(isinstance(each, Firing) for each in customer.happens(event_type, at, **data))


@pytest.mark.covers("B8")
@pytest.mark.parametrize(("bound", "holds"), [("at_least", True), ("less_than", False)])
@pytest.mark.parametrize(("ago", "is_as_old"), [(HOUR - 1, False), (HOUR, True)])
def test_exactly_so_long_ago_is_at_least_so_long(
    bound: str, holds: bool, ago: int, is_as_old: bool
) -> None:
    customer = Customer(
        f"{{trigger: t, when: {{event: A}}, if: {{since_last: {{event: B, {bound}: 1h}}}}}}"
    )
    customer.happens("B", START)

    assert fires(customer, "A", START + ago) is (is_as_old is holds)


@pytest.mark.covers("B8")
@pytest.mark.parametrize(("bound", "holds"), [("at_least", True), ("less_than", False)])
def test_what_never_happened_is_at_least_any_time_ago(bound: str, holds: bool) -> None:
    customer = Customer(
        f"{{trigger: t, when: {{event: A}}, if: {{since_last: {{event: B, {bound}: 1h}}}}}}"
    )

    assert fires(customer, "A", START) is holds


@pytest.mark.parametrize("value", ["2026-01-01T00:00:00Z", START])
def test_since_last_may_be_asked_of_a_moment_of_the_profile(value: object) -> None:
    customer = Customer(
        "{trigger: t, when: {event: A}, if: {since_last: {of: profile.seen, at_least: 1h}}}"
    )
    customer.happens("identify", START, seen=value)

    assert not fires(customer, "A", START + HOUR - 1)
    assert fires(customer, "A", START + HOUR)


@pytest.mark.covers("B8")
@pytest.mark.parametrize(("ago", "holds"), [(HOUR - 1, False), (HOUR, True)])
def test_since_last_may_be_asked_of_what_was_sent_by_a_channel(ago: int, holds: bool) -> None:
    asked = "{since_last: {channel: email, at_least: 1h}}"
    customer = Customer(f"{{trigger: t, when: {{event: A}}, if: {asked}}}")
    customer.happens("message_sent", START, channel="email")
    customer.happens("message_sent", START + ago, channel="sms")

    assert fires(customer, "A", START + ago) is holds


@pytest.mark.covers("B15")
@pytest.mark.parametrize(("after", "holds"), [(HOUR - 1, True), (HOUR, False)])
def test_a_count_in_a_condition_looks_back_from_the_moment_of_firing(
    after: int, holds: bool
) -> None:
    """The event itself is counted; nothing is used up."""
    customer = Customer("{trigger: t, when: {event: A}, if: {count: A, at_least: 2, within: 1h}}")
    customer.happens("A", START)

    assert fires(customer, "A", START + after) is holds
    assert fires(customer, "A", START + after) is True


def test_not_more_than_three_of_a_trigger_in_a_week_makes_no_ring() -> None:
    customer = Customer(
        "{trigger: t, when: {event: A}, if: {count: {fired: t}, at_most: 2, within: 7d}}"
    )

    assert [fires(customer, "A", START + n) for n in range(4)] == [True, True, True, False]


def test_at_most_none_is_asked_at_a_match_and_waits_for_nothing() -> None:
    customer = Customer(
        "{trigger: t, when: {event: A}, if: {count: B, at_most: 0, within: 1h, "
        "profile.x: {exists: false}}}"
    )

    assert fires(customer, "A", START)
    customer.happens("B", START)
    assert not fires(customer, "A", START + 1)
    assert fires(customer, "A", START + HOUR)


def test_a_sum_and_different_values_may_be_asked_for() -> None:
    customer = Customer(
        "{trigger: t, when: {event: A}, if: {any: [{count: B, sum: event_data.n, more_than: 9, "
        "within: 1h}, {count: B, distinct: event_data.n, exactly: 3, within: 1h}]}}"
    )
    customer.happens("B", START, n=5)
    customer.happens("B", START, n=4)
    assert not fires(customer, "A", START)
    customer.happens("B", START, n=0.5)
    assert fires(customer, "A", START)
    assert not fires(customer, "A", START + HOUR)


def test_a_timer_asks_at_its_due_time() -> None:
    customer = Customer(
        "{trigger: t, when: {sequence: [{event: A}, {absent: X, for: 1h}]}, "
        "if: {count: B, at_least: 1, within: 1h}}"
    )
    customer.happens("A", START)
    customer.happens("B", START + 1)

    assert isinstance(customer.waits_until(START + 3 * HOUR + LATENESS)[0], Firing)


def test_equal_ones_are_one_and_are_told_nowhere() -> None:
    condition = "if: {since_last: {event: B, at_least: 1h}}"
    ruleset = ruleset_of(
        f"{{trigger: t, when: {{event: A}}, {condition}}}\n---\n"
        f"{{trigger: u, when: {{event: A}}, {condition.replace('1h', '2h')}}}"
    )
    customer = Customer(ruleset)
    customer.happens("B", START)

    (firing, _) = customer.happens("A", START + HOUR)

    assert len(ruleset.attributes) == 1
    assert firing.profile == {}


def test_what_stood_against_a_firing_is_told() -> None:
    customer = Customer(
        "{trigger: t, when: {event: A}, if: {since_last: {event: B, at_least: 1h}}}"
    )
    customer.happens("B", START)

    (suppressed,) = customer.happens("A", START + 1)

    assert suppressed.detail == ("since_last B at_least 1h; found 2026-01-01T00:00:00.000Z")


# ── of the instance at hand ─────────────────────────────────────────────────────────────────


def limited(condition: str, when: str = "{event: A, per: event_data.k}") -> Customer:
    return Customer(f"{{trigger: t, when: {when}, if: {condition}}}")


def instances_fired(customer: Customer, event_type: str, at: int, **data: Any) -> list[str | None]:
    decided = customer.happens(event_type, at, **data)
    return [each.instance for each in decided if isinstance(each, Firing)]


@pytest.mark.covers("H2")
@pytest.mark.parametrize(("after", "fires"), [(HOUR - 1, []), (HOUR, ["x"])])
def test_each_instance_has_a_cooldown_of_its_own(after: int, fires: list[str]) -> None:
    customer = limited("{count: {fired: t}, at_most: 0, within: 1h, per: event_data.instance}")

    assert instances_fired(customer, "A", START, k="x") == ["x"]
    assert instances_fired(customer, "A", START + 1, k="y") == ["y"]
    assert instances_fired(customer, "A", START + after, k="x") == fires


def test_each_instance_has_a_greatest_number_in_a_window() -> None:
    customer = limited("{count: {fired: t}, at_most: 1, within: 1h, per: event_data.instance}")
    found = [
        instances_fired(customer, "A", START + at, k=k)
        for at, k in [(0, "x"), (1, "y"), (2, "x"), (3, "x"), (4, "y"), (HOUR, "x"), (HOUR, "y")]
    ]

    assert found == [["x"], ["y"], ["x"], [], ["y"], ["x"], []]


@pytest.mark.parametrize("long", ["k" * 256, "k" * 257, "\u00e4" * 200])
def test_an_instance_with_a_long_name_is_told_apart(long: str) -> None:
    customer = limited("{count: {fired: t}, at_most: 0, within: 1h, per: event_data.instance}")

    assert instances_fired(customer, "A", START, k=long) == [long]
    assert instances_fired(customer, "A", START + 1, k=f"{long}.") == [f"{long}."]
    assert instances_fired(customer, "A", START + 2, k=long) == []


def test_what_events_of_several_say_of_the_instance_is_counted() -> None:
    customer = limited("{count: B, at_least: 2, within: 1h, per: event_data.items.k}")
    customer.happens("B", START, items=[{"k": "x"}, {"k": 7}, {"k": "x"}])
    customer.happens("B", START + 1, items={"k": 7})

    assert instances_fired(customer, "A", START + 2, k=["x", 7, "z"]) == ["7"]


def test_a_firing_does_not_tell_what_was_asked_of_its_instance() -> None:
    customer = limited("{count: B, at_most: 0, within: 1h, per: event_data.k}")
    customer.happens("identify", START, **{"": 1})

    (firing,) = customer.happens("A", START, k="x")

    assert isinstance(firing, Firing)
    assert firing.profile == {"": 1}
