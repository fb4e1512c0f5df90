"""``deliveries.v1``, written and read: how each action ended, and each match that did not fire.

Two programs write to it, so the order of their records means nothing: sending how an action
ended, detection a match that it suppressed. A crash repeats either. A reader takes each once, by
its ``action_id`` or ``match_id``, and passes over kinds that it does not know: more will come.
"""

from __future__ import annotations

import msgspec
import orjson

from triggerstream.core.decisions import Suppressed
from triggerstream.core.reasons import (
    CancelReason,
    FailReason,
    GateReason,
    Outcome,
    RejectReason,
    SuppressionReason,
)
from triggerstream.core.records.record import (
    KIND,
    Kind,
    Produce,
    Record,
    Rejected,
    read_kind,
    read_position,
)
from triggerstream.core.records.values import decode, moment
from triggerstream.core.timestamps import format_moment

DELIVERIES = "deliveries"
"""The short name of the topic. Its records are placed by key, the customer's id."""

MOST_BYTES = 900_000
"""Of a suppressed match with the ids of its events: no batch of ours holds a mebibyte."""

Reason = GateReason | FailReason | CancelReason
"""Why an action ended otherwise than sent or held out."""


class Failing(msgspec.Struct, frozen=True):
    """A gate that an action did not pass.

    Attributes:
        until: When it may pass, epoch milliseconds, later than the instant judged; ``None`` for
            never. It is not told.
    """

    reason: GateReason
    detail: str = ""
    until: int | None = None


class Delivery(msgspec.Struct, frozen=True):
    """The end of an action.

    Attributes:
        reason: The first failing gate, or why it failed, or was called off; ``None`` when sent
            or held out.
        failing: Every gate that stood against it, in order.
        at: When it ended: epoch milliseconds.
        attempts: How often the channel was called for it, or was about to be.
        slot: When its last attempt was reserved, which is what counts under the caps; ``None``
            where there was none.
    """

    action_id: str
    firing_id: str
    trigger: str
    customer_id: str
    channel: str
    type: str
    mode: str
    outcome: Outcome
    reason: Reason | None
    failing: tuple[Failing, ...]
    at: int
    attempts: int
    detail: str = ""
    provider_id: str | None = None
    slot: int | None = None


class SuppressedMatch(msgspec.Struct, frozen=True):
    """A suppressed match as it came.

    Attributes:
        ruleset: The version that decided it.
        position: Where in the log of events, or -1 where that is not told.
    """

    suppressed: Suppressed
    ruleset: int
    position: int = -1


class _FailingJson(msgspec.Struct):
    gate: GateReason
    detail: str = ""


class _DeliveryJson(msgspec.Struct):
    action_id: str
    firing_id: str
    trigger: str
    customer_id: str
    channel: str
    outcome: Outcome
    at: str
    reason: str | None = None
    type: str = "behavioral"
    mode: str = "live"
    failing: tuple[_FailingJson, ...] = ()
    attempts: int = 0
    reserved_at: str | None = None
    detail: str = ""
    provider_id: str | None = None


class _SuppressedJson(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Its fields in the order in which they are written; what is empty is left out."""

    match_id: str
    trigger: str
    customer_id: str
    at: str
    instance: str | None = None
    events: tuple[str, ...] = ()
    reason: SuppressionReason
    detail: str = ""
    actions: int = 0
    mode: str
    type: str
    ruleset: int


_delivery = msgspec.json.Decoder(_DeliveryJson)
_suppressed = msgspec.json.Decoder(_SuppressedJson)
_encode = msgspec.json.Encoder().encode

_REASONS: dict[str, Reason] = {
    reason.value: reason for reasons in (GateReason, FailReason, CancelReason) for reason in reasons
}
_DETAIL = 1000
"""Characters of what was found that are told."""
_SUPPRESSED = ((KIND, Kind.SUPPRESSED),)


def delivery_record(delivery: Delivery) -> Produce:
    """Return the record that tells how an action ended. It bears no kind: it was here first."""
    value = {
        "action_id": delivery.action_id,
        "firing_id": delivery.firing_id,
        "trigger": delivery.trigger,
        "customer_id": delivery.customer_id,
        "channel": delivery.channel,
        "type": delivery.type,
        "mode": delivery.mode,
        "outcome": delivery.outcome,
        "reason": delivery.reason,
        "failing": [{"gate": f.reason, "detail": f.detail} for f in delivery.failing],
        "at": format_moment(delivery.at),
        "attempts": delivery.attempts,
        "reserved_at": None if delivery.slot is None else format_moment(delivery.slot),
        "detail": delivery.detail,
        "provider_id": delivery.provider_id,
    }
    return Produce(DELIVERIES, None, delivery.customer_id.encode(), orjson.dumps(value))


def suppressed_record(match: Suppressed, ruleset_version: int) -> Produce:
    """Return the record that tells a match that did not fire: ids and reasons, no event and no
    profile. Where the ids of its events would not fit, they are left out."""
    told = _SuppressedJson(
        match_id=match.match_id,
        trigger=match.trigger,
        customer_id=match.customer_id,
        at=format_moment(match.at),
        instance=match.instance,
        events=match.events,
        reason=match.reason,
        detail=match.detail[:_DETAIL],
        actions=match.actions,
        mode=match.mode,
        type=match.type,
        ruleset=ruleset_version,
    )
    value = _encode(told)
    if len(value) > MOST_BYTES:
        value = _encode(msgspec.structs.replace(told, events=()))
    return Produce(DELIVERIES, None, match.customer_id.encode(), value, _SUPPRESSED)


def kind_of(record: Record) -> bytes:
    """Return what kind *record* is of: one that says nothing is a delivery."""
    return read_kind(record.headers) or Kind.DELIVERY


def read(record: Record) -> Delivery | SuppressedMatch | None:
    """Return what *record* says, or ``None`` where it is of a kind that is not known here.

    Raises:
        Rejected: Its value is not what its kind requires.
    """
    kind = kind_of(record)
    if kind not in (Kind.DELIVERY, Kind.SUPPRESSED):
        return None
    if not (value := record.value):
        raise Rejected(RejectReason.EMPTY, "a record has a value; found none")
    if kind == Kind.DELIVERY:
        return _as_delivery(decode(_delivery, value))
    return _as_suppressed(decode(_suppressed, value), read_position(record.headers))


def _as_delivery(found: _DeliveryJson) -> Delivery:
    if found.reason is not None and found.reason not in _REASONS:
        detail = f"reason: one that this version knows; found {found.reason[:40]!r}"
        raise Rejected(RejectReason.WRONG_TYPE, detail)
    return Delivery(
        action_id=found.action_id,
        firing_id=found.firing_id,
        trigger=found.trigger,
        customer_id=found.customer_id,
        channel=found.channel,
        type=found.type,
        mode=found.mode,
        outcome=found.outcome,
        reason=None if found.reason is None else _REASONS[found.reason],
        failing=tuple(Failing(each.gate, each.detail) for each in found.failing),
        at=moment(found.at),
        attempts=found.attempts,
        detail=found.detail,
        provider_id=found.provider_id,
        slot=None if found.reserved_at is None else moment(found.reserved_at),
    )


def _as_suppressed(found: _SuppressedJson, position: int) -> SuppressedMatch:
    suppressed = Suppressed(
        reason=found.reason,
        trigger=found.trigger,
        customer_id=found.customer_id,
        at=moment(found.at),
        instance=found.instance,
        events=found.events,
        actions=found.actions,
        detail=found.detail,
        match_id=found.match_id,
        mode=found.mode,
        type=found.type,
    )
    return SuppressedMatch(suppressed, found.ruleset, position)
