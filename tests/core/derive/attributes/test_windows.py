"""Windows are what their definition says, however they are kept."""

from __future__ import annotations

from collections.abc import Callable
from math import fsum
from sys import float_info
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triggerstream.core.derive.attributes.points import Points
from triggerstream.core.derive.attributes.windows import Count, Distinct, Sum, Window
from triggerstream.core.events.event import Event
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.patterns.aggregates import MOST_HELD
from triggerstream.core.state import codec
from triggerstream.core.state.customer import CustomerState

LARGEST = float_info.max

WITHIN = 10
VALUES = st.sampled_from([0, 1, 1.0, -1, True, False, "1", "", 0.1, -0.1, 1e16, -1e16, 2**53])
NUMBERS = st.one_of(
    st.sampled_from([0, 1, -1, 0.1, -0.1, 1e16, -1e16, 2**53 + 1, 1e308, -1e308]),
    st.floats(allow_nan=False, allow_infinity=False),
)


def event_of(value: Any) -> Event:
    return Event("c", "e", event_data={"v": value})


def read(event: Event) -> Any:
    return (event.event_data or {})["v"]


def stored(state: CustomerState) -> CustomerState:
    """Return *state* as it is after it was stored."""
    state.derivations = b"derived"
    return codec.load("c", codec.dump(state, 0))


def sign(value: float, bound: float) -> int:
    return (value > bound) - (value < bound)


def number(held: list[tuple[int, Any]]) -> int:
    return len(held)


def different(held: list[tuple[int, Any]]) -> int:
    return len({(type(value) is bool, value) for _, value in held})


def exact(held: list[tuple[int, Any]]) -> float:
    return fsum([value for _, value in held])


def log_of(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[tuple[int, Any, bool]]]:
    """Return logs: how long after the one before, what, and whether the state is stored then."""
    return st.lists(st.tuples(st.integers(0, 6), values, st.booleans()), max_size=90)


def assert_is(
    fold: Window,
    log: list[tuple[int, Any, bool]],
    define: Callable[[list[tuple[int, Any]]], float],
    bounds: tuple[float, ...],
) -> None:
    state, at = CustomerState(customer_id="c"), 0
    taken: list[tuple[int, Any]] = []

    def value_at(moment: int) -> float:
        return define([each for each in taken if moment - WITHIN < each[0] <= moment])

    for after, value, is_stored in log:
        at += after
        # Who asks for a later time takes nothing away from who asks for an earlier one.
        assert fold.value(state, at + 7) == value_at(at + 7)
        fold.take(state, event_of(value), at, is_minus=False)
        taken.append((at, value))
        if is_stored:
            state = stored(state)
        assert fold.value(state, at) == value_at(at)
        due, beyond = fold.next(state, at), fold.next_beyond(state, at, bounds)
        assert at < due <= at + WITHIN
        assert beyond >= due
        for moment in range(at, min(beyond, at + WITHIN + 1)):
            assert [sign(value_at(moment), bound) for bound in bounds] == [
                sign(value_at(at), bound) for bound in bounds
            ]
    assert fold.value(state, at + WITHIN) == define([])
    assert fold.next(state, at + WITHIN) == fold.next_beyond(state, at + WITHIN, bounds) == NEVER


@given(log_of(st.none()), st.lists(st.sampled_from([-1, 0, 1, 2.5, 3, 1000]), max_size=2))
def test_a_count(log: list[tuple[int, Any, bool]], bounds: list[float]) -> None:
    assert_is(Count("k", WITHIN), log, number, tuple(bounds))


@given(log_of(VALUES), st.lists(st.sampled_from([-1, 0, 1, 2.5, 3]), max_size=2))
def test_a_number_of_values(log: list[tuple[int, Any, bool]], bounds: list[float]) -> None:
    assert_is(Distinct("k", WITHIN, read), log, different, tuple(bounds))


AMOUNTS = st.one_of(st.sampled_from([0, 1, 2, 0.1, 1e16, 2**53 + 1]), st.integers(-3, 50))


@settings(max_examples=200)
@given(log_of(AMOUNTS), st.lists(st.sampled_from([-1, 0, 1, 2.5, 50, 1e16]), max_size=2))
def test_a_sum(log: list[tuple[int, Any, bool]], bounds: list[float]) -> None:
    assert_is(Sum("k", WITHIN, read), log, exact, tuple(bounds))


