"""A single event: it matches at once and remembers nothing."""

from __future__ import annotations

from collections.abc import Iterable

from triggerstream.core.patterns.base import Look, Match, Matcher, Predicate
from triggerstream.core.patterns.progress import Now, Progress


class EventMatcher(Matcher):
    """Matches every event of *types* that *where* accepts."""

    def __init__(self, types: Iterable[str], where: Predicate | None = None) -> None:
        super().__init__(types, 0)
        self._where = where

    def look(self, event_type: str) -> Look:
        return EventLook(self._where)


class EventLook(Look):
    """An event matches."""

    def __init__(self, where: Predicate | None) -> None:
        self._where = where

    def on_event(self, progress: Progress, now: Now, instance: str) -> Match | None:
        where = self._where
        if where is not None and not where(now.event):
            return None
        return Match(now.at, now.alone)
