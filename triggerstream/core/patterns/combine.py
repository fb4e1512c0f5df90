"""`all` and `any` of patterns. Children share events and know nothing of each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triggerstream.core.events.event import Event
from triggerstream.core.patterns.base import (
    Canceller,
    Due,
    Handler,
    Match,
    Matcher,
    Occurrence,
    Ref,
    Step,
)

Children = tuple[Any, ...]
"""The children's progress, in file order."""

Remembered = tuple[Match | None, ...]
"""Each child's latest match."""


class _Combination:
    """What `all` and `any` share: their children."""

    def __init__(self, children: Sequence[Matcher]) -> None:
        self.children = tuple(children)
        self.types = frozenset().union(*(child.types for child in children))
        self.openers = frozenset().union(*(child.openers for child in children))
        self.timed = any(child.timed for child in children)
        self._nothing = (None,) * len(self.children)
        self._children_type = tuple[tuple(child.progress_type | None for child in children)]  # type: ignore[misc]

    def _handlers(self, event_type: str) -> tuple[tuple[int, Handler, bool], ...]:
        """Return (number, handler, whether it needs no progress) of the children concerned."""
        return tuple(
            (number, child.handler(event_type), event_type in child.openers)
            for number, child in enumerate(self.children)
            if event_type in child.types
        )

    def _cancellers(self, event_type: str) -> tuple[tuple[int, Canceller], ...]:
        return tuple(
            (number, canceller)
            for number, child in enumerate(self.children)
            if event_type in child.types and (canceller := child.canceller(event_type)) is not None
        )

    def _waits(self, progress: Children) -> tuple[Due, ...]:
        return tuple(
            due
            for child, each in zip(self.children, progress, strict=True)
            if each is not None
            for due in child.waits(each)
        )

    def _on_child_timer(self, progress: Children, index: int) -> tuple[int, Step]:
        """Decide wait number *index* of `_waits`; return whose it was, and what it did."""
        for number, (child, each) in enumerate(zip(self.children, progress, strict=True)):
            if each is None:
                continue
            open_waits = len(child.waits(each))
            if index < open_waits:
                return number, child.on_timer(each, index)
            index -= open_waits
        raise LookupError(index)

    def _events(self, progress: Children) -> set[Ref]:
        return {
            ref
            for child, each in zip(self.children, progress, strict=True)
            if each is not None
            for ref in child.events(each)
        }

    def _are_expired(self, progress: Children, at: int) -> bool:
        return all(
            each is None or child.is_expired(each, at)
            for child, each in zip(self.children, progress, strict=True)
        )


class AnyMatcher(_Combination):
    """Matches when a child does; of several at once, the first in file order (19)."""

    def __init__(self, children: Sequence[Matcher]) -> None:
        super().__init__(children)
        self.progress_type = self._children_type
        self.growth = sum(child.growth for child in children)

    def handler(self, event_type: str) -> Handler:
        concerned = self._handlers(event_type)
        nothing = self._nothing

        def on_event(progress: Children | None, now: Occurrence) -> Step | None:
            before = nothing if progress is None else progress
            after: list[Any] | None = None
            gave_up: tuple[str, ...] = ()
            for number, on_child_event, opens in concerned:
                own = before[number]
                if own is None and not opens:
                    continue
                step = on_child_event(own, now)
                if step is None:
                    continue
                gave_up += step.gave_up
                if step.match is not None:
                    return Step(None, step.match, gave_up)
                after = after or list(before)
                after[number] = step.progress
            return None if after is None else Step(_children(after), None, gave_up)

        return on_event

    def canceller(self, event_type: str) -> Canceller | None:
        concerned = self._cancellers(event_type)
        if not concerned:
            return None

        def on_cancel(progress: Children, event: Event, at: int) -> Step | None:
            after = _cancel_children(concerned, progress, event, at)
            return None if after is None else Step(_children(after))

        return on_cancel

    def waits(self, progress: Children) -> tuple[Due, ...]:
        return self._waits(progress)

    def on_timer(self, progress: Children, index: int) -> Step:
        number, step = self._on_child_timer(progress, index)
        if step.match is not None:
            return step
        after = list(progress)
        after[number] = step.progress
        return Step(_children(after), None, step.gave_up)

    def events(self, progress: Children) -> set[Ref]:
        return self._events(progress)

    def is_expired(self, progress: Children, at: int) -> bool:
        return self._are_expired(progress, at)


