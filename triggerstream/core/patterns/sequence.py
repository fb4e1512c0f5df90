"""Sequences: *A, then B, with no C between them, and then no D for an hour*.

What is held are the *partial matches* at each step but the last: the events that filled the steps
so far. An event takes a partial match on to the next step by copying it, so that a later event may
take it again: a sequence matches when any choice of events satisfies it (2). What is read was there
before the event, because steps are tried from last to first (4).

Where the way on from a step has neither an ``after`` gap nor an ``absent … for``, its newest
partial match alone is kept, and nothing is lost: of two partial matches at a step, the newer one
began no earlier and came there later, so it expires later, and what kills it kills the older one
too. Elsewhere the newest may be too young to go on while an older one is not, and up to 32 are
kept (3).

When all event steps are filled and an absence stands at the end, the sequence *waits* (10).
"""

from __future__ import annotations

from collections.abc import Sequence

from triggerstream.core.events.event import Event
from triggerstream.core.patterns.base import Keys, Look, Match, Matcher, Predicate, accepts
from triggerstream.core.patterns.progress import IN_WAIT, Now, Progress, Rows
from triggerstream.core.patterns.short_cuts import Cancel, Complete, Open, Start, TakeOn
from triggerstream.core.patterns.steps import Absence, EventStep, Kill, Partials, Wait


class SequenceMatcher(Matcher):
    """Matches *steps* in order; other events may come in between.

    Args:
        within: From the first to the last event, half-open, in milliseconds.
        final: The absence after the last event step, with a duration.
        restart: An event that matches the last step moves an open wait.
    """

    def __init__(
        self,
        steps: Sequence[EventStep],
        within: int,
        keys: Keys,
        *,
        final: Absence | None = None,
        restart: bool = False,
    ) -> None:
        absences = [absence for each in steps for absence in each.absences]
        if final is not None:
            absences.append(final)
        cancels = frozenset[str]().union(*[each.types for each in absences])
        types = cancels.union(*[step.types for step in steps])
        growth = len(steps) * (len(steps) + 1) // 2
        super().__init__(types, growth, openers=steps[0].types, cancels=cancels)
        self.steps = tuple(steps)
        self.final = final
        self.restart = restart
        self.partials = [
            Partials(keys.take(), number, within, following)
            for number, following in enumerate(self.steps)
            if number
        ]
        self.wait = None if final is None else Wait(keys.take(), final)
        self.waits = () if self.wait is None else (self.wait.key,)
        self.keys = (*[each.key for each in self.partials], *self.waits)

    def look(self, event_type: str) -> Look:
        look = SequenceLook(self, event_type)
        return look.short_cut() or look

    def on_timer(self, progress: Progress, key: str, instance: str) -> Match | None:
        wait = progress.waits[key + instance]
        self.clear(progress, instance)
        return Match(wait[0], wait[IN_WAIT:])

    def is_expired(self, progress: Progress, instance: str, at: int) -> bool:
        if self.wait is not None and self.wait.key + instance in progress.waits:
            return False
        return all(each.are_over(progress, instance, at) for each in self.partials)

    def rows(self, progress: Progress, instance: str) -> set[int]:
        cells = [progress.cells.get(each.key + instance, ()) for each in self.partials]
        waiting = () if self.wait is None else progress.waits.get(self.wait.key + instance, ())
        return set(waiting[IN_WAIT:]).union(*cells)

    def clear(self, progress: Progress, instance: str) -> None:
        for partials in self.partials:
            progress.cells.pop(partials.key + instance, None)
        if self.wait is not None:
            progress.close_wait(self.wait.key + instance)


class SequenceLook(Look):
    """All that events of one type can do to a sequence: cancel, move its wait, fill steps."""

    def __init__(self, sequence: SequenceMatcher, event_type: str) -> None:
        steps, partials, final = sequence.steps, sequence.partials, sequence.final
        self._sequence = sequence
        self._last: int = len(steps) - 1
        # The steps that it fills, last to first: which, what it must satisfy, what it takes on.
        self._fills: list[tuple[int, Predicate | None]] = [
            (number, steps[number].where)
            for number in range(self._last, -1, -1)
            if event_type in steps[number].types
        ]
        self._kills: list[Kill] = [
            Kill(partials[number - 1], absence)
            for number, step in enumerate(steps)
            for absence in step.absences
            if event_type in absence.types
        ]
        self._cancels_wait: bool = final is not None and event_type in final.types
        self._restarts: bool = sequence.restart and event_type in steps[-1].types

    def on_event(self, progress: Progress, now: Now, instance: str) -> Match | None:
        event, sequence = now.event, self._sequence
        if self.cancel(progress, event, now.at, instance):
            now.has_cancelled = True
        wait = sequence.wait
        waiting = None if wait is None else wait.get(progress, instance)
        if (
            self._restarts
            and wait is not None
            and waiting is not None
            and accepts(self._fills[0][1], event)
        ):
            wait.open(progress, waiting[:-1], now, instance)
        for number, where in self._fills:
            before: Rows | None = ()
            if number:
                before = sequence.partials[number - 1].taken_on(progress, now.at, instance)
            if before is None or not accepts(where, event):
                continue
            if number < self._last:
                newcomer = (*before, now.row)
                sequence.partials[number].add(progress, newcomer, now, instance)
            elif wait is None:
                sequence.clear(progress, instance)
                return Match(now.at, (*before, now.row))
            elif waiting is None:
                wait.open(progress, before, now, instance)
        return None

    def cancel(self, progress: Progress, event: Event, at: int, instance: str) -> bool:
        has_cancelled = False
        for kill in self._kills:
            if kill.cancel(progress, event, at, instance):
                has_cancelled = True
        wait = self._sequence.wait
        if self._cancels_wait and wait is not None:
            return wait.cancel(progress, event, at, instance) or has_cancelled
        return has_cancelled

    def short_cut(self) -> Look | None:
        """Return what does the same where events of this type fill one step and cancel nothing, or
        only cancel the wait. ``None`` for other types."""
        sequence = self._sequence
        if not self._fills and not self._kills and sequence.wait is not None:
            return Cancel(sequence.wait)
        if self._kills or self._cancels_wait or len(self._fills) != 1:
            return None
        ((number, where),) = self._fills
        if number < self._last:
            partials = sequence.partials[number]
            if number:
                return TakeOn(sequence.partials[number - 1], partials, where)
            return Start(partials.key, where) if partials.keeps_newest_only else None
        if sequence.wait is not None:
            before = sequence.partials[number - 1] if number else None
            return Open(before, where, sequence.wait, restarts=self._restarts)
        return Complete(sequence.partials[number - 1], where, sequence) if number else None
