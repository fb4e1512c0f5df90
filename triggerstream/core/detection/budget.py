"""The budget of one customer's state: how much it may take, and what goes when it takes more.

The state's weight is an upper bound that every change adds to; only when it passes the budget are
the bytes counted. Whether something is given up depends on the bytes alone, so that a state which
was stored and loaded in between decides the same.
"""

from __future__ import annotations

from triggerstream.core.decisions import Bounded, Decided
from triggerstream.core.detection import slots
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.core.state.codec import dump_body, size_of
from triggerstream.core.state.customer import CustomerState

BYTES = 512 * 1024
"""Stored bytes of one customer: half of what a broker takes by default."""
WAITS = 256
"""Open waits of one customer."""

_TARGET = BYTES * 3 // 4
"""How far down the bytes go once they have passed `BYTES`, so that they do not at every event."""


def enforce(state: CustomerState, ruleset: Ruleset, out: list[Decided]) -> None:
    """Give up what is over the budget, from the trigger that takes most, oldest change first.

    Only needed where the state's weight is over `BYTES`, or its waits are over `WAITS`.
    """
    while state.waits > WAITS:
        _give_up_wait(state, ruleset, out)
    if state.weight <= BYTES:
        return
    size = len(dump_body(state))
    if size > BYTES:
        size = _forget_old_limits(state, ruleset)
    if size > BYTES:
        size = _give_up_bytes(state, ruleset, size - _TARGET, out)
    state.weight = size


def _give_up_wait(state: CustomerState, ruleset: Ruleset, out: list[Decided]) -> None:
    name = max(state.timers, key=lambda name: (state.timers[name].waits, name))
    trigger = ruleset.triggers[name]
    instance = next(
        each
        for each in slots.instances(state, trigger)
        if trigger.matcher.waits(slots.progress(state, trigger, each))
    )
    slots.forget(state, trigger, instance)
    out.append(Bounded("wait", name, state.customer_id))


def _forget_old_limits(state: CustomerState, ruleset: Ruleset) -> int:
    """Forget the firings of triggers that are gone; return the bytes that are left."""
    known = {trigger.id for trigger in ruleset.source.triggers}
    for name in state.limits.keys() - known:
        del state.limits[name]
    return len(dump_body(state))


def _give_up_bytes(state: CustomerState, ruleset: Ruleset, surplus: int, out: list[Decided]) -> int:
    """Forget instances until *surplus* bytes are gone; return the bytes that are left."""
    sizes: dict[str, dict[str | None, int]] = {
        name: {None: size_of(slot)} for name, slot in state.slots.items()
    }
    for name, by_instance in state.instances.items():
        sizes[name] = {
            each: len(each.encode()) + size_of(slot) for each, slot in by_instance.items()
        }
    while surplus > 0 and sizes:
        name = max(sizes, key=lambda name: (sum(sizes[name].values()), name))
        instance = next(iter(sizes[name]))
        surplus -= sizes[name].pop(instance)
        slots.forget(state, ruleset.triggers[name], instance)
        out.append(Bounded("slot", name, state.customer_id))
        if not sizes[name]:
            del sizes[name]
    return len(dump_body(state))