class AllMatcher(_Combination):
    """Matches when every child has matched, the newest less than *within* after the oldest (18)."""

    def __init__(self, children: Sequence[Matcher], within: int) -> None:
        super().__init__(children)
        self._within = within
        self._forgotten: Remembered = (None,) * len(self.children)
        self.progress_type = tuple[tuple[Match | None, ...], self._children_type]  # type: ignore[name-defined]
        # A remembered match names at most one event more than the progress that it was made of.
        self.growth = sum(child.growth + 1 for child in children)

    def handler(self, event_type: str) -> Handler:
        concerned = self._handlers(event_type)
        nothing = (self._forgotten, self._nothing)

        def on_event(progress: tuple[Remembered, Children] | None, now: Occurrence) -> Step | None:
            remembered, before = nothing if progress is None else progress
            after: list[Any] | None = None
            matches: dict[int, Match] = {}
            gave_up: tuple[str, ...] = ()
            for number, on_child_event, opens in concerned:
                own = before[number]
                if own is None and not opens:
                    continue
                step = on_child_event(own, now)
                if step is None:
                    continue
                gave_up += step.gave_up
                if step.match is not None:
                    matches[number] = step.match
                after = after or list(before)
                after[number] = step.progress
            if after is None:
                return None
            return self._concluded(remembered, matches, after, gave_up, now.at)

        return on_event

    def canceller(self, event_type: str) -> Canceller | None:
        concerned = self._cancellers(event_type)
        if not concerned:
            return None

        def on_cancel(progress: tuple[Remembered, Children], event: Event, at: int) -> Step | None:
            remembered, before = progress
            after = _cancel_children(concerned, before, event, at)
            return None if after is None else Step(_progress(remembered, after))

        return on_cancel

    def waits(self, progress: tuple[Remembered, Children]) -> tuple[Due, ...]:
        return self._waits(progress[1])

    def on_timer(self, progress: tuple[Remembered, Children], index: int) -> Step:
        remembered, before = progress
        number, step = self._on_child_timer(before, index)
        after = list(before)
        after[number] = step.progress
        match = step.match
        if match is None:
            return Step(_progress(remembered, after), None, step.gave_up)
        return self._concluded(remembered, {number: match}, after, step.gave_up, match.at)

    def events(self, progress: tuple[Remembered, Children]) -> set[Ref]:
        remembered, children = progress
        known = {ref for match in remembered if match is not None for ref in match.events}
        return known | self._events(children)

    def is_expired(self, progress: tuple[Remembered, Children], at: int) -> bool:
        remembered, children = progress
        return self._are_expired(children, at) and all(
            match is None or at - match.at >= self._within for match in remembered
        )

    def _concluded(
        self,
        remembered: Remembered,
        matches: dict[int, Match],
        after: list[Any],
        gave_up: tuple[str, ...],
        at: int,
    ) -> Step:
        """Remember *matches*; if that makes all children match within the window, match."""
        if not matches:
            return Step(_progress(remembered, after), None, gave_up)
        known = tuple([matches.get(number, match) for number, match in enumerate(remembered)])
        complete = [match for match in known if match is not None]
        times = [match.at for match in complete]
        if len(complete) == len(known) and max(times) - min(times) < self._within:
            return Step(None, _union(complete, at), gave_up)
        kept = tuple(map(self._keep, known))
        return Step(_progress(kept, after), None, gave_up)

    def _keep(self, match: Match | None) -> Match | None:
        """Return *match* as it is remembered: whole only where a timer may make it the last."""
        if match is None or self.timed or not match.raw:
            return match
        return Match(match.at, match.events)


def _union(matches: list[Match], at: int) -> Match:
    """Return the match of all: every event once, in log order, and the last of them whole."""
    last = max(matches, key=_last_position)
    events = sorted({ref for match in matches for ref in match.events})
    return Match(at, tuple(events), last.raw)


def _last_position(match: Match) -> int:
    return match.events[-1][0]


def _cancel_children(
    concerned: tuple[tuple[int, Canceller], ...], before: Children, event: Event, at: int
) -> list[Any] | None:
    after: list[Any] | None = None
    for number, on_child_cancel in concerned:
        own = before[number]
        if own is None:
            continue
        step = on_child_cancel(own, event, at)
        if step is not None:
            after = after or list(before)
            after[number] = step.progress
    return after


def _children(after: list[Any]) -> Children | None:
    """Return the children's progress, or ``None`` where none is left."""
    for each in after:
        if each is not None:
            return tuple(after)
    return None


def _progress(remembered: Remembered, after: list[Any]) -> tuple[Remembered, Children] | None:
    children = _children(after)
    if children is None:
        if not any(match is not None for match in remembered):
            return None
        children = tuple(after)
    return remembered, children
