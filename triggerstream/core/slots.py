"""A customer's slots: where triggers keep their progress, with its instances and its waits.

Every change goes through `put` or `drop`, so that what follows from it is always right: the
order of the instances, the earliest wait, the bounds, and the weight of the state.
"""

from __future__ import annotations

from typing import Any

from triggerstream.core.codec import instances_of
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.state import CHANGED, CustomerState, Slot
from triggerstream.core.triggers.compile import CompiledTrigger

MOST_INSTANCES = 64
"""Per trigger and customer (semantics 22)."""

LONGEST_ID = 256
"""Characters of an event id, so that what an event adds to a state has a bound."""

_REFERENCE = 4 * LONGEST_ID + 64
"""Bytes of an event in progress, at most, but for what of it is kept whole: its id, its position,
its times."""

NO_INSTANCES: dict[str | None, Any] = {}
"""For whoever has no slot. Never changed."""


def instances(state: CustomerState, trigger: CompiledTrigger) -> dict[str | None, Any]:
    """Return the trigger's progress by instance, changed longest ago first. Not to be changed.

    Raises:
        StateFormatError: Stored progress cannot be read; the process must stop.
    """
    slot = state.slots.get(trigger.id)
    return NO_INSTANCES if slot is None else instances_of(slot, trigger.decoder)


def put(
    state: CustomerState,
    trigger: CompiledTrigger,
    instance: str | None,
    progress: Any,
    *,
    at: int,
    size: int = 0,
    by_event: bool = True,
) -> int:
    """Keep *progress* of *instance*, or forget the instance where it is ``None``.

    Args:
        at: The effective time of the event that changed it.
        size: Bytes of that event, which progress may hold whole or in part.
        by_event: Whether an event changed it, rather than a timer: it is the newest then (22).

    Returns:
        How many instances had to be given up for it (22).
    """
    slot = state.slots.get(trigger.id)
    if slot is None:
        if progress is None:
            return 0
        slot = state.slots[trigger.id] = Slot(trigger.fingerprint, NEVER, NEVER, 0, CHANGED, {})
        state.weight += _REFERENCE
    held = instances_of(slot, trigger.decoder)
    slot.content = CHANGED
    gave_up = 0
    if progress is None:
        held.pop(instance, None)
    else:
        if instance in held:
            if by_event and len(held) > 1:
                del held[instance]
        elif len(held) >= MOST_INSTANCES:
            gave_up = _make_room(held, trigger, at)
        held[instance] = progress
        text = 0 if instance is None else 4 * len(instance)
        state.weight += text + trigger.matcher.growth * (_REFERENCE + size)
    if not held:
        del state.slots[trigger.id]
    if trigger.matcher.timed:
        note_waits(slot, trigger)
        state.note_waits()
    return gave_up


def drop(state: CustomerState, name: str) -> None:
    """Forget all progress of the trigger *name*."""
    if state.slots.pop(name, None) is not None:
        state.note_waits()


def note_waits(slot: Slot, trigger: CompiledTrigger) -> None:
    """Find the slot's earliest waits again."""
    due = settled = NEVER
    number = 0
    for progress in instances_of(slot, trigger.decoder).values():
        for wait_due, arrival in trigger.matcher.waits(progress):
            number += 1
            due = min(due, wait_due)
            settled = min(settled, max(wait_due, arrival))
    slot.due, slot.settled, slot.waits = due, settled, number


def _make_room(held: dict[str | None, Any], trigger: CompiledTrigger, at: int) -> int:
    """Remove the instances that can complete nothing any more; if there are none, the one whose
    progress changed longest ago. Return how many were given up."""
    is_expired = trigger.matcher.is_expired
    expired = [name for name, progress in held.items() if is_expired(progress, at)]
    for name in expired:
        del held[name]
    if expired:
        return 0
    del held[next(iter(held))]
    return 1
