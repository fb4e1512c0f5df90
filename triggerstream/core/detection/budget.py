"""The budget of one customer's state: how much it may take, and what goes when it takes more.

The state's weight is an upper bound that every change adds to; only when it passes the budget are
the bytes counted. Whether something is given up depends on the bytes alone, so that a state which
was stored and loaded in between decides the same.
"""

from __future__ import annotations

from collections import Counter

from triggerstream.core.decisions import Bounded, Decided
from triggerstream.core.patterns.progress import KEY
from triggerstream.core.rulesets.compile import CompiledTrigger
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
    while len(state.waits) > WAITS:
        _give_up_wait(state, ruleset, out)
    if state.weight <= BYTES:
        return
    size = len(dump_body(state))
    if size > BYTES:
        state.sweep()
        size = _forget_old_limits(state, ruleset)
    if size > BYTES:
        size = _give_up_bytes(state, ruleset, size - _TARGET, out)
    state.weight = size


def _give_up_wait(state: CustomerState, ruleset: Ruleset, out: list[Decided]) -> None:
    waits = Counter(ruleset.waits[cell[:KEY]][0].id for cell in state.waits)
    name = max(waits, key=lambda name: (waits[name], name))
    trigger = ruleset.triggers[name]
    instance = next(
        each
        for each in trigger.matcher.instances(state)
        if any(key + each in state.waits for key in trigger.matcher.waits)
    )
    trigger.matcher.clear(state, instance)
    out.append(Bounded("wait", name, state.customer_id))


def _forget_old_limits(state: CustomerState, ruleset: Ruleset) -> int:
    """Forget the firings of triggers that are gone; return the bytes that are left."""
    known = {trigger.id for trigger in ruleset.source.triggers}
    for name in state.limits.keys() - known:
        del state.limits[name]
    return len(dump_body(state))


def _give_up_bytes(state: CustomerState, ruleset: Ruleset, surplus: int, out: list[Decided]) -> int:
    """Forget instances until *surplus* bytes are gone; return the bytes that are left."""
    sizes: dict[str, dict[str, int]] = {}
    holders: Counter[int] = Counter()
    for trigger in ruleset.triggers.values():
        by_instance = {
            each: _size(state, trigger, each) for each in trigger.matcher.instances(state)
        }
        sizes[trigger.id] = {each: size for each, size in by_instance.items() if size}
        for each in sizes[trigger.id]:
            holders.update(trigger.matcher.rows(state, each))
    while surplus > 0 and any(sizes.values()):
        name = max(sizes, key=lambda name: (sum(sizes[name].values()), name))
        trigger = ruleset.triggers[name]
        instance = next(iter(sizes[name]))
        held = trigger.matcher.rows(state, instance)
        # What others hold too takes its bytes still.
        shared = [row for row in held if holders[row] > 1]
        surplus -= sizes[name].pop(instance) - sum(_event_size(state, each) for each in shared)
        holders.subtract(held)
        trigger.matcher.clear(state, instance)
        out.append(Bounded("slot", name, state.customer_id))
    state.sweep()
    return len(dump_body(state))


def _size(state: CustomerState, trigger: CompiledTrigger, instance: str) -> int:
    """Return how many bytes an instance takes with the events that it holds; 0 without any."""
    cells = [
        (cell, table[cell])
        for key in trigger.matcher.keys
        for cell in [key + instance]
        for table in (state.cells, state.waits, state.matches, state.values)
        if cell in table
    ]
    if not cells:
        return 0
    events = trigger.matcher.rows(state, instance)
    return size_of(cells) + sum(_event_size(state, row) for row in events)


def _event_size(state: CustomerState, row: int) -> int:
    """Return how many bytes an event takes in the table."""
    return _REST + len(state.id_list()[row].encode()) + len(state.bodies.get(row, b""))


_REST = 20
"""Bytes of an event beside its id and its body: its time, and what MessagePack says of each."""
