"""A record of a topic, whatever it says: its headers, its kinds, and what makes it unreadable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

KIND = "ts-kind"
"""Header: what a record is. Absent on events; a closed set elsewhere, see `Kind`."""
ARRIVAL = "ts-arrival"
"""Header: when the log took the record, epoch milliseconds in ASCII, where time is data."""
ORIGIN = "ts-origin"
"""Header: ``<inbox partition>:<offset>`` of a record that the intake re-keyed."""
POSITION = "ts-position"
"""Header: of what is told downstream, the offset of the input record from which it was decided,
in ASCII. A repeat has the same."""


class Kind:
    """What a record is (header `KIND`). An event has no such header."""

    TICK = b"tick"
    """Carries nothing: its arrival moves the clock of a silent partition."""
    RULESET = b"ruleset"
    """A mark ``{"version": n, "hash": "…"}``: from here on that ruleset is in force."""
    ERASE = b"erase"
    """Its key names a customer to be forgotten."""

    FIRING = b"firing"
    CONSENT = b"consent"
    GOAL = b"goal"
    """On the actions topic, written by the detecting owner in the order of its decisions."""
    RESULT = b"result"
    """On the actions topic: what a channel answered to one attempt."""
    FAILED = b"failed"
    """On the events topic: a firing that failed as a whole gives its cooldown back."""


class Record(Protocol):
    """One record of the input topic; aiokafka's ``ConsumerRecord`` is one.

    ``timestamp`` is epoch milliseconds; ``headers`` is a sequence of (name, bytes).
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
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


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
    headers: tuple[tuple[str, bytes], ...] = ()


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
