"""Scores that decay, and what is most frequent: folds with a form of their own."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Any, Final

from triggerstream.core.derive.folds import FALLS, STAYS, Begin, Fold, Read
from triggerstream.core.events.event import Event
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.state.customer import CustomerState

STEPS: Final = 64
"""Steps of a half-life in which a score decays, so that all machines agree on it."""
_DIGITS: Final = Context(prec=40)
_FACTORS: Final = tuple(
    [float(_DIGITS.power(Decimal(2), Decimal(-step) / STEPS)) for step in range(STEPS)]
)
"""The doubles nearest to 2^(-step/64), whatever a machine's own powers say."""
_FARTHEST: Final = 1200 * STEPS
"""Steps after which every score is nothing."""

START: Final = 0.5

COUNTERS: Final = 32
HALVED_AT: Final = 256


class Points(Fold):
    """A score in [0, 1] that each event moves, and that is worth half after each half-life (47).

    Its slot is the time of the first fold, the score, and the step in which that was set.

    Args:
        deltas: What an event of a type adds.
    """

    by_time = FALLS

    def __init__(self, key: str, deltas: Mapping[str, float], half_life: int, begin: Begin) -> None:
        super().__init__(key, takes_late=False)
        self._deltas = dict(deltas)
        self._half_life = half_life
        self._begin = begin

    def take(self, state: CustomerState, event: Event, at: int, *, is_minus: bool) -> None:
        slot = state.derived.get(self.key)
        if slot is None:
            anchor, worth = at, self._begun(state)
        else:
            anchor, worth = slot[0], self._worth(slot, at)
        score = min(1.0, max(0.0, worth + self._deltas[event.event_type]))
        state.derived[self.key] = (anchor, score, self._step(anchor, at))

    def value(self, state: CustomerState, at: int) -> Any:
        slot = state.derived.get(self.key)
        if slot is not None:
            return self._worth(slot, at)
        return self._begun(state)

    def next(self, state: CustomerState, at: int) -> int:
        slot = state.derived.get(self.key)
        if slot is None or not slot[1]:
            return NEVER
        step = self._step(slot[0], at) + 1
        # The first time at which that step is reached.
        return int(slot[0] - -step * self._half_life // STEPS)

    def next_beyond(self, state: CustomerState, at: int, bounds: tuple[float, ...]) -> int:
        """Return when, after *at*, it first stands otherwise to one of *bounds*, or `NEVER`."""
        slot = state.derived.get(self.key)
        if slot is None:
            return NEVER
        now = self._step(slot[0], at)
        first = _FARTHEST
        for bound in bounds:
            stands = _sign(self._worth_in(slot, now), bound)
            low, high = 0, _FARTHEST
            while low < high:
                middle = (low + high) // 2
                if _sign(self._worth_in(slot, now + middle), bound) != stands:
                    high = middle
                else:
                    low = middle + 1
            first = min(first, low)
        if first == _FARTHEST:
            return NEVER
        return int(slot[0] - -(now + first) * self._half_life // STEPS)

    def _begun(self, state: CustomerState) -> float:
        begun = self._begin(state)
        return START if begun is None else min(1.0, max(0.0, float(begun)))

    def _step(self, anchor: int, at: int) -> int:
        return (at - anchor) * STEPS // self._half_life

    def _worth(self, slot: tuple[Any, ...], at: int) -> float:
        return self._worth_in(slot, self._step(slot[0], at))

    def _worth_in(self, slot: tuple[Any, ...], now: int) -> float:
        """Return what the score is worth in step *now*."""
        _, score, step = slot
        passed = now - step
        return float(score * 2.0 ** -(passed // STEPS) * _FACTORS[passed % STEPS])


class Top(Fold):
    """The most frequent value; of equals the one seen last.

    Its slot is a value and its count each, the one seen last behind all others. At 256 counted all
    are halved; a 33rd value replaces the least, of equals the oldest, and starts at 1.
    """

    by_time = STAYS

    def __init__(self, key: str, read: Read) -> None:
        super().__init__(key)
        self._read = read

    def take(self, state: CustomerState, event: Event, at: int, *, is_minus: bool) -> None:
        value = self._read(event)
        if value is None:
            return
        counts = self._counts(state)
        found = next((each for each in counts if _is_same(each[0], value)), None)
        if found is not None:
            counts.remove(found)
            counts.append((found[0], found[1] + 1))
        else:
            if len(counts) >= COUNTERS:
                counts.remove(min(counts, key=lambda each: each[1]))
            counts.append((value, 1))
        if sum([number for _, number in counts]) >= HALVED_AT:
            counts = [(each, number // 2) for each, number in counts if number // 2]
        state.derived[self.key] = tuple([part for each in counts for part in each])

    def value(self, state: CustomerState, at: int) -> Any:
        counts = self._counts(state)
        if not counts:
            return None
        # Of the most frequent, the one seen last: that is the first from behind.
        return max(reversed(counts), key=_number_of)[0]

    def _counts(self, state: CustomerState) -> list[tuple[Any, int]]:
        slot = state.derived.get(self.key, ())
        return list(zip(slot[::2], slot[1::2], strict=True))


def _sign(value: float, bound: float) -> int:
    return (value > bound) - (value < bound)


def _number_of(counted: tuple[Any, int]) -> int:
    return counted[1]


def _is_same(one: Any, other: Any) -> bool:
    return one == other and (type(one) is bool) is (type(other) is bool)
