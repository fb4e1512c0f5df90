"""`Unpacked` yields what aiokafka's own unpacking yields, and ends where that ends; and it reads
what that refuses."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.codec import gzip_encode, lz4_encode, snappy_encode, zstd_encode
from aiokafka.consumer.fetcher import READ_COMMITTED, READ_UNCOMMITTED, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

from triggerstream.core.records.record import Header
from triggerstream.stream.kafka.records import Fetched, Unpacked

_COMPRESSIONS = {"plain": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
_ATTRIBUTES, _APPENDED, _CONTROL = 22, 0x08, 0x20
_LAST_OFFSET_DELTA = 23


def batch(
    base: int,
    offsets: list[int],
    *,
    compression: int = 0,
    producer: int = -1,
    headers: list[Header] | None = None,
) -> bytearray:
    """Return a record batch whose records stand *offsets* above *base*; of a transaction of
    *producer*, where it is one."""
    builder = DefaultRecordBatchBuilder(
        2,
        compression,
        is_transactional=int(producer >= 0),
        producer_id=producer,
        producer_epoch=-1,
        base_sequence=0,
        batch_size=100_000,
    )
    for offset in offsets:
        key, value = (None, None) if offset == 1 else (b"k%d" % offset, b"v%d" % (base + offset))
        named = [("h", b"%d" % offset), ("null", None)] if headers is None else headers
        builder.append(offset, 1_000 + offset, key=key, value=value, headers=named)
    made = bytearray(builder.build())
    made[:8] = base.to_bytes(8, "big")
    return made


def resealed(made: bytearray) -> bytearray:
    """Make the checksum of a batch right again; return it."""
    made[17:21] = calc_crc32c(bytes(made[21:])).to_bytes(4, "big")
    return made


def marked(base: int, producer: int, *, is_commit: bool = False) -> bytearray:
    """Return the mark that ends a transaction of *producer*."""
    builder = DefaultRecordBatchBuilder(2, 0, 1, producer, 0, -1, 1000)
    builder.append(0, 1_000, bytes([0, 0, 0, is_commit]), bytes(6), [])
    made = bytearray(builder.build())
    made[:8] = base.to_bytes(8, "big")
    made[_ATTRIBUTES] |= _CONTROL
    return resealed(made)


def packed(
    data: bytes,
    start: int,
    *,
    aborted: list[tuple[int, int]] | None = None,
    level: int = READ_COMMITTED,
) -> PartitionRecords:
    tp = TopicPartition("events", 3)
    return PartitionRecords(tp, Fetched(data), aborted, start, None, None, True, level)


def fields(record: Any) -> tuple[Any, ...]:
    headers = tuple(record.headers)
    return record.partition, record.offset, record.timestamp, record.key, record.value, headers


@pytest.mark.parametrize("compression", _COMPRESSIONS.values(), ids=_COMPRESSIONS)
@pytest.mark.parametrize("start", [0, 1, 2])
def test_records_and_where_the_next_fetch_begins_are_aiokafkas(
    start: int, compression: int
) -> None:
    # The last batch, and one in between, have lost records to compaction.
    batches = (batch(0, [0, 1, 2]), batch(10, [0, 2]), batch(13, [0, 1], compression=compression))
    data = bytes(b"".join(batches))
    theirs, ours = packed(data, start), Unpacked(packed(data, start))

    expected = [fields(record) for record in theirs]
    found = [fields(record) for record in ours]

    assert found == expected
    assert len(found) == sum(offset >= start for offset in (0, 1, 2, 10, 12, 13, 14))
    assert ours.next_fetch_offset == theirs.next_fetch_offset == 15


def test_taking_goes_on_where_it_was_left() -> None:
    ours = Unpacked(packed(bytes(batch(0, [0, 1, 2])), 0))

    first = [next(iter(ours)).offset, ours.next_fetch_offset]
    rest = [record.offset for record in ours]

    assert (first, rest) == ([0, 1], [1, 2])


def test_a_control_batch_is_passed_over() -> None:
    control = batch(3, [0])
    control[_ATTRIBUTES] |= _CONTROL
    resealed(control)
    ours = Unpacked(packed(bytes(batch(0, [0, 1, 2]) + control), 0))

    assert [record.offset for record in ours] == [0, 1, 2]
    assert ours.next_fetch_offset == 4


def test_offsets_that_compaction_removed_at_the_end_are_not_fetched_again() -> None:
    shortened = batch(0, [0, 1])
    shortened[_LAST_OFFSET_DELTA : _LAST_OFFSET_DELTA + 4] = (7).to_bytes(4, "big")
    resealed(shortened)
    ours = Unpacked(packed(bytes(shortened), 0))

    assert [record.offset for record in ours] == [0, 1]
    assert ours.next_fetch_offset == 8


def test_a_damaged_batch_is_an_error() -> None:
    damaged = batch(0, [0, 1])
    damaged[-1] ^= 1

    with pytest.raises(CorruptRecordException, match="events"):
        list(Unpacked(packed(bytes(damaged), 0)))


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
def test_what_was_taken_back_is_left_out_wherever_the_fetch_begins(start: int) -> None:
    """In the middle of a batch, too, and of a transaction: who restarts begins there."""
    batches = [each for each in TRANSACTIONS if _following(each) > start]
    data = bytes(b"".join(batches))
    aborted = [each for each, end in ABORTED.items() if end >= start]  # as the broker chooses them
    theirs = packed(data, start, aborted=aborted)
    ours = Unpacked(packed(data, start, aborted=aborted))

    found = [fields(record) for record in ours]

    assert [offset for _, offset, *_ in found] == [each for each in COMMITTED if each >= start]
    assert found == [fields(record) for record in theirs]
    assert ours.next_fetch_offset == theirs.next_fetch_offset == 16


@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_fetch_that_ends_within_a_transaction_leaves_out_what_it_has_of_it(most: int) -> None:
    data = bytes(b"".join(TRANSACTIONS[:most]))
    ours = Unpacked(packed(data, 0, aborted=[(7, 0)]))

    assert [record.offset for record in ours] == [[], [2, 3], [2, 3, 4, 5, 6]][most - 1]
    assert ours.next_fetch_offset == [2, 4, 7][most - 1]


def test_a_fetch_of_nothing_but_what_was_taken_back_moves_on() -> None:
    data = bytes(batch(5, [0, 1], producer=7) + marked(7, 7) + marked(8, 9))
    ours = Unpacked(packed(data, 5, aborted=[(7, 5)]))

    assert list(ours) == []
    assert ours.next_fetch_offset == 9


def test_a_mark_whose_record_is_gone_still_ends_its_transaction() -> None:
    empty = marked(2, 7)
    empty[57:61] = bytes(4)  # how many records it has
    del empty[61:]
    empty[8:12] = (len(empty) - 12).to_bytes(4, "big")
    data = batch(0, [0, 1], producer=7) + resealed(empty) + batch(3, [0], producer=7)

    assert [each.offset for each in Unpacked(packed(bytes(data), 0, aborted=[(7, 0)]))] == [3]


def test_who_reads_uncommitted_records_gets_all_but_the_marks() -> None:
    ours = Unpacked(packed(bytes(b"".join(TRANSACTIONS)), 0, level=READ_UNCOMMITTED))

    assert [each.offset for each in ours] == [*range(7), 8, 9, 12, 13, 14]
    assert ours.next_fetch_offset == 16


def _following(data: bytearray) -> int:
    base, last = int.from_bytes(data[:8], "big"), data[_LAST_OFFSET_DELTA : _LAST_OFFSET_DELTA + 4]
    return base + int.from_bytes(last, "big") + 1


# ── headers and times ────────────────────────────────────────────────────────────────────────

NAMED: list[Header] = [("traceparent", None), ("café", b"1"), ("café", b"\xff"), ("", b"")]


@pytest.mark.parametrize("is_appended", [False, True], ids=["create time", "append time"])
@pytest.mark.parametrize("compression", _COMPRESSIONS.values(), ids=_COMPRESSIONS)
def test_a_header_whose_name_is_no_text_stops_nothing(compression: int, is_appended: bool) -> None:
    plain = batch(10, [0, 1, 2], headers=NAMED)
    made = misnamed(plain) if not compression else _compressed(misnamed(plain), compression)
    if is_appended:
        made[_ATTRIBUTES] |= _APPENDED
        resealed(made)
    data = bytes(batch(0, [0, 1]) + made + batch(13, [0]))
    with pytest.raises(UnicodeDecodeError):
        list(packed(data, 0))

    found = [fields(record) for record in Unpacked(packed(data, 0))]

    named = (("traceparent", None), ("caf\\xe9\\xff", b"1"), ("caf\\xe9\\xff", b"\xff"), ("", b""))
    times = [1_002] * 3 if is_appended else [1_000, 1_001, 1_002]
    assert [offset for _, offset, *_ in found] == [0, 1, 10, 11, 12, 13]
    assert found[2:5] == [
        (3, 10, times[0], b"k0", b"v10", named),
        (3, 11, times[1], None, None, named),
        (3, 12, times[2], b"k2", b"v12", named),
    ]


@pytest.mark.parametrize("start", [10, 11, 12, 13])
def test_a_batch_with_such_a_name_is_read_from_where_the_fetch_begins(start: int) -> None:
    data = bytes(misnamed(batch(10, [0, 1, 2], headers=NAMED)))
    ours = Unpacked(packed(data, start))

    assert [record.offset for record in ours] == list(range(start, 13))
    assert ours.next_fetch_offset == 13


def test_taking_goes_on_behind_such_a_name_where_it_was_left() -> None:
    good, bad = batch(0, [0, 1]), misnamed(batch(2, [0, 1], headers=NAMED))
    ours = Unpacked(packed(bytes(good + bad), 0))

    taken = [next(iter(ours)).offset for _ in range(3)]

    assert (taken, ours.next_fetch_offset) == ([0, 1, 2], 3)
    assert [record.offset for record in ours] == [3]


def test_thousands_of_headers_and_huge_ones_are_read() -> None:
    headers: list[Header] = [("h", None)] * 20_000 + [("n" * 70_000, b"v" * 70_000)]

    [found] = Unpacked(packed(bytes(batch(0, [0], headers=headers)), 0))

    assert list(found.headers) == headers


@pytest.mark.parametrize("magic", [0, 1])
def test_a_record_from_before_there_were_times_has_none(magic: int) -> None:
    builder = LegacyRecordBatchBuilder(magic, 0, 1000)
    builder.append(0, -1, b"k", b"v")

    [found] = Unpacked(packed(bytes(builder.build()), 0))

    assert fields(found) == (3, 0, -1, b"k", b"v", ())


def test_a_record_of_an_old_format_keeps_its_time() -> None:
    builder = LegacyRecordBatchBuilder(1, 0, 1000)
    builder.append(0, 1_234, b"k", b"v")

    assert [each.timestamp for each in Unpacked(packed(bytes(builder.build()), 0))] == [1_234]


def _compressed(plain: bytearray, compression: int) -> bytearray:
    """Return the batch with its records compressed as a producer would."""
    encode = (None, gzip_encode, snappy_encode, lz4_encode, zstd_encode)[compression]
    assert encode is not None
    made = plain[:61] + bytearray(encode(bytes(plain[61:])))
    made[8:12] = (len(made) - 12).to_bytes(4, "big")
    made[_ATTRIBUTES] |= compression
    return resealed(made)


def misnamed(made: bytearray) -> bytearray:
    """Make the names of headers that begin with ``caf`` such as a client wrote who knows bytes
    only."""
    return resealed(made.replace("café".encode(), b"caf\xe9\xff"))
