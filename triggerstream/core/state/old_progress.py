"""What patterns remembered of one instance until format 3: a value of its own for each kind.

In the table of events of today, each event stands once; here it stands in every value that held it.
"""

from __future__ import annotations

from types import NoneType
from typing import Any

import msgspec

from triggerstream.core.patterns.base import Matcher
from triggerstream.core.patterns.combine import AllMatcher, AnyMatcher
from triggerstream.core.patterns.count import ThresholdMatcher, WindowMatcher
from triggerstream.core.patterns.per import PerMatcher
from triggerstream.core.patterns.progress import Progress, Value
from triggerstream.core.patterns.sequence import SequenceMatcher

Ref = tuple[int, str]
"""An event: its position in the log, and its id."""


class Held(msgspec.Struct, frozen=True, array_like=True):
    """A counted event: its effective time, what names it, and the field that is aggregated."""

    at: int
    position: int
    event_id: str
    value: Value | None = None


class Window(msgspec.Struct, frozen=True, array_like=True):
    """An open window: its timer, how many events it counted, the newest of them, the last whole."""

    due: int
    arrival: int
    number: int
    held: tuple[Held, ...]
    raw: bytes


class Partial(msgspec.Struct, frozen=True, array_like=True):
    """A partial match: the times of its first and its latest event, and all of them."""

    first: int
    at: int
    events: tuple[Ref, ...]


class Wait(msgspec.Struct, frozen=True, array_like=True):
    """All event steps are filled, and the final absence is not decided yet."""

    due: int
    arrival: int
    events: tuple[Ref, ...]
    raw: bytes


class Steps(msgspec.Struct, frozen=True, array_like=True):
    """The partial matches at each step of a sequence but the last, oldest first, and its wait."""

    steps: tuple[tuple[Partial, ...], ...]
    wait: Wait | None = None


class Remembered(msgspec.Struct, frozen=True, array_like=True):
    """The latest match of a child of `all`; its last event whole only where that was needed."""

    at: int
    events: tuple[Ref, ...]
    raw: bytes = b""


def type_of(matcher: Matcher) -> Any:
    """Return the type that the progress of *matcher* had, for a decoder of msgspec."""
    if isinstance(matcher, PerMatcher):
        return type_of(matcher.pattern)
    if isinstance(matcher, ThresholdMatcher):
        return tuple[Held, ...]
    if isinstance(matcher, WindowMatcher):
        return Window
    if isinstance(matcher, SequenceMatcher):
        return Steps
    if isinstance(matcher, AllMatcher):
        return tuple[tuple[Remembered | None, ...], _children_of(matcher)]  # type: ignore[misc]  # a type made at run time
    return _children_of(matcher) if isinstance(matcher, AnyMatcher) else NoneType


def _children_of(matcher: AllMatcher | AnyMatcher) -> Any:
    return tuple[tuple(type_of(child) | None for child in matcher.children)]  # type: ignore[misc]  # a type made at run time


class Taking:
    """Takes old progress over into *progress*, which is to be used once all is `taken`.

    Until then, its cells name events by their positions in the log.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._ids: dict[int, str] = {}
        self._times: dict[int, int] = {}
        # Of an event in the middle of a partial match nobody knew when it was, and nobody asks.
        self._about: dict[int, int] = {}

    def take(self, matcher: Matcher, old: Any, instance: str) -> None:
        """Fill the cells of *matcher* for *instance* with what *old*, of its `type_of`, says."""
        progress = self._progress
        if old is None:
            return
        if isinstance(matcher, PerMatcher):
            self.take(matcher.pattern, old, instance)
        elif isinstance(matcher, ThresholdMatcher):
            progress.cells[matcher.key + instance] = self._held(old)
            self._values(matcher.key + instance, old)
        elif isinstance(matcher, WindowMatcher):
            rows = self._held(old.held)
            later = max(0, old.arrival - old.due)
            progress.waits[matcher.key + instance] = (old.due, later, old.number, *rows)
            progress.bodies[rows[-1]] = old.raw
            self._values(matcher.key + instance, old.held)
        elif isinstance(matcher, SequenceMatcher):
            self._sequence(matcher, old, instance)
        elif isinstance(matcher, AllMatcher):
            remembered, children = old
            for key, match in zip(matcher.remembered, remembered, strict=True):
                if match is not None:
                    rows = self._refs(match.events, match.at)
                    progress.matches[key + instance] = (match.at, *rows)
                    if match.raw:
                        progress.bodies[rows[-1]] = match.raw
            self._children(matcher, children, instance)
        elif isinstance(matcher, AnyMatcher):
            self._children(matcher, old, instance)

    def taken(self) -> None:
        """Make the table of events, in log order, and let the cells name its rows."""
        progress, times = self._progress, self._about | self._times
        positions = sorted(self._ids)
        progress.fill([(times[position], self._ids[position]) for position in positions])
        progress.rename({position: row for row, position in enumerate(positions)})
        progress.look_at_waits()
        progress.sweep()

    def _sequence(self, matcher: SequenceMatcher, old: Steps, instance: str) -> None:
        progress = self._progress
        for partials, held in zip(matcher.partials, old.steps, strict=True):
            rows: list[int] = []
            for partial in held:
                found = self._refs(partial.events, partial.first)
                self._times[found[0]] = partial.first
                self._times[found[-1]] = partial.at
                rows.extend(found)
            if rows:
                progress.cells[partials.key + instance] = tuple(rows)
        wait = old.wait
        if wait is not None and matcher.wait is not None:
            found = self._refs(wait.events, wait.due)
            later = max(0, wait.arrival - wait.due)
            progress.waits[matcher.wait.key + instance] = (wait.due, later, 0, *found)
            progress.bodies[found[-1]] = wait.raw

    def _children(
        self, matcher: AllMatcher | AnyMatcher, old: tuple[Any, ...], instance: str
    ) -> None:
        for child, each in zip(matcher.children, old, strict=True):
            self.take(child, each, instance)

    def _held(self, old: tuple[Held, ...]) -> tuple[int, ...]:
        for each in old:
            self._times[each.position] = each.at
            self._ids[each.position] = each.event_id
        return tuple([each.position for each in old])

    def _values(self, key: str, old: tuple[Held, ...]) -> None:
        values = tuple([each.value for each in old if each.value is not None])
        if values:
            self._progress.values[key] = values

    def _refs(self, events: tuple[Ref, ...], about: int) -> tuple[int, ...]:
        self._ids.update(events)
        self._about.update(dict.fromkeys([position for position, _ in events], about))
        return tuple([position for position, _ in events])
