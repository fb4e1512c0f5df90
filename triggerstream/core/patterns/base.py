"""What a matcher is, and what it promises.

A *matcher* is a compiled pattern: built once per ruleset, immutable, shared by every customer. What
it remembers of one stands in the customer's `Progress`, in cells whose keys are its own; *instance*
is the text that is appended to them, empty without ``per``. A matcher reads no clock and knows
nothing of customers.

It is asked through *looks*, one per event type, so that everything that follows from the type is
decided when the ruleset is compiled. A look does one thing, in one call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from triggerstream.core.events.event import Event
from triggerstream.core.patterns.progress import TRIGGER, Now, Progress, Rows

Predicate = Callable[[Event], bool]
"""A compiled ``where``: total, without side effects."""


LookUp = Callable[[Event, Progress, int], float]
"""Looks up a number that goes by something: takes an event, the customer and its time."""


class Match:
    """A pattern is complete.

    Attributes:
        at: The completing event's effective time, or the due time of the timer.
        rows: The matched events.
        instance: Whose it is, of a pattern with ``per``.
        next: What the same event has matched in another instance, if it names several.
    """

    __slots__ = ("at", "instance", "next", "rows")

    def __init__(self, at: int, rows: Rows) -> None:
        self.at: int = at
        self.rows: Rows = rows
        self.instance: str | None = None
        self.next: Match | None = None


class Look:
    """What events of one type do to one pattern. This one: nothing."""

    def on_event(self, progress: Progress, now: Now, instance: str) -> Match | None:
        """Take an event in; return the match that it completes, which uses up what the pattern
        held of the instance.

        It is called in log order, after every timer due at or before the event. Where a cell holds
        the event from now on, it says so in *now*.
        """
        return None

    def cancel(self, progress: Progress, event: Event, at: int, instance: str) -> bool:
        """Take away what *event* forbids at *at*, and nothing else: for events that come too late
        (28) or name no instance (21). Return whether that was something."""
        return False


class Matcher:
    """A compiled pattern; each kind is a subclass.

    Attributes:
        types: The event types that it looks at.
        openers: Those of them that do something where nothing is held.
        cancels: Those that may take something away.
        keys: Of all its cells.
        waits: Of those that hold an open wait, in file order.
        quiet: Of those whose wait, where it ends without a match, has told nothing: it may be
            asked again at once.
        growth: How many rows one event names in them, at most.
    """

    def __init__(
        self,
        types: Iterable[str],
        growth: int,
        *,
        openers: Iterable[str] | None = None,
        cancels: Iterable[str] = (),
    ) -> None:
        self.types: frozenset[str] = frozenset(types)
        self.openers: frozenset[str] = self.types if openers is None else frozenset(openers)
        self.cancels: frozenset[str] = frozenset(cancels)
        self.growth: int = growth
        self.keys: tuple[str, ...] = ()
        self.waits: tuple[str, ...] = ()
        self.quiet: tuple[str, ...] = ()

    def look(self, event_type: str) -> Look:
        """Return what events of *event_type*, one of `types`, do."""
        return Look()

    def on_timer(self, progress: Progress, key: str, instance: str) -> Match | None:
        """Decide the open wait in the cell *key*: its time has come. It is over then; a match has
        used up the rest, too."""
        raise LookupError(key)

    def is_expired(self, progress: Progress, instance: str, at: int) -> bool:
        """Return whether no event at or after *at*, and no timer, can complete what is held."""
        return True

    def rows(self, progress: Progress, instance: str) -> set[int]:
        """Return the events that are held, for people who ask."""
        return set()

    def clear(self, progress: Progress, instance: str) -> None:
        """Forget all that is held of an instance."""

    def instances(self, progress: Progress) -> list[str]:
        """Return the instances that may have progress, changed longest ago first."""
        return [""]

    def has_progress(self, progress: Progress, instance: str) -> bool:
        """Return whether anything is held of an instance."""
        cells, waits, matches = progress.cells, progress.waits, progress.matches
        for key in self.keys:
            cell = key + instance
            if cell in cells or cell in waits or cell in matches:
                return True
        return False

    def drop(self, progress: Progress) -> None:
        """Forget all that is held, of whichever instance: also what an event has left that failed
        half-way."""
        tables = (progress.cells, progress.waits, progress.matches)
        for cell in [cell for table in tables for cell in table if cell.startswith(self.keys)]:
            progress.remove(cell)


class Keys:
    """The keys of one trigger's cells, given out in the order of the file.

    Args:
        trigger: `TRIGGER` characters.
    """

    def __init__(self, trigger: str) -> None:
        if len(trigger) != TRIGGER:
            raise ValueError(f"{TRIGGER} characters are required; found {trigger!r}")
        self._trigger = trigger
        self._given = 0

    def take(self) -> str:
        """Return the next one."""
        number = _FIRST + self._given
        self._given += 1
        return self._trigger + chr(number if number < _SURROGATES else number + _MANY_SURROGATES)


_FIRST = ord("0")
"""A pattern with thousands of cells goes on behind ASCII; a key is as many characters then."""
_SURROGATES = 0xD800
"""From here on `_MANY_SURROGATES` numbers are no characters that can be stored."""
_MANY_SURROGATES = 0x800


def accepts(where: Predicate | None, event: Event) -> bool:
    """Return whether *event* is one of those that a ``where``, if there is one, lets pass."""
    return where is None or where(event)
