"""Reading a record batch by ourselves: for headers whose names are not UTF-8, which aiokafka
refuses together with the whole batch. Slow, and seldom asked for."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final

from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.util import decode_varint

from triggerstream.core.records.record import Header

Row = tuple[int, int, bytes | None, bytes | None, list[Header]]
"""Offset, timestamp, key, value, headers."""

_LEADING: Final = struct.Struct(">qi")
"""A batch begins with its first offset, and the length of what follows."""


def read_batch(data: bytes, base_offset: int) -> Iterator[Row]:
    """Yield the records of the batch in *data* that begins at *base_offset*, in offset order.

    Its checksum has been found right, so that its structure is as the broker checked it.

    Raises:
        LookupError: There is no such batch.
    """
    # aiokafka's own batch in pure Python: it knows the header and how to decompress.
    batch = _DefaultRecordBatchPy(_cut_out(data, base_offset))
    batch._maybe_uncompress()  # noqa: SLF001 - see the plug-point tests
    position = batch._pos  # noqa: SLF001
    source = bytes(batch._buffer)  # noqa: SLF001
    is_appended = batch.timestamp_type == batch.LOG_APPEND_TIME
    for _ in range(batch._num_records):  # noqa: SLF001
        _, position = decode_varint(source, position)  # how long the record is
        position += 1  # its attributes, of which there are none
        later, position = decode_varint(source, position)
        above, position = decode_varint(source, position)
        key, position = _text(source, position)
        value, position = _text(source, position)
        headers, position = _headers(source, position)
        timestamp = batch.max_timestamp if is_appended else batch.first_timestamp + later
        yield base_offset + above, timestamp, key, value, headers


def _headers(source: bytes, position: int) -> tuple[list[Header], int]:
    count, position = decode_varint(source, position)
    headers: list[Header] = []
    for _ in range(count):
        name, position = _text(source, position)
        content, position = _text(source, position)
        headers.append(((name or b"").decode(errors="backslashreplace"), content))
    return headers, position


def _text(source: bytes, position: int) -> tuple[bytes | None, int]:
    """Return the bytes at *position*, or ``None`` for null, and where they end."""
    length, position = decode_varint(source, position)
    if length < 0:
        return None, position
    return source[position : position + length], position + length


def _cut_out(data: Any, base_offset: int) -> Any:
    position = 0
    while position < len(data):
        base, length = _LEADING.unpack_from(data, position)
        end = position + _LEADING.size + length
        if base == base_offset:
            return data[position:end]
        position = end
    message = f"a batch at offset {base_offset} is required; found none"
    raise LookupError(message)
