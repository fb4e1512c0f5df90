"""Counts (semantics 14-17): every counted event is kept, and the window is cut out of them anew."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from tests.reference.conditions import COMPARATORS, Facts, as_number, is_number, lookup, resolved
from tests.reference.seen import Match, Seen, Spec, Timer, duration, fits

MOST_VALUES = 1000


class Count:
    """What both kinds of count share: which events are counted, and what is tested (14-17)."""

    changed: int | None = None

    def __init__(self, when: Spec) -> None:
        self.when = when
        self.within = duration(when.get("within", "24h"))
        self.counted: list[Seen] = []

    def counts(self, seen: Seen) -> bool:
        """(16) A missing field, or nothing that reads as a number where one is wanted, is not
        counted."""
        if not (seen.fills and fits("count", self.when, seen)):
            return False
        if "distinct" in self.when:
            return isinstance(self.value(seen), str | bool | int | float)
        return self.field() is None or as_number(self.value(seen)) is not None

    def field(self) -> str | None:
        names = [self.when[name] for name in ("sum", "average", "distinct") if name in self.when]
        return names[0] if names else None

    def value(self, seen: Seen) -> Any:
        return lookup(self.field() or "", Facts(seen.event))

    def number(self, seen: Seen) -> float:
        number = as_number(self.value(seen))
        assert number is not None  # or it would not be counted
        return number

    def held(self, events: list[Seen]) -> tuple[Seen, ...]:
        """Of *events*, those that are held: for ``distinct`` the latest of each value, and at
        most the newest 1,000 (17)."""
        if "distinct" in self.when:
            latest = {self.identity(seen): seen for seen in events}
            events = sorted(latest.values(), key=lambda seen: seen.position)
        return tuple(events[-MOST_VALUES:])

    def identity(self, seen: Seen) -> tuple[str, Any]:
        """What makes a value distinct (17): 1 is 1.0, but neither "1" nor true."""
        value = self.value(seen)
        return ("number", value) if is_number(value) else (type(value).__name__, value)

    def satisfied(self, number: int, held: tuple[Seen, ...], facts: Facts | None = None) -> bool:
        """Whether the comparator holds for *number* events, of which *held* are held; what it
        compares with may hang on *facts* (75)."""
        tested: float = number
        if "distinct" in self.when:
            tested = len(held)
        elif "sum" in self.when:
            tested = math.fsum(self.number(seen) for seen in held)
        elif "average" in self.when:
            tested = math.fsum(self.number(seen) for seen in held) / len(held)
        return any(
            test(tested, resolved(self.when[name], facts or Facts({})))
            for name, test in COMPARATORS.items()
            if name in self.when
        )

    def clear(self) -> None:
        self.counted = []


class Threshold(Count):
    """(14) `at_least` and `more_than`: the events in ``(t - within, t]``."""

    def on_event(self, seen: Seen) -> Match | None:
        if not self.counts(seen):
            return None
        self.changed = seen.record
        newest = max((each.at for each in self.counted), default=seen.at)
        at = max(seen.at, newest)  # 36
        self.counted.append(msgspec.structs.replace(seen, at=at))
        held = self.held([each for each in self.counted if each.at > at - self.within])
        if not self.satisfied(len(held), held, seen.sees):
            return None
        self.clear()
        return Match(seen.at, None, held)

    def on_timer(self, path: tuple[int, ...]) -> Match | None:
        raise AssertionError(path)

    def timers(self) -> list[Timer]:
        return []

    def alive(self, at: int) -> bool:
        return any(seen.at > at - self.within for seen in self.counted)


class Window(Count):
    """(15) `at_most` and `exactly`: the first counted event opens ``[t0, t0 + within)``, and a
    timer at its end decides. An event at or past the end comes after that timer (29)."""

    def on_event(self, seen: Seen) -> Match | None:
        if self.counts(seen):
            self.changed = seen.record
            self.counted.append(seen)
        return None

    def timers(self) -> list[Timer]:
        if not self.counted:
            return []
        opener = self.counted[0]
        return [Timer(opener.at + self.within, (), opener.arrival)]

    def on_timer(self, path: tuple[int, ...]) -> Match | None:
        due = self.timers()[0].due
        number, held = len(self.counted), self.held(self.counted)
        self.clear()
        return Match(due, due, held) if self.satisfied(number, held) else None

    def alive(self, at: int) -> bool:
        return bool(self.counted)
