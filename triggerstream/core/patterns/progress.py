"""What all patterns of one customer hold: a table of events, and cells that name rows of it.

An event that any pattern holds stands once in the table, in log order. A *cell* names such events
by their rows. A pattern has a few cells of its own and finds them by their keys, which it was given
when it was compiled; what nobody holds has no cell. With ``per``, the instance's text is appended
to the key.

These tables are what is stored: between two checkpoints nothing is decoded or encoded. Cells are
replaced and never changed.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Any, Final

from triggerstream.core.events.event import Event
from triggerstream.core.keyed.program import NEVER

Rows = tuple[int, ...]
"""Events by their rows in the table, in log order."""

Value = str | bool | int | float
"""An aggregated field."""

KEY: Final = 9
"""Characters of a cell's key: `TRIGGER` that name the trigger, and one for the cell."""
TRIGGER: Final = 8

TIMER: Final = "t"
"""Behind the key of a slot in `Progress.derived` that is to be looked at again: of such a slot, the
last two are when the last event came that it folded, and when it is due, or `NEVER`."""

IN_WAIT: Final = 3
IN_MATCH: Final = 1
"""Where the rows begin in a wait, and in a remembered match."""

_SPARE: Final = 16
"""Rows that nobody names any more may stay in the table, at least, before it is swept."""
_ALONE: Final = tuple([(row,) for row in range(256)])

END: Final = b"\xff"
"""Behind each id: no UTF-8 has this byte."""
_DERIVED: Final = b"\xfe"
DERIVED_END: Final = _DERIVED + END
"""Behind the id of a derived event."""
_NEXT: Final = b"\xfc"
"""Before the id of what comes behind a derived event, where a record was accepted in between: so it
is known which derived events stand at one record."""
_SIGNS: Final = _NEXT + _DERIVED


def _no_times() -> array[int]:
    return array("q")


class Now:
    """The event that is being decided, as it meets one customer; filled again for each.

    Attributes:
        at: Its effective time, epoch milliseconds; it never goes back for one customer.
        arrival: When the log took it.
        row: Where it will stand in the table, if some pattern holds it.
        alone: That row as `Rows`; most cells name one event, and share this.
        end: What will stand behind its id.
        is_held: Some pattern holds it from now on.
        is_whole: And needs its bytes, since a timer may make it the last of a match.
        has_cancelled: It has taken something away.
        gave_up: What was given up to stay within bounds (`Bounded.what`).
        more: In how many instances it may be held beside one each; whoever counts them sets it
            back to 0.
    """

    __slots__ = (
        "alone", "arrival", "at", "end", "event", "gave_up", "has_cancelled", "is_held", "is_whole",
        "more", "row",
    )  # fmt: skip
    event: Event

    def __init__(self, end: bytes = END) -> None:
        self.end: bytes = end
        self.at: int = 0
        self.arrival: int = 0
        self.row: int = 0
        self.alone: Rows = ()
        self.is_held: bool = False
        self.is_whole: bool = False
        self.has_cancelled: bool = False
        self.gave_up: list[str] = []
        self.more: int = 0

    def meet(self, progress: Progress, event: Event, at: int, arrival: int) -> None:
        """Take up *event*, which comes to the customer of *progress*."""
        row = len(progress.times)
        self.event, self.at, self.arrival, self.row = event, at, arrival, row
        self.alone = _ALONE[row] if row < 256 else (row,)
        self.is_held = self.is_whole = self.has_cancelled = False


