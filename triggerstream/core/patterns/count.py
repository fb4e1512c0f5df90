"""Counts: *three or more within a week*, *at most one in a day*, *more than 100 in all*.

Two shapes. A *threshold* (`at_least`, `more_than`) looks back from each event: its cell holds the
events of the sliding window ``(t - within, t]``, and it matches on the event that satisfies it
(14). A *window* (`at_most`, `exactly`) looks forward: the first event opens ``[t0, t0 + within)``,
and a timer at its end decides (15).

What is held is bounded by the newest 1,000 events (17).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from math import ceil, floor
from typing import Final

from triggerstream.core.patterns.aggregates import Counting
from triggerstream.core.patterns.base import Keys, Look, Match, Matcher
from triggerstream.core.patterns.progress import IN_WAIT, Now, Progress, Rows, Value

_NUMBER: Final = 2
"""Where the wait of a window says how many events it has counted."""


class ThresholdMatcher(Matcher):
    """Matches on the event that makes the events of ``(t - within, t]`` satisfy the comparator."""

    def __init__(self, types: Iterable[str], within: int, counting: Counting, keys: Keys) -> None:
        super().__init__(types, 1)
        self.within = within
        self.counting = counting
        self.key = keys.take()
        self.keys = (self.key,)

    def look(self, event_type: str) -> Look:
        counting = self.counting
        is_plain = counting.aggregate is None and counting.look_up is None
        return CountLook(self) if is_plain else AggregateLook(self)

    def is_expired(self, progress: Progress, instance: str, at: int) -> bool:
        held = progress.cells.get(self.key + instance)
        if held is None:
            return True
        return max([progress.times[row] for row in held]) <= at - self.within

    def rows(self, progress: Progress, instance: str) -> set[int]:
        return set(progress.cells.get(self.key + instance, ()))

    def clear(self, progress: Progress, instance: str) -> None:
        progress.cells.pop(self.key + instance, None)
        progress.values.pop(self.key + instance, None)


class CountLook(Look):
    """An event is counted."""

    def __init__(self, matcher: ThresholdMatcher) -> None:
        counting = matcher.counting
        self._key = matcher.key
        self._where = counting.where
        self._within = matcher.within
        is_strict, threshold = counting.comparator == "more_than", counting.threshold
        self._needed: int = floor(threshold) + 1 if is_strict else ceil(threshold)

    def on_event(self, progress: Progress, now: Now, instance: str) -> Match | None:
        where = self._where
        if where is not None and not where(now.event):
            return None
        key = self._key + instance
        held = progress.cells.get(key)
        if held is None:
            held = now.alone
        else:
            start = now.at - self._within
            if progress.times[held[0]] <= start:
                held = held[_before(held, progress.times, start) :]
            held = (*held, now.row)
        if len(held) >= self._needed:
            progress.cells.pop(key, None)
            return Match(now.at, held)
        progress.cells[key] = held
        now.is_held = True
        return None


class AggregateLook(Look):
    """An event's field is added to those of the events before it; or an event is counted whose
    threshold is looked up."""

    def __init__(self, matcher: ThresholdMatcher) -> None:
        self._matcher = matcher

    def on_event(self, progress: Progress, now: Now, instance: str) -> Match | None:
        matcher, counting = self._matcher, self._matcher.counting
        is_counted, value = counting.counts(now.event)
        if not is_counted:
            return None
        key = matcher.key + instance
        held: Rows = progress.cells.get(key, ())
        values: tuple[Value, ...] = progress.values.get(key, ())
        out = _before(held, progress.times, now.at - matcher.within)
        held, values = counting.add(held[out:], values[out:], now.row, value, now.gave_up)
        look_up, threshold = counting.look_up, counting.threshold
        if look_up is not None:
            threshold = look_up(now.event, progress, now.at)
        if counting.is_satisfied(len(held), values, len(held), threshold):
            progress.cells.pop(key, None)
            progress.values.pop(key, None)
            return Match(now.at, held)
        progress.cells[key] = held
        if values:
            progress.values[key] = values
        now.is_held = True
        return None


def _before(held: Rows, times: array[int], start: int) -> int:
    """Return how many of *held* are counted not after *start*.

    They are held in order of the times at which they are counted: one whose own time is earlier
    than that of another before it is counted with that one (36), and what the other has outlived
    is not held any more.
    """
    number = 0
    for row in held:
        if times[row] > start:
            break
        number += 1
    return number


class WindowMatcher(Matcher):
    """Decides at the end of the window that the first counted event opens."""

    def __init__(self, types: Iterable[str], within: int, counting: Counting, keys: Keys) -> None:
        super().__init__(types, 1)
        self.within = within
        self.counting = counting
        self.key = keys.take()
        self.keys = self.waits = (self.key,)

    def look(self, event_type: str) -> Look:
        return WindowLook(self)

    def on_timer(self, progress: Progress, key: str, instance: str) -> Match | None:
        wait = progress.waits[key + instance]
        held = wait[IN_WAIT:]
        values = progress.values.get(key + instance, ())
        counting = self.counting
        is_satisfied = counting.is_satisfied(len(held), values, wait[_NUMBER], counting.threshold)
        self.clear(progress, instance)
        return Match(wait[0], held) if is_satisfied else None

    def is_expired(self, progress: Progress, instance: str, at: int) -> bool:
        return self.key + instance not in progress.waits

    def rows(self, progress: Progress, instance: str) -> set[int]:
        return set(progress.waits.get(self.key + instance, ())[IN_WAIT:])

    def clear(self, progress: Progress, instance: str) -> None:
        progress.close_wait(self.key + instance)
        progress.values.pop(self.key + instance, None)


class WindowLook(Look):
    """An event is counted in the open window, or opens one."""

    def __init__(self, matcher: WindowMatcher) -> None:
        self._matcher = matcher

    def on_event(self, progress: Progress, now: Now, instance: str) -> Match | None:
        matcher, counting = self._matcher, self._matcher.counting
        is_counted, value = counting.counts(now.event)
        if not is_counted:
            return None
        key = matcher.key + instance
        wait = progress.waits.get(key)
        held: Rows = ()
        number = 0
        if wait is None:
            due = now.at + matcher.within
            later = max(0, now.arrival - due)
        else:
            due, later, number, held = wait[0], wait[1], wait[_NUMBER], wait[IN_WAIT:]
        values: tuple[Value, ...] = progress.values.get(key, ())
        held, values = counting.add(held, values, now.row, value, now.gave_up)
        progress.open_wait(key, (due, later, number + 1, *held))
        if value is not None:
            progress.values[key] = values
        now.is_held = now.is_whole = True
        return None
