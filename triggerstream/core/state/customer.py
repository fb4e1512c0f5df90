"""Everything that is remembered of one customer. The engine alone changes it.

One state per customer, mutable; all that hangs on it (cells, profile, limits) is replaced and
never changed, so that an outcome may keep what it was given.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

from triggerstream.core.patterns.progress import Progress
from triggerstream.core.state.formats import Stored3
from triggerstream.core.state.limits import Memory

RING = 64
"""How many of the newest (source, event_id) a customer's state remembers whatever their age
(semantics 30)."""
MOST = 1024
"""How many it remembers of a customer who is busy."""
BUSY = 3_600_000
"""For how long after its arrival, at least, an event of a busy customer is remembered."""
DIGEST = 8
"""Bytes kept of each: an event is by accident the same as one of 1,024 once in 10^16 events."""

_FEW = RING * DIGEST
_BETWEEN: Final = b"\xff"
_MANY = MOST * DIGEST

WHOLE_RING = 32 + _MANY
"""More bytes than the ring takes, with the lot that stands before it."""
FIXED = 1024 + WHOLE_RING
"""More bytes than a state takes of which nothing is known but the ring, however much that grows."""

_NOTHING_YET = -1
"""Before the first event: no effective time reaches below 1970 (31)."""


@dataclass(slots=True, eq=False)
class CustomerState(Progress):
    """What is remembered of one customer: what their patterns hold, and the rest.

    Attributes:
        last: The last effective time, epoch milliseconds; less than any before the first event.
        ring: Digests of the newest events, the oldest first: `RING` of them, or with a lot more.
        lot: How many events the open lot has, which are the newest of the ring; 0 without one,
            which is so where the ring has no more than `RING`.
        lot_since: When the first of the lot arrived.
        profile: The attributes that `identify` events have set. Replaced, never changed.
        limits: What each trigger that fired remembers of it, by trigger id.
        ruleset: The one that last touched it; ``None`` when just loaded.
        detections: What the ruleset detected under which the progress was last looked through
            (`Ruleset.detections`); empty for none.
        derivations: What was derived under which definitions, when it was last looked through
            (`Ruleset.derivations`); empty for nothing: then nothing is derived.
        position: In the log, of the last accepted event, where anything is derived; else -1.
        weight: An upper bound of the stored bytes, without the header.
        goals_told: Of the last record that led to goals, its position and how many. Not stored: a
            record is decided as a whole.
        old: The progress as an old format has it, until a ruleset is there that tells how to read
            it (`detection.adopt`); ``None`` but for states just loaded.

    There are many states, and no cycle leads through any of them. So the
    collector of cycles is kept away from them: walking them took an eighth of a worker's time.
    """

    last: int = _NOTHING_YET
    ring: bytearray = field(default_factory=bytearray)
    lot: int = 0
    weight: int = FIXED
    ruleset: Any = None
    customer_id: str = ""
    lot_since: int = 0
    profile: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Memory] = field(default_factory=dict)
    detections: bytes = b""
    derivations: bytes = b""
    position: int = -1
    goals_told: tuple[int, int] = (-1, 0)
    old: Stored3 | None = None

    def remember(self, source: str | None, event_id: str, arrival: int) -> bool:
        """Note an event among the newest; return whether it was there already.

        One that was there keeps its place.
        """
        ring = self.ring
        # No UTF-8 has the byte 0xFF, so that ("ab", "c") is not ("a", "bc"), nor null the empty
        # source.
        named = event_id.encode()
        if source is not None:
            named += _BETWEEN + source.encode()
        # Cut off: to ask for a shorter digest takes twice as long (benchmarks/engine.py). In place:
        # it is asked of every event.
        digest = blake2b(named).digest()[:DIGEST]
        found = ring.find(digest)
        while found >= 0:
            if found % DIGEST == 0:
                return True
            found = ring.find(digest, found + 1)
        ring += digest
        if len(ring) > _FEW:
            if self.lot and arrival < self.lot_since + BUSY and len(ring) <= _MANY:
                self.lot += 1
            else:
                self._forget(arrival)
        return False

    def _forget(self, arrival: int) -> None:
        """Forget what need not be known beside the newest event, which has just been noted.

        Of each event to know when it came would take half as much again. So the events that come
        within an hour of the first of them are a lot, of which one time is known: when it is
        over, all before it are older than that.
        """
        ring = self.ring
        most = _MANY
        if self.lot and arrival >= self.lot_since + BUSY:
            most = min(most, max((self.lot + 1) * DIGEST, _FEW))
            self.lot = 0
        del ring[:-most]
        if len(ring) > _FEW:
            if not self.lot:
                self.lot_since = arrival
            # Those that the ring has lost count no more, or an arrival far ahead of the clock,
            # whose hour does not end, would let it outgrow its four bytes.
            self.lot = min(self.lot + 1, MOST)
