"""Sequences: *A, then B, with no C between them, and then no D for an hour*.

Progress is the *partial matches* at each step: the events that filled the steps so far. An event
takes a partial match on to the next step by copying it, so that a later event may take it again:
a sequence matches when any choice of events satisfies it (2). What is read was there before the
event, because steps are tried from last to first (4).

Where the way on from a step has neither an ``after`` gap nor an ``absent … for``, its newest
partial match alone is kept, and nothing is lost: of two partial matches at a step, the newer one
began no earlier and came there later, so it expires later, and what kills it kills the older one
too. Elsewhere the newest may be too young to go on while an older one is not, and up to 32 are
kept (3).

When all event steps are filled and an absence stands at the end, the sequence *waits* (10).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
from triggerstream.core.patterns.progress import Partial, Progress, Wait

MOST_PARTIAL = 32

_FOREVER = 1 << 62


# ── what is asked for ───────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Absence:
    """What must not happen, and for how long; without *duration* until the next step is filled."""

    types: frozenset[str]
    where: Predicate | None = None
    duration: int | None = None


@dataclass(frozen=True, slots=True)
class EventStep:
    """A step that one event fills at ``prev + after <= t < prev + before``.

    *absence* stands between the step before it and this one.
    """

    types: frozenset[str]
    where: Predicate | None = None
    after: int = 0
    before: int | None = None
    absence: Absence | None = None

    @property
    def earliest(self) -> int:
        """How long after the event before it this step can be filled."""
        silence = self.absence.duration if self.absence is not None else None
        return max(self.after, silence or 0)

    @property
    def latest(self) -> int:
        """How long after the event before it this step can no longer be filled."""
        return _FOREVER if self.before is None else self.before


class SequenceMatcher:
    """Matches *steps* in order; other events may come in between.

    Args:
        within: From the first to the last event, half-open, in milliseconds.
        final: The absence after the last event step, with a duration.
        restart: An event that matches the last step moves an open wait.
    """

    progress_type: Any = Progress

    def __init__(
        self,
        steps: Sequence[EventStep],
        within: int,
        *,
        final: Absence | None = None,
        restart: bool = False,
    ) -> None:
        self.steps = tuple(steps)
        self.within = within
        self.final = final
        self.restart = restart
        self.openers = self.steps[0].types
        absences = [step.absence for step in self.steps] + [final]
        self.types = frozenset().union(
            *(step.types for step in self.steps),
            *(absence.types for absence in absences if absence is not None),
        )
        self.timed = final is not None
        self.growth = len(self.steps) * (len(self.steps) + 1) // 2

    def handler(self, event_type: str) -> Handler:
        plan = _Plan(self, event_type)
        return plan.short_cut() or plan.on_event

    def canceller(self, event_type: str) -> Canceller | None:
        plan = _Plan(self, event_type)
        return plan.on_cancel if plan.cancels else None

    def waits(self, progress: Progress) -> tuple[Due, ...]:
        wait = progress.wait
        return () if wait is None else ((wait.due, wait.arrival),)

    def on_timer(self, progress: Progress, index: int) -> Step:
        wait = progress.wait
        if wait is None:
            raise LookupError(index)
        return Step(None, Match(wait.due, wait.events, wait.raw))

    def events(self, progress: Progress) -> set[Ref]:
        found = {ref for held in progress.steps for partial in held for ref in partial.events}
        return found.union(progress.wait.events if progress.wait is not None else ())

    def is_expired(self, progress: Progress, at: int) -> bool:
        return progress.wait is None and all(
            self.is_over(step, partial, at)
            for step, partials in enumerate(progress.steps)
            for partial in partials
        )

    def is_over(self, step: int, partial: Partial, at: int) -> bool:
        """Return whether no event at or after *at* can complete a partial match at *step*."""
        return at >= partial.first + self.within or at >= partial.at + self.steps[step + 1].latest


# ── how it goes on ──────────────────────────────────────────────────────────────────────────


class _Way:
    """The way to one step, for events of one of its types."""

    def __init__(self, sequence: SequenceMatcher, number: int) -> None:
        step = sequence.steps[number]
        self.step = number
        self.where = step.where
        self._within = sequence.within
        self._earliest = step.earliest
        self._latest = step.latest
        self._sequence = sequence
        following = sequence.steps[number + 1 : number + 2]
        self.keeps_newest_only = not any(each.earliest for each in following)

    def fill(self, before: tuple[tuple[Partial, ...], ...], now: Occurrence) -> Partial | None:
        """Return the partial match that an event makes at this step, from those *before* it."""
        event, at = now.event, now.at
        if not self.step:
            if self.where is not None and not self.where(event):
                return None
            return Partial(at, at, ((now.position, event.event_id),))
        partials = before[self.step - 1]
        if not partials:
            return None
        chosen = self._chosen(partials, at)
        if chosen is None or (self.where is not None and not self.where(event)):
            return None
        return Partial(chosen.first, at, (*chosen.events, (now.position, event.event_id)))

    def _chosen(self, partials: tuple[Partial, ...], at: int) -> Partial | None:
        """Return the partial match that an event at *at* takes on: of those that it can take,
        the one whose first event is latest, then whose second is, and so on (2)."""
        best: Partial | None = None
        for partial in partials:
            if (
                partial.at + self._earliest <= at < partial.first + self._within
                and at < partial.at + self._latest
                and (best is None or partial.events > best.events)
            ):
                best = partial
        return best

    def add(
        self, partials: tuple[Partial, ...], newcomer: Partial
    ) -> tuple[tuple[Partial, ...], tuple[str, ...]]:
        """Return the step's partial matches with *newcomer*, and what was given up for it."""
        if self.keeps_newest_only or not partials:
            return (newcomer,), ()
        is_over, at = self._sequence.is_over, newcomer.at
        live = [partial for partial in partials if not is_over(self.step, partial, at)]
        if len(live) < MOST_PARTIAL:
            return (*live, newcomer), ()
        return (*live[:-1], newcomer), ("partial",)


