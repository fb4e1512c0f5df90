"""Touches: records by which a customer in silence hears of other definitions (102).

An owner appends one for each customer that it knows, when a ruleset has come into force that they
must hear of. It is a record of the log like others, so that whoever reads the log again decides the
same. Nobody outside may write one.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from triggerstream.core.records.record import KIND, Kind, Produce
from triggerstream.core.records.values import decode


class Touch(msgspec.Struct, frozen=True):
    """The value of a `Kind.TOUCH` record."""

    customer_id: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


_touch = msgspec.json.Decoder(Touch)
_encode = msgspec.json.Encoder().encode
_TOUCH: Final = ((KIND, Kind.TOUCH),)


def read_touch(value: bytes | None) -> Touch:
    """Return the touch in *value*.

    Raises:
        Rejected: It is none.
    """
    return decode(_touch, value or b"")


def touch_record(topic: str, partition: int, customer: bytes) -> Produce:
    """Return the record that touches *customer* (the id in UTF-8)."""
    value = _encode(Touch(customer.decode()))
    return Produce(topic, partition, customer, value, _TOUCH)
