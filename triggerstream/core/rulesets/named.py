"""The event types that triggers name, whatever their mode."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from triggerstream.core.model import AllPattern, AnyPattern, Pattern, SequencePattern, Trigger


def named_types(triggers: Iterable[Trigger]) -> frozenset[str]:
    """Return every type that stands in a ``when`` or an ``until`` of *triggers*."""
    return frozenset(name for trigger in triggers for name in _of_trigger(trigger))


def types_of(pattern: Pattern) -> Iterator[str]:
    """Yield the types that *pattern* looks at, also those that must be absent."""
    match pattern:
        case AllPattern(children=children) | AnyPattern(children=children):
            for child in children:
                yield from types_of(child)
        case SequencePattern(steps=steps):
            for step in steps:
                yield from step.types
        case _:
            yield from pattern.types


def _of_trigger(trigger: Trigger) -> Iterator[str]:
    yield from types_of(trigger.when)
    if trigger.goal is not None:
        yield from trigger.goal.types
