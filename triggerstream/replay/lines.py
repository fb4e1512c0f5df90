"""Lines of a file to events and their arrivals: ``received_at``, else the timestamp."""

from __future__ import annotations

from typing import Any, overload

import msgspec

from triggerstream.core.decisions import Action, Firing, SegmentChanged, Suppressed, TriggerFailed
from triggerstream.core.detection.detect import Detect
from triggerstream.core.detection.reading import LONGEST_ID
from triggerstream.core.events.bodies import checked, members_of
from triggerstream.core.events.decode import MAX_BYTES, UNSAID, decode_event
from triggerstream.core.events.derived import DERIVED, SIGN
from triggerstream.core.events.event import Event
from triggerstream.core.events.fields import seen
from triggerstream.core.reasons import RejectReason
from triggerstream.core.records.record import Rejected
from triggerstream.core.timestamps import EARLIEST, LATEST, format_moment, read_moment

TOPIC = "triggerstream.events.v1"
"""The topic in the ids of events that bring none, whatever the prefix of the real one."""


class Arrived(Event, gc=False, omit_defaults=True):
    """An event as a line of a file says it: with its arrival, in the one pass that reads it."""

    received_at: Any = None


class _Stamps(msgspec.Struct, gc=False):
    """What says when an event was received; all else is judged when the event is read."""

    received_at: Any = None


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
            value, fallback_id="", fallback_timestamp=UNSAID, decode=_decode_arrived
        )
    except Rejected:
        return _read_twice(value, offset)
    event_id = event.event_id
    if (
        type(event) is not Arrived
        or not event_id
        or len(event_id) > LONGEST_ID
        or len(event.customer_id) > LONGEST_ID
        or event.event_type[0] == SIGN
        or event.source == DERIVED
    ):
        return _read_twice(value, offset)
    if event.received_at is None:
        return event, event.timestamp, False
    return event, _received(event.received_at), True


def _read_twice(value: bytes, offset: int) -> tuple[Event, int, bool]:
    """Read first the arrival and then the event, as a worker is given them: what is wrong with a
    line is found in this order, and the arrival stands in for a timestamp."""
    arrival, is_received = read_arrival(value)
    # A moment that is made up from the timestamp is none by which a device's clock is corrected.
    received = arrival if is_received else UNSAID
    event = _detect.read(value, received, 0, offset, None, ())
    assert isinstance(event, Event)  # noqa: S101 - for the types: other kinds have a header
    return event, arrival, is_received


def read_arrival(value: bytes) -> tuple[int, bool]:
    """Return when the event in *value* arrived, in epoch milliseconds, and whether it says so by
    its ``received_at``.

    Raises:
        Rejected: It does not say, or *value* is no event.
    """
    value = checked(value, MAX_BYTES)
    try:
        received_at = _decode(value).received_at
    except msgspec.DecodeError:
        received_at = members_of(value).get("received_at")
    if received_at is not None:
        return _received(received_at), True
    event = decode_event(value, fallback_id="-", fallback_timestamp=UNSAID)
    return event.timestamp, False


def _received(value: Any) -> int:
    try:
        moment = read_moment(value)
    except ValueError as error:
        raise Rejected(RejectReason.BAD_TIMESTAMP, f"received_at: {error}") from error
    if not EARLIEST <= moment < LATEST:
        detail = f"received_at: in the years 1970 to 2100; found {seen(value)}"
        raise Rejected(RejectReason.BAD_TIMESTAMP, detail)
    return moment


@overload
def decision_line(outcome: Firing | Suppressed | SegmentChanged) -> dict[str, Any]: ...
@overload
def decision_line(outcome: Any) -> dict[str, Any] | None: ...
def decision_line(outcome: Any) -> dict[str, Any] | None:
    """Return the JSON object that `replay` prints for *outcome*, or ``None`` for no decision."""
    if isinstance(outcome, Firing):
        told = {
            "kind": "firing",
            "firing_id": outcome.firing_id,
            "trigger": outcome.trigger,
            "customer_id": outcome.customer_id,
            "at": format_moment(outcome.at),
            "instance": outcome.instance,
            "events": list(outcome.events),
            "actions": [_action(action) for action in outcome.actions],
        }
        return told | {"values": outcome.values} if outcome.values else told
    if isinstance(outcome, Suppressed):
        return {
            "kind": "suppressed",
            "reason": str(outcome.reason),
            "trigger": outcome.trigger,
            "customer_id": outcome.customer_id,
            "at": format_moment(outcome.at),
        }
    if isinstance(outcome, SegmentChanged):
        return {
            "kind": "segment",
            "segment": outcome.segment,
            "change": outcome.change,
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
