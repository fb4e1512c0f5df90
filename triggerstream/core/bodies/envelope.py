"""The event as its producer sends it: every field may be missing, nothing is judged yet."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class Envelope(msgspec.Struct, gc=False, omit_defaults=True):
    """The native body (README, *Events*); the readers of other bodies return one too."""

    customer_id: str | None = None
    event_type: str | None = None
    event_id: str | None = None
    timestamp: datetime | int | None = None
    source: str | None = None
    event_data: dict[str, Any] | None = None
    session_id: str | None = None
    device_info: dict[str, Any] | None = None
    location_data: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
