"""What has changed: a value that is remembered, and told where another one comes (40).

A slot holds (value, seen, arrival, due): the last value and when it was seen last, when the last
event came that brought one, and when it may change by time alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from triggerstream.core.derive.attributes.compile import LONGEST_TEXT, CompiledAttribute, key_of
from triggerstream.core.derive.attributes.folds import GROWTH
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.model import Change
from triggerstream.core.patterns.progress import TIMER
from triggerstream.core.state.customer import CustomerState


class Changed(msgspec.Struct, frozen=True):
    """A value that differs from the last one.

    Attributes:
        seen: When the old one was seen last.
    """

    old: str | int | float | bool
    new: str | int | float | bool
    seen: int


class CompiledChange:
    """A value of the profile that is watched.

    Attributes:
        key: Of its slot.
        reads: The name of the value, and those of what it follows from.
        rank: Its place among all that is watched.
    """

    is_unnamed = True

    def __init__(
        self, change: Change, attributes: Mapping[str, CompiledAttribute], rank: int
    ) -> None:
        self.name = change.name
        self.rank = rank
        self._value = change.name if change.of is None else change.of.name
        self._source = attributes.get(self._value)
        self.reads = frozenset([self._value])
        if self._source is not None:
            self.reads |= self._source.fold.reads
        below = "" if self._source is None else self._source.fold.key
        self.key: str = key_of(("changed", change.name, below)) + TIMER

    def is_member(self, state: CustomerState) -> bool:
        """Return whether the customer is inside: of a value nobody is."""
        return False

    def adopt(self, state: CustomerState, at: int) -> None:
        """Remember the value of one that follows from others, without telling it: what it follows
        from may have become another by a number that is in force from now on (56)."""
        source, slot = self._source, state.derived[self.key]
        if source is None or not source.fold.reads or slot[3] <= at:
            return
        value = source.fold.value(state, at)
        if _is_value(value) and not (slot[0] is not None and _is_same(slot[0], value)):
            self.look(state, at, None)
            state.weight += GROWTH

    def look(self, state: CustomerState, at: int, arrival: int | None) -> Changed | None:
        """Look at the value at *at*, and remember it; return how it has changed, if it has.

        Args:
            arrival: Of the event that has just brought it, if there was one.
        """
        attribute = self._source
        slot = state.derived.get(self.key)
        value: Any
        if attribute is None:
            value = state.profile.get(self._value)
        else:
            value = attribute.fold.value(state, at)
        due = NEVER if attribute is None else attribute.fold.next(state, at)
        if not _is_value(value):
            if slot is not None:
                state.set_timer(self.key, (*slot[:3], due))
            elif due != NEVER:
                # Nothing yet, but it comes by time alone.
                state.set_timer(self.key, (None, at, arrival or 0, due))
            return None
        opened = slot[2] if arrival is None and slot is not None else arrival or 0
        state.set_timer(self.key, (value, at, opened, due))
        if slot is None or slot[0] is None or _is_same(slot[0], value):
            return None
        return Changed(slot[0], value, slot[1])

    def hear_of(self, state: CustomerState, at: int, arrival: int | None) -> None:
        """Wait for the next time after *at* at which the value changes by time alone: it has
        changed meanwhile (49).

        Args:
            arrival: Of that event, if it was folded.
        """
        slot = state.derived.get(self.key, (None, at, 0, NEVER))
        if self._source is None or slot[3] <= at:
            return
        due = self._source.fold.next(state, at)
        if due != slot[3]:
            opened = slot[2] if arrival is None else arrival
            state.set_timer(self.key, (slot[0], slot[1], opened, due))


def _is_value(value: Any) -> bool:
    """Return whether *value* is one: null, lists, objects and long texts are none."""
    if type(value) is str:
        return len(value.encode()) <= LONGEST_TEXT
    return type(value) in (bool, int, float)


def _is_same(one: Any, other: Any) -> bool:
    return one == other and (type(one) is bool) is (type(other) is bool)
