"""`all` and `any` of patterns. Children share events and know nothing of each other."""

from __future__ import annotations

from collections.abc import Sequence

from triggerstream.core.events.event import Event
from triggerstream.core.patterns.base import Keys, Look, Match, Matcher
from triggerstream.core.patterns.progress import Now, Progress, Rows


class Combination(Matcher):
    """What `all` and `any` share: their children."""

    def __init__(self, children: Sequence[Matcher], growth: int) -> None:
        super().__init__(
            frozenset[str]().union(*[child.types for child in children]),
            growth,
            openers=frozenset[str]().union(*[child.openers for child in children]),
            cancels=frozenset[str]().union(*[child.cancels for child in children]),
        )
        self.children = tuple(children)
        self.keys = tuple([key for child in children for key in child.keys])
        self.waits = tuple([key for child in children for key in child.waits])
        self.quiet = tuple([key for child in children for key in child.quiet])
        self._owners: dict[str, int] = {
            key: number for number, child in enumerate(children) for key in child.waits
        }

    def looks(self, event_type: str) -> tuple[tuple[int, Look], ...]:
        """Return the looks of the children that events of a type concern, with their numbers."""
        return tuple(
            [
                (number, child.look(event_type))
                for number, child in enumerate(self.children)
                if event_type in child.types
            ]
        )

    def on_child_timer(
        self, progress: Progress, key: str, instance: str
    ) -> tuple[int, Match | None]:
        """Decide a child's open wait; return the child's number, and its match."""
        number = self._owners[key]
        return number, self.children[number].on_timer(progress, key, instance)

    def is_expired(self, progress: Progress, instance: str, at: int) -> bool:
        return all(child.is_expired(progress, instance, at) for child in self.children)

    def rows(self, progress: Progress, instance: str) -> set[int]:
        return set[int]().union(*[each.rows(progress, instance) for each in self.children])

    def clear(self, progress: Progress, instance: str) -> None:
        for child in self.children:
            child.clear(progress, instance)


class CombinedLook(Look):
    """An event is offered to the children that it concerns."""

    def __init__(self, looks: tuple[tuple[int, Look], ...]) -> None:
        self._looks = looks

    def cancel(self, progress: Progress, event: Event, at: int, instance: str) -> bool:
        has_cancelled = False
        for _, look in self._looks:
            if look.cancel(progress, event, at, instance):
                has_cancelled = True
        return has_cancelled


class AnyMatcher(Combination):
    """Matches when a child does; of several at once, the first in file order (19)."""

    def __init__(self, children: Sequence[Matcher]) -> None:
        super().__init__(children, sum(child.growth for child in children))

    def look(self, event_type: str) -> Look:
        return AnyLook(self, self.looks(event_type))

    def on_timer(self, progress: Progress, key: str, instance: str) -> Match | None:
        _, match = self.on_child_timer(progress, key, instance)
        if match is not None:
            self.clear(progress, instance)
        return match


class AnyLook(CombinedLook):
    """The first child that matches does."""

    def __init__(self, matcher: AnyMatcher, looks: tuple[tuple[int, Look], ...]) -> None:
        super().__init__(looks)
        self._matcher = matcher

    def on_event(self, progress: Progress, now: Now, instance: str) -> Match | None:
        for _, look in self._looks:
            match = look.on_event(progress, now, instance)
            if match is not None:
                self._matcher.clear(progress, instance)
                return match
        return None


class AllMatcher(Combination):
    """Matches when every child has matched, the newest less than *within* after the oldest (18).

    Each child's latest match is remembered in a cell: when, then its events.
    """

    def __init__(self, children: Sequence[Matcher], within: int, keys: Keys) -> None:
        # A remembered match names at most one event more than the progress that it was made of.
        super().__init__(children, sum(child.growth + 1 for child in children))
        self._within = within
        self.remembered = tuple([keys.take() for _ in children])
        self.keys = (*self.keys, *self.remembered)

    def look(self, event_type: str) -> Look:
        return AllLook(self, self.looks(event_type))

    def on_timer(self, progress: Progress, key: str, instance: str) -> Match | None:
        number, match = self.on_child_timer(progress, key, instance)
        return None if match is None else self.concluded(progress, {number: match}, instance)

    def concluded(
        self, progress: Progress, matches: dict[int, Match], instance: str
    ) -> Match | None:
        """Remember that children have matched at once, by their numbers; return the match of all,
        if that makes all of them match within the window."""
        known: list[Rows] = []
        for number, key in enumerate(self.remembered):
            match = matches.get(number)
            if match is not None:
                progress.matches[key + instance] = (match.at, *match.rows)
            remembered = progress.matches.get(key + instance)
            if remembered is not None:
                known.append(remembered)
        times = [each[0] for each in known]
        if len(known) < len(self.children) or max(times) - min(times) >= self._within:
            return None
        self.clear(progress, instance)
        events = set[int]().union(*[each[1:] for each in known])
        at = max(match.at for match in matches.values())
        return Match(at, tuple(sorted(events)))

    def is_expired(self, progress: Progress, instance: str, at: int) -> bool:
        matches = [progress.matches.get(key + instance) for key in self.remembered]
        return super().is_expired(progress, instance, at) and all(
            each is None or at - each[0] >= self._within for each in matches
        )

    def rows(self, progress: Progress, instance: str) -> set[int]:
        matches = [progress.matches.get(key + instance, ())[1:] for key in self.remembered]
        return super().rows(progress, instance).union(*matches)

    def clear(self, progress: Progress, instance: str) -> None:
        super().clear(progress, instance)
        for key in self.remembered:
            progress.matches.pop(key + instance, None)


class AllLook(CombinedLook):
    """What children match is remembered, until all have."""

    def __init__(self, matcher: AllMatcher, looks: tuple[tuple[int, Look], ...]) -> None:
        super().__init__(looks)
        self._matcher = matcher
        self._is_timed = bool(matcher.waits)

    def on_event(self, progress: Progress, now: Now, instance: str) -> Match | None:
        matches: dict[int, Match] = {}
        for number, look in self._looks:
            match = look.on_event(progress, now, instance)
            if match is not None:
                matches[number] = match
        if not matches:
            return None
        match = self._matcher.concluded(progress, matches, instance)
        if match is None:
            now.is_held = True
            # Whole where a timer may make it the last event of the match.
            now.is_whole = now.is_whole or self._is_timed
        return match
