"""Trends (43-45): every counted event is kept, and the buckets are cut out of them anew."""

from __future__ import annotations

import msgspec

from tests.reference.conditions import Facts, resolved
from tests.reference.seen import Match, Seen, Spec, Timer, duration, fits

RECENT = 8
"""Buckets of the recent time; the baseline has as many of the same width as fit into it."""


class Trend:
    """``below`` is asked at each boundary, by a timer; ``above`` at each counted event (44).

    `boundary` is the last one that was asked: bucket j begins at it.
    """

    changed: int | None = None

    def __init__(self, when: Spec) -> None:
        self.when = when
        self.width = duration(when.get("recent", "7d")) // RECENT
        self.baseline = duration(when.get("baseline", "28d")) // self.width
        self.min = when.get("min", 8)
        self.clear()

    def clear(self) -> None:
        self.counted: list[Seen] = []
        self.boundary = self.baseline + RECENT - 1

    def on_event(self, seen: Seen) -> Match | None:
        if not (seen.fills and fits("trend", self.when, seen)):
            return None
        self.changed = seen.record
        newest = max((each.at for each in self.counted), default=seen.at)
        at, seen = seen.at, msgspec.structs.replace(seen, at=max(seen.at, newest))  # 36
        if "above" in self.when and self.counted:
            last = self.bucket_of(seen)
            if not self.between(last - RECENT - self.baseline + 1, last + 1):
                self.clear()  # 45
        self.counted.append(seen)
        last = self.bucket_of(seen)
        if "above" not in self.when or last < RECENT - 1 + self.baseline:
            return None
        if not self.satisfied(last + 1, seen.sees):
            return None
        self.clear()
        return Match(at, None, (seen,))

    def bucket_of(self, seen: Seen) -> int:
        return (seen.at - self.counted[0].at) // self.width if self.counted else 0

    def between(self, first: int, end: int) -> int:
        """How many were counted in the buckets from *first* up to, and without, *end*."""
        return sum(first <= self.bucket_of(each) < end for each in self.counted)

    def satisfied(self, end: int, facts: Facts | None = None) -> bool:
        """Whether it holds of the last buckets before *end*; a timer knows no profile (75)."""
        recent = self.between(end - RECENT, end)
        before = self.between(end - RECENT - self.baseline, end - RECENT)
        if before < self.min:
            return False
        factor = resolved(self.when.get("below", self.when.get("above")), facts or Facts({}))
        if "below" in self.when:
            return bool(recent * self.baseline < factor * before * RECENT)
        return bool(recent * self.baseline > factor * before * RECENT)

    def timers(self) -> list[Timer]:
        if "below" not in self.when or not self.counted:
            return []
        due = self.counted[0].at + (self.boundary + 1) * self.width
        return [Timer(due, (), self.counted[-1].arrival, may_sleep=True)]

    def on_timer(self, path: tuple[int, ...]) -> Match | None:
        due, last = self.timers()[0].due, self.counted[-1]
        self.boundary += 1
        if self.satisfied(self.boundary):
            self.clear()
            return Match(due, due, (last,))
        if not self.between(self.boundary - RECENT - self.baseline, self.boundary):
            self.clear()  # 45
        return None

    def alive(self, at: int) -> bool:
        return bool(self.counted)
