"""How a batch is read into columns, a turn's worth of records at a time.

Batches that are not compressed are read by our own reader (`stream.kafka.batch`) where that is
compiled, and all others by aiokafka's. No header stops the reading: what aiokafka refuses for a
header's name that is not UTF-8 goes to ours, whichever reader began.
"""

from __future__ import annotations

from itertools import chain, islice
from typing import Any, Final

from aiokafka.record.default_records import DefaultRecord

from triggerstream.stream.kafka import batch as own_reader
from triggerstream.stream.kafka.batch import Filling, read_records

NO_TIME: Final = -1
"""The timestamp of a record that has none, as Kafka says it since 0.11."""
IS_COMPILED: Final = not str(own_reader.__file__).endswith(".py")
"""Whether our own reader is compiled; in plain Python aiokafka's is faster."""

_APPENDED: Final = 0x08
"""Of a batch's attributes: its records' time is that of their append."""


class Own:
    """Reads a batch of *count* records with our own reader: what is in *source* with *begin* <=
    position < *end*."""

    def __init__(self, batch: Any, count: int, source: bytes, begin: int, end: int) -> None:
        self._left, self._source, self._position, self._end = count, source, begin, end
        self._base_offset = batch.base_offset
        self._is_appended = bool(batch.attributes & _APPENDED)
        self._base_timestamp = batch.max_timestamp if self._is_appended else batch.first_timestamp

    def read(self, into: Filling, most: int, since: int) -> bool:
        """Read on, until *into* has *most* records at most, leaving out those below the offset
        *since*; return whether the batch has ended.

        Raises:
            ValueError: Its records do not fill it.
            IndexError: They do not end.
        """
        count = min(self._left, most - len(into.offsets))
        self._position = read_records(
            self._source,
            self._position,
            count,
            base_offset=self._base_offset,
            base_timestamp=self._base_timestamp,
            is_appended=self._is_appended,
            since=since,
            into=into,
        )
        self._left -= count
        if not self._left and self._position != self._end:
            raise ValueError(f"{self._position - self._end} bytes beyond its records' end")
        return not self._left


class Theirs:
    """Reads a batch of *count* records with aiokafka's reader."""

    def __init__(self, batch: Any, count: int) -> None:
        # A batch of theirs may be iterated once.
        self._records, self._left = chain(batch), count

    def read(self, into: Filling, most: int, since: int) -> bool:
        """Do what `Own.read` does.

        Raises:
            UnicodeDecodeError: The name of a header is no text; the batch cannot be gone on with.
        """
        offsets, timestamps, keys, values = into.offsets, into.timestamps, into.keys, into.values
        count = most - len(offsets)
        # To its end, where it looks whether all of its bytes were records.
        records = self._records if count >= self._left else islice(self._records, count)
        self._left -= count
        # `Filling.add`, without a call for each record.
        for found in records:
            if (offset := found.offset) >= since:
                if headers := found.headers:
                    into.headers[len(offsets)] = headers
                offsets.append(offset)
                timestamps.append(found.timestamp)
                keys.append(found.key)
                values.append(found.value)
        return self._left <= 0


def timed(found: Any) -> DefaultRecord:
    """Return a record from before Kafka 0.11, which may have no time at all, with one."""
    timestamp = NO_TIME if found.timestamp is None else found.timestamp
    return DefaultRecord(found.offset, timestamp, 0, found.key, found.value, [])
