"""Segment's bodies: track, identify, page, screen, group and alias.

The event's type is the tracked name (`track`), else the call's own. The customer is `userId`, or
`anonymousId` where nobody is known yet. `context` is kept whole as metadata.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from triggerstream.core.events.event import Event
from triggerstream.core.reasons import RejectReason
from triggerstream.core.records.record import Rejected

SEGMENT_TYPES = frozenset({"track", "identify", "page", "screen", "group", "alias"})
SOURCE = "segment"
"""What stands for the source: `messageId` is unique over all of Segment's sources."""


class _Call(msgspec.Struct, gc=False, rename="camel"):
    type: str
    message_id: str | None = None
    user_id: str | None = None
    anonymous_id: str | None = None
    event: str | None = None
    name: str | None = None
    category: str | None = None
    group_id: str | None = None
    previous_id: str | None = None
    properties: dict[str, Any] | None = None
    traits: dict[str, Any] | None = None
    context: dict[str, Any] | None = None
    timestamp: datetime | None = None
    original_timestamp: datetime | None = None
    sent_at: datetime | None = None
    received_at: datetime | None = None


_decode = msgspec.json.Decoder(_Call).decode


def read_segment(value: bytes) -> Event:
    """Return the event that the call in *value* says.

    Raises:
        msgspec.DecodeError: A field is of the wrong type.
        Rejected: It names no customer, or a `track` call no event.
    """
    call = _decode(value)
    context = call.context or {}
    return Event(
        customer_id=_required(call.user_id or call.anonymous_id, "userId or anonymousId"),
        event_type=_required(call.event, "event") if call.type == "track" else call.type,
        event_id=call.message_id,  # type: ignore[arg-type]  # `decode_event` judges it
        timestamp=_happened(call),  # type: ignore[arg-type]  # `decode_event` judges it
        source=SOURCE,
        event_data=_data(call),
        device_info=_mapping(context.get("device")),
        location_data=_mapping(context.get("location")),
        metadata=call.context,
    )


def _data(call: _Call) -> dict[str, Any] | None:
    match call.type:
        case "identify":
            return call.traits
        case "group":
            return _with(call.traits, group_id=call.group_id)
        case "alias":
            return _with(None, previous_id=call.previous_id)
        case "page" | "screen":
            return _with(call.properties, name=call.name, category=call.category)
        case _:
            return call.properties


def _with(data: dict[str, Any] | None, **named: str | None) -> dict[str, Any]:
    """Return *data* and what is *named*; the data's own word wins."""
    return {key: text for key, text in named.items() if text is not None} | (data or {})


def _happened(call: _Call) -> datetime | None:
    """Return when it happened, the device's clock corrected by when it thought that it sent."""
    if call.timestamp is not None:
        return call.timestamp
    original, sent, received = call.original_timestamp, call.sent_at, call.received_at
    if original is None or sent is None or received is None:
        return original or received
    try:
        return received - (sent - original)
    except (TypeError, OverflowError) as error:
        detail = (
            "receivedAt, sentAt and originalTimestamp: moments with an offset; found one without"
        )
        raise Rejected(RejectReason.BAD_TIMESTAMP, detail) from error


def _mapping(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _required(text: str | None, field: str) -> str:
    if not text:
        raise Rejected(
            RejectReason.MISSING_FIELD, f"{field} of a Segment call: a text; found nothing"
        )
    return text
