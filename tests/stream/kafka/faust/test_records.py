"""`Unpacked` yields what aiokafka's own unpacking yields, and ends where that ends."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.consumer.fetcher import READ_UNCOMMITTED, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from triggerstream.stream.kafka.faust.records import Unpacked

_COMPRESSIONS = {"plain": 0, "gzip": 1, "lz4": 3}
_ATTRIBUTES, _CONTROL = 22, 0x20
_LAST_OFFSET_DELTA = 23


def batch(base: int, offsets: list[int], *, compression: int = 0) -> bytearray:
    """Return a record batch whose records stand *offsets* above *base*."""
    builder = DefaultRecordBatchBuilder(
        2,
        compression,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=0,
        batch_size=100_000,
    )
    for offset in offsets:
        key, value = (None, None) if offset == 1 else (b"k%d" % offset, b"v%d" % (base + offset))
        builder.append(
            offset, 1_000 + offset, key=key, value=value, headers=[("h", b"%d" % offset)]
        )
    made = bytearray(builder.build())
    made[:8] = base.to_bytes(8, "big")
    return made


def packed(data: bytes, start: int, *, checks: bool = True) -> PartitionRecords:
    return PartitionRecords(
        TopicPartition("events", 3), MemoryRecords(data), [], start, None, None, checks,
        READ_UNCOMMITTED,
    )  # fmt: skip


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


def resealed(data: bytearray) -> None:
    """Make the checksum of a batch right again."""
    crc = 0xFFFFFFFF
    for byte in data[21:]:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    data[17:21] = (crc ^ 0xFFFFFFFF).to_bytes(4, "big")
