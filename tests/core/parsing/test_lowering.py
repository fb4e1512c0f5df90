"""What is replaced when a file is read: it is, to the byte, what one may write by hand."""

from __future__ import annotations

import pytest

from triggerstream.core.model import HOUR, AbsentStep, EventStep, Purchase, SequencePattern, Trigger
from triggerstream.core.parsing.directory import parse_ruleset
from triggerstream.core.rulesets.compile import fingerprint
from triggerstream.errors import TriggerFileError

POLICY = "activity: [view, add, buy]\npurchase: {events: [buy, renew]}"


def trigger_of(when: str, policy: str = POLICY) -> Trigger:
    files = {"t.yaml": f"trigger: t\nwhen: {when}\n", "policy.yaml": policy}
    (trigger,) = parse_ruleset(files).triggers
    return trigger


def is_same(one: str, other: str) -> bool:
    return fingerprint(trigger_of(one)) == fingerprint(trigger_of(other))


# ── debounce ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.covers("C19")
@pytest.mark.parametrize(
    ("short", "long"),
    [
        (
            "{event: a, debounce: 5s}",
            "{sequence: [{event: a}, {absent: a, for: 5s}], restart: on_repeat}",
        ),
        (
            "{event: [a, b], where: {source: {equals: x}}, debounce: 1h, per: session_id}",
            (
                "{sequence: [{event: [a, b], where: {source: {equals: x}}}, {absent: [a, b], "
                "where: {source: {equals: x}}, for: 1h}], restart: on_repeat, per: session_id}"
            ),
        ),
        (
            "{all: [{event: a, debounce: 5s}, {event: b}]}",
            (
                "{all: [{sequence: [{event: a}, {absent: a, for: 5s}], restart: on_repeat}, "
                "{event: b}]}"
            ),
        ),
    ],
)
def test_debounce_is_an_absence_of_the_same(short: str, long: str) -> None:
    assert is_same(short, long)


# ── strict ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("short", "long"),
    [
        pytest.param(
            "{sequence: [{event: view}, {event: buy}], strict: true}",
            "{sequence: [{event: view}, {absent: [view, add]}, {event: buy}]}",
            id="types alone",
        ),
        pytest.param(
            "{sequence: [{event: view}, {event: [buy, other]}], strict: true}",
            "{sequence: [{event: view}, {absent: [view, add]}, {event: [buy, other]}]}",
            id="a step of some that are no activity",
        ),
        pytest.param(
            "{sequence: [{event: view}, {event: buy, where: {source: {equals: x}}}], strict: true}",
            "{sequence: [{event: view}, {absent: [view, add, buy], where: {not: "
            "{event_type: {in_list: [buy]}, source: {equals: x}}}}, "
            "{event: buy, where: {source: {equals: x}}}]}",
            id="a step that asks",
        ),
        pytest.param(
            "{sequence: [{event: view}, {event: open, where: {source: {equals: x}}}], "
            "strict: true}",
            "{sequence: [{event: view}, {absent: [view, add, buy]}, "
            "{event: open, where: {source: {equals: x}}}]}",
            id="a step that asks and is no activity",
        ),
        pytest.param(
            "{sequence: [{event: view, times: 2}, {event: buy, times: 2, after: 1m}], "
            "strict: true}",
            "{sequence: [{event: view}, {absent: [add, buy]}, {event: view}, "
            "{absent: [view, add]}, {event: buy, after: 1m}, {absent: [view, add]}, "
            "{event: buy}]}",
            id="times",
        ),
        pytest.param(
            "{sequence: [{event: view}, {absent: [open, view]}, {event: buy}], strict: true}",
            "{sequence: [{event: view}, {absent: [open, view, add]}, {event: buy}]}",
            id="beside an absence",
        ),
        pytest.param(
            "{sequence: [{event: view}, {absent: open, where: {source: {equals: x}}}, "
            "{event: buy}], strict: true}",
            "{sequence: [{event: view}, {absent: [open, view, add], where: {any: ["
            "{all: [{event_type: {in_list: [open]}}, {source: {equals: x}}]}, "
            "{event_type: {in_list: [view, add]}}]}}, {event: buy}]}",
            id="beside an absence that asks",
        ),
        pytest.param(
            "{sequence: [{event: view}, {event: add}, {absent: buy, for: 1h}], strict: true, "
            "restart: on_repeat}",
            "{sequence: [{event: view}, {absent: [view, buy]}, {event: add}, "
            "{absent: buy, for: 1h}], restart: on_repeat}",
            id="before an absence at the end",
        ),
        pytest.param(
            "{sequence: [{event: view}, {event: [view, add, buy]}], strict: true}",
            "{sequence: [{event: view}, {event: [view, add, buy]}]}",
            id="a step that all activity fills",
        ),
        pytest.param(
            "{sequence: [{event: view}, {event: buy}], strict: false}",
            "{sequence: [{event: view}, {event: buy}]}",
            id="not",
        ),
    ],
)
def test_strict_is_an_absence_in_front_of_each_step(short: str, long: str) -> None:
    assert is_same(short, long)


