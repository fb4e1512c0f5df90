"""Records as our consumers hand them over: committed ones, with the fields that are read.

aiokafka makes an object of eleven fields for each record, by way of two calls and a generator.
`lighten` has a fetcher unpack what it has fetched into `Record` instead, which takes less than
half of the time (`benchmarks/edge.py`), and gives the garbage collector nothing to look at.

What a transaction took back is left out, by the list that the broker sends with what it sends to
who reads committed records. And no header stops the reading: aiokafka refuses a whole batch for a
header's name that is not UTF-8, which brokers take, and which would be there at every restart.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from aiokafka.consumer import fetcher as aiokafka_fetcher
from aiokafka.consumer.fetcher import READ_COMMITTED, Fetcher, FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecord
from aiokafka.record.memory_records import MemoryRecords

from triggerstream.core.records.record import Header
from triggerstream.stream.kafka.batch import read_batch

NO_TIME: Final = -1
"""The timestamp of a record that has none, as Kafka says it since 0.11."""


class Record(msgspec.Struct, gc=False):
    """One record (`core.records.record.Record`)."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]


class Fetched(MemoryRecords):  # type: ignore[misc]  # aiokafka is untyped
    """The record batches that a fetch brought of one partition, and the *data* they are in."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


# Every fetcher of the process makes them by this name; for those of others nothing changes.
aiokafka_fetcher.MemoryRecords = Fetched


class Unpacked:
    """Does what aiokafka's ``PartitionRecords`` does: yields what a fetch brought of one
    partition, and says where the next one begins."""

    def __init__(self, packed: PartitionRecords) -> None:
        self.next_fetch_offset: int = packed.next_fetch_offset
        self._aborted = Aborted(packed) if packed._isolation_level == READ_COMMITTED else None  # noqa: SLF001
        self._records = self._unpack(packed)

    def __iter__(self) -> Iterator[Record]:
        return self._records

    def _unpack(self, packed: PartitionRecords) -> Iterator[Record]:
        batches, tp = packed._records, packed._tp  # noqa: SLF001 - see the plug-point tests
        partition = tp.partition
        while batches.has_next():
            batch = batches.next_batch()
            if not batch.validate_crc():
                raise CorruptRecordException(f"Invalid CRC - {tp}")
            if not self._is_passed_over(batch):
                try:
                    for found in batch if batch.producer_id is not None else _timed(batch):
                        offset = found.offset
                        # A fetch begins with the whole batch that its offset is in.
                        if offset >= self.next_fetch_offset:
                            self.next_fetch_offset = offset + 1
                            yield Record(
                                partition,
                                offset,
                                found.timestamp,
                                found.key,
                                found.value,
                                found.headers,
                            )
                except UnicodeDecodeError:
                    yield from self._read_anew(partition, batches.data, batch.base_offset)
            # Compaction may have removed the batch's last records.
            self.next_fetch_offset = batch.next_offset

    def _is_passed_over(self, batch: Any) -> bool:
        """Return whether *batch* holds a mark, or records that were taken back."""
        if self._aborted is not None and batch.is_transactional:
            return self._aborted.has(batch) or batch.is_control_batch
        return bool(batch.is_control_batch)

    def _read_anew(self, partition: int, data: bytes, base_offset: int) -> Iterator[Record]:
        """Yield what is left of the batch at *base_offset*, whatever its headers are called."""
        for row in read_batch(data, base_offset):
            if row[0] >= self.next_fetch_offset:
                self.next_fetch_offset = row[0] + 1
                yield Record(partition, *row)


def _timed(batch: Any) -> Iterator[Any]:
    """Yield the records of a *batch* from before Kafka 0.11, which may have no time at all."""
    for found in batch:
        if found.timestamp is None:
            yield DefaultRecord(found.offset, NO_TIME, 0, found.key, found.value, [])
        else:
            yield found


class Aborted:
    """Which batches of one fetch belong to transactions that were taken back.

    The broker names each of these transactions that reaches into what it sends: its producer and
    its first offset. It ends with the producer's next mark. What a fetch brings ends below the
    last stable offset, so of every transaction in it is known how it ended.
    """

    def __init__(self, packed: PartitionRecords) -> None:
        named = packed._aborted_transactions  # noqa: SLF001 - by first offset, ascending
        self._ahead = deque(named)
        self._producers: set[int] = set()

    def has(self, batch: Any) -> bool:
        """Return whether *batch*, the next transactional one, is to be left out; a mark is not."""
        ahead, producers = self._ahead, self._producers
        while ahead and ahead[0][1] < batch.next_offset:
            producers.add(ahead.popleft()[0])
        if batch.is_control_batch:
            producers.discard(batch.producer_id)
            return False
        return batch.producer_id in producers


class _Lightening(OrderedDict[Any, Any]):
    """A fetcher's results by partition, each unpacked in our way."""

    def __setitem__(self, tp: Any, result: Any) -> None:
        if isinstance(result, FetchResult):
            result._partition_records = Unpacked(result._partition_records)  # noqa: SLF001
        super().__setitem__(tp, result)


def lighten(fetcher: Fetcher) -> None:
    """Have *fetcher*, which has fetched nothing yet, hand out `Record`."""
    fetcher._records = _Lightening(fetcher._records)  # noqa: SLF001 - see the plug-point tests
