"""Room: how many attempts may be reserved, which is what the channels can begin soon.

What is reserved and has not begun when its sender dies ends as ``unknown``, though nobody was
called. So the process asks before it decides, and where there is no room the rest waits unreserved:
due times in the store, and records in the log, which is read on as slots become free. A slot is
free when the call's answer is in the log, not when it is read there: so a partition that is held
back never waits for its own records, but for as long as calls take.

A channel that has held the reading back for some seconds is *congested*: it is not to hold up what
goes by others. Then its attempts are decided all the same, a bounded number at a time, and those
without a slot are turned away, each with its turn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from triggerstream.stream.dispatch.pacing import Pace


class Bounds(msgspec.Struct, frozen=True):
    """How much is under way at once.

    Attributes:
        total: Calls, over all channels.
        per_channel: Calls of one channel, so that a slow one leaves room for the others.
        waiting: Attempts of one channel that wait for room; further ones are not called.
        patience: Seconds for which an attempt may wait; then it is not called, and neither is one
            that would have to wait for longer.
        pause: Seconds after which an attempt that found no room is decided again, at most; and for
            which a channel that turned one away stays congested.
        stale: Seconds that may lie between decision and call, since quiet hours may have begun
            meanwhile; ``None`` where time is data and a decision's age means nothing.
        hold: Seconds for which a channel without room may hold the reading back, less those in
            which it has not; then it is congested. ``None``: it may for ever.
        unplaced: Attempts that may be reserved at once for a channel that is congested, or that
            this sender does not have: they are answered at once.
    """

    total: int = 64
    per_channel: int = 16
    waiting: int = 10_000
    patience: float = 5.0
    pause: float = 15.0
    stale: float | None = 900.0
    hold: float | None = 5.0
    unplaced: int = 100


class _Shortage:
    """For how many seconds a channel has been short of room, less those in which it was not."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._noted: float | None = None
        self._was_short = False

    def note(self, now: float, *, is_short: bool) -> float:
        """Note how it is from *now* on; return the seconds up to now."""
        since = 0.0 if self._noted is None else max(0.0, now - self._noted)
        self._seconds = max(0.0, self._seconds + (since if self._was_short else -since))
        self._noted, self._was_short = now, is_short
        return self._seconds


class Room:
    """Counts attempts from their reservation to their end, by channel.

    Reserved and not begun may be, of each channel, as many as it has free slots, or, where it is
    busy, as begin within `pacing.LEAD`: so never more than it has slots at all, passed only by what
    one record or one due customer leads to. Who asks in vain gets the next room before others do.

    Times are seconds of one clock.
    """

    def __init__(self, bounds: Bounds, paces: Mapping[str, Pace]) -> None:
        self._bounds = bounds
        self._paces = paces
        self._running: Counter[str] = Counter()
        # Reserved, and neither begun nor answered.
        self._unbegun: Counter[str] = Counter()
        # Of these, by partition, what waits for its reservation to be durable.
        self._decided: dict[int, Counter[str]] = {}
        self._asking: dict[int, None] = {}
        self._shortages = {channel: _Shortage() for channel in paces}
        self._congested_until: dict[str, float] = {}

    # ── asking ──────────────────────────────────────────────────────────────────────────────

    def ask(self, partition: int, now: float) -> int:
        """Return how many attempts may be reserved in *partition* now: 0, and it must ask again,
        or more, and it is to decide at once."""
        room = self._free(now)
        if room < 1 or next(iter(self._asking), partition) != partition:
            self._asking.setdefault(partition)
            return 0
        self._asking.pop(partition, None)
        return room

    def _free(self, now: float) -> int:
        room = self._bounds.unplaced
        for channel in self._paces.keys() | self._unbegun.keys():
            room = min(room, self._free_of(channel, now))
        return room

    def _free_of(self, channel: str, now: float) -> int:
        unbegun, unplaced = self._unbegun[channel], self._bounds.unplaced - self._unbegun[channel]
        if channel not in self._paces or self.is_congested(channel, now):
            return unplaced
        free = self.soon(channel) - unbegun
        shortage = self._shortages[channel].note(now, is_short=free < 1)
        if self._bounds.hold is None or shortage < self._bounds.hold:
            return free
        self._congested_until[channel] = now + self._bounds.pause
        self._shortages[channel] = _Shortage()
        return unplaced

    def soon(self, channel: str) -> int:
        """Return how many attempts of *channel* can begin soon."""
        slots = self._bounds.per_channel - self._running[channel]
        return max(min(slots, self._bounds.total - self._running.total()), self._ahead(channel))

    def _ahead(self, channel: str) -> int:
        return self._paces[channel].ahead()

    def is_congested(self, channel: str, now: float) -> bool:
        """Return whether *channel* may hold up nobody for now."""
        return now < self._congested_until.get(channel, now)

    def has_slot(self, channel: str) -> bool:
        """Return whether a call of *channel* may begin."""
        bounds = self._bounds
        return self._running[channel] < bounds.per_channel and self._running.total() < bounds.total

    # ── counting ────────────────────────────────────────────────────────────────────────────

    def reserve(self, partition: int, channel: str) -> None:
        """An attempt was decided, and will come when its reservation is durable."""
        self._decided.setdefault(partition, Counter())[channel] += 1
        self._unbegun[channel] += 1

    def come(self, partition: int, channel: str) -> None:
        """It has come."""
        decided = self._decided.get(partition)
        if decided is not None and decided[channel]:
            decided[channel] -= 1
        else:
            self._unbegun[channel] += 1

    def begin(self, channel: str) -> None:
        """Its call begins."""
        self._unbegun[channel] -= 1
        self._running[channel] += 1

    def end(self, channel: str) -> None:
        """Its call is over, and the answer in the log."""
        self._running[channel] -= 1

    def turn_away(self, channel: str, now: float) -> None:
        """It finds no room, and is going to be told so."""
        if self.is_congested(channel, now):
            self._congested_until[channel] = now + self._bounds.pause

    def dismiss(self, channel: str) -> None:
        """It was not called, and that is in the log."""
        self._unbegun[channel] -= 1

    def release(self, partition: int) -> None:
        """*partition* is given away: what was decided there and has not come never will."""
        self._asking.pop(partition, None)
        self._unbegun.subtract(self._decided.pop(partition, Counter()))
