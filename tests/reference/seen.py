"""What a pattern is told, and what it answers.

A pattern of one instance is told what happened (`on_event`), is asked for its timers, and told
when one fires (`on_timer`). A match clears it (5).
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import msgspec

from tests.reference.conditions import Facts, equal, holds
from tests.reference.happenings import Spec, alternatives, duration, is_change

__all__ = ["DAY", "FOREVER", "HOUR", "Match", "Pattern", "Seen", "Spec", "Timer", "duration"]

HOUR = 3_600_000
DAY = 24 * HOUR
FOREVER = math.inf


class Seen(msgspec.Struct, frozen=True):
    """One accepted event, or one that was derived, as one instance sees it.

    Attributes:
        position: Which of the events that were handled it is.
        record: The position of the record at which it stands (35).
        at: Its effective time; of a late event, its timestamp (28).
        arrival: When the log took it.
        fills: Whether it may fill and count. A late event (28), and one without a ``per`` value
            (21), only cancels.
        sees: What is known at it, for the numbers that a pattern compares with (75).
    """

    position: int
    record: int
    at: int
    arrival: int
    event: dict[str, Any]
    fills: bool = True
    derived: bool = False
    sees: Facts | None = None

    @property
    def place(self) -> tuple[int, bool, str]:
        """(35) A derived event stands behind the real one of its record; among them, by id."""
        return (self.record, self.derived, self.event["event_id"] if self.derived else "")


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
        may_sleep: Whether an engine that looks ahead leaves it out where it decides nothing (45).
    """

    due: int
    path: tuple[int, ...]
    arrival: int
    may_sleep: bool = False


class Pattern(Protocol):
    @property
    def changed(self) -> int | None:
        """Record of the last event that added to, replaced or removed progress (22, 35)."""
        ...

    def on_event(self, seen: Seen) -> Match | None: ...
    def on_timer(self, path: tuple[int, ...]) -> Match | None: ...
    def timers(self) -> list[Timer]: ...
    def clear(self) -> None: ...
    def alive(self, at: int) -> bool:
        """Whether any progress is unexpired at *at* (22)."""
        ...


def fits(kind: str, spec: Spec, seen: Seen) -> bool:
    """Whether the event is what stands under *kind*, ``where`` included (39).

    Where nothing does, the happening is *spec* itself: ``{fired: t}`` as a step.
    """
    if kind not in spec:
        return is_happening(spec, seen.event)
    return is_happening(spec[kind], seen.event) and holds(spec.get("where", {}), Facts(seen.event))


def is_happening(entry: Any, event: dict[str, Any]) -> bool:
    """Whether *event* is one of what *entry* names."""
    return any(
        event["event_type"] == type_
        and holds(spec.get("where", {}), Facts(event))
        and ("changed" not in spec or is_change(spec, event["event_data"], equal))
        for type_, spec in alternatives(entry)
    )
