"""What a keyed process itself reads and tells, whatever its program: marks, ticks, dead letters."""

from __future__ import annotations

import msgspec

from triggerstream.core.keyed.program import ARRIVAL, KIND, ORIGIN, POSITION, Record, Rejected
from triggerstream.core.reasons import RejectReason


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
    """The clock as it stood for what follows; what stands downstream may be silent.

    Attributes:
        position: The record from which the following was decided, or -1.
    """

    clock: int
    position: int = -1


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


def read_mark(value: bytes | None) -> Mark:
    """Return the mark in *value*.

    Raises:
        Rejected: It is none.
    """
    try:
        return _decode_mark(value or b"")
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        required = "a ruleset mark is a JSON object with a whole 'version' and a 'hash'"
        raise Rejected(RejectReason.BAD_JSON, f"{required}; {error}") from error


def read_headers(
    record: Record, played: int | None
) -> tuple[bytes | None, int, tuple[int, int] | None]:
    """Return (kind, arrival, origin) of *record*; kind and origin are ``None`` where not given.

    Args:
        played: The partition's clock where time is data, else ``None``. There an event without
            the header arrived when its record says; any other record without it does not move
            the clock.
    """
    kind = stamped = origin = None
    for name, value in record.headers:
        if name == KIND:
            kind = value
        elif name == ARRIVAL:
            stamped = value
        elif name == ORIGIN:
            origin = _origin(value)
    arrival = record.timestamp
    if played is not None:
        if stamped is not None and stamped.isdigit():
            arrival = int(stamped)
        elif kind is not None:
            arrival = played
    return kind, arrival, origin


def read_position(record: Record) -> int:
    """Return the position upstream from which *record* was decided, or -1 where none is told."""
    for name, value in record.headers:
        if name == POSITION and value.isdigit():
            return int(value)
    return -1


def _origin(value: bytes) -> tuple[int, int] | None:
    """Return (inbox partition, offset) of an origin header, or ``None`` if it is none."""
    partition, colon, offset = value.partition(b":")
    if not (colon and partition.isdigit() and offset.isdigit()):
        return None
    return int(partition), int(offset)
