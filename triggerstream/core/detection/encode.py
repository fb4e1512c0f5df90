"""How detection's outcomes are told: as records of the actions topic, and as lines of `replay`."""

from __future__ import annotations

from typing import Any

import msgspec

from triggerstream.core.decisions import (
    Action,
    ConsentChanged,
    Firing,
    GoalReached,
    Suppressed,
    TriggerFailed,
)
from triggerstream.core.records.record import KIND, Kind, Produce
from triggerstream.core.timestamps import format_moment

ACTIONS = "actions"
"""The short name of the topic that detection writes to."""

_encode = msgspec.json.Encoder().encode

_GOAL = ((KIND, Kind.GOAL),)
_CONSENT = ((KIND, Kind.CONSENT),)


def records_of(outcome: Any, ruleset_version: int) -> tuple[Produce, ...]:
    """Return the records that tell *outcome*; none for what is only counted.

    Their partition is left open: it is the one whose events were decided.
    """
    if isinstance(outcome, Firing):
        return (_firing_record(outcome, ruleset_version),)
    if isinstance(outcome, GoalReached):
        value = {
            "trigger": outcome.trigger,
            "customer_id": outcome.customer_id,
            "position": outcome.position,
        }
        return (_record(outcome.customer_id, value, outcome.at, _GOAL),)
    if isinstance(outcome, ConsentChanged):
        told = {"customer_id": outcome.customer_id, "consent": outcome.consent}
        return (_record(outcome.customer_id, told, outcome.at, _CONSENT),)
    return ()


def decision_line(outcome: Any) -> dict[str, Any] | None:
    """Return the JSON object that `replay` prints for *outcome*, or ``None`` for no decision."""
    if isinstance(outcome, Firing):
        return {
            "kind": "firing",
            "firing_id": outcome.firing_id,
            "trigger": outcome.trigger,
            "customer_id": outcome.customer_id,
            "at": format_moment(outcome.at),
            "instance": outcome.instance,
            "events": list(outcome.events),
            "actions": [_action(action) for action in outcome.actions],
        }
    if isinstance(outcome, Suppressed):
        return {
            "kind": "suppressed",
            "reason": str(outcome.reason),
            "trigger": outcome.trigger,
            "customer_id": outcome.customer_id,
            "at": format_moment(outcome.at),
        }
    if isinstance(outcome, TriggerFailed):
        return {
            "kind": "error",
            "trigger": outcome.trigger,
            "customer_id": outcome.customer_id,
            "at": format_moment(outcome.at),
            "error": outcome.error,
        }
    return None


def _firing_record(firing: Firing, ruleset_version: int) -> Produce:
    at = format_moment(firing.at)
    value = {
        "firing_id": firing.firing_id,
        "trigger": firing.trigger,
        "customer_id": firing.customer_id,
        "at": at,
        "instance": firing.instance,
        "events": firing.events,
        "actions": firing.actions,
        "mode": firing.mode,
        "type": firing.type,
        "priority": firing.priority,
        "holdout": firing.holdout,
        "event": firing.event,
        "profile": firing.profile,
        "ruleset": ruleset_version,
    }
    customer = firing.customer_id.encode()
    headers = (
        (KIND, Kind.FIRING),
        ("ce_specversion", b"1.0"),
        ("ce_id", firing.firing_id.encode()),
        ("ce_type", b"triggerstream.firing.v1"),
        ("ce_source", b"triggerstream"),
        ("ce_subject", customer),
        ("ce_time", at.encode()),
        ("content-type", b"application/json"),
    )
    return Produce(ACTIONS, None, customer, _encode(value), headers)


def _record(
    customer_id: str, value: dict[str, Any], at: int, headers: tuple[tuple[str, bytes], ...]
) -> Produce:
    told = _encode(value | {"at": format_moment(at)})
    return Produce(ACTIONS, None, customer_id.encode(), told, headers)


def _action(action: Action) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(action)
    return told
