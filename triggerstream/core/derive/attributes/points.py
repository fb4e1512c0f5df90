"""Scores that decay, and what is most frequent: folds with a form of their own."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal
from math import log2, nextafter
from typing import Any, Final

from triggerstream.core.derive.attributes.folds import FALLS, STAYS, Begin, Fold, Read, key_of_value
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

_TINY: Final = 1e-300

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
            anchor, step, score = at, 0, self._begun(state)
        else:
            anchor = slot[0]
            step = (at - anchor) * STEPS // self._half_life
            score = self._worth_in(slot, step)
        score += self._deltas[event.event_type]
        score = 0.0 if score < 0.0 else min(score, 1.0)
        state.derived[self.key] = (anchor, score, step)

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
        slot = state.derived.get(self.key)
        if slot is None:
            return NEVER
        now = self._step(slot[0], at)
        first = min([self._fall(slot, now, bound) for bound in bounds], default=_FARTHEST)
        if first >= _FARTHEST:
            return NEVER
        return int(slot[0] - -(now + first) * self._half_life // STEPS)

    def _fall(self, slot: tuple[Any, ...], now: int, bound: float) -> int:
        """Return in how many steps from *now* the score first stands otherwise to *bound*."""
        worth = self._worth_in(slot, now)
        if worth < bound or worth <= 0.0 or bound < 0.0:
            return _FARTHEST
        if worth == bound:
            bound = nextafter(bound, 0.0)
        if bound < _TINY:
            return self._fall_far(slot, now, bound)
        # Logarithms differ by machine, and are a guess: what it is worth then is judged exactly.
        passed = max(1, int(STEPS * log2(worth / bound)))
        while passed > 1 and self._worth_in(slot, now + passed - 1) <= bound:
            passed -= 1
        while passed < _FARTHEST and self._worth_in(slot, now + passed) > bound:
            passed += 1
        return passed

    def _fall_far(self, slot: tuple[Any, ...], now: int, bound: float) -> int:
        low, high = 1, _FARTHEST
        while low < high:
            middle = (low + high) // 2
            if self._worth_in(slot, now + middle) <= bound:
                high = middle
            else:
                low = middle + 1
        return low

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

    Its slot is the count of each value, the one seen last behind all others, and their sum. At 256
    counted all are halved; a 33rd value replaces the least, of equals the oldest, and starts at 1.
    """

    by_time = STAYS

    def __init__(self, key: str, read: Read) -> None:
        super().__init__(key)
        self._read = read

    def take(self, state: CustomerState, event: Event, at: int, *, is_minus: bool) -> None:
        value = self._read(event)
        if value is None:
            return
        value = key_of_value(value)
        slot = state.derived.get(self.key)
        if slot is None:
            state.derived[self.key] = ({value: 1}, 1)
            return
        counts, total = slot
        if value in counts:
            if type(value) is not str:
                # The first that it was: 1 stays 1, though 1.0 is counted with it.
                value = next(each for each in counts if each == value)
            number = counts.pop(value) + 1
        else:
            number = 1
            if len(counts) >= COUNTERS:
                total -= counts.pop(_least(counts))
        counts[value] = number
        total += 1
        if total >= HALVED_AT:
            counts = {each: number // 2 for each, number in counts.items() if number > 1}
            total = sum(counts.values())
        state.derived[self.key] = (counts, total)

    def value(self, state: CustomerState, at: int) -> Any:
        slot = state.derived.get(self.key)
        if slot is None:
            return None
        most, found = 0, None
        for each, number in slot[0].items():
            if number >= most:
                most, found = number, each
        return found[0] if type(found) is tuple else found


def _least(counts: dict[Any, int]) -> Any:
    """Return what is counted least, of equals the oldest."""
    least, found = HALVED_AT, None
    for value, number in counts.items():
        if number == 1:
            return value
        if number < least:
            least, found = number, value
    return found
