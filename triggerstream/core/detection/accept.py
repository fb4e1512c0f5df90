"""Events before they are appended: judged as the worker will judge them, named, and placed.

What would be a dead letter is refused here, where whoever sends it reads why.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

import msgspec
import orjson

from triggerstream.core.detection.detect import Detect
from triggerstream.core.events.decode import MAX_BYTES
from triggerstream.core.events.event import Event
from triggerstream.core.events.fields import read_members
from triggerstream.core.reasons import RejectReason
from triggerstream.core.records.record import ARRIVAL, Produce, Rejected

EVENTS: Final = "events"
"""The short name of the topic."""

_NULL = b"null"
_detect = Detect("")
_NAMELESS = "/0/0"
"""How that names an event which brings no id."""
_encode = msgspec.json.Encoder().encode


class Accepted(msgspec.Struct, frozen=True):
    """An event that may be appended.

    Attributes:
        record: What to append; its place follows from its key.
        event: As the worker reads it; where *is_named* is not, it is named by its offset.
        is_named: Whether the event has an id of its own.
    """

    record: Produce
    event: Event
    is_named: bool


def accept(value: bytes, *, place: str, arrival: int, is_played: bool) -> Accepted:
    """Return the event in *value*, ready to be appended.

    An event that says when it happened, and has no id, gets one from what it says and from its
    *place*: who sends it again sends the same event, which the worker knows for a repeat as long
    as it knows any. One that does not say when happens now, and once more each time it is sent.

    Args:
        place: Where it stands among what is sent with it, such as its line.
        arrival: Now, or where time is data its arrival: epoch milliseconds.
        is_played: Whether time is data: the record then bears its arrival.

    Raises:
        Rejected: The worker would make a dead letter of it.
    """
    event = _detect.read(value, arrival, 0, 0, None, ())
    assert isinstance(event, Event)  # noqa: S101 - for the types: other kinds have a header
    is_named = event.event_id != _NAMELESS
    fields = {} if is_named else _fields_of(value, event.raw)
    if _is_there(fields, "timestamp") and _is_there(fields, "customer_id"):
        event.event_id = _name(value, place)
        is_named = True
        value = _encode(fields | {"event_id": msgspec.Raw(orjson.dumps(event.event_id))})
        if len(value) > MAX_BYTES:
            detail = f"at most {MAX_BYTES} bytes with its event_id; found {len(value)}"
            raise Rejected(RejectReason.TOO_LARGE, detail)
    headers = ((ARRIVAL, b"%d" % arrival),) if is_played else ()
    key = event.customer_id.encode()
    return Accepted(Produce(EVENTS, None, key, value, headers), event, is_named)


def _fields_of(value: bytes, mended: bytes) -> dict[str, msgspec.Raw]:
    """Return the fields of a native body, as they came if that is JSON, and else as mended."""
    try:
        return read_members(value)
    except msgspec.DecodeError:
        return read_members(mended)


def _is_there(fields: dict[str, msgspec.Raw], name: str) -> bool:
    return name in fields and bytes(fields[name]) != _NULL


def _name(value: bytes, place: str) -> str:
    return blake2b(f"{place}:".encode() + value, digest_size=16).hexdigest()
