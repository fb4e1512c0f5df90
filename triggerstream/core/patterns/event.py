"""A single event: it matches at once and remembers nothing."""

from __future__ import annotations

from collections.abc import Iterable
from types import NoneType
from typing import Any

from triggerstream.core.patterns.base import (
    Canceller,
    Due,
    Handler,
    Match,
    Occurrence,
    Predicate,
    Ref,
    Step,
)


class EventMatcher:
    """Matches every event of *types* that *where* accepts."""

    timed = False
    progress_type: Any = NoneType
    growth = 0

    def __init__(self, types: Iterable[str], where: Predicate | None = None) -> None:
        self.types = self.openers = frozenset(types)
        self._where = where

    def handler(self, event_type: str) -> Handler:
        where = self._where
        if where is None:
            return _match

        def match_if_accepted(progress: Any, now: Occurrence) -> Step | None:
            return _match(progress, now) if where(now.event) else None

        return match_if_accepted

    def canceller(self, event_type: str) -> Canceller | None:
        return None

    def waits(self, progress: Any) -> tuple[Due, ...]:
        return ()

    def on_timer(self, progress: Any, index: int) -> Step:
        raise LookupError(index)

    def events(self, progress: Any) -> set[Ref]:
        return set()

    def is_expired(self, progress: Any, at: int) -> bool:
        return True


def _match(_progress: Any, now: Occurrence) -> Step:
    event = now.event
    return Step(None, Match(now.at, ((now.position, event.event_id),), event.raw))
