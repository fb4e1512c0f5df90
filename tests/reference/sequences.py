"""Sequences (semantics 1-13): the whole history is kept, and every choice of events is tried."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tests.reference.seen import FOREVER, Match, Seen, Spec, Timer, duration, fits

MOST_PARTIAL_MATCHES = 32
PLAIN_ROOM = 1
"""Partial matches at a step whose way on has no gap (0002: 3): more would make no difference, but
where a late event killed the newest one at the step before (`test_bounds_by_hand`)."""


class Step(msgspec.Struct, frozen=True):
    """An event step, with the absence that stands before it."""

    spec: Spec
    absence: Spec | None
    after: int = 0
    before: float = FOREVER

    @property
    def silence(self) -> int | None:
        """How long the absence before it must last; ``None`` where it has no ``for``."""
        return duration(self.absence["for"]) if self.absence and "for" in self.absence else None


class Wait(msgspec.Struct, frozen=True):
    """All event steps are filled; the final absence decides (10)."""

    choice: tuple[Seen, ...]


class Sequence:
    """Steps in order (1-13). `history` is every event since the last match that could matter.

    `given_up` is for the bound of rule 3 alone: (step, position) of a partial match that was
    replaced, and the position of the newcomer.
    """

    changed: int | None = None

    def __init__(self, when: Spec) -> None:
        self.within = duration(when.get("within", "24h"))
        self.restart = when.get("restart") == "on_repeat"
        self.steps, self.final = _steps(when["sequence"])
        self.absences = [step.absence for step in self.steps if step.absence]
        self.absences += [self.final] if self.final else []
        self.clear()

    def clear(self) -> None:
        self.history: list[Seen] = []
        self.wait: Wait | None = None
        self.given_up: dict[tuple[int, int], int] = {}

    def on_event(self, seen: Seen) -> Match | None:
        """First what it cancels, then restart, then the steps (0002: 4, 8, 10)."""
        if not self.concerns(seen):
            return None
        if self.kills(seen):
            self.changed = seen.record
        self.history.append(seen)
        if self.wait and self.cancels(seen):
            self.wait = None
        if not seen.fills:
            return None
        self.keep_bound(seen)
        last = len(self.steps) - 1
        if self.wait:
            if self.restart and fits("event", self.steps[last].spec, seen):  # 12
                self.wait = Wait((*self.wait.choice[:-1], seen))
                self.changed = seen.record
            return None  # 11: a prefix completed while a wait is open is discarded
        choice = next(self.choices(last, seen), None)
        if choice and self.final:
            self.wait = Wait(choice)
            self.changed = seen.record
        elif choice:
            self.clear()
            self.changed = seen.record
            return Match(seen.at, None, choice)
        return None

    def concerns(self, seen: Seen) -> bool:
        return any(fits("event", step.spec, seen) for step in self.steps) or any(
            fits("absent", absence, seen) for absence in self.absences
        )

    # Which choices of events satisfy the steps (2).

    def choices(
        self, last: int, seen: Seen, chosen: tuple[Seen, ...] = ()
    ) -> Iterator[tuple[Seen, ...]]:
        """Every choice of events for the steps up to *last*, in which *seen* fills *last*.

        The choice with the latest first event comes first, then the latest second (2).
        """
        step = len(chosen)
        after = chosen[-1].position if chosen else -1
        earlier = [
            event
            for event in reversed(self.history)
            if after < event.position < seen.position and seen.at - event.at < self.within  # 1
        ]
        for event in [seen] if step == last else earlier:
            if not self.may_fill(step, chosen[-1] if chosen else None, event):
                continue
            choice = (*chosen, event)
            if step == last:
                yield choice
            else:
                yield from self.choices(last, seen, choice)

    def may_fill(self, step: int, previous: Seen | None, event: Seen) -> bool:
        """Whether *event* fills *step* after *previous* filled the step before it."""
        spec = self.steps[step]
        if not (event.fills and fits("event", spec.spec, event)):
            return False
        if previous is None:
            return True
        if not previous.at + spec.after <= event.at < previous.at + spec.before:  # 6
            return False
        if spec.silence is not None and event.at < previous.at + spec.silence:  # 9
            return False
        if self.given_up.get((step - 1, previous.position), FOREVER) < event.position:  # 3
            return False
        return not any(
            self.forbids(step, previous, between)
            for between in self.history
            if previous.position < between.position <= event.position
        )

    def forbids(self, step: int, previous: Seen, seen: Seen) -> bool:
        """Whether *seen* is what must not happen between *previous* and *step* (8, 9, 28)."""
        absence, silence = self.steps[step].absence, self.steps[step].silence
        end = FOREVER if silence is None else previous.at + silence
        return (
            absence is not None and fits("absent", absence, seen) and previous.at <= seen.at < end
        )

    # The final absence (10-12).

    def cancels(self, seen: Seen) -> bool:
        """Whether *seen* matches the final absence within ``[t0, t0 + for)`` (10, 28)."""
        assert self.wait
        assert self.final
        opener = self.wait.choice[-1]
        end = opener.at + duration(self.final["for"])
        return fits("absent", self.final, seen) and opener.at <= seen.at < end

    def timers(self) -> list[Timer]:
        if not (self.wait and self.final):
            return []
        opener = self.wait.choice[-1]
        return [Timer(opener.at + duration(self.final["for"]), (), opener.arrival)]

    def on_timer(self, path: tuple[int, ...]) -> Match | None:
        assert self.wait
        due, choice = self.timers()[0].due, self.wait.choice
        self.clear()
        return Match(due, due, choice)

    # Bounds (3, 22).

    def keep_bound(self, seen: Seen) -> None:
        """(3) A newcomer replaces the newest partial match, where its step has no more room.

        Where the way on has neither `after` nor an absence with `for`, only the newest is kept.
        """
        for step in range(len(self.steps) - 1):
            if not any(self.choices(step, seen)):
                continue
            self.changed = seen.record
            following = self.steps[step + 1]
            room = MOST_PARTIAL_MATCHES if following.after or following.silence else PLAIN_ROOM
            held = [other for other in self.partial(step, seen.at) if other is not seen]
            if len(held) >= room:
                self.given_up[step, held[-1].position] = seen.position

    def partial(self, step: int, at: int) -> list[Seen]:
        """The last events of the partial matches that stand at *step*, unexpired at *at*."""
        following = self.steps[step + 1]
        return [
            event
            for event in self.history
            if (step, event.position) not in self.given_up
            and at < event.at + following.before
            and any(at < choice[0].at + self.within for choice in self.choices(step, event))
            and not any(
                self.forbids(step + 1, event, later)
                for later in self.history
                if later.position > event.position
            )
        ]

    def kills(self, seen: Seen) -> bool:
        """Whether *seen* removes a partial match, or the wait."""
        return bool(self.wait and self.cancels(seen)) or any(
            self.forbids(step + 1, event, seen)
            for step in range(len(self.steps) - 1)
            for event in self.partial(step, seen.at)
        )

    def alive(self, at: int) -> bool:
        return self.wait is not None or any(
            self.partial(step, at) for step in range(len(self.steps) - 1)
        )


def _steps(specs: list[Spec]) -> tuple[list[Step], Spec | None]:
    """Return the event steps, ``times: n`` written n times (7), and the final absence."""
    steps: list[Step] = []
    absence: Spec | None = None
    for spec in specs:
        if "absent" in spec:
            absence = spec
            continue
        after = duration(spec["after"]) if "after" in spec else 0
        before = duration(spec["before"]) if "before" in spec else FOREVER
        steps.append(Step(spec, absence, after, before))
        steps += [Step(spec, None)] * (spec.get("times", 1) - 1)
        absence = None
    return steps, absence
