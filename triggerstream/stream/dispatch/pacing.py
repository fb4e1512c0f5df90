"""Pacing: how far ahead of its channel an attempt may be reserved, and when one that found no room
is to come back."""

from __future__ import annotations

from typing import Final

LEAD: Final = 0.1
"""Seconds for which what is reserved already keeps a channel busy: what it takes to decide the next
ones, and to make their reservations durable."""
_FIRST: Final = 0.02
"""Seconds that a call is thought to take before one has ended."""
_WEIGHT: Final = 0.05
"""Of the newest call in the mean, once there were some twenty."""


class Pace:
    """Gives those who find no room their turns, one after the other, as fast as a channel answers.

    If all came back after the same pause, most would find no room again, and in between the
    channel would have nothing to do: of 10,000 messages at once it sent 130 a second, whatever it
    could (``benchmarks/sender.py``).

    Args:
        slots: Calls of the channel at a time.
        longest: Seconds, the longest pause; who would come later comes then, and asks again.
    """

    def __init__(self, slots: int, longest: float) -> None:
        self._slots = slots
        self._longest = longest
        self._seconds = _FIRST
        self._calls = 0
        self._last = 0.0

    def ended(self, seconds: float) -> None:
        """Note that a call has taken so long, until there was room for the next one."""
        self._calls += 1
        self._seconds += max(_WEIGHT, 1 / self._calls) * (seconds - self._seconds)

    def ahead(self) -> int:
        """Return how many calls begin within `LEAD` while all slots are taken: at least one, and
        never more than there are slots. Of a channel of which nothing is known it is one."""
        if not self._calls:
            return 1
        return max(1, round(self._slots * LEAD / max(self._seconds, LEAD)))

    def wait(self, waiting: int) -> float:
        """Return how many seconds one waits for room behind *waiting* others."""
        return waiting * self._seconds / self._slots

    def pause(self, now: float, waiting: int) -> float:
        """Return after how many seconds the next one is to come back, *waiting* others being
        before all who are sent away."""
        turn = max(self._last, now + self.wait(waiting)) + self.wait(1)
        if turn - now >= self._longest:
            return self._longest
        self._last = turn
        return turn - now
