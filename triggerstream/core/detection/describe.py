"""A customer's state in words for people: what `inspect` shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from triggerstream.core.derive.segments import SEGMENTS
from triggerstream.core.derive.view import view
from triggerstream.core.detection.adopt import adopt
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
    state = _copied(state, ruleset)
    described: dict[str, Any] = {
        "customer_id": state.customer_id,
        "last": _moment(state.last) if state.last >= 0 else None,
        "wake": _moment(state.wake),
        "profile": state.profile,
        "progress": _progress(state, ruleset),
        "fired": {name: _memory(memory) for name, memory in state.limits.items()},
    }
    if ruleset.declared:
        names = [name for name in ruleset.attributes if name in ruleset.declared]
        at = max(state.last, state.tau)
        described["attributes"] = {
            name: ruleset.attributes[name].fold.value(state, at) for name in names
        }
    if ruleset.session is not None:
        described["session"] = ruleset.session.value(state, max(state.last, state.tau))
    if ruleset.whereabouts is not None:
        found = ruleset.whereabouts.found(state)
        described["zone"] = {"zone": found.zone.key, "rule": found.rule}
    if ruleset.dates:
        described["dates"] = {each.name: _moment(each.due(state)) for each in ruleset.dates}
    if SEGMENTS in ruleset.attributes:
        described["segments"] = sorted(
            [each.name for each in ruleset.watched if each.is_member(state) and not each.is_unnamed]
        )
    return described


def profile_of(state: CustomerState, ruleset: Ruleset, at: int) -> dict[str, Any]:
    """Return the profile of *state* with all that has a name and is derived, at *at*."""
    reads = [each for name, each in ruleset.attributes.items() if not name.startswith("~")]
    return view(_copied(state, ruleset), reads, at)


def _copied(state: CustomerState, ruleset: Ruleset) -> CustomerState:
    """Return a state to look at. Who is looked at is not changed by that: the copies have tables of
    their own. To ask for a value may fix what it begins with, and what an old format says is taken
    over."""
    state = replace(state, derived=dict(state.derived))
    if state.old is not None:
        state = replace(
            state, bodies={}, cells={}, waits={}, matches={}, values={}, instances={}, derived={}
        )
        adopt(state, ruleset)
    return state


def _progress(state: CustomerState, ruleset: Ruleset) -> dict[str, Any]:
    ids = state.id_list()
    described: dict[str, Any] = {}
    for trigger in ruleset.triggers.values():
        held = [
            {
                "instance": None if trigger.source.per is None else instance,
                "waits": [
                    _moment(state.waits[key + instance][0])
                    for key in trigger.matcher.waits
                    if key + instance in state.waits
                ],
                "events": [
                    ids[row]
                    for row in state.in_order(tuple(sorted(trigger.matcher.rows(state, instance))))
                ],
            }
            for instance in trigger.matcher.instances(state)
            if trigger.matcher.has_progress(state, instance)
        ]
        if held:
            described[trigger.id] = held
    return described


def _memory(memory: Memory) -> dict[str, Any]:
    last = memory.recent[-1][1] if memory.recent else None
    return {"count": memory.count, "last": None if last is None else _moment(last)}


def _moment(at: int) -> str | None:
    return None if at == NEVER else format_moment(at)
