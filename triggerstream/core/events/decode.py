"""Bytes to `Event`: the gate through which every record passes, and the closed reasons not to.

The native body (README, *Events*) is decoded and validated in one pass of msgspec. Segment and
CloudEvents bodies lack ``customer_id`` and ``event_type``, and only then are they looked for, so
that they cost native events nothing. Unknown fields are ignored.

What is refused does not depend on the machine or the call: nesting, which the decoder itself would
follow as far as the stack goes, has a bound of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from triggerstream.core.events.cloudevents import read_cloud_event
from triggerstream.core.events.event import Event
from triggerstream.core.events.segment_spec import SEGMENT_TYPES, read_segment
from triggerstream.core.reasons import RejectReason
from triggerstream.core.records.record import Rejected
from triggerstream.core.timestamps import EARLIEST, LATEST, format_moment, to_ms

MAX_BYTES = 262_144
MAX_DEPTH = 200
"""Levels of nesting that are followed: far from the stack's end, and fewer than encoders follow."""

Body = TypeVar("Body")

IDENTIFY = "identify"
"""The event type whose data become the customer's profile."""

_DETAIL = 200
"""Characters of a decoder's message that are kept."""

_decode_native: Callable[[bytes], Any] = msgspec.json.Decoder(Event).decode
"""Returns an `Event` of which nothing is judged yet: what it does not say is ``None``."""
_STRINGS_AND_BRACKETS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[][{}]', re.DOTALL)


class _Shape(msgspec.Struct, gc=False):
    """What tells the other bodies apart."""

    specversion: Any = None
    type: Any = None


_decode_shape = msgspec.json.Decoder(_Shape).decode


def decode_event(
    value: bytes | None,
    *,
    fallback_id: str,
    fallback_timestamp: int,
    max_bytes: int = MAX_BYTES,
    decode: Callable[[bytes], Any] = _decode_native,
) -> Event:
    """Return the event in *value*.

    Args:
        fallback_id: The event's id where it brings none; empty where the caller will set it.
        fallback_timestamp: When it happened, where it does not say: epoch milliseconds.
        decode: Decodes a native body: to an `Event`, or to a subclass that takes more fields.

    Raises:
        Rejected: It is no event; the producer corrects it. The detail says what was required and
            what was found, and shows no value of the customer's beyond 80 characters.
    """
    if not value:
        raise Rejected(RejectReason.EMPTY, "a JSON object; found no bytes")
    size = len(value)
    # Each level takes two bytes at least: what is shorter than that cannot be too deep.
    if size > max_bytes or size > 2 * MAX_DEPTH or not value.isascii():
        _check_bytes(value, max_bytes)
    try:
        event = decode(value)
    except msgspec.DecodeError as error:
        raise _undecodable(error) from error
    event.raw = value
    if not event.customer_id or not event.event_type:
        event = _read_other_body(value, event)
        event.raw = msgspec.json.encode(event)
    if not event.event_id:
        if event.event_id == "":
            raise _nameless(event)
        event.event_id = fallback_id
    if event.event_type == IDENTIFY:
        _check_storable(event.event_data)
    at = event.timestamp
    if type(at) is not int or not EARLIEST <= at < LATEST:
        event.timestamp = _timestamp(at, fallback_timestamp)
    judged: Event = event
    return judged


def _check_bytes(value: bytes, max_bytes: int) -> None:
    """Refuse what must not reach the decoder: too long, not UTF-8, or nested too deep."""
    if len(value) > max_bytes:
        detail = f"at most {max_bytes} bytes; found {len(value)}"
        raise Rejected(RejectReason.TOO_LARGE, detail)
    if not value.isascii():
        try:
            value.decode()
        except UnicodeDecodeError as error:
            detail = f"UTF-8; found byte 0x{value[error.start]:02x} at {error.start}"
            raise Rejected(RejectReason.BAD_UTF8, detail) from error
    if value.count(b"[") + value.count(b"{") > MAX_DEPTH:
        found = _depth(value)
        if found > MAX_DEPTH:
            detail = f"JSON of at most {MAX_DEPTH} levels; found {found}"
            raise Rejected(RejectReason.TOO_DEEP, detail)


