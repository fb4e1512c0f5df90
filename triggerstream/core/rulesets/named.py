"""The event types that triggers name, whatever their mode."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from triggerstream.core.events.derived import SIGN
from triggerstream.core.model import Trigger, types_of


def named_types(triggers: Iterable[Trigger]) -> frozenset[str]:
    """Return every type that stands in a ``when`` or an ``until`` of *triggers*, but for derived
    ones, which nobody sends."""
    return frozenset(
        name for trigger in triggers for name in _of_trigger(trigger) if not name.startswith(SIGN)
    )


def _of_trigger(trigger: Trigger) -> Iterator[str]:
    yield from types_of(trigger.when)
    if trigger.goal is not None:
        yield from trigger.goal.types
