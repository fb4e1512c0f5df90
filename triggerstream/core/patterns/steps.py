"""The steps of a sequence: what each asks for, and which partial match an event takes on to it.

A *partial match* is the events that filled the first steps. Those that end at one step stand in one
cell, one behind the other, each as many rows as steps it has filled.
"""

from __future__ import annotations

from dataclasses import dataclass

from triggerstream.core.events.event import Event
from triggerstream.core.patterns.base import Predicate, accepts
from triggerstream.core.patterns.progress import IN_WAIT, Now, Progress, Rows

MOST_PARTIAL = 32

FOREVER = 1 << 61


@dataclass(frozen=True, slots=True)
class Absence:
    """What must not happen, and for how long; without *duration* until the next step is filled."""

    types: frozenset[str]
    where: Predicate | None = None
    duration: int | None = None


@dataclass(frozen=True, slots=True)
class EventStep:
    """A step that one event fills at ``prev + after <= t < prev + before``.

    *absences* stand between the step before it and this one, and hold side by side.
    """

    types: frozenset[str]
    where: Predicate | None = None
    after: int = 0
    before: int | None = None
    absences: tuple[Absence, ...] = ()

    @property
    def earliest(self) -> int:
        """How long after the event before it this step can be filled."""
        return max([self.after, *[each.duration or 0 for each in self.absences]])

    @property
    def latest(self) -> int:
        """How long after the event before it this step can no longer be filled."""
        return FOREVER if self.before is None else self.before


class Partials:
    """The cell of the partial matches that end at one step.

    Args:
        key: The cell's.
        size: Events of each, at least one.
        within: How long after its first event one can still be completed.
        following: The step that they wait for.
    """

    def __init__(self, key: str, size: int, within: int, following: EventStep) -> None:
        self.key: str = key
        self.size: int = size
        self.within: int = within
        self.earliest: int = following.earliest
        self.latest: int = following.latest
        self.keeps_newest_only: bool = self.earliest == 0

    def taken_on(self, progress: Progress, at: int, instance: str) -> Rows | None:
        """Return the partial match that an event at *at* takes on to the next step: of those that
        it can take, the one whose first event is latest, then whose second is, and so on (2)."""
        held = progress.cells.get(self.key + instance)
        if held is None:
            return None
        times, size = progress.times, self.size
        if len(held) == size:
            return held if self._can_go_on(times[held[0]], times[held[-1]], at) else None
        best: Rows | None = None
        for start in range(0, len(held), size):
            partial = held[start : start + size]
            if self._can_go_on(times[partial[0]], times[partial[-1]], at) and (
                best is None or partial > best
            ):
                best = partial
        return best

    def _can_go_on(self, first: int, last: int, at: int) -> bool:
        return last + self.earliest <= at < last + self.latest and at < first + self.within

    def add(self, progress: Progress, newcomer: Rows, now: Now, instance: str) -> None:
        """Keep one more partial match, which the event of *now* has made."""
        key = self.key + instance
        now.is_held = True
        held = None if self.keeps_newest_only else progress.cells.get(key)
        if held is None:
            progress.cells[key] = newcomer
            return
        size = self.size
        live: list[Rows] = [
            held[start : start + size]
            for start in range(0, len(held), size)
            if not self._is_over(progress, held[start], held[start + size - 1], now.at)
        ]
        if len(live) >= MOST_PARTIAL:
            live.pop()
            now.gave_up.append("partial")
        live.append(newcomer)
        progress.cells[key] = tuple([row for partial in live for row in partial])

    def are_over(self, progress: Progress, instance: str, at: int) -> bool:
        """Return whether no event at or after *at* can complete any of them."""
        held, size = progress.cells.get(self.key + instance, ()), self.size
        return all(
            self._is_over(progress, held[start], held[start + size - 1], at)
            for start in range(0, len(held), size)
        )

    def _is_over(self, progress: Progress, first: int, last: int, at: int) -> bool:
        times = progress.times
        return at >= times[first] + self.within or at >= times[last] + self.latest


class Kill:
    """What a middle absence forbids to the partial matches that wait behind it."""

    def __init__(self, partials: Partials, absence: Absence) -> None:
        self._partials = partials
        self._where = absence.where
        self._duration: int = FOREVER if absence.duration is None else absence.duration

    def cancel(self, progress: Progress, event: Event, at: int, instance: str) -> bool:
        """Take away those whose forbidden interval ``[prev, prev + for)`` contains *at*; return
        whether there were any."""
        key, size = self._partials.key + instance, self._partials.size
        held = progress.cells.get(key)
        if held is None or not accepts(self._where, event):
            return False
        times = progress.times
        left: list[int] = []
        for start in range(0, len(held), size):
            last = times[held[start + size - 1]]
            if not last <= at < last + self._duration:
                left.extend(held[start : start + size])
        if len(left) == len(held):
            return False
        if left:
            progress.cells[key] = tuple(left)
        else:
            del progress.cells[key]
        return True


class Wait:
    """The cell of the open wait, behind the last event step."""

    def __init__(self, key: str, final: Absence) -> None:
        self.key: str = key
        self._where = final.where
        self._duration: int = final.duration or 0

    def get(self, progress: Progress, instance: str) -> Rows | None:
        """Return the events of the open wait."""
        wait = progress.waits.get(self.key + instance)
        return None if wait is None else wait[IN_WAIT:]

    def open(self, progress: Progress, before: Rows, now: Now, instance: str) -> None:
        """Wait from now on, with the event of *now* behind those *before* it."""
        due = now.at + self._duration
        wait = (due, max(0, now.arrival - due), 0, *before, now.row)
        progress.open_wait(self.key + instance, wait)
        now.is_held = now.is_whole = True

    def cancel(self, progress: Progress, event: Event, at: int, instance: str) -> bool:
        """Close the wait if *event*, at *at*, is what must not happen meanwhile."""
        wait = progress.waits.get(self.key + instance)
        if (
            wait is None
            or not wait[0] - self._duration <= at < wait[0]
            or not accepts(self._where, event)
        ):
            return False
        progress.close_wait(self.key + instance)
        return True
