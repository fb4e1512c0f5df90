"""When a record arrives: the machine's clock, which may be set, made one that only goes on.

A clock that is behind stands still until the machine's has caught up. One that is far ahead is not
followed: what is due in an hour would be done now, for good, in everything that the log decides.
How far the clock may have gone on is known from another one, which nobody sets: since this process
began, and, by what an earlier one has noted, since the machine was started. Before that there is
none, and only the last record says when the log was last written to. A machine may begin
with a clock that is years behind, until it has asked others for the time: when such a clock passes
the last record, it is asked what a clock is asked at a start.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from triggerstream.errors import WorldChangedError

_log = logging.getLogger(__name__)

AHEAD: Final = 3_600_000
"""Milliseconds that the clock may go on more than has passed since the start."""
AWAY: Final = 30 * 86_400_000
"""Milliseconds that an installation may have been down before somebody must say that it was."""
# Where the system tells it, time in which the machine slept has passed, too.
_SINCE_BOOT: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

Milliseconds = Callable[[], int]


def since_boot() -> int:
    """Return the milliseconds since the machine was started, as near as the system tells."""
    return time.clock_gettime_ns(_SINCE_BOOT) // 1_000_000


def this_boot() -> str:
    """Return which start of the machine `since_boot` counts from; ``""`` where it does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


class ArrivalClock:
    """Gives arrivals, which never go back. Used by one thread at a time.

    Args:
        now: The machine's clock, epoch milliseconds.
        passed: Milliseconds on a clock that nobody sets.
        last: The greatest arrival in the log, or -1.
        accept: Whether whatever *now* says is right.
        known: By how much *now* was ahead of *passed* when an earlier process began, if that is
            known and the machine has not been started since.
        note: Told the same of this one, once the clock is not behind *last*.

    Raises:
        WorldChangedError: The machine's clock is further ahead of *last* than an installation is
            likely to have been down, or has jumped since an earlier process began.
    """

    def __init__(
        self,
        now: Milliseconds,
        passed: Milliseconds,
        *,
        last: int,
        accept: bool = False,
        known: int | None = None,
        note: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.last = last
        self._now = now
        self._passed = passed
        self._accepts = accept
        self._note = note
        started = now()
        self._was_behind = started < last
        if known is not None and 0 <= last < started:
            self._check(started, known + passed(), "since the machine was started")
        self._begin(started)
        if self._was_behind:
            _log.warning(
                "the clock says %s, and the log's last record is of %s: time stands still until "
                "then",
                _told(started), _told(last),
            )  # fmt: skip

    def arrival(self) -> int:
        """Return the arrival of what is appended now.

        Raises:
            WorldChangedError: The machine's clock is more than `AHEAD` ahead of what has passed.
        """
        now = self._now()
        if now > self.last:
            if self._was_behind:
                self._was_behind = False
                self._begin(now)
            self._check(now, self._offset + self._passed(), "since the start")
            self.last = now
        return self.last

    def _check(self, now: int, expected: int, since: str) -> None:
        if now - expected > AHEAD and not self._accepts:
            raise self._refused(
                f"the clock says {_told(now)}; by what has passed {since} it is "
                f"{_told(expected)}, more than {AHEAD // 60_000} minutes earlier"
            )

    def _begin(self, now: int) -> None:
        """Measure from *now* on."""
        self._offset = now - self._passed()
        if self.last >= 0 and now - self.last > AWAY and not self._accepts:
            raise self._refused(
                f"the log was last written to at {_told(self.last)}, and the clock says "
                f"{_told(now)}: more than {AWAY // 86_400_000} days later"
            )
        if not self._was_behind:
            self._note(self._offset)

    def _refused(self, found: str) -> WorldChangedError:
        return WorldChangedError(
            f"{found}. Nothing is appended, since time cannot be taken back. Set the machine's "
            "clock and start again, or, where the clock is right, start with --accept-clock"
        )


def _told(moment: int) -> str:
    seconds = moment / 1000
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return f"{seconds:.0f} s"
