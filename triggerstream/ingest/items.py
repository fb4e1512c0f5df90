"""What one request holds: its events, one by one, each in a body that `decode_event` reads.

Nothing is judged here. A body that cannot be taken apart is one item, and is judged as that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import msgspec
import orjson

from triggerstream.core.events import batches, cloudevents
from triggerstream.core.events.fields import read_members
from triggerstream.core.reasons import RejectReason
from triggerstream.core.records.record import Header, Rejected
from triggerstream.ingest.judging import anonymous
from triggerstream.ingest.reading import Refused

JSON: Final = ("application/json",)
LINES: Final = (
    *("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"),
)
STRUCTURED: Final = ("application/cloudevents+json", "application/cloudevents-batch+json")
TEXT: Final = ("text/plain",)
ATTRIBUTE: Final = "ce-"
"""How the headers of a CloudEvent begin in HTTP; in Kafka it is ``ce_``."""

_EVENTS = ("events", batches.BATCH)
_UTF8 = re.compile(r'.*;\s*charset\s*=\s*"?([^";\s]*)', re.IGNORECASE)
_RENAMED = {"userId": "customer_id", "event": "event_type", "timestamp": "timestamp"}
"""What `POST /trigger` calls it, and we."""
_encode = msgspec.json.Encoder().encode


class Item(msgspec.Struct, frozen=True):
    """One event as it came; *headers* are a CloudEvent's in binary mode, by Kafka's names."""

    value: bytes
    headers: tuple[Header, ...] = ()


def check_type(said: str | None, takes: Sequence[str], *, is_binary: bool = False) -> str:
    """Return the media type in a ``Content-Type`` header, in lower case; ``""`` for none.

    Raises:
        Refused: The route does not take it, or it is not in UTF-8.
    """
    if said is None:
        return ""
    media = said.partition(";")[0].strip().lower()
    charset = _UTF8.fullmatch(said)
    if charset is not None and charset[1].lower() not in {"utf-8", "utf8", "us-ascii"}:
        raise Refused(415, f"Content-Type: UTF-8; found charset {charset[1][:40]!r}")
    if media in takes or is_binary:
        return media
    hint = ""
    if media == "application/x-www-form-urlencoded":
        hint = " (curl sends that where it is not told; say --json, or -H 'Content-Type: …')"
    raise Refused(415, f"Content-Type: one of {', '.join(takes)}; found {media[:80]!r}{hint}")


def events_in(body: bytes, media: str, attributes: Sequence[Header]) -> list[Item]:
    """Return what came to ``/v1/events`` and ``/v1/beacon``.

    Args:
        attributes: Those of a CloudEvent in binary mode, whose data *body* is.

    Raises:
        Refused: They are too many.
        Rejected: It is a batch of none.
    """
    if attributes:
        return [Item(body, tuple(attributes))]
    if media in LINES:
        lines = [Item(line) for line in body.split(b"\n") if line.strip()]
        if len(lines) > batches.MOST:
            raise Refused(413, f"at most {batches.MOST} events in a request; found {len(lines)}")
        return lines or [Item(b"")]
    return _split(body, _EVENTS)


def calls_in(body: bytes, kind: str) -> list[Item]:
    """Return the calls that a Segment library has posted to ``/v1/<kind>``.

    Raises:
        As `events_in`.
    """
    if kind == batches.BATCH:
        return _split(body, (batches.BATCH,))
    members = _members(body)
    return [Item(body if members is None else _encode({**members, "type": kind}))]


def trigger_in(body: bytes) -> list[Item]:
    """Return ``{event, userId, timestamp, …rest}`` as an event whose data are the rest."""
    members = _members(body)
    if members is None:
        return [Item(body)]
    event: dict[str, Any] = {
        ours: members.pop(theirs) for theirs, ours in _RENAMED.items() if theirs in members
    }
    return [Item(_encode({**event, "event_data": members}))]


def pixel_in(query: Mapping[str, str]) -> list[Item]:
    """Return the event in the query of a pixel: its type *e*, who *a* is, its data *d* as JSON.

    Raises:
        Rejected: Its data are no JSON.
    """
    event: dict[str, Any] = {}
    if "a" in query:
        event["customer_id"] = anonymous(query["a"]) if query["a"] else ""
    if "e" in query:
        event["event_type"] = query["e"]
    if query.get("d"):
        try:
            event["event_data"] = orjson.loads(query["d"])
        except orjson.JSONDecodeError as error:
            raise Rejected(RejectReason.BAD_JSON, f"d: a JSON object; {error}"[:200]) from error
    return [Item(orjson.dumps(event))]


def attributes_of(headers: Mapping[str, str], content_type: str | None) -> list[Header]:
    """Return the attributes of a CloudEvent in binary mode, by their names in Kafka; none where it
    is no such. Values are percent-encoded (CloudEvents' HTTP binding, 3.1.3.2)."""
    if f"{ATTRIBUTE}specversion" not in headers:
        return []
    if (content_type or "").strip().lower().startswith(cloudevents.STRUCTURED):
        return []
    found: list[Header] = [
        (
            cloudevents.PREFIX + name.lower().removeprefix(ATTRIBUTE),
            unquote_to_bytes(value.encode("utf-8", "surrogateescape")),
        )
        for name, value in headers.items()
        if name.lower().startswith(ATTRIBUTE)
    ]
    if content_type is not None:
        found.append((cloudevents.CONTENT_TYPE, content_type.encode("utf-8", "surrogateescape")))
    return found


def _split(body: bytes, members: tuple[str, ...]) -> list[Item]:
    try:
        found = batches.split(body, members)
    except Rejected as verdict:
        if verdict.reason == RejectReason.TOO_LARGE:
            raise Refused(413, verdict.detail) from verdict
        raise
    return [Item(body)] if found is None else [Item(each) for each in found]


def _members(body: bytes) -> dict[str, msgspec.Raw] | None:
    """Return the members of the object in *body*, or ``None`` where it is none that is read so."""
    try:
        return read_members(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
