"""Counts: *three or more within a week*, *at most one in a day*, *more than 100 in all*.

Two shapes. A *threshold* (`at_least`, `more_than`) looks back from each event: what it holds is
the events of the sliding window ``(t - within, t]``, and it matches on the event that satisfies
it (14). A *window* (`at_most`, `exactly`) looks forward: the first event opens ``[t0, t0 +
within)``, and a timer at its end decides (15).

What is held is bounded by the newest 1,000 events (17).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from math import fsum, isfinite
from typing import Any

from triggerstream.core.events.event import Event
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
from triggerstream.core.patterns.progress import Held, Value, Window

MOST_HELD = 1000

_INT64 = 1 << 63

Reader = Callable[[Event], Value | None]
"""Reads the aggregated field; ``None`` where the event is not to be counted (16)."""

COMPARATORS: dict[str, Callable[[float, float], bool]] = {
    "at_least": operator.ge,
    "more_than": operator.gt,
    "at_most": operator.le,
    "exactly": operator.eq,
}


class Counting:
    """What is counted, and what is tested: the same for both shapes.

    Args:
        aggregate: ``None`` to count events; else ``sum``, ``average`` or ``distinct``.
        read: Reads the aggregated field, whatever it holds; ``None`` without an aggregate.
    """

    def __init__(
        self,
        comparator: str,
        threshold: float,
        *,
        where: Predicate | None = None,
        aggregate: str | None = None,
        read: Callable[[Event], Any] | None = None,
    ) -> None:
        self.compare = COMPARATORS[comparator]
        self.threshold = threshold
        self.where = where
        self.aggregate = aggregate
        self._read = _reader(aggregate, read) if aggregate and read else None

    def held(self, now: Occurrence) -> Held | None:
        """Return what to hold of an event, or ``None`` if it is not counted."""
        event = now.event
        if self.where is not None and not self.where(event):
            return None
        if self._read is None:
            return Held(now.at, now.position, event.event_id)
        value = self._read(event)
        return None if value is None else Held(now.at, now.position, event.event_id, value)

    def add(
        self, held: tuple[Held, ...], newcomer: Held
    ) -> tuple[tuple[Held, ...], tuple[str, ...]]:
        """Return *held* with *newcomer* at its end, and what was given up for it."""
        if self.aggregate == "distinct":
            value = newcomer.value
            held = tuple(each for each in held if not _is_same(each.value, value))
        if len(held) < MOST_HELD:
            return (*held, newcomer), ()
        return (*held[1 - MOST_HELD :], newcomer), ("value",)

    def is_satisfied(self, held: tuple[Held, ...], number: int) -> bool:
        """Return whether the comparator holds for *number* events, of which *held* are held."""
        aggregate = self.aggregate
        if aggregate is None:
            return self.compare(number, self.threshold)
        if aggregate == "distinct":
            return self.compare(len(held), self.threshold)
        total = fsum(each.value for each in held)  # type: ignore[misc]  # `_reader` lets numbers pass
        return self.compare(total if aggregate == "sum" else total / len(held), self.threshold)


class _CountMatcher:
    """What the two shapes share."""

    growth = 1

    def __init__(self, types: Iterable[str], within: int, counting: Counting) -> None:
        self.types = self.openers = frozenset(types)
        self._within = within
        self._counting = counting

    def canceller(self, event_type: str) -> Canceller | None:
        return None


class ThresholdMatcher(_CountMatcher):
    """Matches on the event that makes the events of ``(t - within, t]`` satisfy the comparator."""

    timed = False
    progress_type: Any = tuple[Held, ...]

    def handler(self, event_type: str) -> Handler:
        return self._counts_events() if self._counting.aggregate is None else self._on_event

    def _counts_events(self) -> Handler:
        """Return `_on_event` for plain counts, which most are: half the cost
        (benchmarks/engine.py), and the same (test_conformance)."""
        where, compare = self._counting.where, self._counting.compare
        threshold, within = self._counting.threshold, self._within

        def on_event(progress: tuple[Held, ...] | None, now: Occurrence) -> Step | None:
            event, at = now.event, now.at
            if where is not None and not where(event):
                return None
            held = progress or ()
            if held and held[0].at <= at - within:
                held = tuple([each for each in held if each.at > at - within])
            held += (Held(at, now.position, event.event_id),)
            if compare(len(held), threshold):
                return Step(None, Match(at, _refs(held), event.raw))
            return Step(held)

        return on_event

    def _on_event(self, progress: tuple[Held, ...] | None, now: Occurrence) -> Step | None:
        counting = self._counting
        newcomer = counting.held(now)
        if newcomer is None:
            return None
        held, gave_up = counting.add(self._inside(progress, now.at), newcomer)
        if counting.is_satisfied(held, len(held)):
            return Step(None, Match(now.at, _refs(held), now.event.raw), gave_up)
        return Step(held, None, gave_up)

    def _inside(self, held: tuple[Held, ...] | None, at: int) -> tuple[Held, ...]:
        """Return those in ``(at - within, at]``; they are held in order of their times."""
        start = at - self._within
        if not held or held[0].at > start:
            return held or ()
        return tuple(each for each in held if each.at > start)

    def waits(self, progress: tuple[Held, ...]) -> tuple[Due, ...]:
        return ()

    def on_timer(self, progress: tuple[Held, ...], index: int) -> Step:
        raise LookupError(index)

    def events(self, progress: tuple[Held, ...]) -> set[Ref]:
        return set(_refs(progress))

    def is_expired(self, progress: tuple[Held, ...], at: int) -> bool:
        return progress[-1].at <= at - self._within


class WindowMatcher(_CountMatcher):
    """Decides at the end of the window that the first counted event opens."""

    timed = True
    progress_type: Any = Window

    def handler(self, event_type: str) -> Handler:
        return self._on_event

    def _on_event(self, progress: Window | None, now: Occurrence) -> Step | None:
        newcomer = self._counting.held(now)
        if newcomer is None:
            return None
        raw = now.event.raw
        if progress is None:
            return Step(Window(now.at + self._within, now.arrival, 1, (newcomer,), raw))
        held, gave_up = self._counting.add(progress.held, newcomer)
        number = progress.number + 1
        return Step(Window(progress.due, progress.arrival, number, held, raw), None, gave_up)

    def waits(self, progress: Window) -> tuple[Due, ...]:
        return ((progress.due, progress.arrival),)

    def on_timer(self, progress: Window, index: int) -> Step:
        if not self._counting.is_satisfied(progress.held, progress.number):
            return Step()
        return Step(None, Match(progress.due, _refs(progress.held), progress.raw))

    def events(self, progress: Window) -> set[Ref]:
        return set(_refs(progress.held))

    def is_expired(self, progress: Window, at: int) -> bool:
        return False


def _refs(held: tuple[Held, ...]) -> tuple[Ref, ...]:
    return tuple([(each.position, each.event_id) for each in held])


def _reader(aggregate: str, read: Callable[[Event], Any]) -> Reader:
    """Return *read*, narrowed to what *aggregate* counts."""
    wanted = (str, bool, int, float) if aggregate == "distinct" else (int, float)

    def narrowed(event: Event) -> Value | None:
        value = read(event)
        if type(value) not in wanted:
            return None
        if type(value) is int and not -_INT64 <= value < _INT64:
            return _as_float(value)
        return value if type(value) is not float or isfinite(value) else None

    return narrowed


def _as_float(value: int) -> float | None:
    """Return an integer that no state can hold as the nearest float that it can."""
    try:
        return float(value)
    except OverflowError:
        return None


def _is_same(one: Value | None, other: Value | None) -> bool:
    """Return whether two values are one value (17): 1 is 1.0, but neither "1" nor true."""
    return one == other and (type(one) is bool) is (type(other) is bool)
