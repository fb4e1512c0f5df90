"""Bounds of the way in, and the two things that keep them: a key's rate, and bytes in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from math import inf

import msgspec

from triggerstream.core.events.batches import MOST
from triggerstream.core.events.decode import MAX_BYTES


class Limits(msgspec.Struct, frozen=True):
    """What the doors take at most. Sizes are in bytes, times in seconds.

    Attributes:
        body: Of one request, after inflating.
        event: Of one event, as it came or as it is stored.
        events: In one request.
        waiting: Of all bodies being read and all records that the log has not acknowledged.
        share: What one key may have of *waiting*, so that none keeps the others out.
        silence: For how long an append may stay unanswered before its requests are answered 503.
        unanswered: Events of beacons and pixels that may wait for the log; more are dropped.
        letters: Rejected events of one key that are dead-lettered in a second; others are counted.
        behind: Events in the log that are not decided yet, beyond which each key is slowed down.
        slowed: Events of one key that are taken in a second then.
        connections: Open at once; who comes then is answered 503.
        headers: For a request's head to come.
        reading: For its body to come.
        idle: Between two requests of one connection.
        finishing: For requests under way when the process is told to stop.
    """

    body: int = 1 << 20
    event: int = MAX_BYTES
    events: int = MOST
    waiting: int = 64 << 20
    share: int = 16 << 20
    silence: float = 2.0
    unanswered: int = 10_000
    letters: int = 100
    behind: int = 10_000
    slowed: int = 500
    connections: int = 10_000
    headers: float = 10.0
    reading: float = 10.0
    idle: float = 75.0
    finishing: float = 10.0


class Rate:
    """A token bucket: so many events in a second, and as many at once.

    Who takes may go below zero, by one request: else a batch larger than the bucket never passed.

    Args:
        rate: Events in a second.
        clock: Monotonic, in seconds.
    """

    def __init__(self, rate: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._level = rate
        self._at = clock()

    def wait(self) -> float:
        """Return after how many seconds something may be taken again; 0.0 for now."""
        now = self._clock()
        self._level = min(self._rate, self._level + (now - self._at) * self._rate)
        self._at = now
        return max(0.0, (1 - self._level) / self._rate)

    def take(self, number: int) -> float:
        """Take *number*, and return 0.0; or take nothing, and return what `wait` says."""
        wait = self.wait() if self._rate != inf else 0.0
        if not wait:
            self._level -= number
        return wait


class Memory:
    """The bytes that are held for requests, of all keys and of each."""

    def __init__(self, limits: Limits, show: Callable[[int], None] = lambda _: None) -> None:
        self._limits = limits
        self._show = show
        self._held: defaultdict[str, int] = defaultdict(int)
        self.total = 0

    def take(self, key: str, size: int) -> bool:
        """Hold *size* bytes more for *key* and return true; or hold nothing, where it is full."""
        limits = self._limits
        if self.total + size > limits.waiting or self._held[key] + size > limits.share:
            return False
        self.total += size
        self._held[key] += size
        self._show(self.total)
        return True

    def give(self, key: str, size: int) -> None:
        """Hold *size* bytes less for *key*."""
        self.total -= size
        self._held[key] -= size
        if not self._held[key]:
            del self._held[key]
        self._show(self.total)
