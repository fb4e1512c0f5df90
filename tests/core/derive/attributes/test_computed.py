"""Values that follow from others: the first case that holds, and what an expression comes to."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.core.derive.harness import DAY, HOUR, START, customer_with, value_of
from tests.core.detection.customers import LATENESS, Customer, kinds, ruleset_of
from triggerstream.core.decisions import Firing, SegmentChanged
from triggerstream.core.detection.describe import describe
from triggerstream.core.keyed.program import NEVER

ORDERS = "{attribute: orders, count: buy}"
LIFECYCLE = f"""{ORDERS}
---
attribute: lifecycle
case:
  - {{if: {{profile.orders: {{equals: 0}}}}, then: new}}
  - {{if: {{since_last: {{event: buy, less_than: 60d}}}}, then: active}}
  - {{then: lapsed}}
"""
CHANGES = "{trigger: t, when: {changed: profile.lifecycle}}"


def told(out: list[Any]) -> list[str]:
    """Return the edges and the firings of *out*, in order, each with its change if it has one."""
    found = []
    for each in out:
        if isinstance(each, SegmentChanged):
            found.append(f"{each.change} {each.segment} {each.at - START}")
        elif isinstance(each, Firing):
            data = msgspec.json.decode(each.event).get("event_data", {})
            change = f" {data['from']}>{data['to']}" if "from" in data else ""
            found.append(f"{each.trigger} {each.at - START}{change}")
    return found


# ── case ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.covers("D1", "D2", "I1")
def test_the_first_case_that_holds_is_the_value() -> None:
    customer = customer_with(LIFECYCLE)
    customer.happens("view", START)
    assert value_of(customer, "lifecycle") == "new"

    customer.happens("buy", START + 1)
    assert value_of(customer, "lifecycle") == "active"
    assert value_of(customer, "lifecycle", START + 60 * DAY) == "active"
    assert value_of(customer, "lifecycle", START + 60 * DAY + 1) == "lapsed"


def test_where_no_case_holds_there_is_no_value() -> None:
    customer = customer_with("{attribute: a, case: [{if: {profile.x: {equals: 1}}, then: 7}]}")
    customer.happens("identify", START, x=2)
    assert value_of(customer, "a") is None

    customer.happens("identify", START, x=1)
    assert value_of(customer, "a") == 7


def test_a_case_keeps_nothing_of_its_own() -> None:
    customer = customer_with("{attribute: a, case: [{then: true}]}")
    customer.happens("view", START)

    assert value_of(customer, "a") is True
    assert customer.state.derived == {}


@pytest.mark.covers("D13")
def test_a_class_that_changes_in_silence_is_told_at_its_time() -> None:
    customer = Customer(f"{LIFECYCLE}---\n{CHANGES}")
    customer.happens("view", START - 1)
    customer.happens("buy", START)
    assert told(customer.out) == ["t 0 new>active"]

    settled = START + 60 * DAY + LATENESS
    assert told(customer.waits_until(settled - 1)) == []
    assert told(customer.waits_until(settled)) == [f"t {60 * DAY} active>lapsed"]
    assert told(customer.happens("buy", START + 90 * DAY)) == [f"t {90 * DAY} lapsed>active"]


def test_a_case_reads_segments_and_other_attributes_and_counts() -> None:
    customer = Customer(
        f"{LIFECYCLE}---\n"
        "{segment: busy, is: {count: view, at_least: 2, within: 1h}}\n---\n"
        "attribute: a\n"
        "case:\n"
        "  - {if: {segment: busy, profile.lifecycle: {equals: new}}, then: hot}\n"
        "  - {if: {count: view, at_least: 1, within: 1d}, then: warm}\n---\n"
        "{trigger: t, when: {changed: profile.a}}"
    )
    customer.happens("view", START)
    customer.happens("view", START + 1)
    # The class is asked behind the segment that it reads, at the same moment.
    assert told(customer.out) == ["entered busy 1", "t 1 warm>hot"]

    customer.out.clear()
    customer.waits_until(START + 3 * DAY)
    # What the first view has counted for leaves the window; nothing comes instead of warm.
    assert told(customer.out) == [f"left busy {HOUR}", f"t {HOUR} hot>warm"]
    assert value_of(customer, "a", START + 3 * DAY) is None


def test_a_segment_of_a_class_leaves_and_enters_in_silence() -> None:
    customer = Customer(
        f"{LIFECYCLE}---\n{{segment: s, is: {{profile.lifecycle: {{equals: lapsed}}}}}}"
    )
    customer.happens("buy", START)
    settled = START + 60 * DAY + LATENESS

    assert told(customer.waits_until(settled - 1)) == []
    assert told(customer.waits_until(settled)) == [f"entered s {60 * DAY}"]
    assert told(customer.happens("buy", START + 61 * DAY)) == [f"left s {61 * DAY}"]


def test_a_class_hears_of_what_identify_says() -> None:
    customer = Customer(
        "{attribute: a, case: [{if: {profile.plan: {equals: pro}}, then: pays}]}\n---\n"
        "{segment: s, is: {profile.a: {equals: pays}}}"
    )
    customer.happens("identify", START, plan="basic")

    assert told(customer.happens("identify", START + 1, plan="pro")) == ["entered s 1"]


@pytest.mark.parametrize("step", [HOUR * 7, DAY, 50 * DAY])
def test_ticks_put_anywhere_change_nothing(step: int) -> None:
    text = (
        f"{LIFECYCLE}---\n{CHANGES}\n---\n"
        "{segment: lost, is: {profile.lifecycle: {equals: lapsed}}}\n---\n"
        "{trigger: u, when: {entered: lost}}"
    )
    customer, ticked = Customer(text), Customer(text)
    for at in (0, 1, 59 * DAY, 130 * DAY, 131 * DAY, 400 * DAY):
        for tick in range(max(ticked.clock, START), START + at, step):
            ticked.waits_until(tick)
        for each in (customer, ticked):
            each.happens("buy", START + at)

    assert len(told(customer.out)) == 10
    assert ticked.out == customer.out


# ── expr ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.covers("B17")
def test_an_expression_over_the_profile_is_a_value() -> None:
    customer = customer_with(
        "{attribute: n, count: view}\n---\n"
        "{attribute: each, expr: 'profile.spent / profile.n'}\n---\n"
        '{attribute: more, expr: \'profile.each > 2.0 ? "much" : "little"\'}'
    )
    customer.happens("identify", START, spent=9)
    customer.happens("view", START)
    customer.happens("view", START)

    assert value_of(customer, "each") == 4.5
    assert value_of(customer, "more") == "much"


def test_an_error_is_no_value_and_counted() -> None:
    customer = Customer(
        "{attribute: a, expr: 'profile.x * 2.0'}\n---\n"
        "{trigger: t, when: {event: e}, if: {profile.a: {exists: false}}}"
    )
    out = customer.happens("e", START)

    assert kinds(out) == ["Firing", "ExpressionErred"]
    assert out[1].trigger == "profile.a"


def test_what_nobody_has_said_is_not_there() -> None:
    customer = Customer(
        "{attribute: a, expr: 'has(profile.x)'}\n---\n{segment: s, is: 'has(profile.x)'}"
    )
    assert told(customer.happens("e", START)) == []
    assert value_of(customer, "a") is False

    assert told(customer.happens("identify", START + 1, x=0)) == ["entered s 1"]
    assert value_of(customer, "a") is True


def test_a_number_that_no_record_can_hold_is_no_value() -> None:
    customer = customer_with("{attribute: a, expr: 'profile.x / 0.0'}")
    customer.happens("identify", START, x=1)

    assert value_of(customer, "a") is None


def test_an_expression_changes_in_silence_with_what_it_reads() -> None:
    customer = Customer(
        "{attribute: n, count: view, within: 1h}\n---\n"
        "{attribute: busy, expr: 'profile.n >= 2.0'}\n---\n"
        "{trigger: t, when: {changed: profile.busy}}"
    )
    customer.happens("view", START)
    customer.happens("view", START + 1)

    assert told(customer.waits_until(START + 2 * HOUR)) == [f"t {HOUR} True>False"]
    customer.waits_until(START + 3 * HOUR)
    assert customer.state.wake == NEVER


# ── readers, deploys ────────────────────────────────────────────────────────────────────────


def test_a_firing_carries_the_class_that_its_trigger_reads_and_no_other() -> None:
    customer = Customer(
        f"{LIFECYCLE}---\n{{attribute: other, case: [{{then: 1}}]}}\n---\n"
        "{trigger: t, when: {event: view}, if: {profile.lifecycle: {equals: new}}}"
    )
    (firing,) = customer.happens("view", START)

    assert firing.profile == {"lifecycle": "new"}


def test_who_looks_at_a_customer_sees_the_class() -> None:
    customer = customer_with(LIFECYCLE)
    customer.happens("buy", START)

    attributes = describe(customer.state, customer.ruleset)["attributes"]
    assert attributes == {"lifecycle": "active", "orders": 1}


def test_an_identify_cannot_say_a_class() -> None:
    customer = customer_with(LIFECYCLE)
    out = customer.happens("identify", START, lifecycle="vip")

    assert kinds(out) == ["Bounded"]
    assert value_of(customer, "lifecycle") == "new"


@pytest.mark.parametrize("event_type", ["other", "buy"])
def test_a_deploy_that_makes_another_class_of_a_customer_tells_nothing(event_type: str) -> None:
    """Also where the class stays as it is written, and what it reads is another (56)."""
    customer = Customer(f"{LIFECYCLE}---\n{CHANGES}")
    customer.happens("buy", START)
    customer.happens("buy", START + 1)
    edited = LIFECYCLE.replace("{equals: 0}", "{less_than: 3}").replace("then: new", "then: young")
    customer.ruleset = ruleset_of(f"{edited}---\n{CHANGES}")

    assert told(customer.happens(event_type, START + 2)) == (
        ["t 2 young>active"] if event_type == "buy" else []
    )


def test_a_deploy_of_what_a_class_reads_makes_members_in_silence() -> None:
    segment = "{segment: s, is: {profile.lifecycle: {equals: active}}}"
    customer = Customer(f"{LIFECYCLE}---\n{segment}")
    customer.happens("view", START)
    other = LIFECYCLE.replace("count: buy}", "count: view}")
    customer.ruleset = ruleset_of(f"{other}---\n{segment}")
    customer.happens("buy", START + 1)

    # Another definition of `orders` begins anew: the customer is new until they view again.
    assert told(customer.out) == []
    assert told(customer.happens("view", START + 2)) == ["entered s 2"]
