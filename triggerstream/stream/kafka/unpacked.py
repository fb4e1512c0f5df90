"""What a fetch brought of one partition: which of its batches hold records, and how far they have
been read.

What a transaction took back is left out, by the list that the broker sends with what it sends to
who reads committed records.
"""

from __future__ import annotations

import struct
import sys
from collections import deque
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

from triggerstream.core.records.columns import Columns, Row
from triggerstream.stream.kafka.batch import Filling
from triggerstream.stream.kafka.readers import IS_COMPILED, Own, Theirs, timed

ALL: Final = sys.maxsize
"""As many records as there are."""

_BEGIN: Final = struct.Struct(">qi4xb")
"""How a batch begins in all formats: its offset, how long it is behind that, and its format."""
_OVERHEAD: Final = 12
"""Bytes of a batch that its length does not count."""
_MAGIC: Final = 2
"""The format since Kafka 0.11. A batch's offset is that of its first record; in those before, of
its last one."""
_LAST_OFFSET: Final = 23
"""Where a batch of this format says how far above its offset its last one was when it was made."""
_COUNT: Final = 57
"""Where it says in four bytes how many records it has."""
_RECORDS: Final = 61
"""Where these begin."""


class _Place(NamedTuple):
    """Where a batch stands in what was fetched, with *begin* <= position < *end*; its format, and
    the offset behind it."""

    begin: int
    end: int
    magic: int
    following: int


def _whole_batches(data: bytes) -> Iterator[_Place]:
    """Yield the batches in *data*; the last one may not be whole, and is left out then."""
    begin = 0
    while begin + _BEGIN.size <= len(data):
        offset, length, magic = _BEGIN.unpack_from(data, begin)
        end = begin + _OVERHEAD + length
        if length <= 0 or end > len(data):
            break
        if magic >= _MAGIC:
            at = begin + _LAST_OFFSET
            offset += int.from_bytes(data[at : at + 4], "big")
        yield _Place(begin, end, magic, offset + 1)
        begin = end


class Unpacked:
    """Does what aiokafka's ``PartitionRecords`` does: hands out what a fetch brought of one
    partition, and says where the next one begins.

    Args:
        is_whole: Whether it is handed on as it is, to be read elsewhere.
        by_own_reader: Whether batches that are not compressed are read by our own reader.

    Attributes:
        next_fetch_offset: The offset behind what has been taken.
    """

    def __init__(
        self,
        packed: PartitionRecords,
        *,
        is_whole: bool = False,
        by_own_reader: bool = IS_COMPILED,
    ) -> None:
        self.is_whole = is_whole
        self.next_fetch_offset: int = packed.next_fetch_offset
        self._packed = packed._records  # noqa: SLF001 - see the plug-point tests
        self._tp = packed._tp  # noqa: SLF001
        self._aborted = Aborted(packed) if packed._isolation_level == READ_COMMITTED else None  # noqa: SLF001
        self._by_own_reader = by_own_reader
        self._places = deque(_whole_batches(self._packed.data))
        # aiokafka takes all for what the first one is, and fails where others follow.
        self._is_mixed = len({place.magic < _MAGIC for place in self._places}) > 1
        # The batch under way, of which the first records may have been taken.
        self._batch: Any = None
        self._part: Own | Theirs | None = None

    @property
    def is_over(self) -> bool:
        """Whether all has been taken."""
        return self._part is None and not self._places

    @property
    def end(self) -> int:
        """The offset behind all that was fetched, by what its batches say of themselves."""
        if self._places:
            return self._places[-1].following
        return self.next_fetch_offset if self._part is None else int(self._batch.next_offset)

    def take(self, most: int = ALL) -> Columns:
        """Return the next records: *most* of them, or what there is.

        There may be none: marks of transactions, and records that were taken back.

        Raises:
            CorruptRecordException: A batch is not what its producer made.
        """
        into = Filling()
        while len(into.offsets) < most and not self.is_over:
            if self._part is None:
                self._part = self._begin()
            # A fetch begins with the whole batch that its offset is in.
            if self._part is None or self._read_on(self._part, into, most):
                self._part = None
                # Compaction may have removed the batch's last records.
                self.next_fetch_offset = self._batch.next_offset
            elif into.offsets:
                self.next_fetch_offset = into.offsets[-1] + 1
        return into.columns(self._tp.partition)

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        while not self.is_over:
            if records := self.take(1):
                return records[0]
        raise StopIteration

    # ── one batch ───────────────────────────────────────────────────────────────────────────

    def _begin(self) -> Own | Theirs | None:
        """Return how the next batch is read, or ``None`` where it is passed over."""
        self._place, data = self._places.popleft(), self._packed.data
        begin, end = self._place.begin, self._place.end
        packed = MemoryRecords(data[begin:end]) if self._is_mixed else self._packed
        self._batch = batch = packed.next_batch()
        if not batch.validate_crc():
            raise self._damaged("its checksum is not that of its bytes")
        if self._is_passed_over(batch):
            return None
        if batch.producer_id is None:
            old = list(map(timed, batch))
            return Theirs(old, len(old))
        count = self._count()
        if self._by_own_reader and not batch.compression_type:
            return Own(batch, count, data, begin + _RECORDS, end)
        return Theirs(batch, count)

    def _count(self) -> int:
        at = self._place.begin + _COUNT
        return int.from_bytes(self._packed.data[at : at + 4], "big")

    def _is_passed_over(self, batch: Any) -> bool:
        """Return whether *batch* holds a mark, or records that were taken back."""
        if self._aborted is not None and batch.is_transactional:
            return self._aborted.has(batch) or batch.is_control_batch
        return bool(batch.is_control_batch)

    def _read_on(self, part: Own | Theirs, into: Filling, most: int) -> bool:
        """Read of the batch under way until *into* has *most* records; return whether that was
        all of it."""
        try:
            return part.read(into, most, self.next_fetch_offset)
        except UnicodeDecodeError:
            # aiokafka's own batch in pure Python knows how to decompress.
            plain = _DefaultRecordBatchPy(self._packed.data[self._place.begin : self._place.end])
            plain._maybe_uncompress()  # noqa: SLF001 - see the plug-point tests
            source = bytes(plain._buffer)  # noqa: SLF001
            self._part = Own(self._batch, self._count(), source, plain._pos, len(source))  # noqa: SLF001
            return False
        except (IndexError, ValueError) as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, found: str) -> CorruptRecordException:
        """Return the error, and forget what is left: whoever goes on fetches it again."""
        self._places.clear()
        self._part = None
        where = f"{self._tp.topic}/{self._tp.partition}"
        return CorruptRecordException(
            f"{where}: the batch before {self._batch.next_offset}: {found}"
        )


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
