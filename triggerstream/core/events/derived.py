"""The names of derived events, which no outside event may bear (33)."""

from __future__ import annotations

from typing import Final

from triggerstream.core.reasons import RejectReason
from triggerstream.core.records.record import Rejected

DERIVED: Final = "triggerstream/derived"
"""Their source."""
SIGN: Final = "$"
"""What their types begin with."""
FIRED: Final = "$fired:"
"""Before the id of a trigger."""


CHANGED: Final = "$changed:"
"""Before the name of a value."""
ENTERED: Final = "$entered:"
LEFT: Final = "$left:"
"""Before the name of a segment."""
DATE: Final = "$date:"
"""Before the name of a date."""
SESSION_STARTED: Final = "$session_started"
SESSION_ENDED: Final = "$session_ended"


def refuse_reserved(event_type: str, source: str | None) -> None:
    """Refuse an event that came from outside with a name of ours.

    Raises:
        Rejected: Its type or its source is reserved.
    """
    if event_type.startswith(SIGN):
        detail = f"event_type: one that does not begin with {SIGN!r}; found {event_type[:80]!r}"
        raise Rejected(RejectReason.RESERVED, detail)
    if source == DERIVED:
        raise Rejected(RejectReason.RESERVED, f"source: not {DERIVED!r}, which is the engine's")
