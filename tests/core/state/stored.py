"""A customer with progress of every kind, and what is stored of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from tests.core.detection.customers import Customer, ruleset_of
from triggerstream.core.keyed import header
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.state import codec

GOLDEN = Path(__file__).parent / "golden"
START = 1_767_225_600_000
HOUR = 3_600_000

FIELDS = [
    "last", "ring", "profile", "limits", "detections", "times", "ids", "bodies", "cells", "waits",
    "matches", "values", "instances", "room",
]  # fmt: skip
"""Of the present format, in their order."""

TRIGGERS = """
trigger: absence
when: {sequence: [{event: A}, {event: B}, {absent: X, for: 1h}], per: event_data.k}
---
trigger: all
when: {all: [{event: A}, {sequence: [{event: B}, {absent: Y, for: 2h}]}, {event: Z}], within: 1d}
---
trigger: any
when: {any: [{sequence: [{event: A}, {event: Z}]}, {count: B, at_least: 9}]}
---
trigger: distinct
when: {count: B, distinct: event_data.n, at_least: 9}
---
trigger: fired
when: {event: A}
limits: {cooldown: 1h, max_per_customer: 5}
until: P
---
trigger: window
when: {count: B, at_most: 5, within: 3h}
"""


def a_customer() -> Customer:
    """Return a customer with progress of every kind."""
    customer = Customer(ruleset_of(TRIGGERS))
    customer.happens("identify", START, name="Ä", tags=["x"], email_consent=True)
    customer.happens("A", START + 1, k="one", source="web")
    customer.happens("A", START + 2, k=2)
    for n in (1, 1.5, "1", True, 1):
        customer.happens("B", START + 3, k="one", n=n)
    return customer


def decided_after(customer: Customer) -> list[Any]:
    """Return what is decided when nothing more happens to *customer*, but for one goal."""
    customer.happens("Z", START + 4)
    customer.waits_until(START + 10 * HOUR)
    customer.happens("P", START + 10 * HOUR)
    return customer.out


def read(value: bytes) -> dict[str, Any]:
    """Return the fields of a stored state."""
    return dict(zip(FIELDS, msgspec.msgpack.decode(value[header.SIZE :]), strict=True))


def written(fields: dict[str, Any]) -> bytes:
    return header.pack(codec.FORMAT, 0, NEVER, 0) + msgspec.msgpack.encode(list(fields.values()))
