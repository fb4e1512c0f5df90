"""Nothing has become slower than is allowed; and the guard that says so would say otherwise."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from benchmarks import guard
from benchmarks.firings import values_of
from benchmarks.guard import ALLOWED, CLEAR, RATIOS, STRICTLY, Ratios
from benchmarks.plain import PlainSender

BASELINE = dict.fromkeys(RATIOS, 2.0)
SLOW, *_ = RATIOS
STEADY, *_ = STRICTLY
CLEARLY = 1 + CLEAR * (ALLOWED - 1)
"""How slow is clearly no loss."""


def with_slow(times: float) -> Ratios:
    return BASELINE | {SLOW: 2.0 * times}


def in_turn(*tries: Ratios) -> Callable[[], Ratios]:
    """Return what measures *tries*, one after the other, and no more than these."""
    left = iter(tries)
    return lambda: next(left)


@pytest.mark.alone
def test_nothing_is_slower_than_its_baseline_by_more_than_is_allowed() -> None:
    _, lost = guard.judge(guard.read_baseline())

    assert lost == {}


@pytest.mark.parametrize(("times", "is_lost"), [(ALLOWED, False), (ALLOWED + 0.01, True)])
def test_a_quarter_more_is_allowed_and_nothing_above(times: float, is_lost: bool) -> None:
    assert (SLOW in guard.losses(with_slow(times), BASELINE)) == is_lost


@pytest.mark.parametrize("times", [1.15, 1.16])
def test_what_moves_less_by_itself_is_judged_strictly(times: float) -> None:
    lost = guard.losses(BASELINE | {STEADY: 2.0 * times, SLOW: 2.0 * times}, BASELINE)

    assert lost == ({STEADY: times} if times > STRICTLY[STEADY] else {})


def test_the_plain_sender_takes_each_firing_to_its_end() -> None:
    at = 1_800_000_000_000
    [firing, *_], [answer, *_] = values_of(2, at)
    sender = PlainSender()

    sender.fire(firing, at)
    told, headers = sender.end(answer, at)

    assert msgspec.json.decode(told)["outcome"] == "sent"
    assert ("ce_time", b"2027-01-15T08:00:00.000+00:00") in headers
    with pytest.raises(KeyError):
        sender.end(answer, at)  # it has ended


def test_what_is_lost_in_most_tries_is_lost() -> None:
    found, lost = guard.judge(BASELINE, in_turn(with_slow(1.3), with_slow(1.2), with_slow(1.35)))

    assert lost == {SLOW: 1.3}
    assert found[SLOW] == 2.6


def test_what_is_lost_in_one_try_of_three_was_a_disturbance() -> None:
    _, lost = guard.judge(BASELINE, in_turn(with_slow(1.5), with_slow(1.1), with_slow(1.2)))

    assert lost == {}


def test_where_it_is_clear_one_try_is_enough() -> None:
    _, lost = guard.judge(BASELINE, in_turn(with_slow(CLEARLY)))

    assert lost == {}


def test_where_it_is_not_clear_there_are_more_tries() -> None:
    with pytest.raises(StopIteration):
        guard.judge(BASELINE, in_turn(with_slow(CLEARLY + 0.01)))


def test_what_is_faster_is_no_loss() -> None:
    assert guard.losses(with_slow(0.1), BASELINE) == {}
