"""The budget of one customer's state: how much it may take, and what goes when it takes more.

The state's weight is an upper bound that every change adds to; only when it passes the budget are
the bytes counted. Whether something is given up depends on the bytes alone, so that a state which
was stored and loaded in between decides the same.
"""

from __future__ import annotations

from collections import Counter

from triggerstream.core.decisions import Bounded, Decided
from triggerstream.core.detection.membership import STANDS
from triggerstream.core.patterns.progress import KEY
from triggerstream.core.rulesets.compile import CompiledTrigger
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.core.state.codec import dump_body, ring_of, size_of
from triggerstream.core.state.customer import WHOLE_RING, CustomerState

BYTES = 512 * 1024
"""Stored bytes of one customer: half of what a broker takes by default."""
WAITS = 256
"""Open waits of one customer."""

UNCOUNTED = 64
"""Bytes by which a state may grow that nobody adds to its weight: times and a position that take
longer numbers, and what says by which definitions it was decided."""

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
    size = _size(state)
    if size > BYTES:
        state.sweep()
        _forget_old_limits(state, ruleset)
        size = _size(state)
    if size > BYTES:
        _give_up_bytes(state, ruleset, size - _TARGET, out)
        size = _size(state)
    state.weight = size + UNCOUNTED


def _size(state: CustomerState) -> int:
    """Return the bytes of *state*, as if its ring were full: it grows with every event, and nobody
    adds that to the weight."""
    return len(dump_body(state)) - size_of(ring_of(state)) + WHOLE_RING


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


def _forget_old_limits(state: CustomerState, ruleset: Ruleset) -> None:
    """Forget the firings of triggers that are gone."""
    known = {trigger.id for trigger in ruleset.source.triggers}
    for name in state.limits.keys() - known:
        del state.limits[name]


def _give_up_bytes(
    state: CustomerState, ruleset: Ruleset, surplus: int, out: list[Decided]
) -> None:
    """Forget instances until *surplus* bytes are gone.

    What several hold takes its bytes until the last of them has gone.
    """
    weights = _weights(state)
    parts: dict[tuple[str, str], set[int]] = {}
    sizes: dict[str, dict[str, int]] = {}
    holders: Counter[int] = Counter()
    for name, trigger in ruleset.triggers.items():
        for instance in trigger.matcher.instances(state):
            cells = _cells(state, trigger, instance)
            if cells:
                held = _parts(state, trigger, instance)
                holders.update(held)
                parts[name, instance] = held
                size = sum([size_of(cell) for cell in cells]) + sum(
                    [weights[each] for each in held]
                )
                sizes.setdefault(name, {})[instance] = size
    while surplus > 0 and sizes:
        name = max(sizes, key=lambda name: (sum(sizes[name].values()), name))
        instance = next(iter(sizes[name]))
        held = parts[name, instance]
        surplus -= sizes[name].pop(instance)
        surplus += sum([weights[each] for each in held if holders[each] > 1])
        holders.subtract(held)
        ruleset.triggers[name].matcher.clear(state, instance)
        out.append(Bounded("slot", name, state.customer_id))
        if not sizes[name]:
            del sizes[name]
    if surplus > 0:
        _give_up_attributes(state, surplus, out)
    state.sweep()


def _give_up_attributes(state: CustomerState, surplus: int, out: list[Decided]) -> None:
    """Forget what attributes hold, the largest first, until *surplus* bytes are gone (51)."""
    derived = state.derived
    held = derived.keys() - {STANDS}  # without it nothing could be taken back
    for key in sorted(held, key=lambda key: (-size_of(derived[key]), key)):
        if surplus <= 0:
            break
        surplus -= size_of(derived.pop(key))
        out.append(Bounded("attribute", "", state.customer_id))
    state.look_at_waits()  # what has a timer may have gone


def _cells(state: CustomerState, trigger: CompiledTrigger, instance: str) -> list[object]:
    """Return the cells of an instance; none where it holds nothing."""
    return [
        table[key + instance]
        for key in trigger.matcher.keys
        for table in (state.cells, state.waits, state.matches, state.values)
        if key + instance in table
    ]


def _parts(state: CustomerState, trigger: CompiledTrigger, instance: str) -> set[int]:
    """Return the events that an instance holds, by row; and those whose bytes it needs, by ~row."""
    matcher = trigger.matcher
    found = matcher.rows(state, instance)
    for key in matcher.keys:
        for table in (state.waits, state.matches):
            cell = table.get(key + instance)
            if cell is not None and cell[-1] in state.bodies:
                found.add(~cell[-1])
    return found


def _weights(state: CustomerState) -> dict[int, int]:
    """Return the bytes of each of these parts, and none too many."""
    weights = {row: _ENTRY + len(each.encode()) for row, each in enumerate(state.id_list())}
    weights.update({~row: len(body) for row, body in state.bodies.items()})
    return weights


_ENTRY = 9
"""Bytes of an event in the table beside its id: its time, and the end of the id."""
