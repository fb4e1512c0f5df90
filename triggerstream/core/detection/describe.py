"""A customer's state in words for people: what `inspect` shows."""

from __future__ import annotations

from typing import Any

from triggerstream.core.detection import slots
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.core.state.customer import CustomerState
from triggerstream.core.state.limits import Memory
from triggerstream.core.timestamps import format_moment


def describe(state: CustomerState, ruleset: Ruleset) -> dict[str, Any]:
    """Return *state* as a JSON object.

    Progress of triggers that *ruleset* does not evaluate as they were is left out: it is dropped
    at the customer's next event.
    """
    return {
        "customer_id": state.customer_id,
        "last": _moment(state.last) if state.last >= 0 else None,
        "wake": _moment(state.wake),
        "profile": state.profile,
        "progress": _progress(state, ruleset),
        "fired": {name: _memory(memory) for name, memory in state.limits.items()},
    }


def _progress(state: CustomerState, ruleset: Ruleset) -> dict[str, Any]:
    described: dict[str, Any] = {}
    for name in slots.names(state):
        trigger = ruleset.triggers.get(name)
        if trigger is None or slots.made_by(state, name) != trigger.fingerprint:
            continue
        described[name] = [
            {
                "instance": instance,
                "waits": [_moment(due) for due, _ in trigger.matcher.waits(progress)],
                "events": [name for _, name in sorted(trigger.matcher.events(progress))],
            }
            for instance in slots.instances(state, trigger)
            if (progress := slots.progress(state, trigger, instance)) is not None
        ]
    return described


def _memory(memory: Memory) -> dict[str, Any]:
    last = memory.recent[-1][1] if memory.recent else None
    return {"count": memory.count, "last": None if last is None else _moment(last)}


def _moment(at: int) -> str | None:
    return None if at == NEVER else format_moment(at)
