"""An event: what one customer did at one moment, as read from the log."""

from __future__ import annotations

from typing import Any

import msgspec


class Event(msgspec.Struct, frozen=True, gc=False):
    """One accepted event.

    Attributes:
        timestamp: When it happened: epoch milliseconds, UTC, as the producer said.
        raw: The JSON bytes that it was read from, for what must keep the event whole.

    Fields that the producer left out are ``None`` (missing equals null, semantics 26).
    """

    customer_id: str
    event_type: str
    event_id: str
    timestamp: int
    source: str | None = None
    event_data: dict[str, Any] | None = None
    session_id: str | None = None
    device_info: dict[str, Any] | None = None
    location_data: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    raw: bytes = b""
