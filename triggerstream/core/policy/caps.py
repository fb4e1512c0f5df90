"""Frequency caps: at most so many sends to a customer in any rolling window."""

from __future__ import annotations

from triggerstream.core.model import Cap
from triggerstream.core.policy.ledger import Ledger


def longest_window(caps: tuple[Cap, ...]) -> int:
    """Return how far back, in milliseconds, any of *caps* looks."""
    return max((cap.window for cap in caps), default=0)


def limits(cap: Cap, channel: str, type_: str) -> bool:
    """Return whether *cap* counts, and limits, sends of a trigger of *type_* by *channel*."""
    return type_ in cap.types and cap.channel in (None, channel)


def slots_taken(cap: Cap, ledger: Ledger, at: int, but: str) -> list[int]:
    """Return when the slots under *cap* in ``(at - window, at]`` were taken, ascending.

    Ended sends and reservations count alike; the action *but* does not count against itself.
    """
    oldest = at - cap.window
    taken = [s.at for s in ledger.sends if s.at > oldest and limits(cap, s.channel, s.type)]
    for pending in ledger.pending.values():
        slot = pending.slot
        if slot is None or slot <= oldest or pending.action_id == but:
            continue
        if limits(cap, pending.channel, pending.type):
            taken.append(slot)
    return sorted(taken)


def room_from(cap: Cap, taken: list[int]) -> int | None:
    """Return from when on fewer than the limit of *taken* count; ``None`` for never.

    The window is open at its start, so a slot no longer counts exactly one window later.
    """
    if cap.limit < 1:
        return None
    return taken[len(taken) - cap.limit] + cap.window
