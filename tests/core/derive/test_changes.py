"""Changes: a value that differs from the last one, told with both."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.core.derive.harness import DAY, HOUR, START
from tests.core.detection.customers import LATENESS, Customer, ruleset_of
from triggerstream.core.decisions import Firing
from triggerstream.core.parsing.directory import parse_ruleset


def told(customer: Customer) -> list[tuple[Any, Any]]:
    """Return what the firings of *customer* say: from, to."""
    events = [msgspec.json.decode(each.event) for each in customer.out if isinstance(each, Firing)]
    return [(each["event_data"]["from"], each["event_data"]["to"]) for each in events]


def changes(pattern: str, values: list[Any]) -> list[tuple[Any, Any]]:
    """Return the changes that are told of *values*, one a minute."""
    customer = Customer(f"{{trigger: t, when: {{changed: event_data.v, on: e{pattern}}}}}")
    for number, value in enumerate(values):
        customer.happens("e", START + number * 60_000, v=value)
    return told(customer)


def test_a_change_is_looked_for_in_what_customers_do_unless_another_is_said() -> None:
    short, long = (
        parse_ruleset(
            {
                "policy.yaml": "activity: [a, b]",
                "t.yaml": f"{{trigger: t, when: {{changed: event_data.v{on}}}}}",
            }
        )
        for on in ("", ", on: [a, b]")
    )

    assert [each.of for each in short.changes] == [each.of for each in long.changes]
    assert [each.name for each in short.changes] == ["event_data.v"]


@pytest.mark.covers("B20")
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["x"], []),
        (["x", "x", "y", "y"], [("x", "y")]),
        (["x", None, "y"], [("x", "y")]),
        (["x", [1], {}, "z" * 257, "x"], []),
        ([1, 1.0, True, "1"], [(1.0, True), (True, "1")]),
        ([None, "x", "y", "x"], [("x", "y"), ("y", "x")]),
    ],
)
def test_a_value_that_differs_from_the_last_is_a_change(
    values: list[Any], expected: list[tuple[Any, Any]]
) -> None:
    assert changes("", values) == expected


@pytest.mark.covers("I7")
@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (", from: a", [("a", "b"), ("a", "c")]),
        (", to: [a, b]", [("a", "b"), ("c", "a")]),
        (", from: b, to: c", [("b", "c")]),
        (", up: [a, b, c]", [("a", "b"), ("b", "c"), ("a", "c")]),
        (", down: [a, b, c]", [("c", "a")]),
        (", up: [a, c]", [("a", "c")]),
    ],
)
def test_what_is_asked_of_a_change(keys: str, expected: list[tuple[Any, Any]]) -> None:
    assert changes(keys, ["a", "b", "c", "a", "c"]) == expected


@pytest.mark.covers("B21")
@pytest.mark.parametrize(("after", "number"), [(HOUR - 1, 1), (HOUR, 0)])
def test_the_old_value_may_have_to_be_seen_not_long_ago(after: int, number: int) -> None:
    customer = Customer("{trigger: t, when: {changed: event_data.v, on: e, within: 1h}}")
    customer.happens("e", START, v="x")
    customer.happens("e", START + DAY, v="x")
    customer.happens("e", START + DAY + after, v="y")

    assert len(told(customer)) == number


def test_a_change_says_what_it_is_of_and_since_when() -> None:
    customer = Customer("{trigger: t, when: {changed: profile.tier}}")
    customer.happens("identify", START, tier="bronze")
    customer.happens("identify", START + HOUR, tier="gold")

    (firing,) = [each for each in customer.out if isinstance(each, Firing)]
    event = msgspec.json.decode(firing.event)
    assert event["event_type"] == "$changed:tier"
    assert event["event_data"] == {
        "attribute": "tier",
        "from": "bronze",
        "to": "gold",
        "seen": "2026-01-01T00:00:00.000Z",
        "gap": HOUR,
        "cause": {"event_type": "identify", "event_data": {"tier": "gold"}},
    }


def test_a_late_identify_changes_what_is_remembered_and_tells_nothing() -> None:
    customer = Customer("{trigger: t, when: {changed: profile.tier}}")
    customer.happens("identify", START, tier="bronze")
    customer.happens("identify", START - LATENESS - 1, arrival=START, tier="silver")
    customer.happens("identify", START + 1, tier="silver")
    assert told(customer) == []

    customer.happens("identify", START + 2, tier="gold")
    assert told(customer) == [("silver", "gold")]


def test_a_value_that_changes_by_time_alone_is_told_when_it_does() -> None:
    customer = Customer(
        "{attribute: n, count: e, within: 1h}\n---\n{trigger: t, when: {changed: profile.n, to: 0}}"
    )
    customer.happens("e", START)

    (firing,) = customer.waits_until(START + HOUR + LATENESS)

    assert firing.at == START + HOUR
    assert told(customer) == [(1, 0)]


def test_a_deploy_remembers_and_tells_nothing() -> None:
    customer = Customer("{attribute: x, count: x}")
    customer.happens("identify", START, tier="bronze")
    customer.ruleset = ruleset_of("{trigger: t, when: {changed: profile.tier}}")
    customer.happens("identify", START + 1, tier="gold")

    assert told(customer) == [("bronze", "gold")]


def test_a_change_stands_wherever_a_type_does() -> None:
    customer = Customer(
        "{trigger: t, when: {sequence: [{changed: profile.tier, to: gold}, "
        "{absent: [buy, {changed: profile.tier}], for: 1h}]}}"
    )
    for at, tier in ((0, "x"), (1, "gold")):
        customer.happens("identify", START + at, tier=tier)
    assert isinstance(customer.waits_until(START + 2 * HOUR)[0], Firing)


def test_who_says_the_same_again_has_changed_nothing_since_then() -> None:
    customer = Customer("{trigger: t, when: {changed: profile.tier}}")
    for at, tier in ((0, 1), (HOUR, 1), (DAY, True)):
        customer.happens("identify", START + at, tier=tier)

    (firing,) = [each for each in customer.out if isinstance(each, Firing)]
    assert msgspec.json.decode(firing.event)["event_data"]["gap"] == DAY
