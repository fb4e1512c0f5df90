"""`Pace`: turns for those who found no room."""

from __future__ import annotations

import pytest

from triggerstream.stream.dispatch.pacing import Pace

NOW = 1_000.0


def paced(seconds: float) -> Pace:
    """Return the pace of a channel with four slots, whose calls take so many *seconds*."""
    pace = Pace(4, longest=15.0)
    for _ in range(500):
        pace.ended(seconds)
    return pace


def test_turns_follow_each_other_as_fast_as_the_channel_answers() -> None:
    pace = paced(0.4)

    assert [pace.pause(NOW, 0) for _ in range(3)] == pytest.approx([0.1, 0.2, 0.3])


def test_one_waits_for_as_long_as_those_before_take() -> None:
    assert paced(0.4).wait(0) == 0.0
    assert paced(0.4).wait(50) == pytest.approx(5.0)


def test_who_waits_already_is_served_before() -> None:
    assert paced(0.4).pause(NOW, 50) == pytest.approx(5.1)


def test_turns_that_have_passed_are_not_counted() -> None:
    pace = paced(0.4)
    for _ in range(100):
        pace.pause(NOW, 0)

    assert pace.pause(NOW + 5, 0) == pytest.approx(5.1)
    assert pace.pause(NOW + 60, 0) == pytest.approx(0.1)


def test_a_turn_further_away_than_the_longest_pause_is_nobodys() -> None:
    pace = paced(0.4)
    pauses = [pace.pause(NOW, 0) for _ in range(200)]

    assert pauses[148] == pytest.approx(14.9)
    assert pauses[150:] == [15.0] * 50
    assert pace.pause(NOW + 1, 0) < 15.0


def test_where_pauses_are_nothing_nobody_waits() -> None:
    assert Pace(4, longest=0.0).pause(NOW, 1_000) == 0.0


@pytest.mark.parametrize(
    ("seconds", "ahead"), [(5.0, 1), (0.4, 1), (0.2, 2), (0.1, 4), (0.02, 4), (0.0, 4)]
)
def test_what_is_reserved_ahead_begins_within_a_tenth_of_a_second_and_is_no_more_than_the_slots(
    seconds: float, ahead: int
) -> None:
    assert paced(seconds).ahead() == ahead


def test_before_a_call_has_ended_one_is_reserved_ahead() -> None:
    pace = Pace(4, longest=15.0)
    assert pace.ahead() == 1

    pace.ended(0.1)
    assert pace.ahead() == 4


def test_the_first_calls_count_alike() -> None:
    pace = Pace(4, longest=15.0)
    for seconds in (2.0, 4.0, 6.0):
        pace.ended(seconds)

    assert pace.wait(4) == pytest.approx(4.0)
