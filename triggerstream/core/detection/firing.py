"""From a match to a firing, or to the first reason against it (semantics 23); or to a failure."""

from __future__ import annotations

from typing import Any

import msgspec

from triggerstream.core.conditions.compile import INSTANCE
from triggerstream.core.decisions import (
    Action,
    Decided,
    ExpressionErred,
    Firing,
    Suppressed,
    TriggerFailed,
    action_id,
    firing_id,
)
from triggerstream.core.derive.attributes.folds import short_instance
from triggerstream.core.derive.view import view
from triggerstream.core.events.decode import decode_event
from triggerstream.core.events.event import Event
from triggerstream.core.model import Policy
from triggerstream.core.patterns.base import Match
from triggerstream.core.reasons import SuppressionReason
from triggerstream.core.rulesets.compile import CompiledTrigger
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.core.state import limits
from triggerstream.core.state.customer import CustomerState
from triggerstream.core.timestamps import format_moment
from triggerstream.errors import StateFormatError

FATAL = (MemoryError, RecursionError, StateFormatError)
"""What is no decision about a trigger, wherever it is raised: the process stops. The first two
depend on the machine and the call."""

MOST_BYTES = 900_000
"""Of what a firing carries with it: the rest of it, and the record around it, fit beside."""

_SHOWN = 200
"""Characters of an error's text that are kept."""

UNNAMED = "~"
"""What the names of attributes begin with that have none of their own: told nowhere."""

_MEMORY = 256
"""Bytes that one more firing adds to the limits, at most, but for the trigger's id."""

_encode = msgspec.json.Encoder().encode


def judge(
    state: CustomerState,
    trigger: CompiledTrigger,
    match: Match,
    ids: tuple[str, ...],
    event: Event,
    due: int | None,
    ruleset: Ruleset,
) -> Firing | Suppressed:
    """Return what *match* comes to, and note a firing in the state's limits.

    Args:
        ids: Of the matched events, in order.
        event: The last of them, whole.
        due: When the timer that completed the match was due, or ``None``.
    """
    source, instance = trigger.source, match.instance
    name = firing_id(trigger.id, state.customer_id, instance, event.source, event.event_id, due)
    policy, profile = ruleset.policy, state.profile
    reads = ruleset.reads.get(trigger.id)
    if reads is not None:
        profile = view(state, reads, match.at)
        if instance is not None:
            profile[INSTANCE] = short_instance(instance)
    against = _reason_against(state, trigger, match.at, event, profile, policy)
    if against is not None:
        reason, found = against
        return Suppressed(
            reason,
            trigger.id,
            state.customer_id,
            match.at,
            instance,
            ids,
            len(source.actions),
            found,
            name,
            source.mode,
            source.type,
            policy.record_suppressed,
        )
    last = envelope(event)
    if reads is not None:
        profile = {name: value for name, value in profile.items() if name[:1] != UNNAMED}
    _check_size(last, profile, ids)
    firing = Firing(
        firing_id=name,
        trigger=trigger.id,
        customer_id=state.customer_id,
        at=match.at,
        instance=instance,
        events=ids,
        actions=_actions(name, trigger),
        mode=source.mode,
        type=source.type,
        priority=source.priority,
        holdout=source.limits.holdout,
        event=msgspec.Raw(last),
        profile=profile,
        values=_values(state, trigger, event, match.at) if trigger.values else {},
        segments=() if ruleset.members is None else tuple(ruleset.members.value(state, match.at)),
    )
    memory = state.limits.get(trigger.id, limits.NOTHING)
    state.limits[trigger.id] = memory.fired(name, match.at, keep=trigger.keep_recent)
    state.weight += _MEMORY + 4 * len(trigger.id)
    return firing


def held_event(state: CustomerState, row: int) -> Event:
    """Return the event of *row*, of which the state has the bytes."""
    raw = state.bodies[row]
    return decode_event(
        raw,
        fallback_id=state.id_list()[row],
        fallback_timestamp=state.times[row],
        max_bytes=len(raw),
    )


def _values(
    state: CustomerState, trigger: CompiledTrigger, event: Event, at: int
) -> dict[str, float]:
    """Return the numbers that *trigger* compares with, as they are for this firing (78)."""
    return {
        name: number if look_up is None else look_up(event, state, at)
        for name, number, look_up in trigger.values
    }


def _check_size(event: bytes, profile: dict[str, Any], ids: tuple[str, ...]) -> None:
    """Refuse a firing that no topic would take; the trigger fails for this customer, counted."""
    size = len(event) + len(_encode(profile)) + len(_encode(ids))
    if size > MOST_BYTES:
        raise ValueError(
            f"a firing has at most {MOST_BYTES} bytes of event, profile and event ids; found {size}"
        )


def fail(
    state: CustomerState,
    trigger: CompiledTrigger,
    at: int,
    error: Exception,
    out: list[Decided],
) -> None:
    """Note that a trigger's evaluation raised; it begins anew for this customer."""
    trigger.matcher.drop(state)
    text = f"{type(error).__name__}: {error}"[:_SHOWN]
    out.append(TriggerFailed(trigger.id, state.customer_id, at, text))


def tell_erred(state: CustomerState, ruleset: Ruleset, out: list[Decided]) -> None:
    """Tell of the expressions that had no value for this customer, and forget them."""
    out.extend([ExpressionErred(trigger, state.customer_id) for trigger in ruleset.erred])
    ruleset.erred.clear()


def envelope(event: Event) -> bytes:
    """Return *event* as JSON in the native form, whatever body it came in, without what is null."""
    found: dict[str, Any] = {
        "event_id": event.event_id,
        "customer_id": event.customer_id,
        "event_type": event.event_type,
        "timestamp": format_moment(event.timestamp),
        "source": event.source,
        "event_data": event.event_data,
        "session_id": event.session_id,
        "device_info": event.device_info,
        "location_data": event.location_data,
        "metadata": event.metadata,
    }
    return _encode({name: value for name, value in found.items() if value is not None})


def _reason_against(
    state: CustomerState,
    trigger: CompiledTrigger,
    at: int,
    event: Event,
    profile: dict[str, Any],
    policy: Policy,
) -> tuple[SuppressionReason, str] | None:
    before = policy.backfill_before
    if before is not None and at < before:
        return SuppressionReason.BACKFILL, f"before {format_moment(before)}"
    if trigger.check is not None:
        failed = trigger.check(event, profile, at, max(at, state.tau))
        if failed is not None:
            return SuppressionReason.CONDITION, failed
    memory = state.limits.get(trigger.id)
    if memory is None:
        return None
    return limits.reason_against(trigger.source.limits, memory, at)


def _actions(firing: str, trigger: CompiledTrigger) -> tuple[Action, ...]:
    return tuple(
        [
            Action(action_id(firing, index), spec.channel, spec.template, spec.after, spec.options)
            for index, spec in enumerate(trigger.source.actions)
        ]
    )
