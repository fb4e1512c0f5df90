"""``actions.v1``, written and read: what detection decided, and what channels answered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from triggerstream.core.decisions import Action, ConsentChanged, Firing, GoalReached
from triggerstream.core.reasons import FailReason, RejectReason
from triggerstream.core.records.record import (
    KIND,
    MOVED,
    Header,
    Kind,
    Produce,
    Rejected,
    read_position,
)
from triggerstream.core.records.values import decode, moment
from triggerstream.core.timestamps import format_moment

ACTIONS = "actions"
"""The short name of the topic."""

Answered = Literal["sent", "failed", "retry", "unknown"]
"""What came of one attempt: it is out; a definite no; a temporary no; nobody can tell."""


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a channel answered to one attempt: the value of a ``result`` record.

    Attributes:
        retry_after: Seconds that the far side asks us to wait.
        provider_id: The far side's own name for the message.
    """

    action_id: str
    customer_id: str
    attempt: int
    outcome: Answered
    reason: FailReason | None = None
    detail: str = ""
    retry_after: float | None = None
    provider_id: str | None = None


class Fired(msgspec.Struct, frozen=True):
    """A firing as it came: decoded, and as bytes, which is how it is kept.

    Attributes:
        ruleset: The version that decided it.
        position: Where in the log of events, or -1 where that is not told.
    """

    firing: Firing
    ruleset: int
    raw: bytes
    position: int = -1

    @property
    def customer_id(self) -> str:
        return self.firing.customer_id


class Named(msgspec.Struct, frozen=True):
    """What a delivery says of its firing, beside what is known of the action."""

    firing_id: str
    customer_id: str
    mode: str = "live"


Message = Fired | ConsentChanged | GoalReached | Result


class _FiringJson(msgspec.Struct):
    firing_id: str
    trigger: str
    customer_id: str
    at: str
    ruleset: int
    actions: tuple[Action, ...]
    instance: str | None = None
    events: tuple[str, ...] = ()
    mode: str = "live"
    type: str = "behavioral"
    priority: Literal["critical", "high", "medium", "low"] = "medium"
    holdout: float = 0.0
    event: msgspec.Raw = msgspec.Raw(b"null")
    profile: dict[str, Any] = {}
    values: dict[str, int | float] = {}
    segments: tuple[str, ...] = ()


class _ConsentJson(msgspec.Struct):
    customer_id: str
    at: str
    consent: dict[str, Any]


class _GoalJson(msgspec.Struct):
    trigger: str
    customer_id: str
    at: str
    position: int
    n: int = 0


_firing = msgspec.json.Decoder(_FiringJson)
_named = msgspec.json.Decoder(Named)
_consent = msgspec.json.Decoder(_ConsentJson)
_goal = msgspec.json.Decoder(_GoalJson)
_result = msgspec.json.Decoder(Result)

_encode = msgspec.json.Encoder().encode
_GOAL = ((KIND, Kind.GOAL),)
_CONSENT = ((KIND, Kind.CONSENT),)
_RESULT = ((KIND, Kind.RESULT),)


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
        if outcome.n:
            value["n"] = outcome.n
        return (_record(outcome.customer_id, value, outcome.at, _GOAL),)
    if isinstance(outcome, ConsentChanged):
        told = {"customer_id": outcome.customer_id, "consent": outcome.consent}
        return (_record(outcome.customer_id, told, outcome.at, _CONSENT),)
    return ()


def result_record(partition: int, result: Result) -> Produce:
    """Return the record that tells *result* to the partition that its attempt came from."""
    key = result.customer_id.encode()
    return Produce(ACTIONS, partition, key, _encode(result), _RESULT)


def read(value: bytes | None, kind: bytes | None, headers: Iterable[Header]) -> Message:
    """Return what a record of kind *kind* says.

    Raises:
        Rejected: It is of no known kind, or its value is not what that kind requires.
    """
    if not value:
        raise Rejected(RejectReason.EMPTY, "a record has a value; found none")
    if kind == Kind.FIRING:
        return read_firing(value, read_position(headers))
    if kind == Kind.RESULT:
        return decode(_result, value)
    if kind == Kind.CONSENT:
        consent = decode(_consent, value)
        at, position = moment(consent.at), read_position(headers)
        return ConsentChanged(consent.customer_id, at, consent.consent, position)
    if kind == Kind.GOAL:
        goal = decode(_goal, value)
        return GoalReached(goal.trigger, goal.customer_id, moment(goal.at), goal.position, goal.n)
    found = "no kind" if kind is None else kind[:40].decode(errors="replace")
    required = "a record of actions.v1 is a firing, consent, goal or result"
    raise Rejected(RejectReason.UNKNOWN_KIND, f"{required}; found {found}")


def moved_goal(value: bytes) -> bytes:
    """Return the value of a goal's record, told over a log of events that was left for another one;
    as it is where it cannot be read."""
    try:
        told: dict[str, Any] = msgspec.json.decode(value, type=dict[str, Any])
        position = msgspec.convert(told.get("position"), int)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError):
        return value
    return _encode(told | {"position": position + MOVED}) if position >= 0 else value


def read_firing(value: bytes, position: int = -1) -> Fired:
    """Return the firing in *value*.

    Raises:
        Rejected: It is not one.
    """
    read = decode(_firing, value)
    firing = Firing(
        firing_id=read.firing_id,
        trigger=read.trigger,
        customer_id=read.customer_id,
        at=moment(read.at),
        instance=read.instance,
        events=read.events,
        actions=read.actions,
        mode=read.mode,
        type=read.type,
        priority=read.priority,
        holdout=read.holdout,
        event=read.event,
        profile=read.profile,
        values=read.values,
        segments=read.segments,
    )
    return Fired(firing, read.ruleset, bytes(value), position)


def read_named(value: bytes) -> Named:
    """Return the names in *value*, a firing that was read before: a quarter of reading it whole.

    Raises:
        Rejected: It is not one.
    """
    return decode(_named, value)


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
    if firing.values:
        value["values"] = firing.values
    if firing.segments:
        value["segments"] = firing.segments
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