@dataclass(slots=True, eq=False)
class Progress:
    """What the patterns of one customer hold.

    In few objects: what costs an event its time is to find them in memory, where there are so many
    customers that no cache holds them (``docs/decisions/0007``).

    Attributes:
        times: The table of events: their effective times, in log order, 64 bits each.
        ids: The table of events: their ids in UTF-8, with a `END` behind each, or a `DERIVED_END`.
        bodies: The bytes, by row, of those that a timer may make the last of a match.
        cells: Rows by key: partial matches, and counted events.
        waits: Open waits by key: when it is due; how much later its opener arrived; a number for
            its pattern to keep; then rows.
        matches: What `all` remembers of its children's matches by key: when, then rows.
        values: By key: the aggregated fields of counted events, as many as rows; or what a trend
            knows of its buckets, all whole numbers.
        instances: Of triggers with ``per``, which have progress, by the trigger's part of their
            keys: the one that changed longest ago first. None is without instances.
        room: How many rows the table may have before it is swept.
        lateness: How long after it is due, and its opener is there, a wait fires.
        due: The earliest due time of any open wait, or `NEVER`.
        wake: The earliest clock at which a wait fires, or `NEVER`.
        tau: The latest time at which anything was derived or decided by a timer, -1 for none: an
            event may come with an earlier one (36).
        sleeps: What is derived waits for a record before it is looked at again (`adopt_derived`).
        derived: What folds and watchers hold, by their keys (`core.derive`).
    """

    due: int = NEVER
    wake: int = NEVER
    lateness: int = 0
    tau: int = -1
    sleeps: bool = False
    room: int = _SPARE
    times: array[int] = field(default_factory=_no_times)
    ids: bytearray = field(default_factory=bytearray)
    cells: dict[str, Rows] = field(default_factory=dict)
    waits: dict[str, Rows] = field(default_factory=dict)
    bodies: dict[int, bytes] = field(default_factory=dict)
    matches: dict[str, Rows] = field(default_factory=dict)
    values: dict[str, tuple[Value, ...]] = field(default_factory=dict)
    instances: dict[str, dict[str, None]] = field(default_factory=dict)
    derived: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def keep(self, now: Now) -> None:
        """Put the event that is decided into the table."""
        event = now.event
        self.times.append(now.at)
        self.ids += event.event_id.encode() + now.end
        if now.is_whole:
            self.bodies[now.row] = event.raw
        if now.row >= self.room:
            self.sweep()

    def fill(self, events: list[tuple[int, str]]) -> None:
        """Make the table of *events*: times and ids."""
        self.times = array("q", [at for at, _ in events])
        self.ids = bytearray(b"".join([event_id.encode() + END for _, event_id in events]))

    def id_list(self) -> list[str]:
        """Return the ids of all events in the table, by row."""
        return [each.strip(_SIGNS).decode() for each in self.ids.split(END)[:-1]]

    def ids_of(self, rows: Rows, now: str) -> tuple[str, ...]:
        """Return the ids of *rows*; the event that is decided, called *now*, may be one."""
        if len(rows) == 1 and rows[0] >= len(self.times):
            return (now,)
        ids = [*self.id_list(), now]
        return tuple([ids[row] for row in rows])

    def next_record(self) -> None:
        """Note that another record is accepted: what is derived from now on stands there."""
        if self.ids.endswith(DERIVED_END):
            self.ids += _NEXT

    def in_order(self, rows: Rows, now: Now | None = None) -> Rows:
        """Return *rows* as they stand: by record, the real event before what was derived, and that
        by id (35). They come as they were handled; the event of *now* may be one."""
        ids = self.ids
        if now is not None:
            ids = ids + now.event.event_id.encode() + now.end
        if _DERIVED not in ids:
            return rows
        return tuple(sorted(rows, key=_places(ids).__getitem__))

    def sweep(self) -> None:
        """Forget the events that no cell names; those that stay move up."""
        self.trim()
        held: set[int] = set()
        held.update(*self.cells.values())
        held.update(*[wait[IN_WAIT:] for wait in self.waits.values()])
        held.update(*[match[IN_MATCH:] for match in self.matches.values()])
        times = self.times
        if len(held) < len(times):
            rows = sorted(held)
            self.times = array("q", [times[row] for row in rows])
            self.ids = _ids_of_some(self.ids, rows)
            self.rename({row: number for number, row in enumerate(rows)})
        self.room = len(held) + max(_SPARE, len(held) // 2)

    def rename(self, rows: dict[int, int]) -> None:
        """Name in every cell the rows of today, given by those of before."""
        self.bodies = {rows[row]: body for row, body in self.bodies.items() if row in rows}
        self.cells = {key: _renamed(cell, 0, rows) for key, cell in self.cells.items()}
        self.waits = {key: _renamed(wait, IN_WAIT, rows) for key, wait in self.waits.items()}
        self.matches = {key: _renamed(each, IN_MATCH, rows) for key, each in self.matches.items()}

    def has_spare_bodies(self) -> bool:
        """Return whether there are bytes for sure that no timer needs any more."""
        return len(self.bodies) > len(self.waits) + len(self.matches)

    def trim(self) -> None:
        """Forget the bytes that no timer needs any more. Between an event or a timer and the next:
        what has just matched is still to be read."""
        bodies = self.bodies
        if _DERIVED in self.ids:
            needed = self._may_be_last()
        else:
            needed = {wait[-1] for wait in self.waits.values()}
            needed.update([match[-1] for match in self.matches.values()])
        for row in [row for row in bodies if row not in needed]:
            del bodies[row]

    def _may_be_last(self) -> set[int]:
        """Return the rows that may be the last of a match which a timer completes, or another event
        that is derived at the same record."""
        places = _places(self.ids)
        held = [wait[IN_WAIT:] for wait in self.waits.values()]
        held += [match[IN_MATCH:] for match in self.matches.values()]
        needed = {max(rows, key=places.__getitem__) for rows in held}
        record = places[-1][0]
        needed.update([row for row in self.bodies if places[row][:2] == (record, True)])
        return needed

    def open_wait(self, key: str, wait: Rows) -> None:
        """Note an open wait, or move it."""
        before = self.waits.get(key)
        self.waits[key] = wait
        due = wait[0]
        wake = due + wait[1] + self.lateness
        if before is None or not self._may_be_earliest(before):
            self.due = min(self.due, due)
            self.wake = min(self.wake, wake)
        elif before[0] != due or before[1] != wait[1]:
            self.look_at_waits()

    def close_wait(self, key: str) -> None:
        """Forget an open wait, if there is one."""
        before = self.waits.pop(key, None)
        if before is not None and self._may_be_earliest(before):
            self.look_at_waits()

    def _may_be_earliest(self, wait: Rows) -> bool:
        return wait[0] == self.due or wait[0] + wait[1] + self.lateness == self.wake

    def set_timer(self, key: str, slot: tuple[Any, ...] | None) -> None:
        """Put *slot*, which has a timer, under *key*; or forget it."""
        before = self.derived.get(key)
        if slot is not None:
            self.derived[key] = slot
        elif before is not None:
            del self.derived[key]
        if before is not None and before[-1] != NEVER:
            if slot is not None and slot[-2:] == before[-2:]:
                return
            was: int = before[-1]
            settled: int = max(was, before[-2])
            if was == self.due or settled + self.lateness == self.wake:
                self.look_at_waits()  # it may have been the earliest
                return
        if slot is not None and slot[-1] != NEVER:
            self.due = min(self.due, slot[-1])
            self.wake = min(self.wake, max(slot[-1], slot[-2]) + self.lateness)

    def look_at_waits(self) -> None:
        """Find the earliest of all open waits and timers again."""
        due = settled = NEVER
        for wait in self.waits.values():
            due = min(due, wait[0])
            settled = min(settled, wait[0] + wait[1])
        if self.derived and not self.sleeps:
            for key, slot in self.derived.items():
                if len(key) == KEY and slot[-1] != NEVER:
                    due = min(due, slot[-1])
                    settled = min(settled, max(slot[-1], slot[-2]))
        self.due = due
        self.wake = NEVER if settled == NEVER else settled + self.lateness

    def remove(self, key: str) -> None:
        """Forget whatever stands under *key*."""
        self.cells.pop(key, None)
        self.matches.pop(key, None)
        self.values.pop(key, None)
        self.close_wait(key)


def _places(ids: bytearray) -> list[tuple[int, bool, bytes]]:
    """Return where each event of *ids* stands: its record, counted from the first, whether it is
    derived, its id; and behind them, where the next one that is derived does."""
    places: list[tuple[int, bool, bytes]] = []
    record = 0
    parts = ids.split(END)
    for row, part in enumerate(parts):
        is_derived = part.endswith(_DERIVED) or row == len(parts) - 1
        if part.startswith(_NEXT) or not is_derived:
            record += 1
        places.append((record, is_derived, bytes(part.strip(_SIGNS))))
    return places


def _ids_of_some(ids: bytearray, rows: list[int]) -> bytearray:
    """Return the part of the table *ids* that has *rows*; what stood at one record still does."""
    parts = ids.split(END)
    if _DERIVED not in ids:
        return bytearray(b"".join([parts[row] + END for row in rows]))
    places = _places(ids)
    found = bytearray()
    before = 0
    for row in [*rows, len(parts) - 1]:
        record = places[row][0]
        if record != before and found.endswith(DERIVED_END):
            found += _NEXT
        before = record
        found += parts[row].lstrip(_NEXT)
        if row < len(parts) - 1:
            found += END
    return found


def _renamed(cell: Rows, start: int, rows: dict[int, int]) -> Rows:
    if len(cell) == 1:
        row = rows[cell[0]]
        return _ALONE[row] if row < 256 else (row,)
    return (*cell[:start], *[rows[row] for row in cell[start:]])
