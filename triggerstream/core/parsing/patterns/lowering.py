"""What is replaced when a file is read: ``strict`` and ``debounce`` are sequences, written shorter.

Nothing behind the reader knows of them. A trigger's progress is kept under what they are replaced
by, so that whoever writes the same by hand has the same trigger.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from triggerstream.core.model import (
    AbsentStep,
    AllOf,
    AnyOf,
    Condition,
    EventPattern,
    EventStep,
    Negation,
    SequencePattern,
    Test,
)

Steps = Sequence[EventStep | AbsentStep]


def debounced(pattern: EventPattern, silence: int) -> SequencePattern:
    """Return what matches once, *silence* after the last event of a burst (42)."""
    return SequencePattern(
        (
            EventStep(pattern.types, pattern.where),
            AbsentStep(pattern.types, pattern.where, silence),
        ),
        restart=True,
    )


def strict(steps: Steps, activity: tuple[str, ...]) -> tuple[EventStep | AbsentStep, ...]:
    """Return *steps* with nothing of *activity* between two of them that does not fill the next
    (41): behind the last event step, all may happen that its absence does not forbid."""
    lowered: list[EventStep | AbsentStep] = []
    for step in _written_out(steps):
        if isinstance(step, EventStep) and lowered:
            before = lowered[-1]
            between = [before] if isinstance(before, AbsentStep) else []
            lowered[len(lowered) - len(between) :] = _joined([*between, *_others(step, activity)])
        lowered.append(step)
    return tuple(lowered)


def _written_out(steps: Steps) -> Iterator[EventStep | AbsentStep]:
    """Yield *steps* with ``times: n`` written n times: a gap applies to the first (7)."""
    for step in steps:
        if isinstance(step, EventStep):
            yield EventStep(step.types, step.where, step.after, step.before)
            for _ in range(step.times - 1):
                yield EventStep(step.types, step.where)
        else:
            yield step


def _others(step: EventStep, activity: tuple[str, ...]) -> list[AbsentStep]:
    """Return the absence of all *activity* that does not fill *step*, if there can be any."""
    if step.where is not None and not set(step.types).isdisjoint(activity):
        return [AbsentStep(activity, Negation(_that(step.types, step.where)))]
    types = tuple(each for each in activity if each not in step.types)
    return [AbsentStep(types)] if types else []


def _joined(absences: list[AbsentStep]) -> list[AbsentStep]:
    """Return two absences as one, where one can say both: one has no two durations."""
    if len(absences) < 2 or absences[0].duration is not None:
        return absences
    types = tuple(dict.fromkeys(each for absence in absences for each in absence.types))
    if all(absence.where is None for absence in absences):
        return [AbsentStep(types)]
    either = AnyOf(tuple(_that(absence.types, absence.where) for absence in absences))
    return [AbsentStep(types, either)]


def _that(types: tuple[str, ...], where: Condition | None) -> Condition:
    of_type = Test("event_type", "in_list", list(types))
    return of_type if where is None else AllOf((of_type, where))