def test_beside_an_absence_with_a_duration_strict_stands_by_itself() -> None:
    """One absence has no two durations: here alone nobody can write the same by hand."""
    steps = "[{event: view}, {absent: open, for: 1h}, {event: buy}]"

    assert trigger_of(f"{{sequence: {steps}, strict: true}}").when == SequencePattern(
        (
            EventStep(("view",)),
            AbsentStep(("open",), duration=HOUR),
            AbsentStep(("view", "add")),
            EventStep(("buy",)),
        )
    )


def test_who_edits_what_customers_do_starts_strict_triggers_anew() -> None:
    when = "{sequence: [{event: view}, {event: buy}], strict: true}"
    usual = "{sequence: [{event: view}, {event: buy}]}"
    more = "activity: [view, add, buy, search]"

    assert fingerprint(trigger_of(when)) != fingerprint(trigger_of(when, more))
    assert fingerprint(trigger_of(usual)) == fingerprint(trigger_of(usual, more))


@pytest.mark.parametrize("policy", ["expiry: 1d", ""])
def test_strict_wants_to_know_what_customers_do(policy: str) -> None:
    with pytest.raises(TriggerFileError) as raised:
        trigger_of("{sequence: [{event: view}, {event: buy}], strict: true}", policy)

    (problem,) = raised.value.problems
    assert str(problem) == (
        "t.yaml:2:49: strict: 'activity' in policy.yaml, the types of what customers do "
        "themselves, such as activity: [page_view, cart_added]; found none"
    )


# ── behavior ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.covers("D7", "D12", "B11")
@pytest.mark.parametrize(
    ("short", "long"),
    [
        (
            "{behavior: engagement_decline}",
            "{trend: [view, add, buy], below: 0.5, recent: 7d, baseline: 28d, min: 8}",
        ),
        (
            "{behavior: engagement_decline, below: 0.25, recent: 8d, baseline: 16d, min: 3}",
            "{trend: [view, add, buy], below: 0.25, recent: 8d, baseline: 16d, min: 3}",
        ),
        (
            "{behavior: purchase_frequency, per: session_id}",
            (
                "{trend: [buy, renew], above: 1.5, recent: 30d, baseline: 30d, min: 2, "
                "per: session_id}"
            ),
        ),
        (
            "{behavior: purchase_frequency, above: 2}",
            "{trend: [buy, renew], above: 2, recent: 30d, baseline: 30d, min: 2}",
        ),
        (
            "{behavior: browsing_intensity}",
            "{count: product_view, at_least: 10, within: 30m}",
        ),
        (
            "{any: [{behavior: browsing_intensity, at_least: 3, within: 1h}, {event: a}]}",
            "{any: [{count: product_view, at_least: 3, within: 1h}, {event: a}]}",
        ),
        (
            "{behavior: content_interest}",
            ("{count: [view, add, buy], at_least: 5, within: 7d, per: event_data.category}"),
        ),
        (
            (
                "{behavior: content_interest, by: event_data.topic, of: event_data.seconds, "
                "at_least: 99.5, within: 1d}"
            ),
            (
                "{count: [view, add, buy], "
                "at_least: 99.5, sum: event_data.seconds, within: 1d, per: event_data.topic}"
            ),
        ),
    ],
)
def test_a_behavior_is_a_trend_or_a_count(short: str, long: str) -> None:
    one, other = trigger_of(short), trigger_of(long)

    assert (one, fingerprint(one)) == (other, fingerprint(other))


def test_a_purchase_says_where_its_value_stands() -> None:
    source = parse_ruleset({"policy.yaml": "purchase: {events: buy, value: event_data.total}"})

    assert source.policy.purchase == Purchase(("buy",), "event_data.total")
