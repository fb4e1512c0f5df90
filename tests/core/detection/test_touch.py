"""Touches: how a customer in silence hears of other definitions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.detection.customers import Customer, ruleset_of
from tests.core.detection.test_membership import BUSY, HOUR, KEEN, START, busy, heard
from triggerstream.core.decisions import Firing
from triggerstream.core.detection.detect import Detect
from triggerstream.core.detection.for_all import is_for_all
from triggerstream.core.keyed import header
from triggerstream.core.keyed.control import ClockMoved
from triggerstream.core.keyed.memory_store import MemoryStore
from triggerstream.core.keyed.partition import Partition
from triggerstream.core.records.columns import Row, in_columns
from triggerstream.core.records.dead_letters import DeadLetter
from triggerstream.core.records.record import KIND, Kind, Rejected
from triggerstream.core.records.touch import read_touch, touch_record
from triggerstream.core.timestamps import parse_moment

NEW = "{attribute: views, count: view, start: 3}\n---\n"
NEW += "{segment: fan, existing: tell, is: {profile.views: {greater_than_or_equal: 3}}}\n---\n"
NEW += "{trigger: hears, when: {entered: fan}}"


def touched(customer: Customer, text: str, at: int = START + HOUR) -> list[Any]:
    """Let another ruleset come into force, and the customer be touched."""
    customer.ruleset = ruleset_of(text)
    return customer.receives(b'{"customer_id":"c"}', Kind.TOUCH, arrival=at)


def test_who_is_touched_adopts_the_ruleset_at_the_touchs_arrival() -> None:
    customer = busy()

    out = touched(customer, NEW)

    assert customer.statuses[-1] == "applied"
    assert heard(out) == ["entered fan", "busy -"]
    [firing] = [each for each in out if isinstance(each, Firing)]
    assert (firing.trigger, firing.at) == ("hears", START + HOUR)
    assert customer.state.tau == START + HOUR
    assert customer.state.last == START + 5, "it is no event of theirs"


def test_a_touch_that_comes_again_tells_no_edge_a_second_time() -> None:
    customer = busy()
    touched(customer, NEW)
    before = customer.program.dump(customer.state, 0)

    out = touched(customer, NEW, START + 2 * HOUR)

    assert heard(out) == [f"fan = {HOUR}"]
    assert not [each for each in out if isinstance(each, Firing)]
    assert customer.program.dump(customer.state, 0) == before


def test_time_does_not_go_back_where_something_was_decided_for_later() -> None:
    customer = busy()
    customer.waits_until(START + 8 * 24 * HOUR)
    assert heard(customer.out)[-1] == "left busy"
    tau = customer.state.tau

    touched(customer, NEW, START + HOUR)

    assert customer.state.tau == tau


def test_whose_record_came_first_needs_no_touch() -> None:
    one, other = busy(), busy()
    one.ruleset = ruleset_of(NEW)
    heard_by_event = heard(one.happens("other", START + HOUR))

    assert heard(touched(other, NEW)) == heard_by_event


def test_who_is_touched_waits_for_the_dates_of_the_ruleset() -> None:
    customer = Customer("{trigger: t, when: {event: A}}")
    customer.happens("identify", START, day="06-05")
    dated = "{trigger: d, when: {date: profile.day}}"

    assert touched(customer, dated) == []
    (firing,) = customer.waits_until(parse_moment("2026-06-06T00:00:00Z"))

    assert (firing.trigger, firing.at) == ("d", parse_moment("2026-06-05T09:00:00Z"))


def test_a_ruleset_is_for_all_where_it_has_segments_dates_or_a_start() -> None:
    assert is_for_all(ruleset_of(BUSY))
    assert is_for_all(ruleset_of("{trigger: d, when: {date: profile.day}}"))
    assert is_for_all(ruleset_of("{attribute: views, count: view, start: 3}"))
    assert not is_for_all(ruleset_of("{attribute: views, count: view}"))
    assert not is_for_all(ruleset_of("{trigger: t, when: {event: A}}"))


def test_a_touch_is_read_as_it_was_written_and_nothing_else_is_one() -> None:
    record = touch_record("events", 3, b"c/1")

    assert (record.topic, record.partition, record.key) == ("events", 3, b"c/1")
    assert record.value == b'{"customer_id":"c/1"}'
    assert record.headers == ((KIND, b"touch"),)
    assert read_touch(record.value).customer_id == "c/1"
    for value in (None, b"", b"{}", b'{"customer_id":""}', b"[1]"):
        with pytest.raises(Rejected):
            read_touch(value)


# ── in a partition ──────────────────────────────────────────────────────────────────────────

Whole = Partition[Any, Any]


def whole(store: MemoryStore | None = None, text: str = KEEN) -> Whole:
    ruleset = ruleset_of(text)
    return Partition(Detect("events"), store or MemoryStore(), rulesets=lambda _: ruleset)


def of_kind(offset: int, kind: bytes, at: int = START, value: bytes | None = None) -> Row:
    return Row(0, offset, at, b"c", value, ((KIND, kind),))


TOUCH = b'{"customer_id":"c"}'


def test_a_touch_of_somebody_of_whom_nothing_is_known_makes_nobody() -> None:
    partition = whole()

    partition.apply(in_columns([of_kind(0, Kind.TOUCH, value=TOUCH)]))

    assert +partition.statuses == {"untracked": 1}
    assert partition.state_of("c") is None
    assert partition.cut().values == {}
    assert partition.offset == 0


def test_a_touch_opens_no_grave() -> None:
    partition = whole()
    view = b'{"event_id":"1","customer_id":"c","event_type":"view"}'
    partition.apply(
        in_columns(
            [
                Row(0, 0, START, b"c", view, ()),
                of_kind(1, Kind.ERASE),
                of_kind(2, Kind.TOUCH, value=TOUCH),
            ]
        )
    )

    assert partition.statuses["untracked"] == 1
    _, flags, _, fence = header.unpack(partition.cut().values[b"c"] or b"")
    assert (flags, fence) == (header.GRAVE, 1)


def test_what_a_touch_of_nobody_makes_due_of_others_is_stamped_with_its_place() -> None:
    partition = whole(text=BUSY)
    view = b'{"event_id":"%d","customer_id":"d","event_type":"view"}'
    rows = [Row(0, n, START + n, b"d", view % n, ()) for n in range(3)]
    partition.apply(in_columns(rows))
    partition.outcomes.clear()
    at = START + 30 * 24 * HOUR

    partition.apply(in_columns([of_kind(3, Kind.TOUCH, at, TOUCH)]))

    moved, left = partition.outcomes
    assert moved == ClockMoved(at, 3)
    assert (left.customer_id, left.change) == ("d", "left")


def test_a_touch_that_cannot_be_read_becomes_a_dead_letter() -> None:
    partition = whole()

    partition.apply(in_columns([of_kind(0, Kind.TOUCH, value=b"{}"), of_kind(1, b"poke")]))

    assert [each.reason for each in partition.outcomes if isinstance(each, DeadLetter)] == [
        "missing_field", "unknown_kind",
    ]  # fmt: skip


# ── who wants a sweep ───────────────────────────────────────────────────────────────────────


def land(partition: Whole, store: MemoryStore) -> None:
    cut = partition.cut()
    store.write(cut.values, partition_record=cut.record, changelog_offset=0)
    partition.landed(cut)


def wants(partition: Whole) -> bool:
    return partition.wants_sweep


def marked(store: MemoryStore, text: str) -> Whole:
    """Return a partition whose ruleset of another version has just come into force."""
    first, second = ruleset_of(KEEN), ruleset_of(text)
    partition: Whole = Partition(Detect("events"), store, rulesets={1: first, 2: second}.get)
    if partition.version != 2:
        mark = b'{"version":2,"hash":""}'
        partition.apply(in_columns([Row(0, 5, START, None, mark, ((KIND, Kind.RULESET),))]))
    return partition


def test_a_new_partition_wants_no_sweep() -> None:
    store = MemoryStore()
    partition = whole(store)
    land(partition, store)

    assert not wants(partition)
    assert not wants(whole(store))


def test_other_definitions_want_one_when_the_mark_is_stored_and_until_the_sweep_is() -> None:
    store = MemoryStore()
    land(whole(store), store)
    partition = marked(store, BUSY)
    assert not wants(partition), "who came before may not be stored yet"

    land(partition, store)
    assert wants(partition)
    partition.note_sweep()
    assert not wants(partition)
    assert wants(marked(store, BUSY)), "after a crash it begins again"

    land(partition, store)
    assert not wants(marked(store, BUSY))


@pytest.mark.parametrize(
    "text",
    [
        KEEN + "\n---\n{trigger: t, when: {event: A}}",
        "{trigger: t, when: {event: A}}",
        "{attribute: views, count: view}",
    ],
    ids=["the same definitions", "nothing derived", "nothing for those in silence"],
)
def test_a_ruleset_that_says_nothing_new_to_those_in_silence_wants_none(text: str) -> None:
    store = MemoryStore()
    land(whole(store), store)
    partition = marked(store, text)
    land(partition, store)

    assert not wants(partition)
