"""Records of the input, as detection reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from triggerstream.core.detection.failed import FailedDelivery, read_failed
from triggerstream.core.events.decode import decode_event
from triggerstream.core.events.derived import DERIVED, SIGN, refuse_reserved
from triggerstream.core.events.event import Event
from triggerstream.core.reasons import RejectReason
from triggerstream.core.records.record import Header, Kind, Rejected
from triggerstream.core.records.touch import Touch, read_touch

LONGEST_ID: Final = 256
"""Characters of an id, so that what an event adds to a state has a bound."""

_ABOVE: Final = chr(ord(SIGN) + 1)
"""Above every type that begins with `SIGN`."""


class Reader:
    """Reads records.

    Args:
        topic: The input topic's name, for the ids of events that bring none.
        max_event_bytes: Longer events are dead-lettered.
        takes_reserved: Names that are the engine's are judged by who asks, not here.
    """

    def __init__(self, topic: str, max_event_bytes: int, *, takes_reserved: bool = False) -> None:
        self._takes_reserved = takes_reserved
        self._topic = topic
        self._max_event_bytes = max_event_bytes

    def read(
        self,
        value: bytes | None,
        timestamp: int,
        partition: int,
        offset: int,
        kind: bytes | None,
        headers: Sequence[Header],
    ) -> Event | FailedDelivery | Touch:
        """Return what the record at *offset* says.

        Raises:
            Rejected: It cannot be read.
        """
        if kind is not None:
            return read_touch(value) if kind == Kind.TOUCH else read_failed(value, kind)
        event = decode_event(value, "", timestamp, self._max_event_bytes, headers)
        event_id = event.event_id
        if not event_id:
            event.event_id = f"{self._topic}/{partition}/{offset}"
        elif len(event_id) > LONGEST_ID:
            raise _too_long("event_id", event_id)
        if len(event.customer_id) > LONGEST_ID:
            raise _too_long("customer_id", event.customer_id)
        # One comparison for all that begins with the sign, or with less than it.
        if (event.event_type < _ABOVE or event.source == DERIVED) and not self._takes_reserved:
            refuse_reserved(event.event_type, event.source)
        return event


def _too_long(field: str, text: str) -> Rejected:
    detail = f"{field}: at most {LONGEST_ID} characters; found {len(text)}"
    return Rejected(RejectReason.TOO_LARGE, detail)
