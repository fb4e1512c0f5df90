"""What a value that is no event looks like, and what its sender can do: one sentence, for letters.

These are guesses for people. Nothing is decided by them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

_PACKED: Final = "send it unpacked, and set the producer's compression.type, which Kafka undoes"
_BEGINNINGS: Final = (
    (b"\x1f\x8b", f"it looks like gzip: {_PACKED}"),
    (b"\x28\xb5\x2f\xfd", f"it looks like zstd: {_PACKED}"),
    (b"\xff\xfe", "it looks like UTF-16: send UTF-8"),
    (b"\xfe\xff", "it looks like UTF-16: send UTF-8"),
    (b"Obj\x01", "it looks like an Avro file: send JSON, an event a record"),
)
_FRAME: Final = 5
"""Bytes before the value where a schema registry frames it: 0, and a schema's id."""
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_HEAD: Final = 256

INBOX: Final = "send batches to the inbox topic, which takes them apart: here a record is one event"
_DEBEZIUM: Final = (
    "a change event of Debezium: unwrap it (ExtractNewRecordState) and make it an event, or send "
    "the event itself"
)
_CONNECT: Final = (
    "wrapped by Kafka Connect: set value.converter.schemas.enable=false in the connector"
)


def look_of_bytes(value: bytes) -> str:
    """Return what *value*, which is no JSON, looks like; empty where nobody can say."""
    for beginning, look in _BEGINNINGS:
        if value.startswith(beginning):
            return look
    if value.startswith(b"\0") and len(value) > _FRAME:
        return _look_of_frame(value)
    if value[:_HEAD].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return "it looks like XML: send JSON"
    if _CONTROL.search(value[:_HEAD]):
        return "it looks like a binary format, as Avro, Protobuf and MessagePack are: send JSON"
    first, _, rest = value.strip().partition(b"\n")
    if rest.strip() and _is_json(first):
        return "it looks like several lines of JSON: send one event a record"
    return ""


def _look_of_frame(value: bytes) -> str:
    schema = int.from_bytes(value[1:_FRAME], "big")
    what = "JSON" if value[_FRAME:].startswith((b"{", b"[")) else "Avro or Protobuf"
    return (
        f"it looks like {what} framed by a schema registry (schema id {schema}): "
        "use a plain JSON serializer, without a registry"
    )


def look_of_json(found: Any) -> str:
    """Return what *found*, decoded JSON that is no object, looks like; empty where nobody can
    say."""
    if isinstance(found, list):
        return f"it is a batch: {INBOX}"
    if isinstance(found, str) and found.lstrip().startswith(("{", "[")):
        return "it is a JSON text that holds JSON, encoded twice: send the object itself"
    return ""


def look_of_object(members: Mapping[str, Any]) -> str:
    """Return what a JSON object with these *members* looks like; empty where nobody can say."""
    names = members.keys()
    if "batch" in names:
        return f"it is a batch: {INBOX}"
    if names >= {"schema", "payload"}:
        return f"it is {_DEBEZIUM if _is_change(members['payload']) else _CONNECT}"
    if _is_change(members):
        return f"it is {_DEBEZIUM}"
    return ""


def _is_change(value: Any) -> bool:
    return isinstance(value, Mapping) and {"op", "source"} <= value.keys() and _has_row(value)


def _has_row(value: Mapping[str, Any]) -> bool:
    return "before" in value or "after" in value


def _is_json(value: bytes) -> bool:
    try:
        msgspec.json.decode(value, type=msgspec.Raw)
    except msgspec.DecodeError:
        return False
    return True
