"""What a pattern is told, and what it answers.

A pattern of one instance is told what happened (`on_event`), is asked for its timers, and told
when one fires (`on_timer`). A match clears it (5).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from tests.reference.conditions import Facts, holds

Spec = Mapping[str, Any]

HOUR = 3_600_000
DAY = 24 * HOUR
UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": HOUR, "d": DAY, "w": 7 * DAY}
FOREVER = math.inf


class Seen(msgspec.Struct, frozen=True):
    """One accepted event, as one instance sees it.

    Attributes:
        position: Its place in the log.
        at: Its effective time; of a late event, its timestamp (28).
        arrival: When the log took it.
        fills: Whether it may fill and count. A late event (28), and one without a ``per`` value
            (21), only cancels.
    """

    position: int
    at: int
    arrival: int
    event: dict[str, Any]
    fills: bool = True


class Match(msgspec.Struct, frozen=True):
    """A pattern was completed: by an event, or at *due* by a timer. *events* are in log order."""

    at: int
    due: int | None
    events: tuple[Seen, ...]


class Timer(msgspec.Struct, frozen=True, order=True):
    """Something is to be decided at *due*.

    Attributes:
        path: The way to the pattern that waits, by position among its siblings: file order (19).
        arrival: Of the event that opened it (29).
    """

    due: int
    path: tuple[int, ...]
    arrival: int


class Pattern(Protocol):
    @property
    def changed(self) -> int | None:
        """Position of the last event that added to, replaced or removed progress (22)."""
        ...

    def on_event(self, seen: Seen) -> Match | None: ...
    def on_timer(self, path: tuple[int, ...]) -> Match | None: ...
    def timers(self) -> list[Timer]: ...
    def clear(self) -> None: ...
    def alive(self, at: int) -> bool:
        """Whether any progress is unexpired at *at* (22)."""
        ...


def duration(text: str) -> int:
    """Return milliseconds: a positive integer and a unit."""
    digits = text.rstrip("mshdw")
    return int(digits) * UNITS[text[len(digits) :]]


def fits(kind: str, spec: Spec, seen: Seen) -> bool:
    """Whether the event is of the type, or one of the types, under *kind*, ``where`` included."""
    types = [spec[kind]] if isinstance(spec[kind], str) else spec[kind]
    return seen.event["event_type"] in types and holds(spec.get("where", {}), Facts(seen.event))
