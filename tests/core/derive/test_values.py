"""Numbers that are looked up: by name, and in tables; what of them is recorded, and what a new one
does to customers who are known."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.core.derive.attributes.test_computed import told
from tests.core.derive.harness import DAY, HOUR, START
from tests.core.detection.customers import LATENESS, Customer, kinds
from triggerstream.core.decisions import Firing
from triggerstream.core.records.actions import read_firing, records_of
from triggerstream.core.rulesets.diff import diff, tell
from triggerstream.core.rulesets.ruleset import Ruleset, load_ruleset

BUSY = "{trigger: t, when: {count: a, within: 1h, at_least: {value: busy}}}"
COMPUTED = (
    "{value: busy, percentile: 95, of: profile.views, group: profile.cohort, default: 3}\n---\n"
    "{attribute: views, count: view, within: 1d}\n---\n"
)


def ruleset(text: str, published: dict[str, Any] | None = None, *, version: int = 0) -> Ruleset:
    files = {"t.yaml": text}
    if published is not None:
        files[".values.json"] = msgspec.json.encode(published).decode()
    return load_ruleset(files, version=version)


def fired(text: str, profile: dict[str, Any], number: int = 9) -> list[Any]:
    """Return the firings of a customer with *profile* at so many events, one a second."""
    customer = Customer(ruleset(text))
    customer.happens("identify", START, **profile)
    for second in range(number):
        customer.happens("a", START + second * 1000)
    return [each for each in customer.out if isinstance(each, Firing)]


# ── who has which number ────────────────────────────────────────────────────────────────────


@pytest.mark.covers("C17")
def test_two_customers_with_the_same_events_and_another_worth() -> None:
    text = (
        "{trigger: t, when: {count: a, within: 1h, "
        "at_least: {by: profile.tier, gold: 5, default: 3}}}"
    )
    (gold,) = fired(text, {"tier": "gold"})
    casual, *_ = fired(text, {"tier": "tin"})

    assert (len(gold.events), gold.values) == (5, {"profile.tier": 5})
    assert (len(casual.events), casual.values) == (3, {"profile.tier": 3})


@pytest.mark.covers("C17")
def test_by_segment_the_first_of_which_the_customer_is_a_member() -> None:
    text = (
        "{trigger: t, when: {count: a, within: 1h, at_least: {by: segment, vip: 2, all: 4, "
        "default: 9}}}\n---\n"
        "{segment: vip, is: {profile.worth: {greater_than: 100}}}\n---\n"
        "{segment: all, is: {profile.worth: {greater_than: 0}}}"
    )

    found = [fired(text, {"worth": worth})[0] for worth in (101, 100, 0)]
    assert [(len(each.events), each.values) for each in found] == [
        (2, {"segment": 2}),
        (4, {"segment": 4}),
        (9, {"segment": 9}),
    ]


@pytest.mark.covers("C18", "I5")
def test_a_cohort_has_a_number_of_its_own() -> None:
    """`cohort` never changes: it is the month of what came first."""
    text = (
        "{attribute: cohort, first: at, as: month, on: a}\n---\n"
        "{trigger: t, when: {count: a, within: 400d, "
        "more_than: {by: profile.cohort, '2026-01': 1, default: 2}}}"
    )
    new, seasoned = Customer(ruleset(text)), Customer(ruleset(text))
    for day in (0, 1, 2):
        new.happens("a", START + day * DAY)
        seasoned.happens("a", START - 60 * DAY + day * 20 * DAY + day)

    assert told(new.out) == [f"t {DAY}"]
    assert told(seasoned.out) == [f"t {-20 * DAY + 2}"]


def test_a_number_by_a_class_that_changes_in_silence() -> None:
    """A segment hears of it when the class does, without an event."""
    customer = Customer(
        "{attribute: class, case: [{if: {count: view, at_least: 1, within: 1h}, then: hot}]}\n---\n"
        "{segment: s, is: {profile.n: {at_most_: 1}}}".replace(
            "{at_most_: 1}", "{less_than: {by: profile.class, hot: 2, default: 9}}"
        )
    )
    customer.happens("identify", START, n=5)
    customer.happens("view", START + 1)

    assert told(customer.out) == ["entered s 0", "left s 1"]
    settled = START + 1 + HOUR + LATENESS
    assert told(customer.waits_until(settled - 1)) == []
    assert told(customer.waits_until(settled)) == [f"entered s {HOUR + 1}"]


def test_a_score_that_decays_is_asked_at_each_number_of_its_table() -> None:
    customer = Customer(
        "{attribute: w, points: {e: 1}, half_life: 64s}\n---\n"
        "{segment: s, is: {profile.w: {less_than: {by: profile.tier, gold: 0.5, default: 0.25}}}}"
    )
    customer.happens("identify", START, tier="gold")
    customer.happens("e", START)

    assert told(customer.waits_until(START + 90_000)) == ["entered s 65000"]


# ── by name ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.covers("C16")
def test_what_was_computed_is_in_force_and_stands_on_the_firing() -> None:
    """With the version that decided: what was published is one."""
    published = {"busy": {"number": 4, "groups": {"new": 2}, "n": 100, "from": "v7"}}
    for cohort, expected in (("new", 2), (None, 4), ("old", 4)):
        customer = Customer(ruleset(COMPUTED + BUSY, published))
        customer.happens("identify", START, cohort=cohort)
        for second in range(expected):
            customer.happens("a", START + second)
        (firing,) = [each for each in customer.out if isinstance(each, Firing)]
        assert firing.values == {"busy": expected}

    (record,) = records_of(firing, 12)
    again = read_firing(record.value or b"")
    assert (again.firing.values, again.ruleset) == ({"busy": 4}, 12)


@pytest.mark.covers("C16")
def test_a_number_that_is_published_keeps_progress_and_counts_from_the_next_event() -> None:
    customer = Customer(ruleset(COMPUTED + BUSY))
    customer.happens("a", START)
    customer.happens("a", START + 1)
    before = customer.ruleset
    customer.ruleset = ruleset(COMPUTED + BUSY, {"busy": {"number": 2}})
    assert customer.ruleset.detections == before.detections

    assert kinds(customer.happens("other", START + 2)) == []
    (firing,) = customer.happens("a", START + 3)
    assert (firing.events, firing.values) == (("0", "1", "3"), {"busy": 2})


def test_a_table_that_is_edited_in_its_place_is_another_detection() -> None:
    table = "{by: profile.tier, gold: 5, default: 3}"
    text = f"{{trigger: t, when: {{count: a, within: 1h, at_least: {table}}}}}"
    named = f"{{value: busy, {table[1:]}\n---\n{BUSY}"

    assert ruleset(text).detections != ruleset(text.replace("5", "6")).detections
    assert ruleset(named).detections == ruleset(named.replace("5", "6")).detections
    assert ruleset(named).detections != ruleset(named.replace("busy", "calm")).detections


@pytest.mark.parametrize(("number", "needed"), [(2, 2), (2.2, 3), (-1, 1), (5000, 1000)])
def test_what_was_computed_is_moved_to_where_a_count_can_be(number: float, needed: int) -> None:
    """Whole numbers are rounded up; nothing that is published can stop what is in force."""
    found = ruleset(COMPUTED + BUSY, {"busy": {"number": number}}, version=1)
    counting = found.triggers["t"].matcher.counting  # type: ignore[attr-defined]

    assert max(1, counting.threshold) == needed


def test_a_value_that_nobody_reads_changes_no_firing() -> None:
    text = "{value: busy, number: 2}\n---\n{trigger: t, when: {event: a}}"
    (firing,) = Customer(ruleset(text)).happens("a", START)

    (record,) = records_of(firing, 1)
    assert firing.values == {}
    assert b"values" not in (record.value or b"")


def test_who_deploys_is_told_which_values_say_something_else() -> None:
    text = f"{{value: busy, number: 2}}\n---\n{BUSY}\n---\n{{value: idle, number: 1}}"
    edited = f"{{value: busy, number: 3}}\n---\n{BUSY}\n---\n{{value: calm, number: 1}}"

    assert tell(diff(ruleset(text), ruleset(edited))) == [
        "~ value busy, used by t",
        "+ value calm",
        "- value idle",
    ]


# ── what a new number makes of customers ────────────────────────────────────────────────────

SEGMENT = (
    "{value: many, percentile: 95, of: profile.n, default: 3}\n---\n"
    "{attribute: n, count: view, within: 1d}\n---\n"
    "{segment: s, is: {profile.n: {greater_than_or_equal: {value: many}}}}"
)


def with_number(customer: Customer, number: int) -> None:
    customer.ruleset = ruleset(SEGMENT, {"many": {"number": number}})


def test_a_new_number_is_another_derivation_and_the_same_slots() -> None:
    one, other = ruleset(SEGMENT), ruleset(SEGMENT, {"many": {"number": 2}})

    assert one.derivations != other.derivations
    assert one.derived_keys == other.derived_keys
    assert ruleset(SEGMENT, {"many": {"number": 3}}).derivations == one.derivations


def test_who_is_a_member_by_a_new_number_alone_becomes_one_in_silence() -> None:
    customer = Customer(ruleset(SEGMENT))
    customer.happens("view", START)
    customer.happens("view", START + 1)
    with_number(customer, 2)

    assert told(customer.happens("other", START + 2)) == []
    assert told(customer.waits_until(START + 2 * DAY)) == [f"left s {DAY}"]


def test_who_is_none_any_more_by_a_new_number_leaves_at_the_next_look() -> None:
    customer = Customer(ruleset(SEGMENT))
    for at in range(3):
        customer.happens("view", START + at)
    customer.out.clear()
    with_number(customer, 9)

    assert told(customer.happens("other", START + 4)) == []
    assert told(customer.happens("view", START + 5)) == ["left s 5"]


def test_who_waits_for_the_old_number_waits_for_the_new_one() -> None:
    """Sooner, where the old one let nobody look."""
    customer = Customer(ruleset(SEGMENT, {"many": {"number": 1}}))
    for hour in range(4):
        customer.happens("view", START + hour * HOUR)
    customer.out.clear()
    with_number(customer, 3)
    customer.happens("other", START + 4 * HOUR)

    customer.waits_until(START + 3 * DAY)
    assert told(customer.out) == [f"left s {DAY + HOUR}"]


def test_a_class_that_is_another_by_a_new_number_is_not_told() -> None:
    text = (
        "{value: many, number: 3}\n---\n{attribute: n, count: view}\n---\n"
        "{attribute: c, case: [{if: {profile.n: {greater_than: {value: many}}}, then: hot}, "
        "{then: cold}]}\n---\n{trigger: t, when: {changed: profile.c}}"
    )
    customer = Customer(ruleset(text))
    for at in range(3):
        customer.happens("view", START + at)
    customer.ruleset = ruleset(text.replace("number: 3", "number: 2"))

    assert told(customer.happens("other", START + 4)) == []
    customer.ruleset = ruleset(text.replace("number: 3", "number: 4"))
    assert told(customer.happens("view", START + 5)) == []
    assert told(customer.happens("view", START + 6)) == ["t 6 cold>hot"]
