"""Nothing has become slower by a quarter; and the guard that says so would say otherwise."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks import guard
from benchmarks.guard import ALLOWED, CLEAR, RATIOS, Ratios

BASELINE = dict.fromkeys(RATIOS, 2.0)
SLOW, *_ = RATIOS


def with_slow(times: float) -> Ratios:
    return BASELINE | {SLOW: 2.0 * times}


def in_turn(*tries: Ratios) -> Callable[[], Ratios]:
    """Return what measures *tries*, one after the other, and no more than these."""
    left = iter(tries)
    return lambda: next(left)


@pytest.mark.alone
def test_nothing_is_slower_than_its_baseline_by_a_quarter() -> None:
    _, lost = guard.judge(guard.read_baseline())

    assert lost == {}


@pytest.mark.parametrize(("times", "is_lost"), [(ALLOWED, False), (ALLOWED + 0.01, True)])
def test_a_quarter_more_is_allowed_and_nothing_above(times: float, is_lost: bool) -> None:
    assert (SLOW in guard.losses(with_slow(times), BASELINE)) == is_lost


def test_what_is_lost_in_most_tries_is_lost() -> None:
    found, lost = guard.judge(BASELINE, in_turn(with_slow(1.3), with_slow(1.2), with_slow(1.35)))

    assert lost == {SLOW: 1.3}
    assert found[SLOW] == 2.6


def test_what_is_lost_in_one_try_of_three_was_a_disturbance() -> None:
    _, lost = guard.judge(BASELINE, in_turn(with_slow(1.5), with_slow(1.1), with_slow(1.2)))

    assert lost == {}


def test_where_it_is_clear_one_try_is_enough() -> None:
    _, lost = guard.judge(BASELINE, in_turn(with_slow(CLEAR)))

    assert lost == {}


def test_where_it_is_not_clear_there_are_more_tries() -> None:
    with pytest.raises(StopIteration):
        guard.judge(BASELINE, in_turn(with_slow(CLEAR + 0.01)))


def test_what_is_faster_is_no_loss() -> None:
    assert guard.losses(with_slow(0.1), BASELINE) == {}
