"""CloudEvents 1.0: `subject` is the customer, `data` the event's data.

`source` and `id` together name an event, as with us. Two modes are read: *structured*, where the
whole event is one JSON object, and *binary*, where the attributes are ``ce_…`` headers of the
Kafka record and its value is the data. Extension attributes are not judged, and not kept.
"""

from __future__ import annotations

import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Sequence
from typing import Any, Final

from triggerstream.core.events.event import Event
from triggerstream.core.events.fields import Fields, seen
from triggerstream.core.events.text import mend_bytes
from triggerstream.core.reasons import RejectReason
from triggerstream.core.records.record import Header, Rejected

VERSION: Final = "1.0"
PREFIX: Final = "ce_"
CONTENT_TYPE: Final = "content-type"
STRUCTURED: Final = "application/cloudevents"
"""With ``+json`` it is one event, with ``-batch+json`` a batch: the value says which."""
OF: Final = " of a CloudEvent"

_JSON = re.compile(r"(?:application|text)/(?:[\w.-]+\+)?json\s*(?:;.*)?", re.IGNORECASE | re.DOTALL)

Parse = Callable[[bytes], Any]
"""Returns what JSON bytes say, or raises `Rejected`."""


def read_structured(fields: Fields, parse: Parse) -> Event:
    """Return the event in the members of a structured CloudEvent.

    Raises:
        Rejected: An attribute is missing or wrong, it names no customer, or its data are no JSON
            object.
    """
    event = _envelope(fields)
    event.event_data = _data(fields, parse)
    return event


def read_binary(fields: Fields, value: bytes | None, parse: Parse) -> Event:
    """Return the event whose attributes are *fields*, and whose data *value*.

    Raises:
        Rejected: As `read_structured`.
    """
    event = _envelope(fields)
    if value:
        content_type = fields.text("datacontenttype")
        if content_type is not None and not _JSON.fullmatch(content_type):
            raise fields.wrong("data", "JSON (content-type application/json)", seen(content_type))
        event.event_data = _object(fields, parse(value))
    return event


def binary_attributes(headers: Sequence[Header]) -> Fields | None:
    """Return the attributes that *headers* say, or ``None`` where they are not those of a binary
    CloudEvent. A header without a value is none.

    Raises:
        Rejected: One of them is not UTF-8.
    """
    found: dict[str, str] = {}
    for name, content in headers:
        if content is None or not (name.startswith(PREFIX) or name == CONTENT_TYPE):
            continue
        known = "datacontenttype" if name == CONTENT_TYPE else name.removeprefix(PREFIX)
        found[known] = _text(name, content)
    if "specversion" not in found:
        return None
    content_type = found.get("datacontenttype")
    if content_type is not None and content_type.startswith(STRUCTURED):
        return None
    return Fields(found, OF)


def without_attributes(
    headers: Sequence[Header],
) -> tuple[Header, ...]:
    """Return *headers* without those that say of a value that it is a CloudEvent, or its data."""
    is_binary = any(name.startswith(PREFIX) for name, _ in headers)
    return tuple(
        (name, content)
        for name, content in headers
        if not name.startswith(PREFIX)
        and not (name == CONTENT_TYPE and (is_binary or _is_structured(content)))
    )


def _is_structured(content_type: bytes | None) -> bool:
    return content_type is not None and content_type.startswith(STRUCTURED.encode())


def _text(name: str, content: bytes) -> str:
    mended = mend_bytes(content)
    if mended is None:
        raise Rejected(RejectReason.BAD_UTF8, f"header {name}: UTF-8; found other bytes")
    return mended.decode()


def _envelope(fields: Fields) -> Event:
    version = fields.text("specversion")
    if version != VERSION:
        detail = f"CloudEvents {VERSION}; found specversion {seen(version)}"
        raise Rejected(RejectReason.WRONG_TYPE, detail)
    event_id, kind, source = (
        fields.required(fields.text(name), name) for name in ("id", "type", "source")
    )
    customer = fields.text("subject")
    if not customer:
        detail = f"subject{OF}: the customer id; found nothing"
        raise Rejected(RejectReason.MISSING_FIELD, detail)
    return Event(
        customer_id=customer,
        event_type=kind,
        event_id=event_id,
        timestamp=_time(fields),  # type: ignore[arg-type]  # `decode_event` judges it
        source=source,
    )


def _time(fields: Fields) -> int | None:
    value = fields.value("time")
    if value is not None and type(value) is not str:
        detail = f"time{OF}: RFC 3339 with an offset; found {seen(value)}"
        raise Rejected(RejectReason.BAD_TIMESTAMP, detail)
    return fields.moment("time")


def _data(fields: Fields, parse: Parse) -> dict[str, Any] | None:
    encoded = fields.text("data_base64")
    if encoded is None:
        return fields.mapping("data")
    if fields.value("data") is not None:
        raise fields.wrong("data", "one of data and data_base64", "both")
    content = _from_base64(encoded)
    if content is None:
        raise fields.wrong("data_base64", "base64 (RFC 4648)", seen(encoded))
    return _object(fields, parse(content)) if content else None


def _from_base64(text: str) -> bytes | None:
    """Return the bytes that *text* stands for, and for which it is the one text, or ``None``. The
    library's strict mode lets padding through where there is nothing to be padded."""
    try:
        content = a2b_base64(text, strict_mode=True)
    except ValueError:
        return None
    return content if b2a_base64(content, newline=False).decode() == text else None


def _object(fields: Fields, value: Any) -> dict[str, Any] | None:
    if value is None or type(value) is dict:
        return value
    if value == []:
        return {}
    raise fields.wrong("data", "a JSON object", seen(value))
