"""Cooldown and maximum: what a trigger remembers of having fired for a customer (semantics 24).

Only firings count. A firing whose delivery failed for good is taken back, and with it its place
in both limits.
"""

from __future__ import annotations

import msgspec

from triggerstream.core.model import Limits
from triggerstream.core.reasons import SuppressionReason
from triggerstream.core.timestamps import format_moment

RECENT = 8
"""How many firings can still be taken back where the trigger has limits."""

_KEY = 8
"""Bytes of a firing id by which a firing is known again, among `RECENT`."""


class Memory(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is remembered of one trigger's firings for one customer.

    Attributes:
        count: How many there were, less those taken back.
        recent: The newest of them, oldest first: the first bytes of the id, and ``at``.
        awaits_goal: It has fired since its goal was last reached.
    """

    count: int = 0
    recent: tuple[tuple[bytes, int], ...] = ()
    awaits_goal: bool = False

    def fired(self, firing_id: str, at: int, *, keep: int) -> Memory:
        """Return the memory after one more firing, with the newest *keep* of them by name."""
        recent = (*self.recent, (_key(firing_id), at))
        return Memory(self.count + 1, recent[-keep:], awaits_goal=True)

    def taken_back(self, firing_id: str) -> Memory | None:
        """Return the memory without a firing, or ``None`` if it is not known (any more)."""
        key = _key(firing_id)
        recent = tuple(each for each in self.recent if each[0] != key)
        if len(recent) == len(self.recent):
            return None
        return Memory(self.count - 1, recent, self.awaits_goal)

    def reached_goal(self) -> Memory:
        """Return the memory after the goal was reached."""
        return Memory(self.count, self.recent)


NOTHING = Memory()


def reason_against(limits: Limits, memory: Memory, at: int) -> tuple[SuppressionReason, str] | None:
    """Return why a match at *at* may not fire, and what was found; ``None`` if it may.

    A match at exactly ``last.at + cooldown`` may.
    """
    cooldown, most = limits.cooldown, limits.max_per_customer
    if cooldown is not None and memory.recent:
        until = memory.recent[-1][1] + cooldown
        if at < until:
            found = f"not before {format_moment(until)}, by the cooldown"
            return SuppressionReason.COOLDOWN, found
    if most is not None and memory.count >= most:
        return SuppressionReason.MAX_PER_CUSTOMER, f"fired {memory.count} times of at most {most}"
    return None


def _key(firing_id: str) -> bytes:
    return bytes.fromhex(firing_id)[:_KEY]
