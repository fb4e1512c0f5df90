"""Reading the records of a batch by ourselves, into columns.

Where this module is compiled (``hatch_build.py``), it reads all batches that are not compressed;
in plain Python, aiokafka's own reader is four times as fast (`stream.kafka.readers`). Either way
it reads those that aiokafka refuses: a whole batch for a header's name that is not UTF-8.
"""

from __future__ import annotations

from typing import Final

from triggerstream.core.records.columns import Columns
from triggerstream.core.records.record import Header

_NONE: Final[list[Header]] = []


class Filling:
    """Columns that are being filled, with records of ascending offsets."""

    def __init__(self) -> None:
        self.offsets: list[int] = []
        self.timestamps: list[int] = []
        self.keys: list[bytes | None] = []
        self.values: list[bytes | None] = []
        self.headers: dict[int, list[Header]] = {}

    def add(
        self,
        offset: int,
        timestamp: int,
        key: bytes | None,
        value: bytes | None,
        headers: list[Header],
    ) -> None:
        if headers:
            self.headers[len(self.offsets)] = headers
        self.offsets.append(offset)
        self.timestamps.append(timestamp)
        self.keys.append(key)
        self.values.append(value)

    def columns(self, partition: int) -> Columns:
        """Return what has been filled in, by now."""
        return Columns(
            partition, self.offsets, self.timestamps, self.keys, self.values, self.headers
        )


def read_records(
    source: bytes,
    position: int,
    count: int,
    *,
    base_offset: int,
    base_timestamp: int,
    is_appended: bool,
    since: int,
    into: Filling,
) -> int:
    """Add to *into* the next *count* records of a batch, which stand in *source* from *position*
    on; return the position behind them.

    What is kept of *source* is copied: a value that somebody holds pins no fetch in memory. The
    batch's checksum has been found right, so that its structure is as the broker checked it.

    Args:
        base_timestamp: What the records' timestamps are counted from; all of them have this one
            if the batch *is_appended*, which is when the log took it.
        since: Records at lower offsets are left out.

    Raises:
        IndexError: They do not end within *source*.
    """
    for _ in range(count):
        _, position = _number(source, position)  # how long the record is
        position += 1  # its attributes, of which there are none
        later, position = _number(source, position)
        above, position = _number(source, position)
        key, position = _text(source, position)
        value, position = _text(source, position)
        headers: list[Header] = _NONE
        named, position = _number(source, position)
        if named > 0:
            headers, position = _headers(source, position, named)
        offset = base_offset + above
        if offset >= since:
            timestamp = base_timestamp if is_appended else base_timestamp + later
            into.add(offset, timestamp, key, value, headers)
    return position


def _headers(source: bytes, position: int, count: int) -> tuple[list[Header], int]:
    headers: list[Header] = []
    for _ in range(count):
        name, position = _text(source, position)
        content, position = _text(source, position)
        headers.append(((name or b"").decode(errors="backslashreplace"), content))
    return headers, position


def _text(source: bytes, position: int) -> tuple[bytes | None, int]:
    """Return the bytes at *position*, or ``None`` for null, and where they end."""
    length, position = _number(source, position)
    if length < 0:
        return None, position
    return source[position : position + length], position + length


def _number(source: bytes, position: int) -> tuple[int, int]:
    """Return the number at *position*, as Kafka writes those of a record, and where it ends."""
    byte = source[position]
    position += 1
    found = byte & 0x7F
    shift = 7
    while byte >= 0x80:
        byte = source[position]
        position += 1
        found |= (byte & 0x7F) << shift
        shift += 7
    return (found >> 1) ^ -(found & 1), position
