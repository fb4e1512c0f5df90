"""The Segment spec's calls: track, identify, page, screen, group and alias.

The event's type is the tracked name (`track`), else the call's own. The customer is `userId`, or
`anonymousId` where nobody is known yet. `context` is kept whole as metadata.
"""

from __future__ import annotations

from typing import Any, Final

from triggerstream.core.events.event import Event
from triggerstream.core.events.fields import Fields

SEGMENT_TYPES = frozenset({"track", "identify", "page", "screen", "group", "alias"})
SOURCE: Final = "segment"
"""What stands for the source: `messageId` is unique over all of Segment's sources."""
OF: Final = " of a Segment call"


def read_segment(call: Fields, arrival: int | None) -> Event:
    """Return the event that *call* says.

    Args:
        arrival: When it was received, where it does not say so itself: epoch milliseconds;
            ``None`` where nobody knows.

    Raises:
        Rejected: A field is of the wrong type, it names no customer, or a `track` call no event.
    """
    kind = call.text("type") or ""
    context = call.mapping("context")
    customer = call.id("userId") or call.id("anonymousId")
    return Event(
        customer_id=call.required(customer, "userId or anonymousId"),
        event_type=call.required(call.text("event"), "event") if kind == "track" else kind,
        event_id=call.id("messageId"),  # type: ignore[arg-type]  # `decode_event` judges it
        timestamp=_happened(call, arrival),  # type: ignore[arg-type]  # `decode_event` judges it
        source=SOURCE,
        event_data=_data(call, kind, context or {}),
        device_info=_mapping((context or {}).get("device")),
        location_data=_mapping((context or {}).get("location")),
        metadata=context,
    )


def _data(call: Fields, kind: str, context: dict[str, Any]) -> dict[str, Any] | None:
    match kind:
        case "identify":
            # RudderStack's libraries put them into the context.
            return call.mapping("traits") or _mapping(context.get("traits")) or {}
        case "group":
            return _with(call.mapping("traits"), group_id=call.id("groupId"))
        case "alias":
            return _with(None, previous_id=call.id("previousId"))
        case "page" | "screen":
            return _with(
                call.mapping("properties"), name=call.text("name"), category=call.text("category")
            )
        case _:
            return call.mapping("properties")


def _with(data: dict[str, Any] | None, **named: str | None) -> dict[str, Any]:
    """Return *data* and what is *named*; the data's own word wins."""
    return {key: text for key, text in named.items() if text is not None} | (data or {})


def _happened(call: Fields, arrival: int | None) -> int | None:
    """Return when it happened: ``receivedAt - (sentAt - originalTimestamp)``, which takes the
    device's clock out of it.

    Segment's servers add ``receivedAt`` and ``originalTimestamp``, and their ``timestamp`` is
    corrected. In what a library posts, ``timestamp`` is the device's own, and the log's arrival
    is when it was received.
    """
    said, original = call.moment("timestamp"), call.moment("originalTimestamp")
    sent, received = call.moment("sentAt"), call.moment("receivedAt")
    if said is not None and original is not None:
        return said
    if original is None:
        original = said
    if original is None:
        return received
    if received is None:
        received = arrival
    if sent is None or received is None:
        return original
    return received - (sent - original)


def _mapping(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None
