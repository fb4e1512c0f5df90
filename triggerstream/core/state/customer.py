"""Everything that is remembered of one customer. The engine alone changes it.

One state per customer, mutable; all that hangs on it (slots, profile, limits) is replaced and
never changed, so that an outcome may keep what it was given.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from triggerstream.core.keyed.program import NEVER
from triggerstream.core.state.formats import Instances, Slot, Timer
from triggerstream.core.state.limits import Memory

RING = 64
"""How many of the newest (source, event_id) a customer's state remembers (semantics 30)."""
DIGEST = 8
"""Bytes kept of each: two of 64 are the same by accident once in 10^17 events."""

FIXED = 1024
"""More bytes than the ring and the times take, however much the ring still grows."""

_NOTHING_YET = -1
"""Before the first event: no effective time reaches below 1970 (31)."""


@dataclass(slots=True, eq=False)
class CustomerState:
    """What is remembered of one customer.

    Attributes:
        last: The last effective time, epoch milliseconds; less than any before the first event.
        ring: Digests of the newest `RING` events, the oldest first.
        profile: The attributes that `identify` events have set. Replaced, never changed.
        slots: Of the triggers without ``per``, by trigger id.
        instances: Of those with ``per``, by trigger id; none is without instances.
        timers: What each trigger with open waits waits for, by trigger id.
        limits: What each trigger that fired remembers of it, by trigger id.
        due: The earliest due time of any open wait, or `NEVER`.
        wake: The earliest clock at which a wait fires, or `NEVER`.
        lateness: How long after it is settled a wait fires; of the ruleset that last touched it.
        ruleset: The one that last touched it; ``None`` when just loaded.
        detections: What the ruleset detected under which the slots were last looked through
            (`Ruleset.detections`); empty for none.
        waits: How many waits are open.
        weight: An upper bound of the stored bytes, without the header.

    There are many states, and no cycle leads through any of them. So the
    collector of cycles is kept away from them: walking them took an eighth of a worker's time.
    """

    customer_id: str
    last: int = _NOTHING_YET
    ring: bytearray = field(default_factory=bytearray)
    profile: dict[str, Any] = field(default_factory=dict)
    slots: dict[str, Slot] = field(default_factory=dict)
    instances: dict[str, Instances] = field(default_factory=dict)
    timers: dict[str, Timer] = field(default_factory=dict)
    limits: dict[str, Memory] = field(default_factory=dict)
    due: int = NEVER
    wake: int = NEVER
    lateness: int = 0
    ruleset: Any = None
    detections: bytes = b""
    waits: int = 0
    weight: int = FIXED

    def note_waits(self) -> None:
        """Count the open waits and find the earliest again, after the timers have changed."""
        due = settled = NEVER
        waits = 0
        for timer in self.timers.values():
            waits += timer.waits
            due = min(due, timer.due)
            settled = min(settled, timer.settled)
        self.due, self.waits = due, waits
        self.wake = NEVER if settled == NEVER else settled + self.lateness

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
