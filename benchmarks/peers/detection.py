"""The detection that the Python peers do, written for this load: no more than it asks for.

It runs in a peer's own environment and imports nothing of the project. A customer's state is a
dict that JSON can hold, by a trigger's number: the times that a count holds, a sequence's first
time at each step, and, under ``w``, the waits of absences as ``[due, event id]``. Triggers are
indexed by event type, and what can be decided beforehand is decided in `Detection`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

WAITS = "w"

State = dict[str, Any]
Firing = tuple[str, str, str, int]
"""Trigger, customer, id of the last matched event, time in epoch milliseconds."""


class Data(msgspec.Struct, gc=False):
    amount: int = 0


class Event(msgspec.Struct, gc=False):
    """What the triggers look at; the decoder skips the rest."""

    event_id: str
    customer_id: str
    event_type: str
    timestamp: int
    event_data: Data


decode = msgspec.json.Decoder(Event).decode
encode = msgspec.json.Encoder().encode

Look = Callable[[State, Event, list[Firing]], bool]
"""What a trigger does with an event of a type: appends firings, returns whether state changed."""


class Detection:
    """All triggers of the file *path*, which `specs.py` wrote.

    Args:
        end: An event type that fires the trigger ``end`` each time: it marks the end of the load.
    """

    def __init__(self, path: str, end: str = "") -> None:
        self.names: list[str] = []
        self._by_type: dict[str, list[Look]] = {}
        for line in Path(path).read_text(encoding="utf-8").splitlines():
            name, kind, number, window, *types = line.split("\t")
            slot = str(len(self.names))
            self.names.append(name)
            looks = _KINDS[kind](name, slot, int(number), int(window), types)
            for event_type, look in zip(types, looks, strict=True):
                self._by_type.setdefault(event_type, []).append(look)
        if end:
            self._by_type[end] = _event("end", "", -1, 0, [end])

    def __call__(self, state: State, event: Event, out: list[Firing]) -> bool:
        """Apply *event*; return whether *state* changed."""
        waits = state.get(WAITS)
        changed = bool(waits) and self.fire_due(state, event.customer_id, event.timestamp, out)
        for look in self._by_type.get(event.event_type, ()):
            if look(state, event, out):
                changed = True
        return changed

    def fire_due(self, state: State, customer: str, now: int, out: list[Firing]) -> bool:
        """Fire the waits that are due by *now*; return whether there were any."""
        waits = state[WAITS]
        # Waits are as long as each other, and kept in the order in which they were opened.
        due = []
        for slot, (at, _) in waits.items():
            if at > now:
                break
            due.append(slot)
        for slot in due:
            at, event_id = waits.pop(slot)
            out.append((self.names[int(slot)], customer, event_id, at))
        return bool(due)


def next_due(state: State) -> int | None:
    """Return when the next wait is due, or ``None`` where none is open."""
    for at, _ in state.get(WAITS, {}).values():
        return int(at)
    return None


def _event(name: str, _slot: str, number: int, _window: int, _types: list[str]) -> list[Look]:
    def look(_state: State, event: Event, out: list[Firing]) -> bool:
        if event.event_data.amount > number:
            out.append((name, event.customer_id, event.event_id, event.timestamp))
        return False

    return [look]


def _count(name: str, slot: str, number: int, window: int, _types: list[str]) -> list[Look]:
    def look(state: State, event: Event, out: list[Firing]) -> bool:
        at = event.timestamp
        times = state.get(slot)
        if times is None:
            times = state[slot] = []
        elif times[0] <= at - window:
            times = state[slot] = [time for time in times if time > at - window]
        times.append(at)
        if len(times) >= number:
            del state[slot]
            out.append((name, event.customer_id, event.event_id, at))
        return True

    return [look]


def _sequence(name: str, slot: str, _number: int, window: int, types: list[str]) -> list[Look]:
    last = len(types) - 1
    nothing = [0] * last

    def start(state: State, event: Event, _out: list[Firing]) -> bool:
        firsts = state.get(slot)
        if firsts is None:
            firsts = state[slot] = nothing.copy()
        firsts[0] = event.timestamp
        return True

    def at_step(step: int) -> Look:
        def look(state: State, event: Event, out: list[Firing]) -> bool:
            firsts = state.get(slot)
            # The newest partial match at each step is enough: it expires last.
            if firsts is None or event.timestamp >= firsts[step - 1] + window:
                return False
            if step < last:
                firsts[step] = firsts[step - 1]
            else:
                del state[slot]
                out.append((name, event.customer_id, event.event_id, event.timestamp))
            return True

        return look

    return [start, *(at_step(step) for step in range(1, last + 1))]


def _absence(_name: str, slot: str, _number: int, window: int, _types: list[str]) -> list[Look]:
    def start(state: State, event: Event, _out: list[Firing]) -> bool:
        waits = state.setdefault(WAITS, {})
        if slot in waits:
            return False
        waits[slot] = [event.timestamp + window, event.event_id]
        return True

    def cancel(state: State, _event: Event, _out: list[Firing]) -> bool:
        waits = state.get(WAITS)
        return waits is not None and waits.pop(slot, None) is not None

    return [start, cancel]


_KINDS: dict[str, Callable[[str, str, int, int, list[str]], list[Look]]] = {
    "event": _event,
    "count": _count,
    "sequence": _sequence,
    "absence": _absence,
}
