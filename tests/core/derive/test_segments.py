"""Segments: an edge in, an edge out, also in silence; and nothing told by a deploy."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec
import pytest

from tests.core.derive.harness import DAY, HOUR, START
from tests.core.detection.customers import LATENESS, Customer, ruleset_of
from triggerstream.core.decisions import Firing, SegmentChanged
from triggerstream.core.detection.describe import describe
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.records.actions import read_firing, records_of

BUSY = "{segment: busy, is: {count: view, at_least: 2, within: 7d}}"
ENTERS = "{trigger: in, when: {entered: busy}}\n---\n{trigger: out, when: {left: busy}}"


def told(out: list[Any]) -> list[str]:
    """Return the edges and the firings of *out*, in order, with how long after `START`."""
    return [
        f"{each.change} {each.segment} {each.at - START}"
        if isinstance(each, SegmentChanged)
        else f"{each.trigger} {each.at - START}"
        for each in out
        if isinstance(each, SegmentChanged | Firing)
    ]


def busy_customer(more: str = "") -> Customer:
    customer = Customer(f"{BUSY}\n---\n{ENTERS}{more}")
    customer.happens("view", START)
    customer.happens("view", START + 5)
    return customer


# ── edges ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.covers("I2", "I4")
def test_who_fulfils_the_condition_enters_once_and_triggers_hear_of_it() -> None:
    customer = busy_customer()
    customer.happens("view", START + 6)

    assert told(customer.out) == ["entered busy 5", "in 5"]


@pytest.mark.covers("C24")
@pytest.mark.parametrize("how", ["clock", "event"])
def test_who_does_nothing_leaves_when_the_window_slides_shut(how: str) -> None:
    """At the same time, and by the same id, whether the clock or an event shows it."""
    customer = busy_customer()
    customer.out.clear()
    settled = START + 7 * DAY + LATENESS
    if how == "clock":
        assert told(customer.waits_until(settled - 1)) == []
        customer.waits_until(settled)
    else:
        assert told(customer.happens("other", START + 7 * DAY - 1)) == []
        customer.happens("other", START + 7 * DAY)

    assert told(customer.out) == [f"left busy {7 * DAY}", f"out {7 * DAY}"]
    named = blake2b(b'["$busy",%d]' % (START + 7 * DAY), digest_size=16).hexdigest()[:16]
    assert customer.out[-1].events == (f"$left:busy@{named}",)


def test_an_edge_by_an_event_is_named_after_it_and_says_its_cause() -> None:
    customer = busy_customer()
    named = blake2b(b'[null,"1"]', digest_size=16).hexdigest()[:16]

    (firing,) = [each for each in customer.out if isinstance(each, Firing)]

    event = msgspec.json.decode(firing.event)
    assert event["event_id"] == f"$entered:busy@{named}"
    assert event["event_data"] == {
        "segment": "busy",
        "cause": {"event_type": "view", "event_data": {}},
    }


def test_who_leaves_is_told_with_since_when_they_were_inside() -> None:
    customer = busy_customer()
    customer.waits_until(START + 8 * DAY)

    event = msgspec.json.decode(customer.out[-1].event)

    assert event["event_data"] == {"segment": "busy", "since": "2026-01-01T00:00:00.005Z"}


@pytest.mark.covers("I2")
def test_edges_of_one_segment_take_turns() -> None:
    customer = busy_customer()
    for day in (8, 9, 20, 21, 40):
        customer.happens("view", START + day * DAY)
    customer.waits_until(START + 400 * DAY)

    changes = [each.change for each in customer.out if isinstance(each, SegmentChanged)]
    assert changes == ["entered", "left"] * 3
    assert customer.state.wake == NEVER


@pytest.mark.parametrize(
    ("is_holds", "leave_holds", "member"),
    [(i, v, m) for i in (False, True) for v in (False, True) for m in (False, True)],
)
def test_is_and_leave_decide_by_whether_the_customer_is_inside(
    is_holds: bool, leave_holds: bool, member: bool
) -> None:
    customer = Customer(
        "{segment: s, is: {profile.i: {equals: true}}, leave: {profile.v: {equals: true}}}"
    )
    if member:
        customer.happens("identify", START, i=True, v=False)
    customer.happens("identify", START, i=is_holds, v=leave_holds)

    inside = (member and not leave_holds) or (not member and is_holds and not leave_holds)
    assert describe(customer.state, customer.ruleset)["segments"] == (["s"] if inside else [])


def test_who_was_away_long_enough_enters_in_silence() -> None:
    customer = Customer(
        "{segment: lapsed, is: {since_last: {event: buy, at_least: 30d}, "
        "profile.orders: {greater_than: 0}}}\n---\n{attribute: orders, count: buy}"
    )
    customer.happens("buy", START)

    assert told(customer.waits_until(START + 30 * DAY + LATENESS - 1)) == []
    assert told(customer.waits_until(START + 30 * DAY + LATENESS)) == [f"entered lapsed {30 * DAY}"]
    assert told(customer.happens("buy", START + 31 * DAY)) == [f"left lapsed {31 * DAY}"]


def test_segments_read_segments_each_after_those_that_it_reads() -> None:
    """Also where its name comes first."""
    customer = Customer(
        "{segment: a, is: {segment: z, not: {profile.staff: {equals: true}}}}\n---\n"
        "{segment: z, is: {count: view, at_least: 1, within: 1h}}\n---\n"
        "{trigger: t, when: {entered: a}}"
    )

    assert told(customer.happens("view", START)) == ["entered z 0", "entered a 0", "t 0"]
    assert told(customer.waits_until(START + 2 * HOUR)) == [
        f"left z {HOUR}",
        f"left a {HOUR}",
    ]


def test_a_condition_may_ask_for_a_segment_and_templates_see_their_names() -> None:
    customer = Customer(
        f"{BUSY}\n---\n{{trigger: t, when: {{event: view}}, if: {{segment: [other, busy]}}}}"
    )
    (suppressed,) = customer.happens("view", START)
    (_, firing) = customer.happens("view", START)

    assert suppressed.detail == "segment other or busy; found nothing"
    assert firing.profile == {"segments": ["busy"]}


def test_a_firing_says_which_segments_the_customer_was_in() -> None:
    """And nothing of it where they were in none: such records are as they always were."""
    customer = busy_customer("\n---\n{trigger: t, when: {event: other}}")
    (inside,) = customer.happens("other", START + 6)
    customer.waits_until(START + 30 * DAY)
    (outside,) = customer.happens("other", START + 30 * DAY)

    (told_inside,) = records_of(inside, 1)
    (told_outside,) = records_of(outside, 1)
    assert read_firing(told_inside.value or b"").firing.segments == ("busy",)
    assert b"segments" not in (told_outside.value or b"")


def test_a_segment_may_be_an_expression_over_the_profile() -> None:
    customer = Customer(
        "{attribute: n, count: view, within: 1h}\n---\n"
        "{segment: s, is: profile.n * 2.0 > profile.limit}"
    )
    customer.happens("identify", START, limit=3)

    assert told(customer.happens("view", START)) == []
    assert told(customer.happens("view", START + 1)) == ["entered s 1"]
    assert told(customer.waits_until(START + 2 * HOUR)) == [f"left s {HOUR}"]


def test_what_fires_in_a_segment_is_folded_into_it() -> None:
    customer = Customer(
        "{trigger: cart, when: {event: A}}\n---\n"
        "{segment: s, is: {count: {fired: cart}, more_than: 1, within: 7d}}"
    )
    customer.happens("A", START)

    assert told(customer.happens("A", START + 1)) == ["cart 1", "entered s 1"]


# ── time ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("step", [HOUR // 3, DAY, 100 * DAY])
def test_ticks_put_anywhere_change_nothing(step: int) -> None:
    text = (
        f"{BUSY}\n---\n{ENTERS}\n---\n"
        "{trigger: back, when: {sequence: [{left: busy}, {absent: view, for: 12h}]}}\n---\n"
        "{segment: gone, is: {count: {fired: back}, at_least: 1, within: 2d}, "
        "leave: {segment: busy}}"
    )
    customer, ticked = Customer(text), Customer(text)
    for at in (0, 1, 5 * DAY, 6 * DAY, 30 * DAY, 30 * DAY + 1):
        for tick in range(max(ticked.clock, START), START + at, step):
            ticked.waits_until(tick)
        for each in (customer, ticked):
            each.happens("view", START + at)
    for each in (customer, ticked):
        each.waits_until(START + 60 * DAY)

    assert len(told(customer.out)) > 8
    assert ticked.out == customer.out


def test_the_rest_of_an_upload_still_belongs_to_a_window_that_is_shut_by_the_clock() -> None:
    """The timer waits for what came with the last event that was folded (38)."""
    customer = Customer(BUSY)
    late = START + 8 * DAY
    customer.happens("view", START, arrival=late)
    customer.happens("view", START + 1, arrival=late)
    assert told(customer.waits_until(late + LATENESS - 1)) == []

    customer.happens("view", START + 6 * DAY, arrival=late + LATENESS - 1)

    assert told(customer.out) == ["entered busy 1"]
    customer.waits_until(late + 2 * LATENESS - 2)
    assert told(customer.out) == ["entered busy 1"]
    customer.waits_until(late + 2 * LATENESS - 1)
    assert told(customer.out) == ["entered busy 1", f"left busy {7 * DAY + 1}"]


def test_of_whom_nothing_can_change_nobody_waits() -> None:
    customer = Customer(BUSY)
    customer.happens("view", START)

    assert customer.state.wake == NEVER


# ── lists ───────────────────────────────────────────────────────────────────────────────────


def test_members_of_a_list_are_set_by_events() -> None:
    customer = Customer("{segment: pilot, list: true}\n---\n{trigger: t, when: {left: pilot}}")
    for at, segment, is_in in (
        (0, "pilot", True), (1, "other", False), (2, "pilot", True), (3, "pilot", False),
    ):  # fmt: skip
        customer.happens("segment_change", START + at, segment=segment, **{"in": is_in})

    assert told(customer.out) == ["entered pilot 0", "left pilot 3", "t 3"]


# ── deploys ─────────────────────────────────────────────────────────────────────────────────


def deployed(existing: str, event_type: str = "other") -> Customer:
    """Return a customer of two views, who meets a new segment at their next record."""
    attribute = "{attribute: views, count: view}"
    customer = Customer(attribute)
    customer.happens("view", START)
    customer.happens("view", START)
    customer.ruleset = ruleset_of(
        f"{attribute}\n---\n{{segment: s, is: {{profile.views: {{greater_than: 1}}}}, "
        f"existing: {existing}}}\n---\n{{trigger: t, when: {{entered: s}}}}"
    )
    customer.happens(event_type, START + DAY)
    return customer


@pytest.mark.parametrize("event_type", ["other", "view"])
def test_a_deploy_makes_members_and_tells_nobody(event_type: str) -> None:
    customer = deployed("silent", event_type)

    assert told(customer.out) == []
    assert describe(customer.state, customer.ruleset)["segments"] == ["s"]


def test_an_author_may_ask_for_those_who_are_there() -> None:
    assert told(deployed("tell").out) == [f"entered s {DAY}", f"t {DAY}"]


def test_who_comes_for_the_first_time_starts_outside_of_everything() -> None:
    customer = Customer("{segment: s, is: {count: view, at_least: 1, within: 1d}}")

    assert told(customer.happens("view", START)) == ["entered s 0"]


def test_who_comes_for_the_first_time_has_every_value_from_then_on() -> None:
    """Whatever it is that has happened: membership is what the condition says, at any time."""
    customer = Customer("{segment: s, is: {since_last: {event: buy, at_least: 1d}}}")

    assert told(customer.happens("other", START)) == ["entered s 0"]
    assert told(customer.happens("buy", START + 1)) == ["left s 1"]


def test_an_edited_attribute_leaves_nobody_behind_and_tells_nothing() -> None:
    segment = "{segment: s, is: {profile.n: {greater_than: 0}}}"
    customer = Customer(f"{{attribute: n, count: view}}\n---\n{segment}")
    customer.happens("view", START)
    customer.ruleset = ruleset_of(f"{{attribute: n, count: click}}\n---\n{segment}")
    customer.happens("other", START + 1)

    assert told(customer.out) == ["entered s 0"]
    assert customer.state.derived == {}


def test_a_timer_under_another_ruleset_waits_for_the_customers_next_record() -> None:
    customer = busy_customer()
    customer.out.clear()
    customer.ruleset = ruleset_of(f"{BUSY}\n---\n{ENTERS}\n---\n{{attribute: n, count: x}}")

    assert told(customer.waits_until(START + 30 * DAY)) == []
    assert customer.state.wake == NEVER
    assert told(customer.happens("other", START + 31 * DAY)) == [
        f"left busy {7 * DAY}",
        f"out {7 * DAY}",
    ]


def test_a_segment_that_is_gone_is_forgotten_without_an_edge() -> None:
    customer = busy_customer()
    customer.out.clear()
    customer.ruleset = ruleset_of("{trigger: t, when: {event: other}}")

    assert told(customer.happens("other", START + 30 * DAY)) == [f"t {30 * DAY}"]
    assert customer.state.derived == {}
    assert customer.state.wake == NEVER
