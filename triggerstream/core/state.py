"""Everything that is remembered of one customer. The engine alone changes it.

One state per customer, mutable; all that hangs on it (progress, profile, limits) is replaced and
never changed, so that an outcome may keep what it was given.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec

from triggerstream.core.keyed.program import NEVER
from triggerstream.core.limits import Memory

RING = 64
"""How many of the newest (source, event_id) a customer's state remembers (semantics 30)."""
DIGEST = 8
"""Bytes kept of each: two of 64 are the same by accident once in 10^17 events."""

_FIXED = 1024
"""More bytes than the ring and the times take, however much the ring still grows."""

_NOTHING_YET = -1
"""Before the first event: no effective time reaches below 1970 (31)."""


class Slot(msgspec.Struct, array_like=True):
    """One trigger's progress.

    Attributes:
        fingerprint: Of the detection that made it: another detection starts anew.
        due: The earliest due time of its open waits, or `NEVER`.
        settled: The earliest ``max(due, arrival of the opener)`` of them, or `NEVER`.
        waits: How many there are.
        content: Its progress as it was last stored; see `CustomerState.changed`.
    """

    fingerprint: bytes
    due: int
    settled: int
    waits: int
    content: msgspec.Raw


Instances = dict[str, Any]
"""A trigger's progress by instance, the one whose progress changed longest ago first."""


class CustomerState:
    """What is remembered of one customer.

    Attributes:
        last: The last effective time, epoch milliseconds; less than any before the first event.
        ring: Digests of the newest `RING` events, the oldest first.
        profile: The attributes that `identify` events have set. Replaced, never changed.
        slots: What is stored of each trigger's progress, by trigger id.
        open: The progress of those that somebody asked for, by trigger id; with ``per`` its
            `Instances`.
        changed: The ids of those whose slot's content is older than what is open.
        limits: What each trigger that fired remembers of it, by trigger id.
        due: The earliest due time of any open wait, or `NEVER`.
        settled: The earliest clock, less the allowed lateness, at which a wait fires; or `NEVER`.
        lateness: How long after `settled` the wait fires; of the ruleset that last touched it.
        ruleset: Under which the slots were last looked through; ``None`` when just loaded.
        waits: How many waits are open.
        weight: An upper bound of the stored bytes, without the header.
    """

    __slots__ = (
        "changed",
        "customer_id",
        "due",
        "last",
        "lateness",
        "limits",
        "open",
        "profile",
        "ring",
        "ruleset",
        "settled",
        "slots",
        "waits",
        "weight",
    )

    def __init__(
        self,
        customer_id: str,
        *,
        last: int = _NOTHING_YET,
        ring: bytes = b"",
        profile: dict[str, Any] | None = None,
        slots: dict[str, Slot] | None = None,
        limits: dict[str, Memory] | None = None,
        due: int = NEVER,
        settled: int = NEVER,
        waits: int = 0,
        lateness: int = 0,
        stored: int = 0,
    ) -> None:
        self.customer_id = customer_id
        self.last = last
        self.ring = bytearray(ring)
        self.profile = profile or {}
        self.slots = slots or {}
        self.open: dict[str, Any] = {}
        self.changed: set[str] = set()
        self.limits = limits or {}
        self.due = due
        self.settled = settled
        self.waits = waits
        self.lateness = lateness
        self.ruleset: Any = None
        self.weight = stored + _FIXED

    @property
    def wake(self) -> int:
        """The clock at which the earliest wait fires, or `NEVER`."""
        return NEVER if self.settled == NEVER else self.settled + self.lateness

    def note_waits(self) -> None:
        """Count the open waits and find the earliest again, after a slot's have changed."""
        due = settled = NEVER
        waits = 0
        for slot in self.slots.values():
            if slot.waits:
                waits += slot.waits
                due = min(due, slot.due)
                settled = min(settled, slot.settled)
        self.due, self.settled, self.waits = due, settled, waits

    def remember(self, source: str | None, event_id: str) -> bool:
        """Note an event among the newest; return whether it was there already.

        One that was there keeps its place.
        """
        ring = self.ring
        digest = _digest(source, event_id)
        found = ring.find(digest)
        while found >= 0:
            if found % DIGEST == 0:
                return True
            found = ring.find(digest, found + 1)
        ring += digest
        if len(ring) > RING * DIGEST:
            del ring[:DIGEST]
        return False


def _digest(source: str | None, event_id: str) -> bytes:
    # No UTF-8 has the byte 0xFF, so that ("ab", "c") is not ("a", "bc"), nor null the empty source.
    named = event_id.encode()
    if source is not None:
        named = b"%b\xff%b" % (named, source.encode())
    # Cut off: to ask for a shorter digest takes twice as long (benchmarks/engine.py).
    return blake2b(named).digest()[:DIGEST]
