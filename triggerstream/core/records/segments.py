"""``segments.v1``, written and read: who is in which segment.

A table: the newest record of a key (customer and segment) says what holds. Its records stand in the
partition of the customer's events, and the newest is the one that was decided last, by `POSITION`:
an owner that lost the partition may have appended an older one behind it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from triggerstream.core.decisions import Membership, SegmentChanged
from triggerstream.core.records.record import Header, Produce, read_position
from triggerstream.core.records.values import decode, moment
from triggerstream.core.timestamps import format_moment

SEGMENTS: Final = "segments"
"""The short name of the topic."""

INSIDE: Final = "inside"
"""The change where there was none: the customer is a member, which no edge has told."""

Change = Literal["entered", "left", "inside"]


class Told(msgspec.Struct, frozen=True):
    """What one record says.

    Attributes:
        change: ``None`` where nothing is known of the membership any more.
        at: When they entered or left; of who is inside, since when. Epoch milliseconds, 0 of none.
        position: Of the record of the events topic from which it was decided; -1 where not told.
    """

    customer_id: str
    segment: str
    change: Change | None
    at: int
    position: int

    @property
    def is_member(self) -> bool:
        return self.change in ("entered", INSIDE)


class _Json(msgspec.Struct):
    segment: str
    customer_id: str
    change: Change
    at: str


_json = msgspec.json.Decoder(_Json)
_encode = msgspec.json.Encoder().encode


def segment_record(told: SegmentChanged | Membership) -> Produce:
    """Return the record that tells an edge, or a membership that no edge tells. Its partition is
    left open: it is the one whose events were decided."""
    key = f"{told.customer_id}/{told.segment}".encode()
    if isinstance(told, SegmentChanged):
        change, at = told.change, told.at
    elif told.since is None:
        return Produce(SEGMENTS, None, key, None)
    else:
        change, at = INSIDE, told.since
    value = {
        "segment": told.segment,
        "customer_id": told.customer_id,
        "change": change,
        "at": format_moment(at),
    }
    return Produce(SEGMENTS, None, key, _encode(value))


def read_segment(key: bytes, value: bytes | None, headers: Iterable[Header]) -> Told:
    """Return what a record says.

    Raises:
        Rejected: It is none of ours.
    """
    position = read_position(headers)
    if value is None:
        # No segment's name has a slash.
        customer, _, segment = key.decode(errors="replace").rpartition("/")
        return Told(customer, segment, None, 0, position)
    said = decode(_json, value)
    return Told(said.customer_id, said.segment, said.change, moment(said.at), position)
