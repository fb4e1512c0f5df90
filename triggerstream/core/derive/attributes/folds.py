"""Folds: what an attribute keeps of its events, and what its value is at a time.

Each fold has one *slot* in a customer's state, a flat tuple under a key of its own; what has not
begun has none. Folds happen at times that never go back for one customer (36), but for late events,
which a few folds take in at their own time (49).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from hashlib import blake2b
from math import isfinite
from sys import float_info
from typing import Any, Final

from triggerstream.core.events.event import Event
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.patterns.aggregates import MOST_HELD
from triggerstream.core.patterns.per import MOST_INSTANCES, ReadInstance
from triggerstream.core.state.customer import CustomerState
from triggerstream.core.timestamps import format_moment

Read = Callable[[Event], Any]
"""Reads what is folded; ``None`` where the event has no such value."""

Begin = Callable[[CustomerState], Any]
"""Returns what a fold begins with; ``None`` for its default."""

Cut = Callable[[int], str]
"""Cuts a moment to a text, such as its day."""

GROWTH: Final = 320
"""Bytes that one fold adds to a state at most: a time, and a text of 256 bytes."""

STAYS: Final = "stays"
FADES: Final = "fades"
FALLS: Final = "falls"
TURNS: Final = "turns"
"""What time alone does to a value: nothing; it becomes null; a number falls; or anything."""


class Value(ABC):
    """What is known of a customer under a name.

    Attributes:
        key: Of its slot; of a value that nobody folds, which has none, what tells its definition
            from others.
        by_time: What time alone does to it.
        reads: The names of what it follows from, as of `CompiledSegment.reads`; a fold reads
            events only.
    """

    by_time: str = TURNS

    def __init__(self, key: str) -> None:
        self.key = key
        self.reads: frozenset[str] = frozenset()

    @abstractmethod
    def value(self, state: CustomerState, at: int) -> Any:
        """Return the value at *at*, which is not before any event that was folded on time."""

    def next(self, state: CustomerState, at: int) -> int:
        """Return when, after *at*, the value changes by time alone, or `NEVER`."""
        return NEVER

    def next_beyond(self, state: CustomerState, at: int, bounds: tuple[float, ...]) -> int:
        """Return a time after *at* up to which a number stands to each of *bounds* as it does now,
        if nothing comes; or `NEVER`."""
        return self.next(state, at)

    def may_rise(self, state: CustomerState) -> bool:
        """Return whether, though it falls by time alone, it may rise by that now."""
        return False


class Fold(Value):
    """One attribute's fold.

    Attributes:
        takes_late: Whether late events are folded in, at their own time.
    """

    def __init__(self, key: str, *, takes_late: bool = True) -> None:
        super().__init__(key)
        self.takes_late = takes_late

    @abstractmethod
    def take(self, state: CustomerState, event: Event, at: int, *, is_minus: bool) -> None:
        """Fold *event* in, which its ``where`` lets pass, at *at*."""


def key_of_value(value: Any) -> Any:
    """Return what a value is kept under in a mapping: 1 is 1.0 there, but true is not 1."""
    return (value,) if type(value) is bool else value


def within_numbers(total: float) -> float:
    """Return *total*, or where it is beyond all numbers the last of them: an infinity is no number
    to a test, so that what grows would fall below its bound."""
    return max(-_LARGEST, min(_LARGEST, total))


_LARGEST: Final = float_info.max


class Ever(Fold):
    """A count or a sum over all events there ever were, as two floats, or one whole number.

    Args:
        read: What is summed up; ``None`` to count.
    """

    by_time = STAYS

    def __init__(self, key: str, read: Read | None, begin: Begin) -> None:
        super().__init__(key)
        self._read = read
        self._begin = begin

    def _slot(self, state: CustomerState) -> tuple[Any, ...]:
        slot = state.derived.get(self.key)
        if slot is None:
            begun = self._begin(state) or 0
            slot = (begun,) if self._read is None else (begun, 0.0)
        return slot

    def take(self, state: CustomerState, event: Event, at: int, *, is_minus: bool) -> None:
        if self._read is None:
            (number,) = self._slot(state)
            state.derived[self.key] = (number + 1,)
            return
        value = self._read(event)
        if value is not None:
            total, lost = self._slot(state)
            state.derived[self.key] = _added(total, lost, -value if is_minus else value)
        elif self.key not in state.derived:
            state.derived[self.key] = self._slot(state)  # it has begun (48)

    def value(self, state: CustomerState, at: int) -> Any:
        slot = self._slot(state)
        if slot[0] and self.key not in state.derived:
            # Read once: what it began with stays, whatever becomes of where that was read.
            state.derived[self.key] = slot
            state.weight += GROWTH
        return slot[0] if self._read is None else within_numbers(slot[0] + slot[1])


def _added(total: float, lost: float, value: float) -> tuple[float, float]:
    """Return a sum, and what its rounding has lost, after one more *value* (Neumaier)."""
    new = float(total + value)
    if not isfinite(new):
        return within_numbers(new), 0.0
    lost += (total - new) + value if abs(total) >= abs(value) else (value - new) + total
    return new, lost


def _inside(held: tuple[Any, ...], start: int, size: int) -> tuple[Any, ...]:
    """Return what is held after *start*: of entries of *size*, whose first is the time."""
    number = 0
    while number < len(held) and held[number] <= start:
        number += size
    return held[number:] if number else held


class Instances(Fold):
    """How many events each instance had over ``(t - within, t]``: a mapping.

    Its slot is the time and the instance of each, the newest 1,000. Of an event that names more
    than `MOST_INSTANCES`, the first are counted.

    Args:
        read: Reads the instances that an event names, as ``per`` of a trigger does.
    """

    def __init__(self, key: str, within: int, read: ReadInstance) -> None:
        super().__init__(key, takes_late=False)
        self.within = within
        self._read = read

    def take(self, state: CustomerState, event: Event, at: int, *, is_minus: bool) -> None:
        named = self._read(event)
        if named is None:
            return
        names = (named,) if isinstance(named, str) else named[:MOST_INSTANCES]
        entries: list[Any] = []
        for each in names:
            entries += (at, short_instance(each))
        held = self._held(state, at)
        state.derived[self.key] = (*held, *entries)[-2 * MOST_HELD :]
        state.weight += GROWTH * (len(names) - 1)

    def value(self, state: CustomerState, at: int) -> Any:
        return Counter(self._held(state, at)[1::2])

    def next(self, state: CustomerState, at: int) -> int:
        held = self._held(state, at)
        return held[0] + self.within if held else NEVER

    def _held(self, state: CustomerState, at: int) -> tuple[Any, ...]:
        return _inside(state.derived.get(self.key, ()), at - self.within, 2)


def short_instance(name: str) -> str:
    """Return what an instance is known by: its own text, or a hash of one over 256 bytes."""
    named = name.encode()
    return name if len(named) <= _LONGEST else blake2b(named, digest_size=16).hexdigest()


_LONGEST: Final = 256


class Edge(Fold):
    """The first value there ever was, or the newest: of a field, or the moment itself.

    Its slot is the time, and the value where that is not the time itself.

    Args:
        read: What is kept; ``None`` for the moment.
        is_first: The earliest, which a later one never changes; else the latest.
        within: The newest is null when it is older.
        cut: What a moment is cut to.
        as_text: Whether a moment is told as text; else in epoch milliseconds.
        reads_start: What it begins with is read, once, when the first event comes.
    """

    def __init__(
        self,
        key: str,
        read: Read | None,
        begin: Begin,
        *,
        is_first: bool,
        within: int | None = None,
        cut: Cut | None = None,
        as_text: bool = True,
        reads_start: bool = False,
    ) -> None:
        super().__init__(key)
        self._read = read
        self._begin = begin
        self._reads_start = reads_start
        self._is_first = is_first
        self.within = within
        self.by_time = STAYS if within is None else FADES
        self._cut = cut
        self._as_text = as_text

    def take(self, state: CustomerState, event: Event, at: int, *, is_minus: bool) -> None:
        value: Any = None
        slot = state.derived.get(self.key)
        if slot is None and self._reads_start:
            slot = state.derived[self.key] = (_BEGUN, self._begin(state))
        if self._read is not None:
            value = self._read(event)
            if value is None:
                return
        elif self._cut is not None:
            value = self._cut(at)
        if slot is not None and slot[0] != _BEGUN:
            if at >= slot[0] if self._is_first else at < slot[0]:
                return
        elif slot is not None and self._is_first and slot[1] is not None:
            return
        elif self._is_first and slot is None:
            begun = self._begin(state)
            if begun is not None:
                state.derived[self.key] = (_BEGUN, begun)
                return
        state.derived[self.key] = (at,) if value is None else (at, value)

    def value(self, state: CustomerState, at: int) -> Any:
        slot = state.derived.get(self.key)
        if slot is None:
            begun = self._begin(state)
            if begun is not None:
                state.derived[self.key] = (_BEGUN, begun)
                state.weight += GROWTH
            return begun
        if self.within is not None and slot[0] + self.within <= at:
            return None
        if len(slot) > 1:
            return slot[1]
        return format_moment(slot[0]) if self._as_text else slot[0]

    def next(self, state: CustomerState, at: int) -> int:
        slot = state.derived.get(self.key)
        if slot is None or self.within is None or slot[0] + self.within <= at:
            return NEVER
        return int(slot[0] + self.within)


_BEGUN: Final = -1
"""Before every time: what a fold began with, and no event has brought."""
