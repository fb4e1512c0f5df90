"""Records as our consumers hand them over: committed ones, in columns.

aiokafka makes an object of eleven fields for each record, by way of two calls and a generator.
`lighten` has a fetcher hand out `Unpacked` instead, of which records are taken in columns, many
batches in one call (`benchmarks/edge.py`).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from aiokafka.consumer import fetcher as aiokafka_fetcher
from aiokafka.consumer.fetcher import Fetcher, FetchResult
from aiokafka.record.memory_records import MemoryRecords

from triggerstream.stream.kafka.unpacked import ALL, Unpacked


class Fetched(MemoryRecords):  # type: ignore[misc]  # aiokafka is untyped
    """The record batches that a fetch brought of one partition, and the *data* they are in."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


class Result(FetchResult):  # type: ignore[misc]
    """What a fetch brought of one partition, as aiokafka keeps it until it is asked for."""

    _partition_records: Any

    def getall(self, max_records: int | None = None) -> Any:
        """Return the next records in columns, or, for who wants it so, all that was fetched, unread
        (`Unpacked`); for consumers of others what aiokafka returns."""
        unpacked = self._partition_records
        if not isinstance(unpacked, Unpacked):
            return super().getall(max_records)
        if not self.check_assignment(self._topic_partition):
            return ()
        if unpacked.is_whole:
            self._assignment.state_value(self._topic_partition).consumed_to(unpacked.end)
            self._partition_records = None
            return unpacked
        records = unpacked.take(ALL if max_records is None else max_records)
        self._update_position()
        if unpacked.is_over:
            self._partition_records = None
        return records


# Every fetcher of the process makes them by these names; for those of others nothing changes.
aiokafka_fetcher.MemoryRecords = Fetched
aiokafka_fetcher.FetchResult = Result


class _Lightening(OrderedDict[Any, Any]):
    """A fetcher's results by partition, each unpacked in our way."""

    is_whole = False

    def __setitem__(self, tp: Any, result: Any) -> None:
        if isinstance(result, FetchResult):
            packed = result._partition_records  # noqa: SLF001 - see the plug-point tests
            result._partition_records = Unpacked(packed, is_whole=self.is_whole)  # noqa: SLF001
        super().__setitem__(tp, result)


def lighten(fetcher: Fetcher, *, is_whole: bool = False) -> None:
    """Have *fetcher*, which has fetched nothing yet, hand out records in columns; or where it
    *is_whole*, what a fetch brought of a partition at once, unread."""
    lightening = _Lightening(fetcher._records)  # noqa: SLF001 - see the plug-point tests
    lightening.is_whole = is_whole
    fetcher._records = lightening  # noqa: SLF001
