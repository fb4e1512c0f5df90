"""What a keyed process itself reads and tells, whatever its program: marks, ticks, dead letters."""

from __future__ import annotations

import msgspec


class Mark(msgspec.Struct, frozen=True):
    """The value of a `Kind.RULESET` record."""

    version: int
    hash: str


class RulesetMarked(msgspec.Struct, frozen=True):
    """A ruleset has come into force; what stands downstream hears it in order.

    Attributes:
        before: The version that was in force until then.
    """

    version: int
    hash: str
    before: int


class ClockMoved(msgspec.Struct, frozen=True):
    """The clock as it stood for what follows; what stands downstream may be silent."""

    clock: int


class Erased(msgspec.Struct, frozen=True):
    """A customer was forgotten here; what stands downstream forgets too."""

    customer_id: str


class DeadLetter(msgspec.Struct, frozen=True):
    """A record that could not be read, as it was, with its origin."""

    reason: str
    detail: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


_decode_mark = msgspec.json.Decoder(Mark).decode


def read_mark(value: bytes | None) -> Mark | None:
    """Return the mark in *value*, or ``None`` if it is none."""
    try:
        return _decode_mark(value or b"")
    except (msgspec.ValidationError, msgspec.DecodeError):
        return None


def read_arrival(stamped: bytes | None, fallback: int) -> int:
    """Return the arrival header's epoch milliseconds, or *fallback* where it is not a number."""
    if stamped is None or not stamped.isdigit():
        return fallback
    return int(stamped)


def read_origin(value: bytes) -> tuple[int, int] | None:
    """Return (inbox partition, offset) of an origin header, or ``None`` if it is none."""
    partition, colon, offset = value.partition(b":")
    if not (colon and partition.isdigit() and offset.isdigit()):
        return None
    return int(partition), int(offset)
