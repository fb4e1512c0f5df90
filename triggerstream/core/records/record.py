"""A record of a topic, whatever it says: its headers, its kinds, and what makes it unreadable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import msgspec

from triggerstream.core.timestamps import EARLIEST, LATEST

Header = tuple[str, bytes | None]
"""Name and value. Kafka lets a value be null, and a name occur more than once. A name that is not
UTF-8 reads with its stray bytes as ``\\xff``."""

KIND = "ts-kind"
"""Header: what a record is. Absent on events and deliveries; a closed set elsewhere, see `Kind`."""
ARRIVAL = "ts-arrival"
"""Header: when the log took the record, epoch milliseconds in ASCII, where time is data."""
ORIGIN = "ts-origin"
"""Header: ``<inbox partition>:<offset>`` of a record that the intake re-keyed."""
POSITION = "ts-position"
"""Header: of what is told downstream, the offset of the input record from which it was decided,
in ASCII. A repeat has the same."""


MOVED: Final = -(1 << 62)
"""What is added to a position when its log is left for another one (`Program.transplant`): so it
lies below all positions of the new log, and keeps its place among those of the old one."""


class Kind:
    """What a record is (header `KIND`). An event has no such header, and a delivery needs none."""

    TICK = b"tick"
    """Carries nothing: its arrival moves the clock of a silent partition."""
    RULESET = b"ruleset"
    """A mark ``{"version": n, "hash": "…"}``: from here on that ruleset is in force."""
    ERASE = b"erase"
    """Its key names a customer to be forgotten."""

    TOUCH = b"touch"
    """On the events topic, by its owner: a customer in silence hears of a ruleset."""

    FIRING = b"firing"
    CONSENT = b"consent"
    GOAL = b"goal"
    """On the actions topic, written by the detecting owner in the order of its decisions."""
    RESULT = b"result"
    """On the actions topic: what a channel answered to one attempt."""
    FAILED = b"failed"
    """On the events topic: a firing that failed as a whole gives its cooldown back."""

    DELIVERY = b"delivery"
    """On the deliveries topic: how an action ended; a record without a kind is one, too."""
    SUPPRESSED = b"suppressed"
    """On the deliveries topic, written by the detecting owner: a match that did not fire."""


class Record(Protocol):
    """One record of the input topic; aiokafka's ``ConsumerRecord`` is one.

    ``timestamp`` is epoch milliseconds; negative where the record has none, as Kafka's -1 says.
    """

    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[Header]: ...


class Rejected(Exception):  # noqa: N818 - it is a verdict on a record, not an error of ours
    """The record cannot be read: it becomes a dead letter, and the stream goes on.

    Attributes:
        reason: From the closed set `RejectReason`.
        detail: What was required, and what was found; for people.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Produce(msgspec.Struct, frozen=True):
    """A record to append to another topic.

    Attributes:
        topic: A short name of `stream.kafka.topics` (``actions``, ``deliveries``, ``events.dlq``…).
        partition: The partition to append to; ``None`` places it by *key* under murmur2.
    """

    topic: str
    partition: int | None
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()


# ── reading ─────────────────────────────────────────────────────────────────────────────────
# Headers come from outside: anybody may write one of our names, with anything in it. One without
# a value, or with one that it cannot have, is as if it were not there; of several the last counts.


def read_headers(
    headers: Iterable[Header], timestamp: int, played: int | None
) -> tuple[bytes | None, int, tuple[int, int] | None]:
    """Return (kind, arrival, origin) of a record; kind and origin are ``None`` where not given.

    Args:
        timestamp: The record's own.
        played: The partition's clock where time is data, else ``None``. There an event without
            the header arrived when its record says; any other record without it does not move
            the clock.
    """
    kind = origin = None
    stamped = -1
    for name, value in headers:
        if value is None:
            continue
        if name == KIND:
            kind = value
        elif name == ARRIVAL:
            stamped = _arrival(value, stamped)
        elif name == ORIGIN:
            origin = _origin(value) or origin
    arrival = timestamp
    if played is not None:
        if stamped >= 0:
            arrival = stamped
        elif kind is not None:
            arrival = played
    return kind, arrival, origin


def read_kind(headers: Iterable[Header]) -> bytes | None:
    """Return what kind of record *headers* say, or ``None``: an event."""
    kind = None
    for name, value in headers:
        if name == KIND and value is not None:
            kind = value
    return kind


def read_position(headers: Iterable[Header]) -> int:
    """Return the position upstream that *headers* say their record was decided from, or -1 where
    none is told."""
    position = -1
    for name, value in headers:
        if name == POSITION and value is not None and (found := _number(value)) >= 0:
            position = found
    return position


def _arrival(value: bytes, before: int) -> int:
    """Return the arrival in *value*, or *before* if it is none."""
    arrival = _number(value)
    return arrival if EARLIEST <= arrival < LATEST else before


def _origin(value: bytes) -> tuple[int, int] | None:
    """Return (inbox partition, offset) of an origin header, or ``None`` if it is none."""
    partition, _, offset = value.partition(b":")
    found = _number(partition), _number(offset)
    return found if 0 <= found[0] < _PARTITIONS and found[1] >= 0 else None


def _number(value: bytes) -> int:
    """Return the whole number in *value*, or -1 if it is none that is stored in 64 bits."""
    # Looked at before it is read: Python refuses to read thousands of digits.
    if len(value) > _DIGITS or not value.isdigit():
        return -1
    return int(value)


_DIGITS: Final = 18
"""Digits of a number that fits into 64 bits whatever they are."""
_PARTITIONS: Final = 10_000
"""An inbox has fewer: of each that is named an offset is kept, in a record of bounded size."""


# ── sizes ───────────────────────────────────────────────────────────────────────────────────


def size_of(key: bytes | None, value: bytes | None, headers: Iterable[Header]) -> int:
    """Return how many bytes key, value and headers of a record take at most, uncompressed.

    Thousands of small headers take more for their lengths than for what they say, so lengths
    count. What every record and every batch has beside that, some hundred bytes, does not.
    """
    size = len(key or b"") + len(value or b"")
    for name, content in headers:
        size += _HEADER + (len(name) if name.isascii() else len(name.encode()))
        if content is not None:
            size += len(content)
    return size


_HEADER: Final = 2 * 5
"""Bytes of a header's two lengths at most: numbers of 32 bits, seven a byte."""