class _Kill:
    """What a middle absence forbids to the partial matches at *step*."""

    def __init__(self, step: int, absence: Absence) -> None:
        self.step = step
        self.where = absence.where
        self._duration = _FOREVER if absence.duration is None else absence.duration

    def survivors(self, partials: tuple[Partial, ...], at: int) -> tuple[Partial, ...]:
        """Return those whose forbidden interval ``[prev, prev + for)`` does not contain *at*."""
        duration = self._duration
        return tuple(p for p in partials if not p.at <= at < p.at + duration)


class _Plan:
    """What events of one type do to a sequence."""

    def __init__(self, sequence: SequenceMatcher, event_type: str) -> None:
        steps, final = sequence.steps, sequence.final
        self._last = len(steps) - 1
        self._nothing = Progress(((),) * self._last)
        self._final = final
        self._duration = (final.duration or 0) if final is not None else 0
        self._ways = tuple(
            _Way(sequence, number)
            for number in range(self._last, -1, -1)
            if event_type in steps[number].types
        )
        self._kills = tuple(
            _Kill(number - 1, absence)
            for number, step in enumerate(steps)
            if (absence := step.absence) is not None and event_type in absence.types
        )
        self._cancels_wait = final is not None and event_type in final.types
        self._restarts = sequence.restart and event_type in steps[-1].types
        self.cancels = bool(self._kills) or self._cancels_wait

    def short_cut(self) -> Handler | None:
        """Return what does the same as `on_event` where events of this type fill one step and
        cancel nothing, which most do: half the cost (benchmarks/engine.py), and the same
        (test_conformance). ``None`` for other types."""
        if self.cancels or len(self._ways) != 1:
            return None
        (way,) = self._ways
        if 0 < way.step < self._last or (way.step and self._final is None):
            return self._taking_on(way)
        if way.step:
            return None
        return self._starting(way) if self._last else self._waiting(way)

    def _starting(self, way: _Way) -> Handler | None:
        """An event becomes the newest partial match at the first step."""
        if not way.keeps_newest_only:
            return None
        where = way.where
        empty = self._nothing.steps[1:]

        def on_event(progress: Progress | None, now: Occurrence) -> Step | None:
            event, at = now.event, now.at
            if where is not None and not where(event):
                return None
            started = (Partial(at, at, ((now.position, event.event_id),)),)
            if progress is None:
                return Step(Progress((started, *empty)))
            return Step(Progress((started, *progress.steps[1:]), progress.wait))

        return on_event

    def _taking_on(self, way: _Way) -> Handler:
        """An event takes a partial match on to the next step, if there is one, or completes it."""
        fill, add, step = way.fill, way.add, way.step
        completes = step == self._last

        def on_event(progress: Progress | None, now: Occurrence) -> Step | None:
            if progress is None or not progress.steps[step - 1]:
                return None
            before = progress.steps
            filled = fill(before, now)
            if filled is None:
                return None
            if completes:
                return Step(None, Match(now.at, filled.events, now.event.raw))
            partials, gave_up = add(before[step], filled)
            return Step(Progress(_replaced(before, step, partials), progress.wait), None, gave_up)

        return on_event

    def _waiting(self, way: _Way) -> Handler | None:
        """An event opens the wait of a sequence with one step, or moves it."""
        if self._final is None:
            return None
        where, restarts, duration = way.where, self._restarts, self._duration

        def on_event(progress: Progress | None, now: Occurrence) -> Step | None:
            event = now.event
            if (progress is not None and not restarts) or (where is not None and not where(event)):
                return None
            refs = ((now.position, event.event_id),)
            return Step(Progress((), Wait(now.at + duration, now.arrival, refs, event.raw)))

        return on_event

    def on_event(self, progress: Progress | None, now: Occurrence) -> Step | None:
        if progress is None:
            progress = self._nothing
        before, wait = progress.steps, progress.wait
        if self.cancels:
            before, wait = self._cancelled(progress, now.event, now.at)
        if self._restarts and wait is not None and _accepts(self._ways[0].where, now.event):
            wait = self._opened(wait.events[:-1], now)
        steps: list[tuple[Partial, ...]] | None = None
        gave_up: tuple[str, ...] = ()
        for way in self._ways:
            filled = way.fill(before, now)
            if filled is None:
                continue
            if way.step < self._last:
                steps = steps or list(before)
                steps[way.step], given = way.add(before[way.step], filled)
                gave_up += given
            elif self._final is None:
                return Step(None, Match(now.at, filled.events, now.event.raw), gave_up)
            elif wait is None:
                wait = self._opened(filled.events[:-1], now)
        if steps is not None:
            return Step(Progress(tuple(steps), wait), None, gave_up)
        return _changed(progress, before, wait)

    def on_cancel(self, progress: Progress, event: Event, at: int) -> Step | None:
        return _changed(progress, *self._cancelled(progress, event, at))

    def _cancelled(
        self, progress: Progress, event: Event, at: int
    ) -> tuple[tuple[tuple[Partial, ...], ...], Wait | None]:
        steps, wait = progress.steps, progress.wait
        for kill in self._kills:
            partials = steps[kill.step]
            if partials and _accepts(kill.where, event):
                left = kill.survivors(partials, at)
                if len(left) < len(partials):
                    steps = _replaced(steps, kill.step, left)
        if (
            self._cancels_wait
            and wait is not None
            and self._final is not None
            and wait.due - self._duration <= at < wait.due
            and _accepts(self._final.where, event)
        ):
            wait = None
        return steps, wait

    def _opened(self, events: tuple[Ref, ...], now: Occurrence) -> Wait:
        event = now.event
        refs = (*events, (now.position, event.event_id))
        return Wait(now.at + self._duration, now.arrival, refs, event.raw)


def _accepts(where: Predicate | None, event: Event) -> bool:
    return where is None or where(event)


def _replaced(
    steps: tuple[tuple[Partial, ...], ...], step: int, partials: tuple[Partial, ...]
) -> tuple[tuple[Partial, ...], ...]:
    return (*steps[:step], partials, *steps[step + 1 :])


def _changed(
    progress: Progress, steps: tuple[tuple[Partial, ...], ...], wait: Wait | None
) -> Step | None:
    """Return the step to *steps* and *wait*, or ``None`` where they are those of *progress*."""
    if steps is progress.steps and wait is progress.wait:
        return None
    return Step(Progress(steps, wait) if wait is not None or any(steps) else None)
