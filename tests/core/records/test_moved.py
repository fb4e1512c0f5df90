"""The rest of a partition of actions, on its way to the partitions of another log."""

from __future__ import annotations

import msgspec

from triggerstream.core.records.columns import Row
from triggerstream.core.records.moved import Rest
from triggerstream.core.records.placement import partition_of
from triggerstream.core.records.record import ARRIVAL, KIND, MOVED, POSITION, Kind, Produce

PARTITIONS = 4
NOON = 1_772_366_400_000


def record(offset: int, kind: bytes, value: bytes = b"{}", *, key: bytes | None = b"c1",
           position: int = -1, arrival: int = -1) -> Row:  # fmt: skip
    headers: tuple[tuple[str, bytes | None], ...] = ((KIND, kind),)
    if position >= 0:
        headers = (*headers, (POSITION, b"%d" % position))
    if arrival >= 0:
        headers = (*headers, (ARRIVAL, b"%d" % arrival))
    return Row(0, offset, NOON, key, value, headers)


def moved(*records: Row, since: int = 0, header_clock: bool = False) -> list[Produce]:
    rest = Rest(PARTITIONS, since=since, clock=NOON, header_clock=header_clock)
    return [one for each in records for one in rest.take(each)]


def values(records: list[Produce]) -> list[bytes | None]:
    return [each.value for each in records]


def test_what_the_states_contain_is_not_appended_again() -> None:
    found = moved(*(record(n, Kind.RESULT, b"%d" % n) for n in range(4)), since=2)

    assert values(found) == [b"2", b"3"]


def test_a_record_goes_where_its_customer_lies_and_without_its_position() -> None:
    [found] = moved(record(0, Kind.FIRING, position=7))

    assert found == Produce(
        "actions", partition_of(b"c1", PARTITIONS), b"c1", b"{}", ((KIND, Kind.FIRING),)
    )


def test_ticks_and_marks_go_to_every_partition() -> None:
    for kind in (Kind.TICK, Kind.RULESET):
        found = moved(record(0, kind, key=None))

        assert [each.partition for each in found] == list(range(PARTITIONS))


def test_what_nobody_can_place_goes_somewhere_once() -> None:
    assert [each.partition for each in moved(record(0, b"odd", key=None))] == [0]


def test_a_repeat_of_what_the_states_contain_is_known() -> None:
    told = record(0, Kind.FIRING, b"a", position=5), record(1, Kind.FIRING, b"b", position=6)
    again = record(2, Kind.FIRING, b"a", position=5), record(3, Kind.FIRING, b"b", position=6)

    found = moved(*told, *again, record(4, Kind.FIRING, b"c", position=7), since=2)

    assert values(found) == [b"c"]


def test_of_a_record_that_was_told_halfway_the_other_half_is_kept() -> None:
    told = [record(n, Kind.FIRING, value, position=5) for n, value in enumerate((b"a", b"b"))]
    again = [
        record(n, Kind.FIRING, value, position=5) for n, value in enumerate((b"a", b"b", b"c"), 2)
    ]

    assert values(moved(*told, *again)) == [b"a", b"b", b"c"]


def test_the_same_words_of_another_kind_or_customer_are_no_repeat() -> None:
    found = moved(
        record(0, Kind.FIRING, position=5),
        record(1, Kind.CONSENT, position=5),
        record(2, Kind.CONSENT, position=5, key=b"c2"),
        record(3, Kind.CONSENT, position=6, key=b"c2"),
    )

    assert len(found) == 4


def test_a_goal_s_position_lies_below_the_new_log() -> None:
    told = b'{"trigger":"cart","customer_id":"c1","position":41,"at":"2026-03-01T12:00:00Z"}'
    before = told.replace(b"41", b"%d" % (MOVED + 3))

    [first, second, odd] = moved(
        record(0, Kind.GOAL, told),
        record(1, Kind.GOAL, before),
        record(2, Kind.GOAL, b"[]"),
    )

    assert msgspec.json.decode(first.value or b"") == msgspec.json.decode(told) | {
        "position": MOVED + 41
    }
    assert second.value == before  # moved before: it is below already
    assert odd.value == b"[]"


def test_where_time_is_data_what_bears_none_is_stamped_with_the_clock() -> None:
    """The clock of its old partition: a new one has heard less."""
    found = moved(
        record(0, Kind.FIRING, arrival=NOON + 50),
        record(1, Kind.RESULT),
        record(2, Kind.FIRING, arrival=NOON + 20),
        header_clock=True,
    )

    assert [dict(each.headers)[ARRIVAL] for each in found] == [
        b"%d" % (NOON + 50), b"%d" % (NOON + 50), b"%d" % (NOON + 20),
    ]  # fmt: skip


def test_where_the_broker_is_the_clock_nothing_is_stamped() -> None:
    [found] = moved(record(0, Kind.RESULT))

    assert found.headers == ((KIND, Kind.RESULT),)
