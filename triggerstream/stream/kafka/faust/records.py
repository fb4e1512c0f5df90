"""Records as the consumer hands them over: with the fields that are read, and nothing else.

aiokafka makes an object of eleven fields for each record, by way of two calls and a generator.
`lighten` has a fetcher unpack what it has fetched into `Record` instead, which takes less than
half of the time (`benchmarks/edge.py`), and gives the garbage collector nothing to look at.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from aiokafka.consumer.fetcher import Fetcher, FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException


class Record(msgspec.Struct, gc=False):
    """One record (`core.keyed.program.Record`)."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Unpacked:
    """Does what aiokafka's ``PartitionRecords`` does for who reads uncommitted records: yields
    what a fetch brought of one partition, and says where the next one begins."""

    def __init__(self, packed: PartitionRecords) -> None:
        self.next_fetch_offset: int = packed.next_fetch_offset
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
            if not batch.is_control_batch:
                for found in batch:
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
            # Compaction may have removed the batch's last records.
            self.next_fetch_offset = batch.next_offset


class _Lightening(OrderedDict[Any, Any]):
    """A fetcher's results by partition, each unpacked in our way."""

    def __setitem__(self, tp: Any, result: Any) -> None:
        if isinstance(result, FetchResult):
            result._partition_records = Unpacked(result._partition_records)  # noqa: SLF001
        super().__setitem__(tp, result)


def lighten(fetcher: Fetcher) -> None:
    """Have *fetcher*, which has fetched nothing yet, hand out `Record`."""
    fetcher._records = _Lightening(fetcher._records)  # noqa: SLF001 - see the plug-point tests
