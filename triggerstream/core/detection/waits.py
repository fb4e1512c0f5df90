"""What a customer's triggers wait for: the earliest of it is right after every change.

A customer has many waits, and most changes leave the earliest alone. So all of them are looked at
only where it may be gone.
"""

from __future__ import annotations

from collections.abc import Sequence

from triggerstream.core.patterns.base import Due
from triggerstream.core.state.customer import CustomerState
from triggerstream.core.state.formats import Timer


def timer_of(waits: Sequence[Due]) -> Timer | None:
    """Return the timer of a trigger with these open *waits*."""
    if len(waits) == 1:
        ((due, arrival),) = waits
        return Timer(due, max(due, arrival), 1)
    if not waits:
        return None
    return Timer(min(due for due, _ in waits), min(map(max, waits)), len(waits))


def is_of_earliest(timer: Timer, waits: Sequence[Due]) -> bool:
    """Return whether any of *waits* may be what makes *timer* as early as it is."""
    return any(due <= timer.due or max(due, arrival) <= timer.settled for due, arrival in waits)


def exchanged(timer: Timer, gone: int, new: Sequence[Due]) -> Timer:
    """Return *timer* with so many waits *gone*, none of the earliest, and with *new* ones."""
    come = timer_of(new)
    if come is None:
        return Timer(timer.due, timer.settled, timer.waits - gone)
    return Timer(
        min(timer.due, come.due),
        min(timer.settled, come.settled),
        timer.waits - gone + come.waits,
    )


def set_timer(state: CustomerState, name: str, timer: Timer | None) -> None:
    """Set what the trigger *name* waits for, and find the state's earliest waits again."""
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
