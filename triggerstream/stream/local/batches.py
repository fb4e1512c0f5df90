"""What a row of the log holds: records in columns, and how they become bytes and `Columns` again.

A row is up to `MOST` records of one append. Its bytes are a checksum of four bytes and then, in
msgpack, keys, values, headers by index, and, where records were removed, which are left. Columns
are written and read as a whole, without an object a record: some 0.1 and 0.2 us of each record
(``benchmarks/local_log.py``).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from triggerstream.core.records.columns import Columns, Row
from triggerstream.core.records.record import Header, Produce, size_of
from triggerstream.errors import ProtocolError, TooLargeError, WorldChangedError
from triggerstream.stream.ports import DEAD_LETTER_LIMIT, RECORD_LIMIT

MOST: Final = 500
"""Records of a row, at most."""
LARGEST: Final = 512 << 10
"""Bytes of a row of several records, about; one record alone may be larger."""
_ENVELOPE: Final = 4096
"""Bytes left for what a batch has beside its record: the limits are the same on Kafka."""
_CHECKSUM: Final = 4

_NO_HEADERS: Final[Sequence[Header]] = ()


class Batch(msgspec.Struct, array_like=True, gc=False):
    """The records of one row.

    Attributes:
        headers: By index, of those records that have any.
        places: How far above the row's base each record's offset is; ``None`` where all are there.
    """

    keys: list[bytes | None]
    values: list[bytes | None]
    headers: dict[int, list[Header]]
    places: list[int] | None = None


class Stored(msgspec.Struct, frozen=True, gc=False):
    """A row as it stands in the database.

    Attributes:
        count: How many offsets it takes: also those of records that were removed.
        timestamp: When the log took it, epoch milliseconds.
    """

    base: int
    count: int
    timestamp: int
    blob: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Batch).decode


def pack(batch: Batch) -> bytes:
    """Return the bytes of *batch*."""
    packed = _encode(batch)
    return zlib.crc32(packed).to_bytes(_CHECKSUM, "big") + packed


HOLLOW: Final = pack(Batch([], [], {}, []))
"""What a row holds whose records are all removed. A topic's last row stays, for its offsets."""


def unpack(topic: str, row: Stored) -> Batch:
    """Return what *row* of *topic* holds.

    Raises:
        WorldChangedError: It is not what was written.
    """
    view = memoryview(row.blob)
    try:
        if zlib.crc32(view[_CHECKSUM:]) == int.from_bytes(view[:_CHECKSUM], "big"):
            return _decode(view[_CHECKSUM:])
        found = "its checksum is not that of its bytes"
    except msgspec.DecodeError as error:
        found = str(error)
    raise WorldChangedError(
        f"the log is damaged: {topic}, the records from offset {row.base} on: {found}. Put the "
        "installation's directory back from a backup; starting again does not help"
    )


def rows_of(topic: str, records: Sequence[Produce]) -> Iterator[tuple[int, bytes]]:
    """Yield (number of records, bytes) of the rows that *records*, all of *topic*, become.

    Raises:
        TooLargeError: A record is larger than the topic takes.
        ProtocolError: Its partition is not 0.
    """
    limit = DEAD_LETTER_LIMIT if topic.endswith(".dlq") else RECORD_LIMIT
    batch, filled = Batch([], [], {}), 0
    for record in records:
        if record.partition:
            message = f"{topic}: required is partition 0, the only one; found {record.partition}"
            raise ProtocolError(message)
        size = size_of(record.key, record.value, record.headers)
        if size + _ENVELOPE > limit:
            message = f"{topic}/0: a record of at most {limit} bytes is required; "
            raise TooLargeError(f"{message}found {size + _ENVELOPE}")
        if batch.keys and (len(batch.keys) == MOST or filled + size > LARGEST):
            yield len(batch.keys), pack(batch)
            batch, filled = Batch([], [], {}), 0
        if record.headers:
            batch.headers[len(batch.keys)] = list(record.headers)
        batch.keys.append(record.key)
        batch.values.append(record.value)
        filled += size
    if batch.keys:
        yield len(batch.keys), pack(batch)


def without(batch: Batch, row: Stored, goes: Callable[[Row], bool]) -> Batch | None:
    """Return *batch*, which *row* holds, without the records that go, or ``None`` if none does.
    Those that stay keep their offsets."""
    places = range(row.count) if batch.places is None else batch.places
    stay = [
        index
        for index, place in enumerate(places)
        if not goes(
            Row(
                0,
                row.base + place,
                row.timestamp,
                batch.keys[index],
                batch.values[index],
                batch.headers.get(index, _NO_HEADERS),
            )
        )
    ]
    if len(stay) == len(batch.keys):
        return None
    headers = batch.headers
    return Batch(
        [batch.keys[index] for index in stay],
        [batch.values[index] for index in stay],
        {new: headers[old] for new, old in enumerate(stay) if old in headers},
        [places[index] for index in stay],
    )


class Gathering:
    """Columns that are being filled with what stands in rows."""

    def __init__(self) -> None:
        self._offsets: list[int] = []
        self._timestamps: list[int] = []
        self._keys: list[bytes | None] = []
        self._values: list[bytes | None] = []
        self._headers: dict[int, Sequence[Header]] = {}

    def __len__(self) -> int:
        return len(self._offsets)

    def add(self, row: Stored, batch: Batch, since: int, most: int) -> int:
        """Add the records of *batch* from offset *since* on until there are *most*; return the
        offset behind what was looked at."""
        places = range(row.count) if batch.places is None else batch.places
        start = 0
        if since > row.base:
            start = sum(1 for place in places if row.base + place < since)
        end = min(len(places), start + most - len(self._offsets))
        at = len(self._offsets) - start
        for index, headers in batch.headers.items():
            if start <= index < end:
                self._headers[at + index] = headers
        self._offsets += [row.base + place for place in places[start:end]]
        self._timestamps += [row.timestamp] * (end - start)
        self._keys += batch.keys[start:end]
        self._values += batch.values[start:end]
        return row.base + row.count if end == len(places) else row.base + places[end]

    def columns(self) -> Columns:
        return Columns(0, self._offsets, self._timestamps, self._keys, self._values, self._headers)
