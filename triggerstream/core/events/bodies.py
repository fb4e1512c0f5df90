"""Which of the bodies a value has, and what it says in our words.

Here comes what the one pass of `decode_event` did not take: bodies of other tools, and native ones
with something in them to be judged or mended. A native body wins: a value that names its
``customer_id`` and its ``event_type`` is one, whatever else it says and whatever its headers say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import msgspec

from triggerstream.core.events import cloudevents, shapes
from triggerstream.core.events.event import Event
from triggerstream.core.events.fields import Fields, read_members, seen
from triggerstream.core.events.segment_spec import OF as OF_SEGMENT
from triggerstream.core.events.segment_spec import SEGMENT_TYPES, read_segment
from triggerstream.core.events.text import mend_bytes, mend_escapes
from triggerstream.core.reasons import RejectReason
from triggerstream.core.records.record import Header, Rejected
from triggerstream.core.timestamps import EARLIEST, LATEST, format_moment

MAX_DEPTH: Final = 200
"""Levels of nesting that are followed: far from the stack's end, and fewer than encoders follow."""
MARK: Final = b"\xef\xbb\xbf"
"""A byte order mark: a reader may pass it over (RFC 8259, 8.1)."""

Headers = Sequence[Header]
T = TypeVar("T")

_DETAIL: Final = 200
"""Characters of a decoder's message that are kept."""
_STRINGS_AND_BRACKETS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[][{}]', re.DOTALL)

_decode_members = msgspec.json.Decoder(dict[str, Any]).decode
_decode_any = msgspec.json.Decoder().decode
_encode = msgspec.json.encode


def read_body(value: bytes, headers: Headers, arrival: int | None) -> Event:
    """Return the event in *value*, with the bytes of a native body as its ``raw``.

    Args:
        value: As `checked` returned it; empty only where *headers* are those of a CloudEvent.
        arrival: When the record was received, epoch milliseconds; ``None`` where nobody knows.

    Raises:
        Rejected: It is none; the detail says what it looks like.
    """
    binary = cloudevents.binary_attributes(headers) if headers else None
    try:
        value, members = _members(value)
    except Rejected:
        if binary is None:
            raise
        members = {}
    native = Fields(members)
    if binary is not None and not _is_named(native):
        event = cloudevents.read_binary(binary, value, parse)
    elif _is_named(native):
        return _read_native(native, value)
    elif type(native.value("specversion")) is str:
        event = cloudevents.read_structured(Fields(members, cloudevents.OF), parse)
    elif _segment_type(native):
        event = read_segment(Fields(members, OF_SEGMENT), arrival)
    else:
        raise _unknown(native)
    event.raw = _written(event)
    return event


def members_of(value: bytes) -> dict[str, Any]:
    """Return the members of the object in *value*, as `checked` returned it.

    Raises:
        Rejected: It is no JSON object.
    """
    return _members(value)[1]


def checked(value: bytes, max_bytes: int) -> bytes:
    """Return *value* in UTF-8, as the decoder may be given it.

    Raises:
        Rejected: It is too long, not UTF-8, or nested too deep.
    """
    if len(value) > max_bytes:
        detail = f"at most {max_bytes} bytes; found {len(value)}"
        raise Rejected(RejectReason.TOO_LARGE, detail)
    if not value.isascii():
        try:
            value.decode()
        except UnicodeDecodeError as error:
            value = _mended(value, error)
    if value.count(b"[") + value.count(b"{") > MAX_DEPTH:
        found = _depth(value)
        if found > MAX_DEPTH:
            detail = f"JSON of at most {MAX_DEPTH} levels; found {found}"
            raise Rejected(RejectReason.TOO_DEEP, detail)
    return value


def decode_mended(value: bytes, decode: Callable[[bytes], T]) -> tuple[bytes, T]:
    """Return *value* without a byte order mark and halves of characters, and what it says.

    Raises:
        msgspec.DecodeError: It is not what *decode* takes.
    """
    value = value.removeprefix(MARK)
    try:
        return value, decode(value)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        mended = mend_escapes(value)
        if mended == value:
            raise
    return mended, decode(mended)


