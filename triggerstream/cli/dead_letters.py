"""Reading a dead-letter topic, from its beginning to where it ends now."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import msgspec

PREFIX = "x-dlq-"
ORIGIN = ("topic", "partition", "offset", "timestamp")
"""The notes that say where a letter was found."""


class Letter(msgspec.Struct, frozen=True):
    """One dead letter: the record as it was, and what was noted about it.

    Attributes:
        notes: The ``x-dlq-…`` headers without that prefix: reason, error, topic, partition, offset…
        headers: The record's own.
    """

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    notes: Mapping[str, str]
    headers: tuple[tuple[str, bytes], ...]

    @property
    def reason(self) -> str:
        return self.notes.get("reason", "unknown")


def as_letter(
    partition: int,
    offset: int,
    key: bytes | None,
    value: bytes | None,
    headers: Iterable[tuple[str, bytes]],
) -> Letter:
    """Return a record of a dead-letter topic as a letter."""
    notes: dict[str, str] = {}
    own: list[tuple[str, bytes]] = []
    for name, content in headers:
        if name.startswith(PREFIX):
            notes[name.removeprefix(PREFIX)] = content.decode(errors="backslashreplace")
        else:
            own.append((name, content))
    return Letter(partition, offset, key, value, notes, tuple(own))


async def read_letters(options: Mapping[str, Any], topic: str) -> AsyncIterator[Letter]:
    """Yield the letters of *topic* that are there now, partition by partition, in offset order.

    *options* say how to reach the brokers (`stream.connection.client_options`).
    """
    from aiokafka import AIOKafkaConsumer

    consumer = AIOKafkaConsumer(
        topic, **options, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    try:
        await consumer.start()
        ends = await consumer.end_offsets(consumer.assignment())
        await consumer.seek_to_beginning()
        for place, end in ends.items():
            others = [other for other in ends if other != place]
            consumer.pause(*others)
            consumer.resume(place)
            while await consumer.position(place) < end:
                for record in (await consumer.getmany(place, timeout_ms=1000)).get(place, ()):
                    if record.offset < end:
                        yield as_letter(
                            place.partition,
                            record.offset,
                            record.key,
                            record.value,
                            record.headers,
                        )
    finally:
        await consumer.stop()


def printable(value: bytes | None, limit: int) -> str:
    """Return *value* as text that cannot steer a terminal, cut after *limit* bytes."""
    if value is None:
        return "(null)"
    text = value[:limit].decode(errors="backslashreplace")
    shown = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
    return shown if len(value) <= limit else f"{shown}… ({len(value)} bytes)"


def as_json(letter: Letter) -> dict[str, Any]:
    """Return *letter* for `json`, with bytes as text where they are UTF-8 and else in base64."""
    origin = {name: letter.notes.get(name) for name in ORIGIN}
    return {
        "partition": letter.partition,
        "offset": letter.offset,
        "reason": letter.reason,
        "error": letter.notes.get("error"),
        "origin": origin,
        "key": _as_text(letter.key),
        "value": _as_text(letter.value),
        "headers": {name: _as_text(content) for name, content in letter.headers},
    }


def _as_text(value: bytes | None) -> Any:
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(value).decode()}
