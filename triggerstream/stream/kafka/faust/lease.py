"""The lease: how long this process may believe that its partitions are its own.

A process that was paused, or that the group did not hear, may have been evicted without knowing.
So it writes only while its own loop has turned, and the group has answered a heartbeat, within
half the session timeout: the group evicts nobody earlier. Time is the monotonic clock, which runs
on while a process is paused.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

STUCK: Final = 60.0
"""Seconds, at least, without a turn of the loop after which it counts as stuck."""


class Lease:
    """Renewed by the loop's turns and by answered heartbeats.

    Args:
        session_timeout: Seconds after which the group evicts a silent member.
    """

    def __init__(
        self, session_timeout: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = session_timeout / 2
        self._monotonic = monotonic
        self._turned = self._heard = monotonic()

    def turned(self) -> None:
        """The process's event loop has turned."""
        self._turned = self._monotonic()

    def heard(self, asked_at: float) -> None:
        """The group has answered what was asked at *asked_at*. From any thread."""
        self._heard = max(self._heard, asked_at)

    @property
    def is_valid(self) -> bool:
        """Whether the group still counts this process in. Costs a look at the clock."""
        return self._monotonic() - min(self._turned, self._heard) <= self._limit

    @property
    def is_stuck(self) -> bool:
        """Whether the loop has not turned for so long that it never will."""
        return self._monotonic() - self._turned > max(STUCK, 8 * self._limit)

    def account(self) -> str:
        """Return how long ago the two were, for a message."""
        now = self._monotonic()
        return (
            f"its loop turned {now - self._turned:.1f} s ago, the group answered "
            f"{now - self._heard:.1f} s ago; required is within {self._limit:.1f} s"
        )
