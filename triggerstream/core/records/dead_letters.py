"""``<input>.dlq.v1``, written and read: records that could not be read, and why."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from triggerstream.core.records.record import Header, Produce, size_of

MOST_KEPT = 15 * 1024 * 1024
"""Bytes of a dead record that are kept: what the dead-letter topic takes, less our headers."""

_KEY_KEPT = 65_536

PREFIX = "x-dlq-"
NOTES = ("reason", "error", "topic", "partition", "offset", "timestamp", "truncated")
"""What is noted about a letter, in the order in which it stands before the record's own headers."""
ORIGIN = ("topic", "partition", "offset", "timestamp")
"""The notes that say where a letter was found."""


class DeadLetter(msgspec.Struct, frozen=True):
    """A record that could not be read, as it was, with its origin."""

    reason: str
    detail: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()


class Letter(msgspec.Struct, frozen=True):
    """One dead letter: the record as it was, and what was noted about it.

    Attributes:
        notes: What our ``x-dlq-…`` headers say, by their names without that prefix (`NOTES`).
        headers: The record's own.
    """

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    notes: Mapping[str, str]
    headers: tuple[Header, ...]

    @property
    def reason(self) -> str:
        return self.notes.get("reason", "unknown")


def as_letter(
    partition: int,
    offset: int,
    key: bytes | None,
    value: bytes | None,
    headers: Iterable[Header],
) -> Letter:
    """Return a record of a dead-letter topic as a letter.

    A record that had been a dead letter before has such notes among its own headers, and whoever
    wrote it may have put anything there: of each note the first counts.
    """
    notes: dict[str, str] = {}
    own: list[Header] = []
    for name, content in headers:
        note = name.removeprefix(PREFIX)
        if note != name and note in NOTES and note not in notes and content is not None:
            notes[note] = content.decode(errors="backslashreplace")
        else:
            own.append((name, content))
    return Letter(partition, offset, key, value, notes, tuple(own))


def dead_letter(letter: DeadLetter, *, to: str, topic: str) -> Produce:
    """Return *letter* as a record of the topic *to* (short name); *topic* is where it was found."""
    headers: list[Header] = [
        ("x-dlq-reason", letter.reason.encode()),
        ("x-dlq-error", letter.detail.encode(errors="replace")[:1000]),
        ("x-dlq-topic", topic.encode()),
        ("x-dlq-partition", b"%d" % letter.partition),
        ("x-dlq-offset", b"%d" % letter.offset),
        ("x-dlq-timestamp", b"%d" % letter.timestamp),
    ]
    key, value, own = letter.key, letter.value, letter.headers
    size = size_of(key, value, own)
    if size > MOST_KEPT:
        # Compression lets producers send more than any batch of ours may hold.
        headers.append(("x-dlq-truncated", b"%d" % size))
        key, own = key and key[:_KEY_KEPT], ()
        value = value and value[: MOST_KEPT - _KEY_KEPT]
    return Produce(to, 0, key, value, (*headers, *own))


def as_json(letter: Letter) -> dict[str, Any]:
    """Return *letter* for `json`, with bytes as text where they are UTF-8 and else in base64.

    A header that the record has more than once stands there with the list of its values.
    """
    origin = {name: letter.notes.get(name) for name in ORIGIN}
    return {
        "partition": letter.partition,
        "offset": letter.offset,
        "reason": letter.reason,
        "error": letter.notes.get("error"),
        "origin": origin,
        "key": _as_text(letter.key),
        "value": _as_text(letter.value),
        "headers": {name: _all(contents) for name, contents in _by_name(letter.headers).items()},
    }


def _by_name(headers: Iterable[Header]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for name, content in headers:
        found.setdefault(name, []).append(_as_text(content))
    return found


def _all(contents: list[Any]) -> Any:
    return contents[0] if len(contents) == 1 else contents


def _as_text(value: bytes | None) -> Any:
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(value).decode()}
