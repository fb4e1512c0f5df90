"""Windows: counts, sums and numbers of different values over ``(t - within, t]``.

What an event costs does not grow with what is held: each comes in at the end of a queue and goes at
its front. So a slot's parts are changed in place; where they are arrays, what is stored is their
bytes (`state.arrays`). Only what is folded lets go of what has grown old: who asks may do so for a
time that is later than that of the next event (36).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate, islice
from math import fsum, isfinite
from typing import Any, Final

from triggerstream.core.derive.attributes.folds import (
    FALLS,
    Fold,
    Read,
    key_of_value,
    within_numbers,
)
from triggerstream.core.events.event import Event
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.patterns.aggregates import MOST_HELD
from triggerstream.core.state.arrays import unpack
from triggerstream.core.state.customer import CustomerState

_TIMES: Final = "q"
_NUMBERS: Final = "d"
_AHEAD: Final = 16
"""How many that are to go are looked at before the clock comes by; behind them it is looked again.
"""
_MANY: Final = 64
"""So many numbers are not summed up each time they are asked."""
_DOUBT: Final = 2.0**-40
"""Of a sum: so near to a bound it is looked at exactly, when its time comes."""
_SMALL: Final = 2.0**-11
"""A thousand numbers, each times this, have a sum."""


class Window(Fold):
    """What is held of events that are not older than *within*: the newest 1,000."""

    by_time = FALLS

    def __init__(self, key: str, within: int) -> None:
        super().__init__(key, takes_late=False)
        self.within = within


class Count(Window):
    """How many events there are. Its slot is an array of their times."""

    def take(self, state: CustomerState, event: Event, at: int, *, is_minus: bool) -> None:
        if self.key not in state.derived:
            state.derived[self.key] = (array(_TIMES, (at,)),)
            return
        times = self._times(state)
        if times[0] <= at - self.within:
            del times[: _outlived(times, at - self.within)]
        if len(times) >= MOST_HELD:
            del times[0]
        times.append(at)

    def value(self, state: CustomerState, at: int) -> Any:
        times = self._times(state)
        return len(times) - _outlived(times, at - self.within)

    def next(self, state: CustomerState, at: int) -> int:
        times = self._times(state)
        gone = _outlived(times, at - self.within)
        return int(times[gone] + self.within) if gone < len(times) else NEVER

    def next_beyond(self, state: CustomerState, at: int, bounds: tuple[float, ...]) -> int:
        times = self._times(state)
        left = _left(len(times) - _outlived(times, at - self.within), bounds)
        return int(times[len(times) - left - 1] + self.within) if left >= 0 else NEVER

    def _times(self, state: CustomerState) -> array[int]:
        slot = state.derived.get(self.key)
        if slot is None:
            return _NONE
        stored = slot[0]
        if type(stored) is bytes:
            slot = state.derived[self.key] = (unpack(_TIMES, stored),)
        times: array[int] = slot[0]
        return times


class Distinct(Window):
    """How many different values there are. Its slot is their latest times, the oldest first.

    Args:
        read: Reads a value: 1 is 1.0, but neither "1" nor true.
    """

    def __init__(self, key: str, within: int, read: Read) -> None:
        super().__init__(key, within)
        self._read = read

    def take(self, state: CustomerState, event: Event, at: int, *, is_minus: bool) -> None:
        value = self._read(event)
        if value is None:
            return
        value = key_of_value(value)
        if self.key not in state.derived:
            state.derived[self.key] = ({value: at},)
            return
        held = self._held(state)
        if value in held:
            del held[value]
        gone = self._gone(held, at)
        if gone:
            for old in list(islice(held, gone)):
                del held[old]
        if len(held) >= MOST_HELD:
            del held[next(iter(held))]
        held[value] = at

    def value(self, state: CustomerState, at: int) -> Any:
        held = self._held(state)
        return len(held) - self._gone(held, at)

    def next(self, state: CustomerState, at: int) -> int:
        start = at - self.within
        for time in self._held(state).values():
            if time > start:
                return time + self.within
        return NEVER

    def next_beyond(self, state: CustomerState, at: int, bounds: tuple[float, ...]) -> int:
        held = self._held(state)
        gone = self._gone(held, at)
        left = _left(len(held) - gone, bounds)
        if left < 0:
            return NEVER
        number = min(len(held) - left - 1, gone + _AHEAD)
        return next(islice(held.values(), number, None)) + self.within

    def _held(self, state: CustomerState) -> dict[Any, int]:
        slot = state.derived.get(self.key)
        return {} if slot is None else slot[0]

    def _gone(self, held: dict[Any, int], at: int) -> int:
        start, gone = at - self.within, 0
        for time in held.values():
            if time > start:
                break
            gone += 1
        return gone


class Sum(Window):
    """The exact sum of numbers, rounded once.

    Its slot is arrays of times and of numbers; of many, what they sum up to, as a few numbers that
    do not overlap (Shewchuk), from which one that goes is taken off without a trace; and how many
    of the numbers are below 0. Few are summed up when asked, as are those too large for that.

    Args:
        read: Reads a number.
    """

    def __init__(self, key: str, within: int, read: Read) -> None:
        super().__init__(key, within)
        self._read = read

    def take(self, state: CustomerState, event: Event, at: int, *, is_minus: bool) -> None:
        value = self._read(event)
        if value is None:
            return
        number = -float(value) if is_minus else float(value)
        if self.key not in state.derived:
            kept = array(_TIMES, (at,)), array(_NUMBERS, (number,)), array(_NUMBERS)
            state.derived[self.key] = (*kept, int(number < 0))
            return
        times, numbers, parts, minus = self._slot(state)
        before = minus
        if times[0] <= at - self.within or len(times) >= MOST_HELD:
            gone = max(_outlived(times, at - self.within), len(times) - MOST_HELD + 1)
            for old in numbers[:gone]:
                if parts:
                    _add(parts, -old)
                if old < 0:
                    minus -= 1
            del times[:gone], numbers[:gone]
        times.append(at)
        numbers.append(number)
        if number < 0:
            minus += 1
        if minus != before:
            state.derived[self.key] = (times, numbers, parts, minus)
        if parts or len(numbers) >= _MANY:
            _add_up(parts, numbers)

    def value(self, state: CustomerState, at: int) -> Any:
        times, numbers, parts, _ = self._slot(state)
        gone = _outlived(times, at - self.within)
        if not parts or not isfinite(parts[-1]):
            return _sum_of(numbers[gone:])
        return _sum_of([*parts, *[-old for old in numbers[:gone]]] if gone else parts)

    def next(self, state: CustomerState, at: int) -> int:
        times = self._slot(state)[0]
        gone = _outlived(times, at - self.within)
        return int(times[gone] + self.within) if gone < len(times) else NEVER

    def next_beyond(self, state: CustomerState, at: int, bounds: tuple[float, ...]) -> int:
        times, numbers, _, minus = self._slot(state)
        if minus:
            return self.next(state, at)
        # It falls: to the nearest bound that is not above it.
        total = self.value(state, at)
        below = [bound for bound in bounds if bound <= total]
        if not below:
            return NEVER
        first = _outlived(times, at - self.within)
        if first == len(times):
            return NEVER
        ahead = numbers[first : first + _AHEAD]
        room = total - max(below) - total * _DOUBT
        last = len(ahead) - 1
        row = last if sum(ahead) < room else bisect_left(list(accumulate(ahead)), room)
        return int(times[first + min(row, last)] + self.within)

    def may_rise(self, state: CustomerState) -> bool:
        """Return whether it may rise by time alone: a number below 0 is to leave it."""
        return bool(self._slot(state)[3])

    def _slot(self, state: CustomerState) -> tuple[Any, ...]:
        slot = state.derived.get(self.key)
        if slot is None:
            return (array(_TIMES), array(_NUMBERS), array(_NUMBERS), 0)
        if type(slot[0]) is bytes:
            times, numbers, parts, minus = slot
            slot = (
                unpack(_TIMES, times),
                unpack(_NUMBERS, numbers),
                unpack(_NUMBERS, parts),
                minus,
            )
            state.derived[self.key] = slot
        return slot


def _sum_of(numbers: Sequence[float]) -> float:
    """Return the exact sum, rounded once; see `within_numbers`."""
    try:
        return fsum(numbers)
    except OverflowError:  # of a part of it, perhaps
        return within_numbers(fsum([each * _SMALL for each in numbers]) / _SMALL)


def _outlived(times: array[int], start: int) -> int:
    """Return how many of *times* are not after *start*."""
    if not times or times[0] > start:
        return 0
    return 1 if len(times) > 1 and times[1] > start else bisect_right(times, start)


def _left(number: int, bounds: tuple[float, ...]) -> int:
    """Return how many are left when *number* has fallen until it first stands otherwise to one of
    *bounds*; -1 where it never does."""
    most = -1
    for bound in bounds:
        if number > bound >= 0:
            most = max(most, int(bound))
        elif number == bound:
            most = max(most, number - 1)
    return most


def _add_up(parts: array[float], numbers: array[float]) -> None:
    """Let *parts* be the sum of *numbers*, the last of which is new; or nothing, where there are
    few."""
    if len(numbers) < _MANY:
        del parts[:]
    elif parts and isfinite(parts[-1]):
        _add(parts, numbers[-1])
    else:
        del parts[:]
        for each in numbers:
            _add(parts, each)


def _add(parts: array[float], number: float) -> None:
    """Add *number* to the sum of *parts*, without a rounding."""
    if len(parts) == 1:
        part = parts[0]
        high = part + number
        added = high - part
        if part - (high - added) + (number - added) == 0:
            parts[0] = high
            return
    kept = 0
    for place in range(len(parts)):
        part = parts[place]
        if abs(number) < abs(part):
            number, part = part, number
        high = number + part
        low = part - (high - number)
        if low:
            parts[kept] = low
            kept += 1
        number = high
    del parts[kept:]
    parts.append(number)


_NONE: Final[array[int]] = array(_TIMES)
