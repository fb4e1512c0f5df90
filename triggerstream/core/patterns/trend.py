"""Trends: *half as often this week as in the four before*, *twice as often*.

Time is cut into *buckets*, each an eighth of ``recent`` long, from the first counted event on. What
is held is how many events fell into each, of as many buckets as ``recent`` and ``baseline`` have
together, and the last event. Both want a full history, so that newcomers neither fall nor rise.

A *fall* is asked for at the end of each bucket: events never complete it, and silence does. So one
wait is open, until the next end, from the first whole history on. To sleep over the ends at which
nothing can match would decide otherwise: an event that comes behind an end which the clock has
settled may belong before it, and that end is not to be asked again.
A *rise* is asked for at each counted event.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, cast

from triggerstream.core.patterns.base import Keys, Look, LookUp, Match, Matcher, Predicate, accepts
from triggerstream.core.patterns.progress import IN_WAIT, Now, Progress

RECENT: Final = 8
"""Buckets of ``recent``."""

_COUNTS: Final = 2
"""Where the counts begin, behind the anchor and the number of the newest bucket."""


class TrendMatcher(Matcher):
    """What falls and rises share: the buckets.

    Args:
        recent: Milliseconds, a multiple of `RECENT`.
        baseline: Milliseconds, a multiple of a bucket.
        least: Events in the baseline, at least.
        factor: What is expected of the baseline.

    Attributes:
        look_up: Looks the factor up at each test, where it goes by something: of a rise only.
    """

    def __init__(
        self,
        types: Iterable[str],
        where: Predicate | None,
        recent: int,
        baseline: int,
        least: int,
        factor: float,
        keys: Keys,
    ) -> None:
        super().__init__(types, 1)
        self.where = where
        self.width: int = recent // RECENT
        self.buckets: int = baseline // self.width
        self.least: int = least
        self.factor: float = float(factor)
        self.look_up: LookUp | None = None
        self.key: str = keys.take()
        self.keys = (self.key,)

    def is_full(self, newest: int) -> bool:
        """Return whether a whole history lies behind the end of bucket *newest*."""
        return newest + 1 >= RECENT + self.buckets

    def sums(self, counts: tuple[int, ...], newest: int, end: int) -> tuple[int, int]:
        """Return how many events lie in the recent buckets before *end*, and in the baseline's;
        the last of *counts* is of bucket *newest*."""
        oldest = newest - len(counts) + 1
        middle = max(0, end - RECENT - oldest)
        recent = sum(counts[middle : max(0, end - oldest)])
        return recent, sum(counts[max(0, middle - self.buckets) if middle else 0 : middle])

    def count(self, progress: Progress, at: int, instance: str) -> tuple[int, int, tuple[int, ...]]:
        """Count an event at *at*; return the anchor, the number of its bucket, and the counts up
        to that."""
        key = self.key + instance
        held = progress.values.get(key)
        anchor, newest = at, 0
        counts: tuple[int, ...] = (1,)
        most = RECENT + self.buckets
        if held is not None:
            numbers = cast("tuple[int, ...]", held)
            # Not before the newest that was counted, whatever its own time says.
            number = max(numbers[1], (at - numbers[0]) // self.width)
            gone = number - numbers[1]
            if gone < most or self.waits:
                anchor, newest = numbers[0], number
                before = numbers[_COUNTS:]
                if gone:
                    counts = _newest((*before, *[0] * min(gone - 1, most), 1), most)
                else:
                    counts = (*before[:-1], before[-1] + 1)
        progress.values[key] = (anchor, newest, *counts)
        return anchor, newest, counts

    def rows(self, progress: Progress, instance: str) -> set[int]:
        key = self.key + instance
        return {*progress.cells.get(key, ()), *progress.waits.get(key, ())[IN_WAIT:]}

    def clear(self, progress: Progress, instance: str) -> None:
        progress.remove(self.key + instance)


def _newest(counts: tuple[int, ...], most: int) -> tuple[int, ...]:
    """Return the last *most* of *counts*, from the first that is not 0 on."""
    counts = counts[-most:]
    start = 0
    while not counts[start]:
        start += 1
    return counts[start:]


class FallMatcher(TrendMatcher):
    """Matches at the end of a bucket where less happened than *factor* of the baseline."""

    def __init__(
        self,
        types: Iterable[str],
        where: Predicate | None,
        recent: int,
        baseline: int,
        least: int,
        factor: float,
        keys: Keys,
    ) -> None:
        super().__init__(types, where, recent, baseline, least, factor, keys)
        self.waits = self.quiet = self.keys

    def look(self, event_type: str) -> Look:
        return FallLook(self)

    def has_fallen(self, counts: tuple[int, ...], newest: int, end: int) -> bool:
        """Return whether it matches at the start of bucket *end*, where all before are whole."""
        recent, base = self.sums(counts, newest, end)
        return base >= self.least and recent * self.buckets < self.factor * base * RECENT

    def on_timer(self, progress: Progress, key: str, instance: str) -> Match | None:
        cell = key + instance
        wait = progress.waits[cell]
        numbers = cast("tuple[int, ...]", progress.values[cell])
        end = (wait[0] - numbers[0]) // self.width
        if self.has_fallen(numbers[_COUNTS:], numbers[1], end):
            self.clear(progress, instance)
            return Match(wait[0], wait[IN_WAIT:])
        if end > numbers[1] + RECENT + self.buckets:
            self.clear(progress, instance)
        else:
            due, later = wait[0] + self.width, max(0, wait[1] - self.width)
            progress.open_wait(cell, (due, later, 0, wait[IN_WAIT]))
        return None

    def is_expired(self, progress: Progress, instance: str, at: int) -> bool:
        return self.key + instance not in progress.waits


class FallLook(Look):
    """An event is counted, and the wait moves."""

    def __init__(self, matcher: FallMatcher) -> None:
        self._matcher = matcher

    def on_event(self, progress: Progress, now: Now, instance: str) -> Match | None:
        matcher = self._matcher
        if not accepts(matcher.where, now.event):
            return None
        anchor, _, _ = matcher.count(progress, now.at, instance)
        cell = matcher.key + instance
        wait = progress.waits.get(cell)
        due = anchor + (RECENT + matcher.buckets) * matcher.width if wait is None else wait[0]
        progress.open_wait(cell, (due, max(0, now.arrival - due), 0, now.row))
        now.is_held = now.is_whole = True
        return None


class RiseMatcher(TrendMatcher):
    """Matches at the event with which more has happened than *factor* of the baseline."""

    def look(self, event_type: str) -> Look:
        return RiseLook(self)

    def has_risen(self, counts: tuple[int, ...], newest: int, factor: float) -> bool:
        recent, base = self.sums(counts, newest, newest + 1)
        return base >= self.least and recent * self.buckets > factor * base * RECENT

    def is_expired(self, progress: Progress, instance: str, at: int) -> bool:
        held = progress.values.get(self.key + instance)
        if held is None:
            return True
        numbers = cast("tuple[int, ...]", held)
        return (at - numbers[0]) // self.width - numbers[1] >= RECENT + self.buckets


class RiseLook(Look):
    """An event is counted, and may complete a match."""

    def __init__(self, matcher: RiseMatcher) -> None:
        self._matcher = matcher

    def on_event(self, progress: Progress, now: Now, instance: str) -> Match | None:
        matcher = self._matcher
        if not accepts(matcher.where, now.event):
            return None
        _, newest, counts = matcher.count(progress, now.at, instance)
        look_up, factor = matcher.look_up, matcher.factor
        if look_up is not None:
            factor = look_up(now.event, progress, now.at)
        if matcher.is_full(newest) and matcher.has_risen(counts, newest, factor):
            matcher.clear(progress, instance)
            return Match(now.at, now.alone)
        progress.cells[matcher.key + instance] = now.alone
        now.is_held = True
        return None
