"""What of a partition of ``actions`` has not been read, as records of another log's partitions.

What was told twice, since detection had crashed in between, is told once: its positions are of a
log that is left, and nobody could know a repeat by them any more. Detection tells in the order of
its input, and after a crash the same again from an earlier place. So what stands below the furthest
place that it had come to is a repeat; of that place itself, what is told there already.
"""

from __future__ import annotations

from triggerstream.core.records.actions import ACTIONS, moved_goal
from triggerstream.core.records.placement import partition_of
from triggerstream.core.records.record import (
    ARRIVAL,
    POSITION,
    Header,
    Kind,
    Produce,
    Record,
    read_headers,
    read_position,
)

_FOR_ALL = (Kind.TICK, Kind.RULESET)
"""Concern a partition as a whole."""


class Rest:
    """Takes the records of a partition from the log's beginning, in order.

    Args:
        partitions: How many the other log has.
        since: The offset behind what the sender's states contain: what stands below it is only
            looked at, so that its repeats are known.
        clock: The partition's, when the states were stored.
        header_clock: Whether time is data: each record then bears its arrival.
    """

    def __init__(self, partitions: int, *, since: int, clock: int, header_clock: bool) -> None:
        self._partitions = partitions
        self._since = since
        self._clock = clock
        self._header_clock = header_clock
        self._furthest = -1
        self._told: set[tuple[bytes | None, bytes | None, bytes | None]] = set()

    def take(self, record: Record) -> list[Produce]:
        """Return what is appended for *record*, each to its own partition; nothing for a repeat,
        or where the states contain it."""
        played = self._clock if self._header_clock else None
        kind, arrival, _ = read_headers(record.headers, record.timestamp, played)
        is_repeat = self._is_repeat(record, kind)
        if record.offset < self._since or is_repeat:
            return []
        self._clock = max(self._clock, arrival)
        value = record.value
        if kind == Kind.GOAL and value:
            value = moved_goal(value)
        headers = self._stamped(record, arrival)
        if kind in _FOR_ALL:
            numbers = range(self._partitions)
        else:
            number = 0 if record.key is None else partition_of(record.key, self._partitions)
            numbers = range(number, number + 1)
        return [Produce(ACTIONS, number, record.key, value, headers) for number in numbers]

    def _is_repeat(self, record: Record, kind: bytes | None) -> bool:
        position = read_position(record.headers)
        if position < 0:
            return False
        if position < self._furthest:
            return True
        if position > self._furthest:
            self._furthest = position
            self._told.clear()
        told = kind, record.key, record.value
        is_repeat = told in self._told
        self._told.add(told)
        return is_repeat

    def _stamped(self, record: Record, arrival: int) -> tuple[Header, ...]:
        kept = tuple((name, value) for name, value in record.headers if name != POSITION)
        if self._header_clock and not any(name == ARRIVAL for name, _ in kept):
            kept = (*kept, (ARRIVAL, b"%d" % arrival))
        return kept
