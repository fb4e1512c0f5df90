"""Record batches as brokers send them, and what aiokafka makes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

from triggerstream.core.records.record import Header
from triggerstream.stream.kafka.records import Fetched

COMPRESSIONS = {"plain": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
ATTRIBUTES, APPENDED, CONTROL = 22, 0x08, 0x20
LAST_OFFSET_DELTA = 23


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
    made[ATTRIBUTES] |= CONTROL
    return resealed(made)


def packed(
    data: bytes,
    start: int,
    *,
    aborted: list[tuple[int, int]] | None = None,
    level: int = READ_COMMITTED,
    batches: Callable[[bytes], Any] = Fetched,
) -> PartitionRecords:
    tp = TopicPartition("events", 3)
    return PartitionRecords(tp, batches(data), aborted, start, None, None, True, level)


def fields(record: Any) -> tuple[Any, ...]:
    headers = tuple(record.headers)
    return record.partition, record.offset, record.timestamp, record.key, record.value, headers