def parse(value: bytes) -> Any:
    """Return what the JSON in *value* says.

    Raises:
        Rejected: It is none that can be read.
    """
    value = checked(value, len(value))
    try:
        return decode_mended(value, _decode_any)[1]
    except msgspec.DecodeError as error:
        raise _no_json(value, error) from error


def _members(value: bytes) -> tuple[bytes, dict[str, Any]]:
    """Return *value*, mended, and the members of the object in it."""
    try:
        return decode_mended(value, _decode_members)
    except msgspec.ValidationError as error:
        raise _no_object(value, error) from error
    except msgspec.DecodeError as error:
        raise _no_json(value, error) from error


def _read_native(fields: Fields, value: bytes) -> Event:
    event = Event(
        customer_id=fields.id("customer_id"),  # type: ignore[arg-type]  # judged below
        event_type=fields.text("event_type"),  # type: ignore[arg-type]  # judged below
        event_id=fields.id("event_id"),  # type: ignore[arg-type]  # `decode_event` judges it
        timestamp=fields.moment("timestamp"),  # type: ignore[arg-type]  # `decode_event` judges it
        source=fields.text("source"),
        event_data=fields.mapping("event_data"),
        session_id=fields.id("session_id"),
        device_info=fields.mapping("device_info"),
        location_data=fields.mapping("location_data"),
        metadata=fields.mapping("metadata"),
    )
    fields.required(event.customer_id, "customer_id")
    fields.required(event.event_type, "event_type")
    # Whoever reads the event behind us reads what we read; what we do not know stays as it came.
    event.raw = _encode({**read_members(value), **fields.mended}) if fields.mended else value
    return event


def _is_named(fields: Fields) -> bool:
    """Return whether it says who and what: then it is a native body, or none."""
    return fields.value("customer_id") is not None and fields.value("event_type") is not None


def _segment_type(fields: Fields) -> bool:
    kind = fields.value("type")
    return type(kind) is str and kind in SEGMENT_TYPES


def _unknown(fields: Fields) -> Rejected:
    """Return the verdict on an object that is none of the bodies."""
    look = shapes.look_of_object(fields.members)
    version = fields.value("specversion")
    if version is not None:
        return Fields({}, cloudevents.OF).wrong("specversion", "the text '1.0'", seen(version))
    missing = "customer_id" if fields.value("customer_id") is None else "event_type"
    detail = _with(f"{missing}: a text; found nothing", look)
    return Rejected(RejectReason.MISSING_FIELD, detail)


def _written(event: Event) -> bytes:
    """Return *event* as a native body, its moment in words."""
    at: int | None = event.timestamp
    if at is not None and EARLIEST <= at < LATEST:
        event.timestamp = format_moment(at)  # type: ignore[assignment]  # for this line alone
    written = _encode(event)
    event.timestamp = at  # type: ignore[assignment]  # as it was
    return written


def _no_object(value: bytes, error: msgspec.ValidationError) -> Rejected:
    try:
        found = decode_mended(value, _decode_any)[1]
    except msgspec.ValidationError:
        # A number that neither a double nor an integer of 4,300 digits holds.
        return Rejected(RejectReason.WRONG_TYPE, f"a JSON object; {error}"[:_DETAIL])
    except msgspec.DecodeError as worse:
        return _no_json(value, worse)
    detail = _with(f"a JSON object; found {seen(found)}", shapes.look_of_json(found))
    return Rejected(RejectReason.WRONG_TYPE, detail)


def _no_json(value: bytes, error: msgspec.DecodeError) -> Rejected:
    detail = _with(f"a JSON object; {error}"[:_DETAIL], shapes.look_of_bytes(value))
    return Rejected(RejectReason.BAD_JSON, detail)


def _mended(value: bytes, error: UnicodeDecodeError) -> bytes:
    mended = mend_bytes(value)
    if mended is None:
        detail = f"UTF-8; found byte 0x{value[error.start]:02x} at {error.start}"
        raise Rejected(RejectReason.BAD_UTF8, _with(detail, shapes.look_of_bytes(value))) from error
    return mended


def _with(detail: str, look: str) -> str:
    return f"{detail}; {look}" if look else detail


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
