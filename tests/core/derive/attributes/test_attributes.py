"""Attributes: what is folded, what the value is at a time, and what late events still do."""

from __future__ import annotations

from itertools import permutations
from math import fsum
from sys import float_info

import msgspec
import pytest

from tests.core.derive.harness import DAY, HOUR, START, customer_with, value_of
from tests.core.detection.customers import LATENESS, Customer, ruleset_of
from triggerstream.core.decisions import Bounded, Firing
from triggerstream.core.detection.budget import BYTES
from triggerstream.core.patterns.aggregates import MOST_HELD
from triggerstream.core.rulesets.ruleset import load_ruleset

ORDERS = "{attribute: orders, count: purchase}"
SALES = "{attribute: sales, sum: event_data.total, on: purchase, minus: refund}"
WEEK = "{attribute: n, count: {event: view, where: {event_data.k: {equals: 1}}}, within: 7d}"


# ── count and sum over all time ─────────────────────────────────────────────────────────────


@pytest.mark.covers("D2")
def test_nobody_counted_is_zero_and_everybody_counts_once() -> None:
    customer = customer_with(ORDERS)
    assert value_of(customer, "orders") == 0

    customer.happens("purchase", START, event_id="1")
    customer.happens("purchase", START, event_id="1")
    customer.happens("other", START)

    assert value_of(customer, "orders") == 1


def test_a_sum_is_of_numbers_and_of_texts_that_read_as_one_less_what_is_taken_back() -> None:
    customer = customer_with(SALES)
    for total in (10, "2.5", "x", True, None, [3]):
        customer.happens("purchase", START, total=total)
    customer.happens("refund", START, total=4)

    assert value_of(customer, "sales") == 8.5


@pytest.mark.covers("D1")
@pytest.mark.parametrize("totals", list(permutations([0.1, 1e16, 0.2, -1e16, 0.3], 5))[::7])
def test_sums_are_equal_to_the_cent_in_any_order(totals: tuple[float, ...]) -> None:
    customer = customer_with(SALES)
    for total in totals:
        customer.happens("purchase", START, total=total)

    assert round(value_of(customer, "sales"), 2) == round(fsum(totals), 2)


def test_late_events_are_counted_and_summed_up() -> None:
    customer = customer_with(
        f"{ORDERS}\n---\n{SALES}\n---\n{{attribute: w, count: purchase, within: 1d}}"
    )
    customer.happens("purchase", START, total=1)
    customer.happens("purchase", START - LATENESS - 1, arrival=START, total=2)

    assert customer.statuses[-1] == "late"
    assert (value_of(customer, "orders"), value_of(customer, "sales")) == (2, 3.0)
    assert value_of(customer, "w") == 1


# ── windows ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("after", "number"), [(7 * DAY - 1, 1), (7 * DAY, 0)])
def test_an_event_leaves_the_window_exactly_when_it_is_that_old(after: int, number: int) -> None:
    customer = customer_with(WEEK)
    customer.happens("view", START, k=1)
    customer.happens("view", START, k=2)

    assert value_of(customer, "n", START + after) == number


@pytest.mark.parametrize(("after", "number"), [(7 * DAY - 1, 2), (7 * DAY, 1)])
def test_what_has_left_the_window_is_forgotten_by_the_next_event(after: int, number: int) -> None:
    customer = customer_with(WEEK)
    customer.happens("view", START, k=1)
    customer.happens("view", START + after, k=1)

    ((times,),) = customer.state.derived.values()
    assert len(times) == 8 * number  # as it is stored


def test_a_window_sums_up_or_tells_values_apart() -> None:
    customer = customer_with(
        "{attribute: s, sum: event_data.n, on: e, within: 1h}\n---\n"
        "{attribute: d, count: e, distinct: event_data.n, within: 1h}"
    )
    for at, n in enumerate([1, 1.0, "1", True, 2]):
        customer.happens("e", START + at, n=n)

    assert value_of(customer, "s", START + 10) == 5.0
    assert value_of(customer, "d", START + 10) == 4
    # The first 1 counts as the later 1.0: it leaves with that.
    assert value_of(customer, "d", START + HOUR) == 4
    assert value_of(customer, "d", START + HOUR + 1) == 3


def test_a_window_holds_the_newest_thousand() -> None:
    customer = customer_with("{attribute: n, count: e, within: 1h}")
    for at in range(MOST_HELD + 1):
        customer.happens("e", START + at)

    assert value_of(customer, "n") == MOST_HELD
    assert value_of(customer, "n", START + HOUR) == MOST_HELD
    assert value_of(customer, "n", START + HOUR + 1) == MOST_HELD - 1


# ── first and last ──────────────────────────────────────────────────────────────────────────

EDGES = """
{attribute: first, first: event_data.k, on: e}
---
{attribute: last, last: event_data.k, on: e}
---
{attribute: since, first: at, on: e}
---
{attribute: until, last: at, on: e}
---
{attribute: fresh, last: event_data.k, on: e, within: 1h}
"""


