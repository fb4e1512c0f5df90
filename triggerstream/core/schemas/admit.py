"""Letting an event in at a door: the inbox's, or HTTP's.

Both doors do the same, so that it does not matter by which of them an event came.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from triggerstream.core.events.decode import MAX_BYTES
from triggerstream.core.events.event import Event
from triggerstream.core.events.fields import read_members
from triggerstream.core.reasons import RejectReason
from triggerstream.core.records.record import Rejected
from triggerstream.core.schemas.schemas import Schemas

FLAGS: Final = "ts_flags"
"""The key of ``metadata`` under which a door says what is odd: a list of reasons. It is ours: what
a producer says there is taken out."""

CHECKED: Final = (
    RejectReason.SCHEMA,
    RejectReason.UNKNOWN_TYPE,
    RejectReason.FORBIDDEN_SOURCE,
)
"""The reasons that `admit` rejects or flags for."""

Failed = Callable[[str, str, str], None]
"""Takes the source, the event type and the reason, as labels of a metric: the first two only where
the ruleset declares them, else `schemas.OTHER`."""

_encode = msgspec.json.encode


def admit(event: Event, schemas: Schemas | None, failed: Failed = lambda *_: None) -> bytes:
    """Return the body that goes into ``events``: the event's own bytes, unless its alias is
    replaced or a flag is set; then all else in it stays byte for byte.

    Args:
        event: As `decode_event` returned it.
        schemas: Of the newest ruleset; ``None`` where it asks nothing.
        failed: Told of each reason to flag or reject the event.

    Raises:
        Rejected: It is not what the ruleset asks for; the detail says where, what is required and
            what was found.
    """
    if schemas is None:
        return event.raw
    try:
        event_type, flags = schemas.check(
            event.event_type, event.source, event.event_data, size=len(event.raw)
        )
    except Rejected as rejected:
        failed(*_labels(event, schemas), rejected.reason)
        raise
    for reason in flags:
        failed(*_labels(event, schemas), reason)
    has_flags = event.metadata is not None and FLAGS in event.metadata
    if event_type == event.event_type and not flags and not has_flags:
        return event.raw
    return _rewritten(event, event_type, flags)


def _labels(event: Event, schemas: Schemas) -> tuple[str, str]:
    return schemas.label_of_source(event.source), schemas.label_of_type(event.event_type)


def _rewritten(event: Event, event_type: str, flags: tuple[str, ...]) -> bytes:
    body: dict[str, Any] = dict(read_members(event.raw))
    body["event_type"] = event_type
    metadata: dict[str, Any] = dict(read_members(body["metadata"])) if event.metadata else {}
    if flags or FLAGS in metadata:
        metadata.pop(FLAGS, None)
        body["metadata"] = {**metadata, FLAGS: flags} if flags else metadata
    written = _encode(body)
    if len(written) > MAX_BYTES:
        detail = f"at most {MAX_BYTES} bytes with its type and flags; found {len(written)}"
        raise Rejected(RejectReason.TOO_LARGE, detail)
    return written
