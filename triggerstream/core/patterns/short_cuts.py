"""What most events do to a sequence, each in one call: they start one, take one on, complete it, or
open or cancel its wait.

`SequenceLook` would do the same (test_conformance), for twice the cost (benchmarks/engine.py).
"""

from __future__ import annotations

from triggerstream.core.events.event import Event
from triggerstream.core.patterns.base import Look, Match, Matcher, Predicate, accepts
from triggerstream.core.patterns.progress import IN_WAIT, Now, Progress, Rows
from triggerstream.core.patterns.steps import Partials, Wait


class Start(Look):
    """An event becomes the newest partial match, the only one, at the first step."""

    def __init__(self, key: str, where: Predicate | None) -> None:
        self._key: str = key
        self._where = where

    def on_event(self, progress: Progress, now: Now, instance: str) -> Match | None:
        where = self._where
        if where is None or where(now.event):
            progress.cells[self._key + instance] = now.alone
            now.is_held = True
        return None


class TakeOn(Look):
    """An event takes a partial match on to a step in the middle, if there is one."""

    def __init__(self, before: Partials, after: Partials, where: Predicate | None) -> None:
        self._before = before
        self._after = after
        self._where = where

    def on_event(self, progress: Progress, now: Now, instance: str) -> Match | None:
        taken = self._before.taken_on(progress, now.at, instance)
        if taken is not None and accepts(self._where, now.event):
            self._after.add(progress, (*taken, now.row), now, instance)
        return None


class Complete(Look):
    """An event completes a partial match, if there is one."""

    def __init__(self, before: Partials, where: Predicate | None, sequence: Matcher) -> None:
        self._before = before
        self._where = where
        self._sequence = sequence

    def on_event(self, progress: Progress, now: Now, instance: str) -> Match | None:
        taken = self._before.taken_on(progress, now.at, instance)
        if taken is None or not accepts(self._where, now.event):
            return None
        self._sequence.clear(progress, instance)
        return Match(now.at, (*taken, now.row))


class Open(Look):
    """An event opens the wait, or moves it."""

    def __init__(
        self, before: Partials | None, where: Predicate | None, wait: Wait, *, restarts: bool
    ) -> None:
        self._before = before
        self._where = where
        self._wait = wait
        self._restarts = restarts

    def on_event(self, progress: Progress, now: Now, instance: str) -> Match | None:
        waiting = progress.waits.get(self._wait.key + instance)
        before: Rows | None = ()
        if waiting is not None:
            if not self._restarts:
                return None
            before = waiting[IN_WAIT:-1]
        elif self._before is not None:
            before = self._before.taken_on(progress, now.at, instance)
        if before is not None and accepts(self._where, now.event):
            self._wait.open(progress, before, now, instance)
        return None


class Cancel(Look):
    """An event closes the wait, if there is one."""

    def __init__(self, wait: Wait) -> None:
        self._wait = wait

    def on_event(self, progress: Progress, now: Now, instance: str) -> Match | None:
        if self._wait.cancel(progress, now.event, now.at, instance):
            now.has_cancelled = True
        return None

    def cancel(self, progress: Progress, event: Event, at: int, instance: str) -> bool:
        return self._wait.cancel(progress, event, at, instance)
