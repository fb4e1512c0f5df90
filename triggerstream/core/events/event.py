"""An event: what one customer did at one moment, as read from the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

if TYPE_CHECKING:
    Text = str
    Identity = str
    Moment = int
    Raw = bytes
else:
    # What the decoder takes. Bytes go straight into an `Event`, since a second object would cost
    # a sixth of decoding; until `decode_event` has judged it, an id or a moment may be missing.
    Text = Annotated[str, msgspec.Meta(min_length=1)]
    Identity = Text | None
    Moment = int | str | None
    Raw = Any


class Event(msgspec.Struct, gc=False, omit_defaults=True):
    """One accepted event. Nobody changes it once `decode_event` has returned it.

    Attributes:
        timestamp: When it happened: epoch milliseconds, UTC, as the producer said.
        raw: The JSON bytes that it was read from, for what must keep the event whole.

    Fields that the producer left out are ``None`` (missing equals null, semantics 26).
    """

    customer_id: Text
    event_type: Text
    event_id: Identity = None  # type: ignore[assignment]  # see above
    timestamp: Moment = None  # type: ignore[assignment]  # see above
    source: str | None = None
    event_data: dict[str, Any] | None = None
    session_id: str | None = None
    device_info: dict[str, Any] | None = None
    location_data: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    raw: Raw = b""