@pytest.mark.covers("I5", "M6")
def test_the_first_never_changes_and_the_last_does() -> None:
    customer = customer_with(EDGES)
    customer.happens("e", START, k="a")
    customer.happens("e", START + 1, k="b")

    assert [value_of(customer, name) for name in ("first", "last")] == ["a", "b"]
    assert value_of(customer, "since") == "2026-01-01T00:00:00.000Z"
    assert value_of(customer, "until") == "2026-01-01T00:00:00.001Z"


@pytest.mark.parametrize("k", [None, [1], {"a": 1}, "ä" * 129])
def test_what_is_no_value_is_passed_over(k: object) -> None:
    customer = customer_with(EDGES)
    customer.happens("e", START, k=k)
    customer.happens("e", START + 1, k="x")
    customer.happens("e", START + 2, k=k)

    assert [value_of(customer, name) for name in ("first", "last")] == ["x", "x"]


def test_of_late_events_the_earlier_is_the_first_and_the_later_the_last() -> None:
    customer = customer_with(EDGES)
    customer.happens("e", START, k="a")
    customer.happens("other", START + HOUR)
    customer.happens("e", START - 1, k="early", arrival=START + HOUR)
    customer.happens("e", START + 1, k="between", arrival=START + HOUR)

    assert [value_of(customer, name) for name in ("first", "last")] == ["early", "between"]


@pytest.mark.parametrize(("after", "value"), [(HOUR - 1, "a"), (HOUR, None)])
def test_the_last_may_be_too_old(after: int, value: str | None) -> None:
    customer = customer_with(EDGES)
    customer.happens("e", START, k="a")

    assert value_of(customer, "fresh", START + after) == value


@pytest.mark.covers("I5")
@pytest.mark.parametrize(
    ("cut", "value"), [("day", "2026-01-01"), ("week", "2025-12-29"), ("month", "2026-01")]
)
def test_a_moment_is_cut_in_the_policys_zone(cut: str, value: str) -> None:
    customer = customer_with(
        f"{{attribute: cohort, first: at, as: {cut}, on: e}}", "timezone: Europe/Berlin"
    )
    customer.happens("e", START - HOUR)

    assert value_of(customer, "cohort") == value


# ── where they begin ────────────────────────────────────────────────────────────────────────


@pytest.mark.covers("D2")
def test_an_attribute_begins_with_a_value_or_with_what_the_profile_says_then() -> None:
    customer = customer_with(
        "{attribute: orders, count: purchase, start: 10}\n---\n"
        "{attribute: sales, sum: event_data.n, on: purchase, start: profile.sales_before}\n---\n"
        "{attribute: tier, last: event_data.tier, on: changed, start: profile.tier_before}"
    )
    customer.happens("identify", START, sales_before=100.5, tier_before="gold")
    assert value_of(customer, "tier") == "gold"
    customer.happens("purchase", START, n=1)
    customer.happens("identify", START, sales_before=7, tier_before="silver")
    customer.happens("purchase", START, n=1)

    assert value_of(customer, "orders") == 12
    assert value_of(customer, "sales") == 102.5
    assert value_of(customer, "tier") == "gold"
    customer.happens("changed", START, tier="bronze")
    assert value_of(customer, "tier") == "bronze"


@pytest.mark.parametrize("before", [2**64 - 1, 2**63])
def test_a_count_that_begins_at_the_last_whole_number_goes_on(before: int) -> None:
    for start in ("profile.before", str(before)):
        customer = customer_with(f"{{attribute: orders, count: purchase, start: {start}}}")
        customer.happens("identify", START, before=before)
        for _ in range(2):
            customer.happens("purchase", START)

        assert value_of(customer, "orders") == float(before)


def test_a_sum_beyond_all_numbers_is_the_last_of_them() -> None:
    customer = customer_with("{attribute: sales, sum: event_data.n, on: purchase}")
    for _ in range(3):
        customer.happens("purchase", START, n=1.7e308)

    assert value_of(customer, "sales") == float_info.max
    customer.happens("purchase", START, n=-1e308)
    assert value_of(customer, "sales") == pytest.approx(float_info.max - 1e308)


def test_a_first_value_that_was_there_before_never_changes() -> None:
    customer = customer_with("{attribute: f, first: event_data.k, on: e, start: web}")
    customer.happens("e", START, k="shop")

    assert value_of(customer, "f") == "web"


# ── what sees them ──────────────────────────────────────────────────────────────────────────


@pytest.mark.covers("D14")
def test_a_condition_sees_the_profile_after_the_event() -> None:
    customer = Customer(
        f"{ORDERS}\n---\n"
        "{trigger: t, when: {event: purchase}, if: {profile.orders: {equals: 2}}}"
    )

    told = [customer.happens("purchase", START + n)[0] for n in range(3)]

    assert [type(each).__name__ for each in told] == ["Suppressed", "Firing", "Suppressed"]
    assert told[0].detail == "profile.orders equals 2; found 1"