@settings(max_examples=30)
@given(st.lists(NUMBERS, min_size=100, max_size=200), st.integers(1, 150))
def test_a_sum_of_many_is_exact_whatever_has_gone(numbers: list[float], most: int) -> None:
    fold, state = Sum("k", most, read), CustomerState(customer_id="c")
    for at, value in enumerate(numbers):
        fold.take(state, event_of(value), at, is_minus=False)
    for at in (len(numbers) - 1, len(numbers) + most // 2):
        held = [float(each) for each in numbers[max(0, at - most + 1) :]]
        try:
            expected = fsum(held)
        except OverflowError:
            continue  # judged below
        assert fold.value(state, at) == expected


def test_a_sum_beyond_all_numbers_is_the_last_of_them_and_comes_back() -> None:
    fold, state = Sum("k", 150, read), CustomerState(customer_id="c")
    for at in range(100):
        fold.take(state, event_of(1e308 if at in (70, 71) else 1), at, is_minus=False)

    assert fold.value(state, 99) == LARGEST
    assert fold.value(state, 220) == 1e308
    fold.take(state, event_of(1), 222, is_minus=False)
    assert fold.value(state, 222) == 28.0


@pytest.mark.parametrize("number", [2, 63, 64, 200])
def test_a_sum_of_few_is_bounded_as_one_of_many_is(number: int) -> None:
    for sign in (1, -1):
        fold, state = Sum("k", 150, read), CustomerState(customer_id="c")
        for _ in range(number):
            fold.take(state, event_of(sign * 1.7e308), 1, is_minus=False)

        assert fold.value(state, 1) == sign * LARGEST


def test_what_is_left_of_many_large_ones_is_bounded_too() -> None:
    fold, state = Sum("k", 150, read), CustomerState(customer_id="c")
    for at in range(100):
        fold.take(state, event_of({0: -1e308, 50: 1e308, 51: 1e308}.get(at, 0)), at, is_minus=False)

    assert fold.value(state, 99) == 1e308
    assert fold.value(state, 150) == LARGEST, "what was below 0 is gone"


def test_what_is_taken_off_is_below_nothing() -> None:
    fold, state = Sum("k", WITHIN, read), CustomerState(customer_id="c")
    fold.take(state, event_of(5), 0, is_minus=True)
    assert (fold.value(state, 0), fold.may_rise(state)) == (-5.0, True)

    fold.take(state, event_of(5), WITHIN, is_minus=False)

    assert (fold.value(state, WITHIN), fold.may_rise(stored(state))) == (5.0, False)


@pytest.mark.parametrize(
    "fold", [Count("k", 10**9), Distinct("k", 10**9, read), Sum("k", 10**9, read)], ids=type
)
def test_the_newest_thousand_are_held(fold: Window) -> None:
    state = CustomerState(customer_id="c")
    for at in range(MOST_HELD + 5):
        fold.take(state, event_of(at), at, is_minus=False)

    first, last = 5, MOST_HELD + 4
    expected = sum(range(first, last + 1)) if isinstance(fold, Sum) else MOST_HELD
    assert fold.value(state, last) == expected
    assert fold.next(state, last) == first + 10**9


@given(
    st.lists(st.tuples(st.integers(0, 300), st.sampled_from([0.5, -0.25, 1.0, 1e-9])), max_size=6),
    st.sampled_from([-1.0, 0.0, 5e-324, 1e-301, 1e-9, 0.125, 0.25, 0.3, 0.5, 1.0, 2.0]),
)
def test_a_score_is_asked_again_when_it_first_stands_otherwise(
    log: list[tuple[int, float]], bound: float
) -> None:
    half_life, at = 64, 0
    state = CustomerState(customer_id="c")
    for after, delta in log:
        at += after
        points = Points("k", {"e": delta}, half_life, lambda _: None)
        points.take(state, event_of(None), at, is_minus=False)
    points = Points("k", {}, half_life, lambda _: None)
    stands = sign(points.value(state, at), bound)

    due = points.next_beyond(state, at, (bound,))

    if due == NEVER:
        # Nothing is left of any score by then.
        assert not log or sign(points.value(state, at + 1199 * half_life), bound) == stands
    else:
        assert sign(points.value(state, due), bound) != stands
        assert sign(points.value(state, due - 1), bound) == stands
