"""Bytes to `Event`: the gate through which every record passes, and the closed reasons not to.

The native body (docs/events.md) is decoded and validated in one pass of msgspec. What that pass
does not take is read again, slowly, where it is judged in our words (`core.events.bodies`): bodies
of Segment and of CloudEvents, and native ones with something in them to be mended. So they cost
plain native events nothing. Unknown fields are ignored.

What is refused does not depend on the machine or the call: nesting, which the decoder itself would
follow as far as the stack goes, has a bound of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import msgspec

from triggerstream.core.events.bodies import MAX_DEPTH, Headers, checked, read_body
from triggerstream.core.events.event import Event
from triggerstream.core.reasons import RejectReason
from triggerstream.core.records.record import Rejected
from triggerstream.core.timestamps import (
    EARLIEST,
    EPOCH,
    EXACT,
    LATEST,
    SECONDS_TO,
    format_moment,
    read_moment,
    unit_of,
)

MAX_BYTES = 262_144

IDENTIFY = "identify"
"""The event type whose data become the customer's profile."""

UNSAID: Final = -1
"""No moment: given as the fallback where nobody knows when a record was received. Any other below
zero says the same: a record of Kafka without a time has such a one."""
LATER: Final = 1 << 63
"""No moment yet: whoever takes the event on will say when it was received, and the event stands at
`EARLIEST` until then. No record has it: a timestamp of Kafka has 64 bits."""

_SHALLOW: Final = 2 * MAX_DEPTH
"""Each level takes two bytes at least: what is not longer than that cannot be too deep."""
_convert = msgspec.convert

_decode_native: Callable[[bytes], Any] = msgspec.json.Decoder(Event).decode
"""Returns an `Event` of which nothing is judged yet: what it does not say is ``None``."""


def decode_event(
    value: bytes | None,
    fallback_id: str,
    fallback_timestamp: int,
    max_bytes: int = MAX_BYTES,
    headers: Headers = (),
    *,
    decode: Callable[[bytes], Any] = _decode_native,
) -> Event:
    """Return the event in *value*.

    Args:
        fallback_id: The event's id where it brings none; empty where the caller will set it.
        fallback_timestamp: When it was received, which is when it happened where it does not say:
            epoch milliseconds, `UNSAID` or `LATER`.
        headers: The record's, for the attributes of a CloudEvent in binary mode.
        decode: Decodes a native body: to an `Event`, or to a subclass that takes more fields.

    Raises:
        Rejected: It is no event; the producer corrects it. The detail says what was required and
            what was found, and shows no value of the customer's beyond 80 characters.
    """
    if not value:
        event = _read_empty(headers, fallback_timestamp, max_bytes)
        return _judged(event, fallback_id, fallback_timestamp)
    size = len(value)
    if size > max_bytes or size > _SHALLOW or not value.isascii():
        value = checked(value, max_bytes)
    try:
        event = decode(value)
    except msgspec.DecodeError:
        event = _read_slowly(value, headers, fallback_timestamp, max_bytes)
        return _judged(event, fallback_id, fallback_timestamp)
    event.raw = value
    at = event.timestamp
    if type(at) is not int:
        if at is None:
            at = fallback_timestamp
        elif len(at) > EXACT:
            return _judged(event, fallback_id, fallback_timestamp)
        else:
            # `timestamps.parse_moment` without its ways aside, here for the sake of a call.
            try:
                since = _convert(at, datetime) - EPOCH
            except (msgspec.ValidationError, TypeError):
                return _judged(event, fallback_id, fallback_timestamp)
            at = since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000
    if SECONDS_TO <= at < LATEST:
        event.timestamp = at
        if event.event_id and event.event_type != IDENTIFY:
            judged: Event = event
            return judged
    return _judged(event, fallback_id, fallback_timestamp)


def _read_slowly(value: bytes, headers: Headers, received: int, max_bytes: int) -> Event:
    event = read_body(value, headers, received if EARLIEST <= received < LATER else None)
    size = len(event.raw)
    if size > max_bytes:
        # Numbers may have more digits then, and a Segment call's device is written twice. Whoever
        # reads the event behind us would refuse it.
        detail = f"at most {max_bytes} bytes as the native body that it becomes; found {size}"
        raise Rejected(RejectReason.TOO_LARGE, detail)
    return event


def _read_empty(headers: Headers, received: int, max_bytes: int) -> Event:
    """Return the event whose headers say all: a CloudEvent without data, in binary mode."""
    try:
        return _read_slowly(b"", headers, received, max_bytes)
    except Rejected as rejected:
        if rejected.reason == RejectReason.BAD_JSON:
            detail = "a JSON object; found no bytes"
            raise Rejected(RejectReason.EMPTY, detail) from rejected
        raise


def _judged(event: Any, fallback_id: str, received: int) -> Event:
    """Return *event* with an id and a moment, and with data that can be stored."""
    if not event.event_id:
        if event.event_id == "":
            detail = "event_id: a text or nothing; found an empty text"
            raise Rejected(RejectReason.MISSING_FIELD, detail)
        event.event_id = fallback_id
    if event.event_type == IDENTIFY:
        _check_storable(event.event_data)
    event.timestamp = _in_range(_moment(event.timestamp, received))
    judged: Event = event
    return judged


def _moment(said: int | str | None, received: int) -> int:
    if said is not None:
        try:
            return read_moment(said)
        except ValueError as error:
            raise Rejected(RejectReason.BAD_TIMESTAMP, f"timestamp: {error}") from error
    if received == LATER:
        return EARLIEST
    if received < EARLIEST:
        detail = "timestamp or received_at: where nobody else says when; found neither"
        raise Rejected(RejectReason.MISSING_FIELD, detail)
    return received


def _check_storable(data: dict[str, Any] | None) -> None:
    """Refuse what a profile could not be stored with: whole numbers beyond 64 bits."""
    try:
        msgspec.msgpack.encode(data)
    except OverflowError as error:
        detail = "event_data of identify: whole numbers of at most 64 bits; found a longer one"
        raise Rejected(RejectReason.WRONG_TYPE, detail) from error


def _in_range(ms: int) -> int:
    if EARLIEST <= ms < LATEST:
        return ms
    detail = f"timestamp: in the years 1970 to 2100; found {_show_moment(ms)}"
    raise Rejected(RejectReason.TIMESTAMP_OUT_OF_RANGE, detail)


def _show_moment(ms: int) -> str:
    try:
        return format_moment(ms)
    except OverflowError:
        return unit_of(ms) or "epoch milliseconds beyond the calendar"
