"""What a count tests: the number of its events, or a sum, an average, or a number of values."""

from __future__ import annotations

from collections.abc import Callable
from math import fsum, isfinite
from typing import Any

from triggerstream.core.events.event import Event
from triggerstream.core.model import COMPARATORS
from triggerstream.core.patterns.base import LookUp, Predicate
from triggerstream.core.patterns.progress import Rows, Value

MOST_HELD = 1000
"""Events of one count, the newest (17)."""

_INT64 = 1 << 63

Reader = Callable[[Event], Value | None]
"""Reads the aggregated field; ``None`` where the event is not to be counted (16)."""


class Counting:
    """What is counted, and what is tested: the same whether a count looks back or forward.

    Args:
        aggregate: ``None`` to count events; else ``sum``, ``average`` or ``distinct``.
        read: Reads the aggregated field, whatever it holds; ``None`` without an aggregate.
        look_up: Looks the threshold up at each test, where it goes by something; else ``None``.
    """

    def __init__(
        self,
        comparator: str,
        threshold: float,
        *,
        where: Predicate | None = None,
        aggregate: str | None = None,
        read: Callable[[Event], Any] | None = None,
        look_up: LookUp | None = None,
    ) -> None:
        self.comparator = comparator
        self._compare = COMPARATORS[comparator]
        self.threshold = threshold
        self.where = where
        self.aggregate = aggregate
        self.look_up = look_up
        self.read: Reader | None = narrowed_reader(aggregate, read) if aggregate and read else None

    def counts(self, event: Event) -> tuple[bool, Value | None]:
        """Return whether *event* is counted, and the field that is aggregated, if any is."""
        if self.where is not None and not self.where(event):
            return False, None
        if self.read is None:
            return True, None
        value = self.read(event)
        return value is not None, value

    def add(
        self,
        held: Rows,
        values: tuple[Value, ...],
        row: int,
        value: Value | None,
        gave_up: list[str],
    ) -> tuple[Rows, tuple[Value, ...]]:
        """Return *held*, and their *values* where there is an aggregate, with one more event at
        the end; say in *gave_up* what had to go for it."""
        if value is not None:
            if self.aggregate == "distinct":
                rest = [n for n, each in enumerate(values) if not _is_same(each, value)]
                if len(rest) < len(values):
                    held = tuple([held[n] for n in rest])
                    values = tuple([values[n] for n in rest])
            values = (*values[-MOST_HELD + 1 :], value)
        if len(held) >= MOST_HELD:
            gave_up.append("value")
            held = held[-MOST_HELD + 1 :]
        return (*held, row), values

    def is_satisfied(
        self, held: int, values: tuple[Value, ...], number: int, threshold: float
    ) -> bool:
        """Return whether the comparator holds for *number* events, of which so many are *held*."""
        aggregate = self.aggregate
        if aggregate is None:
            return self._compare(number, threshold)
        if aggregate == "distinct":
            return self._compare(held, threshold)
        total = fsum(values)  # type: ignore[arg-type]  # `narrowed_reader` lets numbers pass
        return self._compare(total if aggregate == "sum" else total / held, threshold)


def narrowed_reader(aggregate: str, read: Callable[[Event], Any]) -> Reader:
    """Return *read*, narrowed to what *aggregate* counts."""
    wanted = (str, bool, int, float) if aggregate == "distinct" else (int, float)

    def narrowed(event: Event) -> Value | None:
        value = read(event)
        if type(value) not in wanted:
            return None
        if type(value) is int:
            return held_whole(value)
        return value if type(value) is not float or isfinite(value) else None

    return narrowed


def held_whole(value: int) -> float | None:
    """Return *value*, or where it is too long for a state that counts on from it, the nearest
    float; ``None`` where there is none."""
    if -_INT64 <= value < _INT64:
        return value
    try:
        return float(value)
    except OverflowError:
        return None


def _is_same(one: Value, other: Value) -> bool:
    """Return whether two values are one value (17): 1 is 1.0, but neither "1" nor true."""
    return one == other and (type(one) is bool) is (type(other) is bool)
