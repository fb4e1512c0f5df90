"""Batches: a record of the inbox that holds several events, taken apart.

A batch is a JSON array of bodies (CloudEvents' batch format, or events of ours), or an object
whose ``batch`` is one (what the Segment spec's libraries post). Only the inbox and the doors of
HTTP take batches; these also one whose ``events`` is an array. On the events topic a record is one
event: it has one key, one place in the order, and one offset by which it is known whether a state
contains it.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from triggerstream.core.events.bodies import checked, decode_mended
from triggerstream.core.events.fields import read_members
from triggerstream.core.reasons import RejectReason
from triggerstream.core.records.record import Rejected

BATCH: Final = "batch"
"""The member of a batch that is an object."""
MOST: Final = 500
"""Events in a batch: what Segment's own interface takes with room to spare."""

MOST_BYTES: Final = 8 << 20
"""Bytes of all the bodies of a batch, each with what the batch says for it: one record must not
become many times its size, which a long ``context`` of 500 calls would."""

_INHERITED: Final = ("context", "receivedAt", "sentAt")
"""What a library says once for all calls of a batch."""

_BEGINS = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[")
_decode = msgspec.json.Decoder(list[msgspec.Raw] | dict[str, msgspec.Raw]).decode
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode = msgspec.json.encode


def split(value: bytes | None, members: tuple[str, ...] = (BATCH,)) -> list[bytes] | None:
    """Return the bodies in the batch *value*, in order, each as it came; ``None`` where it is no
    batch. Nothing is judged of the bodies.

    Args:
        members: Names of which one holds the array, where the batch is an object.

    Raises:
        Rejected: It is a batch, of none or of too many.
    """
    if not value or not (
        _BEGINS.match(value) or any(f'"{name}"'.encode() in value for name in members)
    ):
        return None
    try:
        found = decode_mended(checked(value, len(value)), _decode)[1]
        items = _items(found, members)
    except (Rejected, msgspec.DecodeError):
        return None
    if items is None:
        return None
    if not items:
        raise Rejected(RejectReason.EMPTY, "a batch of at least one event; found an empty one")
    if len(items) > MOST:
        detail = f"at most {MOST} events in a batch; found {len(items)}"
        raise Rejected(RejectReason.TOO_LARGE, detail)
    if isinstance(found, list):
        return [bytes(item) for item in items]
    said = {name: found[name] for name in _INHERITED if name in found}
    size = len(value) + len(items) * len(_encode(said))
    if size > MOST_BYTES:
        detail = f"at most {MOST_BYTES} bytes with the batch's context in each event; found {size}"
        raise Rejected(RejectReason.TOO_LARGE, detail)
    return [_with(item, said) for item in items]


def _items(found: Any, members: tuple[str, ...]) -> list[msgspec.Raw] | None:
    if isinstance(found, list):
        return found
    name = next((name for name in members if name in found), None)
    if name is None or "customer_id" in found:
        return None
    return _decode_items(found[name])


def _with(item: msgspec.Raw, said: dict[str, msgspec.Raw]) -> bytes:
    """Return a Segment call with what the batch has *said*; any other *item* as it is."""
    if not said:
        return bytes(item)
    try:
        call = read_members(item)
    except msgspec.DecodeError:
        return bytes(item)
    return _encode({**said, **call}) if "type" in call else bytes(item)
