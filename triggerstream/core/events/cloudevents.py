"""CloudEvents 1.0 in structured JSON: `subject` is the customer, `data` the event's data.

`source` and `id` together name an event, as with us.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from triggerstream.core.events.event import Event
from triggerstream.core.reasons import RejectReason
from triggerstream.core.records.record import Rejected


class _CloudEvent(msgspec.Struct, gc=False):
    specversion: str
    id: str
    source: str
    type: str
    subject: str | None = None
    time: datetime | None = None
    data: dict[str, Any] | None = None


_decode = msgspec.json.Decoder(_CloudEvent).decode


def read_cloud_event(value: bytes) -> Event:
    """Return the event that the CloudEvent in *value* says.

    Raises:
        msgspec.DecodeError: An attribute is missing or of the wrong type.
        Rejected: Its version is not 1.x, or it names no customer.
    """
    found = _decode(value)
    if not found.specversion.startswith("1."):
        detail = f"CloudEvents 1.0; found specversion {found.specversion[:80]!r}"
        raise Rejected(RejectReason.WRONG_TYPE, detail)
    if not found.subject:
        detail = "subject of a CloudEvent: the customer id; found nothing"
        raise Rejected(RejectReason.MISSING_FIELD, detail)
    return Event(
        customer_id=found.subject,
        event_type=found.type,
        event_id=found.id,
        timestamp=found.time,  # type: ignore[arg-type]  # `decode_event` judges it
        source=found.source,
        event_data=found.data,
    )
