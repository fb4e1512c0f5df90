"""A customer's slots: where triggers keep their progress, with its instances and its waits.

Every change goes through the functions here (but for the commonest, `engine._advance`), so that
what follows from it is always right: the order of the instances, the earliest wait, the bounds,
and the weight of the state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triggerstream.core.detection.waits import exchanged, is_of_earliest, set_timer, timer_of
from triggerstream.core.patterns.base import Due
from triggerstream.core.rulesets.compile import CompiledTrigger
from triggerstream.core.state.codec import decode_slot, encode_slot, read_fingerprint
from triggerstream.core.state.customer import CustomerState
from triggerstream.core.state.formats import Instances, Slot

MOST_INSTANCES = 64
"""Per trigger and customer (semantics 22)."""

LONGEST_ID = 256
"""Characters of an event id, so that what an event adds to a state has a bound."""

REFERENCE = 4 * LONGEST_ID + 64
"""Bytes of an event in progress, at most, but for what of it is kept whole: its id, its position,
its times, and what made the instance that it is the first of."""

_NO_INSTANCES: Instances = {}


def names(state: CustomerState) -> list[str]:
    """Return the triggers that keep progress."""
    return [*state.slots, *state.instances]


def made_by(state: CustomerState, name: str) -> bytes:
    """Return the fingerprint of the detection that made the progress of the trigger *name*."""
    slot = state.slots.get(name)
    return read_fingerprint(next(iter(state.instances[name].values())) if slot is None else slot)


def instances(state: CustomerState, trigger: CompiledTrigger) -> list[str | None]:
    """Return the trigger's instances, changed longest ago first; without ``per`` the whole
    customer is the only one, ``None``."""
    if trigger.instance_of is None:
        return [None] if trigger.id in state.slots else []
    return list(state.instances.get(trigger.id, ()))


def progress(state: CustomerState, trigger: CompiledTrigger, instance: str | None) -> Any:
    """Return the progress of an instance, or ``None`` where there is none.

    Raises:
        StateFormatError: It cannot be read; the process must stop.
    """
    of = state.slots if instance is None else state.instances.get(trigger.id, _NO_INSTANCES)
    slot = of.get(trigger.id if instance is None else instance)
    return None if slot is None else decode_slot(slot, trigger.decode)


def put(
    state: CustomerState,
    trigger: CompiledTrigger,
    instance: str | None,
    after: Any,
    at: int,
    size: int,
) -> bool:
    """Keep *after*, which an event of *size* bytes has made of an instance's progress at *at*.

    The instance is the newest from now on. Return whether another had to be given up (22).
    """
    name, gave_up = trigger.id, False
    if instance is None:
        before = state.slots.get(name)
        if before is None:
            state.weight += trigger.weight
        state.slots[name] = encode_slot(trigger.fingerprint, after, before)
    else:
        by_instance = state.instances.setdefault(name, {})
        if not by_instance:
            state.weight += trigger.weight
        before = by_instance.pop(instance, None)
        if before is None:
            gave_up = _make_room(by_instance, trigger, at)
            state.weight += 4 * len(instance)
        by_instance[instance] = encode_slot(trigger.fingerprint, after, before)
    state.weight += trigger.growth * (REFERENCE + size)
    if gave_up:
        _note_all_waits(state, trigger)
    elif trigger.timed:
        _note_waits(state, trigger, before, trigger.matcher.waits(after))
    return gave_up


def note_wait(state: CustomerState, trigger: CompiledTrigger, after: Any) -> None:
    """Note what a trigger without ``per`` waits for, *after* an event has changed its progress."""
    set_timer(state, trigger.id, timer_of(trigger.matcher.waits(after)))


def put_by_timer(
    state: CustomerState, trigger: CompiledTrigger, instance: str | None, after: Any
) -> None:
    """Keep *after*, which a timer has left of an instance's progress; forget it for ``None``.

    An instance keeps its place: only events make it newer (22). Timers add no bytes.
    """
    if after is None:
        forget(state, trigger, instance)
        return
    if instance is None:
        before = state.slots[trigger.id]
        state.slots[trigger.id] = encode_slot(trigger.fingerprint, after, before)
    else:
        by_instance = state.instances[trigger.id]
        before = by_instance[instance]
        by_instance[instance] = encode_slot(trigger.fingerprint, after, before)
    _note_waits(state, trigger, before, trigger.matcher.waits(after))


def forget(state: CustomerState, trigger: CompiledTrigger, instance: str | None) -> None:
    """Forget the progress of *instance*, if there is any."""
    by_instance = None if instance is None else state.instances.get(trigger.id)
    if not by_instance or by_instance.keys() == {instance}:
        drop(state, trigger.id)
    elif instance is not None and instance in by_instance:
        _note_waits(state, trigger, by_instance.pop(instance), ())


def drop(state: CustomerState, name: str) -> None:
    """Forget all progress of the trigger *name*."""
    state.slots.pop(name, None)
    state.instances.pop(name, None)
    set_timer(state, name, None)


def _note_waits(
    state: CustomerState, trigger: CompiledTrigger, before: Slot | None, after: Sequence[Due]
) -> None:
    """Note that an instance, which was *before*, waits for *after*.

    All instances are looked at only where the earliest of the trigger's waits may be gone.
    """
    gone = () if before is None else trigger.matcher.waits(decode_slot(before, trigger.decode))
    if gone == after:
        return
    timer = state.timers.get(trigger.id)
    if timer is None:
        set_timer(state, trigger.id, timer_of(after))
    elif is_of_earliest(timer, gone):
        _note_all_waits(state, trigger)
    else:
        set_timer(state, trigger.id, exchanged(timer, len(gone), after))


def _note_all_waits(state: CustomerState, trigger: CompiledTrigger) -> None:
    """Note what a trigger waits for, in all its instances."""
    waits_of = trigger.matcher.waits
    waits = [
        wait
        for instance in instances(state, trigger)
        for wait in waits_of(progress(state, trigger, instance))
    ]
    set_timer(state, trigger.id, timer_of(waits))


def _make_room(by_instance: Instances, trigger: CompiledTrigger, at: int) -> bool:
    """Make room for one more instance; return whether one was given up for it.

    Those that can complete nothing any more go first; if there are none, the one whose progress
    changed longest ago.
    """
    if len(by_instance) < MOST_INSTANCES:
        return False
    is_expired = trigger.matcher.is_expired
    expired = [
        name
        for name, slot in by_instance.items()
        if is_expired(decode_slot(slot, trigger.decode), at)
    ]
    for name in expired:
        del by_instance[name]
    if not expired:
        del by_instance[next(iter(by_instance))]
    return not expired
