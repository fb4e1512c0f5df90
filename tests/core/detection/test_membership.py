"""What the topic of segments hears of a customer: edges, and what holds where none is told."""

from __future__ import annotations

from typing import Any

from tests.core.detection.customers import Customer, ruleset_of
from triggerstream.core.decisions import Membership, SegmentChanged

START = 1_772_366_400_000
HOUR = 3_600_000

BUSY = "{segment: busy, is: {count: view, at_least: 2, within: 7d}}"
KEEN = "{segment: keen, is: {count: view, at_least: 1, within: 7d}}"


def heard(out: list[Any]) -> list[str]:
    """Return what the topic hears of *out*: an edge, ``=`` of who is inside, ``-`` of nothing."""
    found = []
    for each in out:
        if isinstance(each, SegmentChanged):
            found.append(f"{each.change} {each.segment}")
        elif isinstance(each, Membership):
            since = "-" if each.since is None else f"= {each.since - START}"
            found.append(f"{each.segment} {since}")
    return found


def busy(more: str = "") -> Customer:
    customer = Customer(f"{BUSY}{more}")
    customer.happens("view", START)
    customer.happens("view", START + 5)
    return customer


def under(customer: Customer, text: str) -> list[str]:
    """Let another ruleset come into force, and the customer do something of no importance."""
    customer.ruleset = ruleset_of(text)
    return heard(customer.happens("other", START + HOUR))


def test_an_edge_is_told_once_and_what_holds_is_not_told_besides() -> None:
    assert heard(busy().out) == ["entered busy"]


def test_a_deploy_that_changes_nothing_derived_tells_nothing() -> None:
    customer = busy()

    assert under(customer, f"{BUSY}\n---\n{{trigger: t, when: {{event: x}}}}") == []


def test_whom_a_new_definition_makes_a_member_is_told_to_be_inside_without_an_edge() -> None:
    customer = Customer(KEEN.replace("keen", "other"))
    customer.happens("view", START)
    text = "{attribute: views, count: view, start: 3}\n---\n"
    text += "{segment: fan, is: {profile.views: {at_least: 3}}}".replace(
        "at_least", "greater_than_or_equal"
    )

    assert under(customer, text) == [f"fan = {HOUR}", "other -"]


def test_a_segment_that_is_gone_is_taken_back_at_the_customers_next_record() -> None:
    customer = busy(f"\n---\n{KEEN}")

    assert under(customer, KEEN) == ["busy -", "keen = 0"]


def test_where_nothing_is_derived_any_more_all_is_taken_back() -> None:
    customer = busy()

    assert under(customer, "{trigger: t, when: {event: x}}") == ["busy -"]
    assert under(customer, "{trigger: t, when: {event: y}}") == []


def test_who_has_left_is_taken_back_too() -> None:
    customer = busy(f"\n---\n{KEEN}")
    customer.waits_until(START + 9 * 24 * HOUR)

    assert heard(customer.out)[-2:] == ["left busy", "left keen"]
    assert heard(forgetting(customer)) == ["busy -", "keen -"]


def test_who_is_erased_is_taken_back_also_out_of_segments_that_are_no_more() -> None:
    customer = busy()
    customer.ruleset = ruleset_of(KEEN)

    assert heard(forgetting(customer)) == ["busy -"]


def test_of_a_segment_without_a_name_nothing_is_told() -> None:
    customer = Customer("{trigger: t, when: {score: churn, above: 0.5}}")

    customer.happens("score", START, model="churn", score=0.9)

    assert heard(customer.out) == []
    assert heard(forgetting(customer)) == []


def forgetting(customer: Customer) -> list[Any]:
    out: list[Any] = []
    assert customer.program.on_erase(customer.state, customer.ruleset, customer.clock, 9, out)
    return out
