"""A customer's slots: where triggers keep their progress, with its instances and its waits.

Every change goes through the functions here, so that what follows from it is always right: the
order of the instances, the earliest wait, the bounds, and the weight of the state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from triggerstream.core.codec import decode_slot, read_fingerprint
from triggerstream.core.patterns.base import Due
from triggerstream.core.state import CustomerState, Instances, Timer
from triggerstream.core.triggers.compile import CompiledTrigger

MOST_INSTANCES = 64
"""Per trigger and customer (semantics 22)."""

LONGEST_ID = 256
"""Characters of an event id, so that what an event adds to a state has a bound."""

REFERENCE = 4 * LONGEST_ID + 64
"""Bytes of an event in progress, at most, but for what of it is kept whole: its id, its position,
its times."""


def held(state: CustomerState, trigger: CompiledTrigger) -> Any:
    """Return the trigger's progress, or with ``per`` its `Instances`; ``None`` where there is
    none. Not to be changed.

    Raises:
        StateFormatError: Stored progress cannot be read; the process must stop.
    """
    name = trigger.id
    found = state.open.get(name)
    if found is None and name in state.slots:
        made_by, found = decode_slot(state.slots[name], trigger.decoder)
        if made_by != trigger.fingerprint:
            drop(state, name)
            return None
        state.open[name] = found
    return found


def instances(state: CustomerState, trigger: CompiledTrigger) -> Mapping[str | None, Any]:
    """Return the trigger's progress by instance, changed longest ago first; without ``per`` the
    whole customer is the only instance, ``None``. Not to be changed."""
    found = held(state, trigger)
    if found is None:
        return {}
    return {None: found} if trigger.instance_of is None else found


def made_by(state: CustomerState, name: str) -> bytes:
    """Return the fingerprint of the detection that made the progress of the trigger *name*."""
    fingerprint = state.changed.get(name)
    return read_fingerprint(state.slots[name]) if fingerprint is None else fingerprint


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
    name = trigger.id
    if name not in state.open:
        state.weight += trigger.weight
    gave_up = False
    if instance is None:
        state.open[name] = after
    else:
        by_instance = state.open.setdefault(name, {})
        if by_instance.pop(instance, None) is None:
            gave_up = _make_room(by_instance, trigger, at)
            state.weight += 4 * len(instance)
        by_instance[instance] = after
    state.changed[name] = trigger.fingerprint
    state.weight += trigger.growth * (REFERENCE + size)
    if trigger.timed:
        _note_waits(state, trigger)
    return gave_up


def note_wait(state: CustomerState, trigger: CompiledTrigger, after: Any) -> None:
    """Note what a trigger without ``per`` waits for, *after* an event has changed its progress."""
    _set_timer(state, trigger.id, _timer(trigger.matcher.waits(after)))


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
        state.open[trigger.id] = after
    else:
        state.open[trigger.id][instance] = after
    state.changed[trigger.id] = trigger.fingerprint
    _note_waits(state, trigger)


def forget(state: CustomerState, trigger: CompiledTrigger, instance: str | None) -> None:
    """Forget the progress of *instance*, if there is any."""
    by_instance = None if instance is None else held(state, trigger)
    if not by_instance or by_instance.keys() == {instance}:
        drop(state, trigger.id)
    elif by_instance.pop(instance, None) is not None:
        state.changed[trigger.id] = trigger.fingerprint
        _note_waits(state, trigger)


def drop(state: CustomerState, name: str) -> None:
    """Forget all progress of the trigger *name*."""
    state.slots.pop(name, None)
    state.open.pop(name, None)
    state.changed.pop(name, None)
    _set_timer(state, name, None)


def _note_waits(state: CustomerState, trigger: CompiledTrigger) -> None:
    """Note what a trigger waits for, in all its instances."""
    waits_of = trigger.matcher.waits
    waits = [wait for each in instances(state, trigger).values() for wait in waits_of(each)]
    _set_timer(state, trigger.id, _timer(waits))


def _timer(waits: Sequence[Due]) -> Timer | None:
    if len(waits) == 1:
        ((due, arrival),) = waits
        return Timer(due, max(due, arrival), 1)
    if not waits:
        return None
    return Timer(min(due for due, _ in waits), min(map(max, waits)), len(waits))


def _set_timer(state: CustomerState, name: str, timer: Timer | None) -> None:
    """Set what the trigger *name* waits for, and find the state's earliest waits again.

    All timers are looked at only where the earliest of them may be gone.
    """
    timers = state.timers
    before = timers.get(name)
    if timer == before:
        return
    if timer is not None:
        timers[name] = timer
    else:
        del timers[name]
    lateness = state.lateness
    if before is not None:
        if before.due == state.due or before.settled + lateness == state.wake:
            state.note_waits()
            return
        state.waits -= before.waits
    if timer is not None:
        state.waits += timer.waits
        state.due = min(state.due, timer.due)
        state.wake = min(state.wake, timer.settled + lateness)


def _make_room(by_instance: Instances, trigger: CompiledTrigger, at: int) -> bool:
    """Make room for one more instance; return whether one was given up for it.

    Those that can complete nothing any more go first; if there are none, the one whose progress
    changed longest ago.
    """
    if len(by_instance) < MOST_INSTANCES:
        return False
    is_expired = trigger.matcher.is_expired
    expired = [name for name, each in by_instance.items() if is_expired(each, at)]
    for name in expired:
        del by_instance[name]
    if not expired:
        del by_instance[next(iter(by_instance))]
    return not expired
