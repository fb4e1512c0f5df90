"""What a door writes into an event before it is appended: its id, its time, its source.

The other members stay byte for byte as they came.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from triggerstream.core.events.decode import MAX_BYTES
from triggerstream.core.events.fields import read_members
from triggerstream.core.reasons import RejectReason
from triggerstream.core.records.record import Rejected

_encode = msgspec.json.Encoder().encode


def stamped(body: bytes, said: Mapping[str, Any], what: str) -> bytes:
    """Return the native *body* with the members that are *said*; as it is where none are.

    Args:
        what: What is said, in words, for the letter.

    Raises:
        Rejected: So it is longer than the owner of its partition reads.
    """
    if not said:
        return body
    members: dict[str, Any] = read_members(body)
    members.update(said)
    found = _encode(members)
    if len(found) > MAX_BYTES:
        detail = f"at most {MAX_BYTES} bytes with {what}; found {len(found)}"
        raise Rejected(RejectReason.TOO_LARGE, detail)
    return found