def test_a_firing_carries_what_its_trigger_and_its_templates_read_and_no_more() -> None:
    files = {
        "t.yaml": f"{ORDERS}\n---\n{SALES}\n---\n{{attribute: n, count: view, start: 3}}\n---\n"
        "{trigger: t, when: {event: purchase}, if: {profile.orders: {greater_than: 0}}, "
        "then: [{email: {template: thanks}}]}\n---\n{trigger: u, when: {event: purchase}}",
        "templates/thanks/subject.liquid": "{{ profile.sales }}",
        "templates/thanks/text.liquid": "n views",
    }
    customer = Customer(load_ruleset(files))
    customer.happens("identify", START, name="Ada")

    one, other = customer.happens("purchase", START, total=5)

    assert one.profile == {"name": "Ada", "orders": 1, "sales": 5.0}
    assert other.profile == {"name": "Ada"}


def test_an_identify_cannot_write_a_declared_name() -> None:
    customer = customer_with(ORDERS)

    out = customer.happens("identify", START, orders=99, name="Ada")

    assert out == [Bounded("attribute", "", "c")]
    assert customer.state.profile == {"name": "Ada"}
    assert value_of(customer, "orders") == 0


def test_firings_are_folded_as_events_are_but_not_those_of_a_shadow() -> None:
    customer = Customer(
        "{trigger: a, when: {event: A}}\n---\n{trigger: s, mode: shadow, when: {event: A}}\n---\n"
        "{attribute: fired, count: {fired: [a, s]}}"
    )
    customer.happens("A", START)

    assert value_of(customer, "fired") == 1


def test_what_is_folded_behind_a_later_time_is_folded_at_that_time() -> None:
    """An upload of 10:25 that comes after something was decided at 10:30 (36)."""
    customer = Customer(
        "{trigger: a, when: {sequence: [{event: A}, {absent: X, for: 1h}]}}\n---\n"
        "{attribute: last, last: at, on: [A, B]}\n---\n{attribute: n, count: B, within: 1h}"
    )
    customer.happens("A", START)
    customer.waits_until(START + 2 * HOUR)
    customer.happens("B", START + 5, arrival=START + 2 * HOUR)

    assert value_of(customer, "last") == "2026-01-01T01:00:00.000Z"
    assert value_of(customer, "n", START + 2 * HOUR - 1) == 1
    assert value_of(customer, "n", START + 2 * HOUR) == 0


# ── edits and bounds ────────────────────────────────────────────────────────────────────────


def test_another_definition_begins_anew_and_a_text_edit_keeps() -> None:
    customer = customer_with(f"{ORDERS}\n---\n{SALES}")
    customer.happens("purchase", START, total=5)

    customer.ruleset = ruleset_of(
        f"# only a comment\n{ORDERS}\n---\n{SALES.replace('refund', 'back')}"
    )
    customer.happens("purchase", START, total=1)

    assert (value_of(customer, "orders"), value_of(customer, "sales")) == (2, 1.0)
    assert len(customer.state.derived) == 2


def test_another_definition_is_adopted_at_a_record_and_not_at_a_timer() -> None:
    customer = customer_with(SALES)
    customer.happens("purchase", START, total=5)
    held = customer.state.derived

    customer.ruleset = ruleset_of(ORDERS)
    customer.waits_until(START + DAY)
    assert customer.state.derived == held

    customer.happens("other", START + DAY)
    assert customer.state.derived == {}


def test_attributes_are_given_up_last_and_begin_anew() -> None:
    values = "\n---\n".join(
        f"{{attribute: a{n}, count: e, distinct: event_data.k, within: {400 - n}d}}\n---\n"
        f"{{attribute: b{n}, count: {{event: e, where: {{event_data.n: {{equals: {n}}}}}}}}}"
        for n in range(3)
    )
    customer = Customer(f"{values}\n---\n{{trigger: t, when: {{count: e, at_least: 999}}}}")
    state, ruleset = customer.state, customer.ruleset
    customer.happens("e", START, k="k")
    for name in ("a0", "a1", "a2"):
        key = ruleset.attributes[name].fold.key
        state = customer.state
        state.derived[key] = ({f"{n:0240d}": START for n in range(MOST_HELD)},)
    state.weight = BYTES + 1

    out = customer.happens("e", START, k="k")

    given_up = [each for each in out if isinstance(each, Bounded)]
    assert given_up[0] == Bounded("slot", "t", "c")
    assert set(given_up[1:]) == {Bounded("attribute", "", "c")}
    assert 0 < len(given_up) - 1 < 3
    assert len(customer.program.dump(customer.state, 0)) < BYTES


def test_where_nothing_is_folded_a_customer_holds_nothing() -> None:
    customer = Customer(f"{ORDERS}\n---\n{{trigger: t, when: {{event: A}}}}")
    bare = Customer("{trigger: t, when: {event: A}}")
    for each in (customer, bare):
        each.happens("A", START)

    assert customer.state.derived == {}
    assert [type(each) for each in customer.out] == [Firing]
    assert msgspec.msgpack.encode(customer.state.profile) == b"\x80"
