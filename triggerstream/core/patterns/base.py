"""What a matcher is, and what it promises.

A *matcher* is a compiled pattern: built once per ruleset, immutable, shared by every customer.
What it remembers of one instance is *progress*, a small immutable value that the engine stores
and hands back; ``None`` is no progress. A matcher reads no clock and knows nothing of customers.

It is asked through handlers, one per event type, so that everything that follows from the type
is decided when the ruleset is compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from triggerstream.core.events.event import Event

Predicate = Callable[[Event], bool]
"""A compiled ``where``: total, without side effects."""

Ref = tuple[int, str]
"""An event in progress: its position in the log, and its id."""


class Occurrence(msgspec.Struct, frozen=True, gc=False):
    """An accepted event, as it meets one customer.

    Attributes:
        at: Its effective time, epoch milliseconds; it never goes back for one customer.
        position: Its place in the log; it only grows.
        arrival: When the log took it.
    """

    event: Event
    at: int
    position: int
    arrival: int


class Match(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A pattern is complete.

    Attributes:
        at: The completing event's effective time, or the due time of the timer.
        events: The matched events in log order.
        raw: The last of them, as it was read. Progress keeps it only where a timer may need it.
    """

    at: int
    events: tuple[Ref, ...]
    raw: bytes = b""


class Step(msgspec.Struct, frozen=True, gc=False):
    """What one input did to one instance.

    Attributes:
        progress: What to remember from now on.
        match: The match that it completed; it has used *progress* up.
        gave_up: What was given up to stay within bounds (`Bounded.what`).
    """

    progress: Any = None
    match: Match | None = None
    gave_up: tuple[str, ...] = ()


Due = tuple[int, int]
"""An open wait: when it is due, and when the log took the event that opened it."""

Handler = Callable[[Any, Occurrence], Step | None]
"""``(progress, occurrence)``: advance on an event. ``None`` when nothing changed."""

Canceller = Callable[[Any, Event, int], Step | None]
"""``(progress, event, at)``: take away what *event* forbids at *at*, and nothing else; for events
that come too late (28) or name no instance (21). ``None`` when nothing changed."""


class Matcher(Protocol):
    """A compiled pattern.

    Attributes:
        types: The event types that it looks at.
        openers: Those of them that do something where there is no progress.
        timed: Whether it ever waits for time to pass.
        progress_type: The type of its progress, for a msgspec decoder. Old progress decodes for
            ever: fields are added at the end, with defaults.
        growth: How many event references one event adds to its progress, at most.
    """

    types: frozenset[str]
    openers: frozenset[str]
    timed: bool
    progress_type: Any
    growth: int

    def handler(self, event_type: str) -> Handler:
        """Return what to do with events of *event_type*, one of `types`.

        The handler is called in log order, after every timer due at or before the event.
        """
        ...

    def canceller(self, event_type: str) -> Canceller | None:
        """Return how events of *event_type* cancel, or ``None`` where they never do."""
        ...

    def waits(self, progress: Any) -> tuple[Due, ...]:
        """Return the open waits of *progress*, in file order."""
        ...

    def on_timer(self, progress: Any, index: int) -> Step:
        """Decide wait number *index* of `waits`: its time has come."""
        ...

    def events(self, progress: Any) -> set[Ref]:
        """Return the events that *progress* holds, for people who ask."""
        ...

    def is_expired(self, progress: Any, at: int) -> bool:
        """Return whether no event at or after *at*, and no timer, can complete *progress*."""
        ...