def _depth(value: bytes) -> int:
    """Return the deepest nesting of *value*, brackets in strings not counted. Linear."""
    depth = deepest = 0
    for token in _STRINGS_AND_BRACKETS.finditer(value):
        first = value[token.start()]
        if first in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif first in b"]}":
            depth -= 1
    return deepest


def _decode(decoder: Callable[[bytes], Body], value: bytes) -> Body:
    try:
        return decoder(value)
    except msgspec.DecodeError as error:
        raise _undecodable(error) from error


def _undecodable(error: msgspec.DecodeError) -> Rejected:
    if isinstance(error, msgspec.ValidationError):
        return Rejected(*_invalid(error))
    return Rejected(RejectReason.BAD_JSON, f"a JSON object; {error}"[:_DETAIL])


def _invalid(error: msgspec.ValidationError) -> tuple[str, str]:
    text = str(error)[:_DETAIL]
    if "datetime" in text or text.endswith("`$.timestamp`"):
        return RejectReason.BAD_TIMESTAMP, f"{_TIMESTAMP_REQUIRED}; {text}"
    return RejectReason.WRONG_TYPE, text


def _read_other_body(value: bytes, native: Any) -> Event:
    """Return what a body of another shape says in our words.

    Raises:
        Rejected: It has none of these shapes, or does not name its customer and its type.
    """
    if None not in (native.customer_id, native.event_type):
        raise _nameless(native)
    shape = _decode(_decode_shape, value)
    if isinstance(shape.specversion, str):
        event = _decode(read_cloud_event, value)
    elif isinstance(shape.type, str) and shape.type in SEGMENT_TYPES:
        event = _decode(read_segment, value)
    else:
        raise _nameless(native)
    if not event.customer_id or not event.event_type:
        raise _nameless(event)
    return event


def _nameless(event: Any) -> Rejected:
    """Return the verdict on an event without a customer, a type, or any text in its id."""
    for field, found in (
        ("customer_id", event.customer_id),
        ("event_type", event.event_type),
    ):
        if not found:
            what = "nothing" if found is None else "an empty text"
            return Rejected(RejectReason.MISSING_FIELD, f"{field}: a text; found {what}")
    return Rejected(RejectReason.MISSING_FIELD, "event_id: a text or nothing; found an empty text")


def _check_storable(data: dict[str, Any] | None) -> None:
    """Refuse what a profile could not be stored with: whole numbers beyond 64 bits."""
    try:
        msgspec.msgpack.encode(data)
    except OverflowError as error:
        detail = "event_data of identify: whole numbers of at most 64 bits; found a longer one"
        raise Rejected(RejectReason.WRONG_TYPE, detail) from error


_TIMESTAMP_REQUIRED = "timestamp: RFC 3339 with an offset, or epoch milliseconds"


def _timestamp(moment: datetime | int | None, fallback: int) -> int:
    """Return *moment* in epoch milliseconds, or *fallback* where there is none."""
    if moment is None:
        ms = fallback
    elif type(moment) is int:
        ms = moment
    else:
        ms = _from_datetime(moment)  # type: ignore[arg-type]  # what is no int is a datetime
    if not EARLIEST <= ms < LATEST:
        detail = f"timestamp: in the years 1970 to 2100; found {_show_moment(ms)}"
        raise Rejected(RejectReason.TIMESTAMP_OUT_OF_RANGE, detail)
    return ms


def _from_datetime(moment: datetime) -> int:
    if moment.tzinfo is None:
        detail = f"{_TIMESTAMP_REQUIRED}; found {moment.isoformat()}, which has no offset"
        raise Rejected(RejectReason.BAD_TIMESTAMP, detail)
    return to_ms(moment)


def _show_moment(ms: int) -> str:
    try:
        return format_moment(ms)
    except OverflowError:
        return "epoch milliseconds beyond the calendar"
