"""A customer's slots: where triggers keep their progress, with its instances and its waits.

Every change goes through the functions here, so that what follows from it is always right: the
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

_SLOT = 64
"""Bytes of a slot without its id and its instances, at most."""

REFERENCE = 4 * LONGEST_ID + 64
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
    at: int,
    size: int,
) -> bool:
    """Keep *progress*, which an event of *size* bytes has changed at *at*; its instance is the
    newest from now on. Return whether another had to be given up for it (22)."""
    slot = state.slots.get(trigger.id)
    if slot is None:
        slot = state.slots[trigger.id] = Slot(trigger.fingerprint, NEVER, NEVER, 0, CHANGED, {})
        state.weight += _SLOT + 4 * len(trigger.id)
    held = instances_of(slot, trigger.decoder)
    gave_up = False
    if instance is not None and held.pop(instance, None) is None:
        gave_up = _make_room(held, trigger, at)
        state.weight += 4 * len(instance)
    held[instance] = progress
    slot.content = CHANGED
    state.weight += trigger.growth * (REFERENCE + size)
    if trigger.timed and (slot.waits or trigger.matcher.waits(progress)):
        _note_waits(state, slot, trigger)
    return gave_up


def put_by_timer(
    state: CustomerState, trigger: CompiledTrigger, instance: str | None, progress: Any
) -> None:
    """Keep *progress* that a timer has left of an instance, or forget the instance for ``None``.

    An instance keeps its place: only events make it newer (22). Timers add no bytes.
    """
    if progress is None:
        forget(state, trigger, instance)
        return
    slot = state.slots[trigger.id]
    instances_of(slot, trigger.decoder)[instance] = progress
    slot.content = CHANGED
    _note_waits(state, slot, trigger)


def forget(state: CustomerState, trigger: CompiledTrigger, instance: str | None) -> None:
    """Forget the progress of *instance*, if there is any."""
    slot = state.slots.get(trigger.id)
    if slot is None:
        return
    held = instances_of(slot, trigger.decoder)
    held.pop(instance, None)
    slot.content = CHANGED
    if not held:
        del state.slots[trigger.id]
    if slot.waits:
        _note_waits(state, slot, trigger)


def drop(state: CustomerState, name: str) -> None:
    """Forget all progress of the trigger *name*."""
    if state.slots.pop(name, None) is not None:
        state.note_waits()


def _note_waits(state: CustomerState, slot: Slot, trigger: CompiledTrigger) -> None:
    """Find the earliest waits again, of the slot and so of the state."""
    due = settled = NEVER
    number = 0
    for progress in instances_of(slot, trigger.decoder).values():
        for wait_due, arrival in trigger.matcher.waits(progress):
            number += 1
            due = min(due, wait_due)
            settled = min(settled, max(wait_due, arrival))
    slot.due, slot.settled, slot.waits = due, settled, number
    state.note_waits()


def _make_room(held: dict[str | None, Any], trigger: CompiledTrigger, at: int) -> bool:
    """Make room for one more instance; return whether one was given up for it.

    Those that can complete nothing any more go first; if there are none, the one whose progress
    changed longest ago.
    """
    if len(held) < MOST_INSTANCES:
        return False
    is_expired = trigger.matcher.is_expired
    expired = [name for name, progress in held.items() if is_expired(progress, at)]
    for name in expired:
        del held[name]
    if not expired:
        del held[next(iter(held))]
    return not expired
