"""A date of one customer that is waited for: its slot, and its timer (65).

The slot is a `dates.Date`; before its due stands when the event came that brought the value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

from triggerstream.core.derive.attributes.compile import CompiledAttribute, key_of
from triggerstream.core.derive.calendar import dates
from triggerstream.core.derive.calendar.dates import Date
from triggerstream.core.derive.calendar.whereabouts import READS
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.model import DateOf
from triggerstream.core.patterns.progress import TIMER
from triggerstream.core.state.customer import CustomerState

GROWTH: Final = dates.MOST_BYTES + 24
"""Bytes that a date adds to a state at most, with its key and its arrival."""


_ARRIVAL: Final = -2


class CompiledDate:
    """One date, ready to be waited for.

    Attributes:
        name: What it is told as.
        key: Of its slot.
        reads: The names of the profile by whose change it may be armed anew.
        rank: Its place among all that has a timer.
    """

    def __init__(
        self, date: DateOf, attributes: Mapping[str, CompiledAttribute], rank: int
    ) -> None:
        self.name = date.name
        self.rank = rank
        self.reads = READS | {date.attribute}
        self._source = date
        self._reads_from = attributes.get(date.attribute)
        below = "" if self._reads_from is None else self._reads_from.fold.key
        self.key: str = key_of(("date", date, below)) + TIMER

    def arm(self, state: CustomerState, zone: ZoneInfo, at: int, arrival: int) -> None:
        """Wait for the day that follows from the value and the *zone* of today, at *at*.

        Args:
            arrival: Of the event that may have changed them.
        """
        slot = state.derived.get(self.key)
        armed = None if slot is None else _date(slot)
        after = dates.arm(self._value(state, at), self._source.series, zone, at, armed)
        if after == armed:
            return
        if slot is not None and _is_of_one_value(armed, after):
            arrival = slot[_ARRIVAL]
        self._keep(state, after, arrival)
        state.weight += GROWTH

    def happen(self, state: CustomerState, zone: ZoneInfo, at: int) -> dict[str, Any]:
        """Let the open day, whose time has come, happen at *at*; return what is told of it."""
        slot = state.derived[self.key]
        armed = _date(slot)
        source = self._source
        told, after = dates.happen(source.attribute, source.series, zone, armed, at)
        self._keep(state, after, slot[_ARRIVAL])
        return told

    def due(self, state: CustomerState) -> int:
        """Return when the open day is told, or `NEVER` where none is open."""
        slot = state.derived.get(self.key)
        return NEVER if slot is None else int(slot[-1])

    def _value(self, state: CustomerState, at: int) -> Any:
        if self._reads_from is None:
            return state.profile.get(self._source.attribute)
        return self._reads_from.fold.value(state, at)

    def _keep(self, state: CustomerState, date: Date | None, arrival: int) -> None:
        slot = None if date is None else (*date[:4], arrival, date.due)
        state.set_timer(self.key, slot)


def _date(slot: tuple[Any, ...]) -> Date:
    moment, base, happened, day, _, due = slot
    return Date(moment, base, happened, day, due)


def _is_of_one_value(one: Date | None, other: Date | None) -> bool:
    if one is None or other is None:
        return False
    return (one.moment, one.base) == (other.moment, other.base)
