"""Patterns: one event, ``all`` and ``any`` (semantics 18-20), and how each kind is built."""

from __future__ import annotations

import msgspec

from tests.reference.counts import Threshold, Window
from tests.reference.seen import Match, Pattern, Seen, Spec, Timer, duration, fits
from tests.reference.sequences import Sequence
from tests.reference.trends import Trend


def build(when: Spec) -> Pattern:
    """Return a pattern without progress."""
    if "sequence" in when:
        return Sequence(when)
    if "all" in when:
        return All(when)
    if "any" in when:
        return Any_(when)
    if "trend" in when:
        return Trend(when)
    if "count" not in when:
        return Single(when)
    return Window(when) if "at_most" in when or "exactly" in when else Threshold(when)


class Single:
    """One event."""

    changed: int | None = None

    def __init__(self, when: Spec) -> None:
        self.when = when

    def on_event(self, seen: Seen) -> Match | None:
        if seen.fills and fits("event", self.when, seen):
            return Match(seen.at, None, (seen,))
        return None

    def on_timer(self, path: tuple[int, ...]) -> Match | None:
        raise AssertionError(path)

    def timers(self) -> list[Timer]:
        return []

    def clear(self) -> None:
        pass

    def alive(self, at: int) -> bool:
        return False


class Group:
    """Children that share events and have progress of their own."""

    def __init__(self, specs: list[Spec]) -> None:
        self.children = [build(spec) for spec in specs]

    @property
    def changed(self) -> int | None:
        return max((c.changed for c in self.children if c.changed is not None), default=None)

    def timers(self) -> list[Timer]:
        return [
            msgspec.structs.replace(timer, path=(number, *timer.path))
            for number, child in enumerate(self.children)
            for timer in child.timers()
        ]

    def clear(self) -> None:
        for child in self.children:
            child.clear()

    def alive(self, at: int) -> bool:
        return any(child.alive(at) for child in self.children)


class Any_(Group):  # noqa: N801 - ``any`` and `Any` are taken
    """(19) One child is enough; of several at once, the first in file order."""

    def __init__(self, when: Spec) -> None:
        super().__init__(when["any"])

    def on_event(self, seen: Seen) -> Match | None:
        matches = [match for child in self.children if (match := child.on_event(seen))]
        if not matches:
            return None
        self.clear()
        return matches[0]

    def on_timer(self, path: tuple[int, ...]) -> Match | None:
        match = self.children[path[0]].on_timer(path[1:])
        if match:
            self.clear()
        return match


class All(Group):
    """(18) Every child, in any order; each one's latest match is remembered."""

    def __init__(self, when: Spec) -> None:
        super().__init__(when["all"])
        self.within = duration(when.get("within", "24h"))
        self.remembered: dict[int, Match] = {}
        self.last_remembered: int | None = None

    @property
    def changed(self) -> int | None:
        known = [p for p in (super().changed, self.last_remembered) if p is not None]
        return max(known, default=None)

    def on_event(self, seen: Seen) -> Match | None:
        matches = {n: m for n, child in enumerate(self.children) if (m := child.on_event(seen))}
        if not matches:
            return None
        self.last_remembered = seen.record
        return self.remember(matches, seen.at, None)

    def on_timer(self, path: tuple[int, ...]) -> Match | None:
        match = self.children[path[0]].on_timer(path[1:])
        return self.remember({path[0]: match}, match.at, match.due) if match else None

    def remember(self, matches: dict[int, Match], at: int, due: int | None) -> Match | None:
        """Return the match of all, if that is what the last child's match makes."""
        self.remembered |= matches
        times = [match.at for match in self.remembered.values()]
        if len(times) < len(self.children) or max(times) - min(times) >= self.within:
            return None
        events = {e.position: e for match in self.remembered.values() for e in match.events}
        self.clear()
        return Match(at, due, tuple(events[position] for position in sorted(events)))

    def clear(self) -> None:
        super().clear()
        self.remembered = {}

    def alive(self, at: int) -> bool:
        return super().alive(at) or any(
            at < match.at + self.within for match in self.remembered.values()
        )
