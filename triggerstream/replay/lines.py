"""Lines of a file to events and their arrivals: ``received_at``, else the timestamp."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from triggerstream.core.decisions import Action, Firing, Suppressed, TriggerFailed
from triggerstream.core.detection.detect import Detect
from triggerstream.core.detection.slots import LONGEST_ID
from triggerstream.core.events.decode import decode_event
from triggerstream.core.events.event import Event
from triggerstream.core.reasons import RejectReason
from triggerstream.core.records.record import Rejected
from triggerstream.core.timestamps import EARLIEST, LATEST, format_moment, to_ms

TOPIC = "triggerstream.events.v1"
"""The topic in the ids of events that bring none, whatever the prefix of the real one."""

_UNSAID = -1
"""No moment of an event: one that does not say when it happened takes the longer way."""


class Arrived(Event, gc=False, omit_defaults=True):
    """An event as a line of a file says it: with its arrival, in the one pass that reads it."""

    received_at: Any = None


class Line(msgspec.Struct, gc=False):
    """A line of the log as the partition takes it: *timestamp* is its arrival."""

    offset: int
    timestamp: int
    event: Event | None
    headers: tuple[tuple[str, bytes], ...] = ()
    value: bytes | None = None
    key: bytes | None = None
    partition: int = 0


class _Stamps(msgspec.Struct, gc=False):
    """What says when an event arrived; all else is judged when the event is read."""

    timestamp: datetime | int | None = None
    received_at: Any = None
    specversion: Any = None


_decode = msgspec.json.Decoder(_Stamps).decode
_decode_arrived = msgspec.json.Decoder(Arrived).decode
_detect = Detect(TOPIC)


def read_line(value: bytes, offset: int) -> tuple[Event, int, bool]:
    """Return the event in *value*, when it arrived, in epoch milliseconds, and whether it says so
    by its ``received_at``.

    Args:
        offset: Names an event that has no id.

    Raises:
        Rejected: It is no event, or says neither when it arrived nor when it happened.
    """
    try:
        event = decode_event(
            value, fallback_id="", fallback_timestamp=_UNSAID, decode=_decode_arrived
        )
    except Rejected:
        return _read_twice(value, offset)
    event_id = event.event_id
    if not event_id or len(event_id) > LONGEST_ID or len(event.customer_id) > LONGEST_ID:
        return _read_twice(value, offset)
    if type(event) is not Arrived:
        return event, *read_arrival(value)
    if event.received_at is None:
        return event, event.timestamp, False
    return event, _received(event.received_at), True


def _read_twice(value: bytes, offset: int) -> tuple[Event, int, bool]:
    """Read first the arrival and then the event, as a worker is given them: what is wrong with a
    line is found in this order, and the arrival stands in for a timestamp."""
    arrival, is_received = read_arrival(value)
    event = _detect.read(Line(offset, arrival, None, value=value), None)
    assert isinstance(event, Event)  # noqa: S101 - for the types: other kinds have a header
    return event, arrival, is_received


def read_arrival(value: bytes) -> tuple[int, bool]:
    """Return when the event in *value* arrived, in epoch milliseconds, and whether it says so by
    its ``received_at``.

    Raises:
        Rejected: It does not say, or *value* is no event.
    """
    try:
        stamps = _decode(value)
    except msgspec.DecodeError:
        return _read_whole(value), False
    if stamps.received_at is not None:
        return _received(stamps.received_at), True
    stamp = stamps.timestamp
    if type(stamp) is int:
        return stamp, False
    if stamp is None or stamps.specversion is not None:
        return _read_whole(value), False
    return to_ms(stamp) if stamp.tzinfo else _read_whole(value), False  # type: ignore[union-attr, arg-type]


def _read_whole(value: bytes) -> int:
    """Return the timestamp in *value*, whatever body it has."""
    try:
        return decode_event(value, fallback_id="-", fallback_timestamp=-1).timestamp
    except Rejected as rejected:
        if rejected.reason == RejectReason.TIMESTAMP_OUT_OF_RANGE:
            # Does it say one that is out of range, or none at all?
            decode_event(value, fallback_id="-", fallback_timestamp=0)
            raise Rejected(
                RejectReason.MISSING_FIELD,
                "timestamp or received_at: where the log is a file; found neither",
            ) from rejected
        raise


def _received(value: Any) -> int:
    try:
        moment = msgspec.convert(value, datetime | int)
    except msgspec.ValidationError:
        moment = None
    if isinstance(moment, datetime):
        moment = to_ms(moment) if moment.tzinfo is not None else None
    if moment is None or not EARLIEST <= moment < LATEST:
        raise Rejected(
            RejectReason.BAD_TIMESTAMP,
            "received_at: RFC 3339 with an offset, or epoch milliseconds, in the years 1970 to "
            f"2100; found {str(value)[:80]}",
        )
    return moment


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


def _action(action: Action) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(action)
    return told
