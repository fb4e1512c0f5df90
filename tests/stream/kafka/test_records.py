"""`Unpacked` yields what aiokafka's own unpacking yields, and ends where that ends; and it reads
what that refuses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from aiokafka.codec import gzip_encode, lz4_encode, snappy_encode, zstd_encode
from aiokafka.consumer.fetcher import READ_UNCOMMITTED, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.structs import TopicPartition

from tests.stream.kafka.batches import (
    APPENDED,
    ATTRIBUTES,
    COMPRESSIONS,
    CONTROL,
    LAST_OFFSET_DELTA,
    batch,
    fields,
    marked,
    packed,
    resealed,
)
from triggerstream.core.records.columns import Columns
from triggerstream.core.records.record import Header
from triggerstream.stream.kafka.records import Result
from triggerstream.stream.kafka.unpacked import Unpacked

Unpack = Callable[[PartitionRecords], Unpacked]


@pytest.fixture(params=[False, True], ids=["aiokafka's reader", "our own"], name="unpack")
def _unpack(request: pytest.FixtureRequest) -> Unpack:
    """Unpacks by either reader; which one is used says whether ours is compiled."""
    return partial(Unpacked, by_own_reader=request.param)


@pytest.mark.parametrize("compression", COMPRESSIONS.values(), ids=COMPRESSIONS)
@pytest.mark.parametrize("start", [0, 1, 2])
def test_records_and_where_the_next_fetch_begins_are_aiokafkas(
    unpack: Unpack, start: int, compression: int
) -> None:
    # The last batch, and one in between, have lost records to compaction.
    batches = (batch(0, [0, 1, 2]), batch(10, [0, 2]), batch(13, [0, 1], compression=compression))
    data = bytes(b"".join(batches))
    theirs, ours = packed(data, start), unpack(packed(data, start))

    expected = [fields(record) for record in theirs]
    found = [fields(record) for record in ours]

    assert found == expected
    assert len(found) == sum(offset >= start for offset in (0, 1, 2, 10, 12, 13, 14))
    assert ours.next_fetch_offset == theirs.next_fetch_offset == 15


def test_taking_goes_on_where_it_was_left(unpack: Unpack) -> None:
    ours = unpack(packed(bytes(batch(0, [0, 1, 2])), 0))

    first = [next(iter(ours)).offset, ours.next_fetch_offset]
    rest = [record.offset for record in ours]

    assert (first, rest) == ([0, 1], [1, 2])


def test_a_control_batch_is_passed_over(unpack: Unpack) -> None:
    control = batch(3, [0])
    control[ATTRIBUTES] |= CONTROL
    resealed(control)
    ours = unpack(packed(bytes(batch(0, [0, 1, 2]) + control), 0))

    assert [record.offset for record in ours] == [0, 1, 2]
    assert ours.next_fetch_offset == 4


def test_offsets_that_compaction_removed_at_the_end_are_not_fetched_again(unpack: Unpack) -> None:
    shortened = batch(0, [0, 1])
    shortened[LAST_OFFSET_DELTA : LAST_OFFSET_DELTA + 4] = (7).to_bytes(4, "big")
    resealed(shortened)
    ours = unpack(packed(bytes(shortened), 0))

    assert [record.offset for record in ours] == [0, 1]
    assert ours.next_fetch_offset == 8


def test_a_damaged_batch_is_an_error(unpack: Unpack) -> None:
    damaged = batch(0, [0, 1])
    damaged[-1] ^= 1

    ours = unpack(packed(bytes(damaged) + batch(2, [0]), 0))
    with pytest.raises(CorruptRecordException, match="events"):
        list(ours)

    # It is fetched again, and nothing behind it is read before.
    assert (list(ours), ours.next_fetch_offset) == ([], 0)


# ── transactions ─────────────────────────────────────────────────────────────────────────────

# Two producers in turn: one takes back what it appended twice, and commits in between.
TRANSACTIONS = (
    batch(0, [0, 1], producer=7),
    batch(2, [0, 1], producer=8),
    batch(4, [0, 1, 2]),
    marked(7, 7),
    batch(8, [0], producer=7),
    batch(9, [0], producer=8, compression=1),
    marked(10, 7, is_commit=True),
    marked(11, 8, is_commit=True),
    batch(12, [0, 1], producer=7),
    batch(14, [0]),
    marked(15, 7),
)
ABORTED = {(7, 0): 7, (7, 12): 15}
"""By producer and first offset, where each ends that was taken back."""
COMMITTED = [2, 3, 4, 5, 6, 8, 9, 14]


@pytest.mark.parametrize("start", range(17))
def test_what_was_taken_back_is_left_out_wherever_the_fetch_begins(
    unpack: Unpack, start: int
) -> None:
    """In the middle of a batch, too, and of a transaction: who restarts begins there."""
    batches = [each for each in TRANSACTIONS if _following(each) > start]
    data = bytes(b"".join(batches))
    aborted = [each for each, end in ABORTED.items() if end >= start]  # as the broker chooses them
    theirs = packed(data, start, aborted=aborted)
    ours = unpack(packed(data, start, aborted=aborted))

    found = [fields(record) for record in ours]

    assert [offset for _, offset, *_ in found] == [each for each in COMMITTED if each >= start]
    assert found == [fields(record) for record in theirs]
    assert ours.next_fetch_offset == theirs.next_fetch_offset == 16


@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_fetch_that_ends_within_a_transaction_leaves_out_what_it_has_of_it(
    unpack: Unpack, most: int
) -> None:
    data = bytes(b"".join(TRANSACTIONS[:most]))
    ours = unpack(packed(data, 0, aborted=[(7, 0)]))

    assert [record.offset for record in ours] == [[], [2, 3], [2, 3, 4, 5, 6]][most - 1]
    assert ours.next_fetch_offset == [2, 4, 7][most - 1]


def test_a_fetch_of_nothing_but_what_was_taken_back_moves_on(unpack: Unpack) -> None:
    data = bytes(batch(5, [0, 1], producer=7) + marked(7, 7) + marked(8, 9))
    ours = unpack(packed(data, 5, aborted=[(7, 5)]))

    assert list(ours) == []
    assert ours.next_fetch_offset == 9


def test_a_mark_whose_record_is_gone_still_ends_its_transaction(unpack: Unpack) -> None:
    empty = marked(2, 7)
    empty[57:61] = bytes(4)  # how many records it has
    del empty[61:]
    empty[8:12] = (len(empty) - 12).to_bytes(4, "big")
    data = batch(0, [0, 1], producer=7) + resealed(empty) + batch(3, [0], producer=7)

    assert [each.offset for each in unpack(packed(bytes(data), 0, aborted=[(7, 0)]))] == [3]


def test_who_reads_uncommitted_records_gets_all_but_the_marks(unpack: Unpack) -> None:
    ours = unpack(packed(bytes(b"".join(TRANSACTIONS)), 0, level=READ_UNCOMMITTED))

    assert [each.offset for each in ours] == [*range(7), 8, 9, 12, 13, 14]
    assert ours.next_fetch_offset == 16


def _following(data: bytearray) -> int:
    base, last = int.from_bytes(data[:8], "big"), data[LAST_OFFSET_DELTA : LAST_OFFSET_DELTA + 4]
    return base + int.from_bytes(last, "big") + 1


# ── headers and times ────────────────────────────────────────────────────────────────────────

NAMED: list[Header] = [("traceparent", None), ("café", b"1"), ("café", b"\xff"), ("", b"")]


@pytest.mark.parametrize("is_appended", [False, True], ids=["create time", "append time"])
@pytest.mark.parametrize("compression", COMPRESSIONS.values(), ids=COMPRESSIONS)
def test_a_header_whose_name_is_no_text_stops_nothing(
    unpack: Unpack, compression: int, is_appended: bool
) -> None:
    plain = batch(10, [0, 1, 2], headers=NAMED)
    made = misnamed(plain) if not compression else _compressed(misnamed(plain), compression)
    if is_appended:
        made[ATTRIBUTES] |= APPENDED
        resealed(made)
    data = bytes(batch(0, [0, 1]) + made + batch(13, [0]))
    with pytest.raises(UnicodeDecodeError):
        list(packed(data, 0))

    found = [fields(record) for record in unpack(packed(data, 0))]

    named = (("traceparent", None), ("caf\\xe9\\xff", b"1"), ("caf\\xe9\\xff", b"\xff"), ("", b""))
    times = [1_002] * 3 if is_appended else [1_000, 1_001, 1_002]
    assert [offset for _, offset, *_ in found] == [0, 1, 10, 11, 12, 13]
    assert found[2:5] == [
        (3, 10, times[0], b"k0", b"v10", named),
        (3, 11, times[1], None, None, named),
        (3, 12, times[2], b"k2", b"v12", named),
    ]


@pytest.mark.parametrize("start", [10, 11, 12, 13])
def test_a_batch_with_such_a_name_is_read_from_where_the_fetch_begins(
    unpack: Unpack, start: int
) -> None:
    data = bytes(misnamed(batch(10, [0, 1, 2], headers=NAMED)))
    ours = unpack(packed(data, start))

    assert [record.offset for record in ours] == list(range(start, 13))
    assert ours.next_fetch_offset == 13


def test_taking_goes_on_behind_such_a_name_where_it_was_left(unpack: Unpack) -> None:
    good, bad = batch(0, [0, 1]), misnamed(batch(2, [0, 1], headers=NAMED))
    ours = unpack(packed(bytes(good + bad), 0))

    taken = [next(iter(ours)).offset for _ in range(3)]

    assert (taken, ours.next_fetch_offset) == ([0, 1, 2], 3)
    assert [record.offset for record in ours] == [3]


def test_thousands_of_headers_and_huge_ones_are_read(unpack: Unpack) -> None:
    headers: list[Header] = [("h", None)] * 20_000 + [("n" * 70_000, b"v" * 70_000)]

    [found] = unpack(packed(bytes(batch(0, [0], headers=headers)), 0))

    assert list(found.headers) == headers


@pytest.mark.parametrize("magic", [0, 1])
def test_a_record_from_before_there_were_times_has_none(unpack: Unpack, magic: int) -> None:
    builder = LegacyRecordBatchBuilder(magic, 0, 1000)
    builder.append(0, -1, b"k", b"v")

    [found] = unpack(packed(bytes(builder.build()), 0))

    assert fields(found) == (3, 0, -1, b"k", b"v", ())


def test_a_record_of_an_old_format_keeps_its_time(unpack: Unpack) -> None:
    builder = LegacyRecordBatchBuilder(1, 0, 1000)
    builder.append(0, 1_234, b"k", b"v")

    assert [each.timestamp for each in unpack(packed(bytes(builder.build()), 0))] == [1_234]


def _compressed(plain: bytearray, compression: int) -> bytearray:
    """Return the batch with its records compressed as a producer would."""
    encode = (None, gzip_encode, snappy_encode, lz4_encode, zstd_encode)[compression]
    assert encode is not None
    made = plain[:61] + bytearray(encode(bytes(plain[61:])))
    made[8:12] = (len(made) - 12).to_bytes(4, "big")
    made[ATTRIBUTES] |= compression
    return resealed(made)


def misnamed(made: bytearray) -> bytearray:
    """Make the names of headers that begin with ``caf`` such as a client wrote who knows bytes
    only."""
    return resealed(made.replace("café".encode(), b"caf\xe9\xff"))


# ── formats, damage, and who takes what ──────────────────────────────────────────────────────


def test_batches_of_old_and_new_formats_may_stand_in_one_fetch(unpack: Unpack) -> None:
    """Where a topic is older than its brokers, one fetch reaches over the boundary."""
    old = bytearray()
    for offset in (0, 1):
        builder = LegacyRecordBatchBuilder(1, 0, 1000)
        builder.append(offset, 1_234, b"k", b"old")
        old += builder.build()
    data = bytes(old + batch(2, [0, 1]))
    with pytest.raises(CorruptRecordException):
        list(packed(data, 0))
    ours = unpack(packed(data, 0))

    assert ours.end == 4
    assert [(each.offset, each.value) for each in ours] == [
        (0, b"old"), (1, b"old"), (2, b"v2"), (3, None),
    ]  # fmt: skip


# The first record of a batch of its own: its length, attributes, time, offset, key's length.
_COUNT, _FIRST_KEY = 57, 65


@pytest.mark.parametrize(
    ("at", "byte"),
    [(_FIRST_KEY, 0x05), (_FIRST_KEY, 0x02), (-1, 0xFF), (-1, 0x7E)],
    ids=["a longer key", "a shorter key", "a number without an end", "headers that are not there"],
)
def test_a_batch_whose_records_do_not_fit_is_an_error(unpack: Unpack, at: int, byte: int) -> None:
    made = batch(0, [0], headers=[])
    assert made[_FIRST_KEY] == 0x04
    made[at] = byte

    with pytest.raises(CorruptRecordException):
        list(unpack(packed(bytes(resealed(made) + batch(1, [0])), 0)))


@pytest.mark.parametrize("count", [1, 3])
def test_a_batch_with_another_number_of_records_than_it_says_is_an_error(
    unpack: Unpack, count: int
) -> None:
    made = batch(0, [0, 2])
    made[_COUNT : _COUNT + 4] = count.to_bytes(4, "big")

    with pytest.raises(CorruptRecordException):
        list(unpack(packed(bytes(resealed(made) + batch(3, [0])), 0)))


class Subscribed:
    """What aiokafka knows of a partition that is assigned, and is read from *position* on."""

    active, paused = True, False

    def __init__(self, position: int) -> None:
        self.position = position

    def state_value(self, _tp: Any) -> Subscribed:
        return self

    def consumed_to(self, position: int) -> None:
        self.position = position


def result(unpacked: Any, position: int) -> tuple[Any, Subscribed]:
    subscribed, tp = Subscribed(position), TopicPartition("events", 3)
    made = Result(tp, assignment=subscribed, partition_records=unpacked, backoff=0)
    return made, subscribed


def test_records_are_handed_out_in_columns_and_the_position_moves_with_them(unpack: Unpack) -> None:
    fetched, subscribed = result(unpack(packed(bytes(batch(0, [0, 1, 2])), 0)), 0)

    first = fetched.getall(2)
    assert isinstance(first, Columns)
    assert (list(first.offsets), subscribed.position, fetched.has_more()) == ([0, 1], 2, True)
    assert (list(fetched.getall().offsets), subscribed.position) == ([2], 3)
    assert not fetched.has_more()


def test_what_is_handed_on_whole_has_moved_the_position_before_it_is_read() -> None:
    data = bytes(batch(0, [0, 1, 2]) + batch(5, [0, 1]))
    whole = Unpacked(packed(data, 0), is_whole=True)
    fetched, subscribed = result(whole, 0)

    assert fetched.getall() is whole
    assert (subscribed.position, fetched.has_more()) == (7, False)
    assert [record.offset for record in whole.take()] == [0, 1, 2, 5, 6]


def test_what_was_fetched_for_another_position_is_not_handed_out() -> None:
    fetched, subscribed = result(Unpacked(packed(bytes(batch(0, [0])), 0), is_whole=True), 9)

    assert not fetched.getall()
    assert (subscribed.position, fetched.has_more()) == (9, False)


def test_consumers_of_others_take_their_records_as_ever() -> None:
    fetched, subscribed = result(packed(bytes(batch(0, [0, 1, 2])), 0), 0)

    assert [record.offset for record in fetched.getall(2)] == [0, 1]
    assert subscribed.position == 2
    assert type(fetched.getall()[0]) is ConsumerRecord


def test_a_batch_with_many_records_is_handed_out_in_parts(unpack: Unpack) -> None:
    named: list[Header] = [("h", b"1")]
    ours = unpack(packed(bytes(batch(0, list(range(10)), headers=named) + batch(10, [0])), 0))

    taken = []
    while not ours.is_over:
        taken.append([(each.offset, list(each.headers)) for each in ours.take(4)])

    assert [[offset for offset, _ in part] for part in taken] == [
        [0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10],
    ]  # fmt: skip
    assert all(headers == named for part in taken for _, headers in part[:2])
