"""What all patterns of one customer hold: a table of events, and cells of positions in it.

An event that any pattern holds stands once in the table, under its position in the log; a *cell*
is a row of positions, oldest first. A pattern has a few cells of its own and finds them by their
keys, which it was given when it was compiled; what nobody holds has no cell. With ``per``, the
instance's text is appended to the key.

These tables are what is stored: between two checkpoints nothing is decoded or encoded. Cells are
replaced and never changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from triggerstream.core.events.event import Event
from triggerstream.core.keyed.program import NEVER

Positions = tuple[int, ...]
"""Events by their positions in the log, ascending."""

Value = str | bool | int | float
"""An aggregated field."""

KEY = 9
"""Characters of a cell's key: `TRIGGER` that name the trigger, and one for the cell."""
TRIGGER = 8

_SPARE = 8
"""Events that nobody holds any more may stand in the table, at least, before it is swept."""


class Now:
    """The event that is being decided, as it meets one customer; filled again for each.

    Attributes:
        at: Its effective time, epoch milliseconds; it never goes back for one customer.
        position: Its place in the log; it only grows.
        arrival: When the log took it.
        is_held: Some pattern holds it from now on.
        is_whole: And needs its bytes, since a timer may make it the last of a match.
        has_cancelled: It has taken something away.
        gave_up: What was given up to stay within bounds (`Bounded.what`).
    """

    __slots__ = (
        "arrival", "at", "event", "gave_up", "has_cancelled", "is_held", "is_whole", "position",
    )  # fmt: skip

    event: Event

    def __init__(self) -> None:
        self.at: int = 0
        self.position: int = 0
        self.arrival: int = 0
        self.is_held: bool = False
        self.is_whole: bool = False
        self.has_cancelled: bool = False
        self.gave_up: list[str] = []


@dataclass(slots=True, eq=False)
class Progress:
    """What the patterns of one customer hold.

    Attributes:
        times: The event table: effective times by position, ascending.
        ids: The event table: event ids by position.
        bodies: Of those events that a timer may make the last of a match, the bytes.
        cells: Positions by key: partial matches, and counted events.
        waits: Open waits by key: when it is due, ``max(due, arrival of the opener)``, then what
            the pattern keeps of it, with positions at the end.
        matches: What `all` remembers of its children's matches by key: when, then positions.
        values: The aggregated fields of counted events by key, as long as their cell.
        instances: Of triggers with ``per``, which have progress, by the trigger's part of their
            keys: the one that changed longest ago first. None is without instances.
        room: How many events the table may have before it is swept.
        due: The earliest due time of any open wait, or `NEVER`.
        settled: The earliest ``max(due, arrival of the opener)`` of them, or `NEVER`.
    """

    times: dict[int, int] = field(default_factory=dict)
    ids: dict[int, str] = field(default_factory=dict)
    bodies: dict[int, bytes] = field(default_factory=dict)
    cells: dict[str, Positions] = field(default_factory=dict)
    waits: dict[str, Positions] = field(default_factory=dict)
    matches: dict[str, Positions] = field(default_factory=dict)
    values: dict[str, tuple[Value, ...]] = field(default_factory=dict)
    instances: dict[str, dict[str, None]] = field(default_factory=dict)
    room: int = _SPARE
    due: int = NEVER
    settled: int = NEVER

    def keep(self, now: Now) -> None:
        """Put the event that is decided into the table."""
        position, event = now.position, now.event
        self.times[position] = now.at
        self.ids[position] = event.event_id
        if now.is_whole:
            bodies = self.bodies
            bodies[position] = event.raw
            if len(bodies) > len(self.waits) + len(self.matches):
                self._trim()
        if len(self.times) > self.room:
            self.sweep()

    def sweep(self) -> None:
        """Forget the events that nobody holds.

        Every number in a cell counts as a position: where a time is taken for one, an event stays
        a while longer.
        """
        held: set[int] = set()
        held.update(*self.cells.values(), *self.waits.values(), *self.matches.values())
        times, ids = self.times, self.ids
        for position in times.keys() - held:
            del times[position]
            del ids[position]
        self._trim()
        self.room = len(times) + max(_SPARE, len(times) // 4)

    def _trim(self) -> None:
        """Forget the bytes that no timer needs any more."""
        bodies = self.bodies
        needed = {cell[-1] for cell in self.waits.values()}
        needed.update([cell[-1] for cell in self.matches.values()])
        for position in [each for each in bodies if each not in needed]:
            del bodies[position]

    def open_wait(self, key: str, wait: Positions) -> None:
        """Note an open wait, or move it."""
        before = self.waits.get(key)
        self.waits[key] = wait
        due, settled = wait[0], wait[1]
        if before is not None:
            if before[0] == due and before[1] == settled:
                return
            if before[0] == self.due or before[1] == self.settled:
                self.look_at_waits()
                return
        self.due = min(self.due, due)
        self.settled = min(self.settled, settled)

    def close_wait(self, key: str) -> None:
        """Forget an open wait, if there is one."""
        before = self.waits.pop(key, None)
        if before is not None and (before[0] == self.due or before[1] == self.settled):
            self.look_at_waits()

    def remove(self, key: str) -> None:
        """Forget whatever stands under *key*."""
        self.cells.pop(key, None)
        self.matches.pop(key, None)
        self.values.pop(key, None)
        self.close_wait(key)

    def look_at_waits(self) -> None:
        """Find the earliest of all open waits again."""
        due = settled = NEVER
        for wait in self.waits.values():
            due = min(due, wait[0])
            settled = min(settled, wait[1])
        self.due, self.settled = due, settled
