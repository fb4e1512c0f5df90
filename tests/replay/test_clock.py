"""Which line may move the clock of a replay, and how far."""

from __future__ import annotations

import json
from itertools import count

import pytest

from triggerstream.replay.clock import WINDOW, Ahead, Said, may_move

NOW = 1_772_359_200_000
GAP = 1000
FAR = NOW + GAP + 1


def line(customer: str, at: int) -> bytes:
    event = {"customer_id": customer, "event_type": "a", "timestamp": at}
    return json.dumps(event).encode() + b"\r\n"


def moves(
    at: int, behind: list[bytes], *, clock: int = NOW, customer: str = "bot", received: bool = False
) -> bool:
    return may_move(clock, Said(customer, at, received), behind, GAP)


def test_up_to_the_gap_a_line_moves_the_clock_on_its_own_word() -> None:
    against = [line("a", NOW), line("b", NOW)]

    assert moves(FAR - 1, against)
    assert not moves(FAR, against)


@pytest.mark.parametrize(
    ("behind", "is_believed"),
    [
        pytest.param([("a", FAR)], True, id="one who is there as well"),
        pytest.param([("a", FAR - GAP)], True, id="or no further behind than the gap"),
        pytest.param([("a", FAR - GAP - 1)], False, id="one who is further behind"),
        pytest.param([("a", FAR), ("b", NOW)], False, id="a tie"),
        pytest.param([("a", FAR), ("b", NOW), ("c", FAR + 10**9)], True, id="a majority"),
        pytest.param([("bot", FAR), ("bot", FAR), ("a", NOW)], False, id="its own customer"),
        pytest.param(
            [("other", FAR), ("other", FAR), ("other", FAR), ("a", NOW), ("b", NOW)],
            False,
            id="one vote each",
        ),
        pytest.param([("a", NOW), ("a", FAR), ("a", FAR)], False, id="the first line of each"),
        pytest.param([("bot", FAR)], False, id="nobody else"),
        pytest.param([], False, id="nobody"),
    ],
)
def test_beyond_that_it_takes_a_majority_of_those_who_come_next(
    behind: list[tuple[str, int]], is_believed: bool
) -> None:
    assert moves(FAR, [line(*one) for one in behind]) is is_believed


def test_lines_that_are_no_events_have_no_vote() -> None:
    assert moves(FAR, [b"nonsense", b"", b"\n", line("a", FAR)])


def test_the_window_is_so_many_lines_and_no_more() -> None:
    nobody = [b"\n"] * (WINDOW - 1)

    assert moves(FAR, [*nobody, line("a", FAR)])
    assert not moves(FAR, [*nobody, b"\n", line("a", FAR)])


@pytest.mark.parametrize(
    ("at", "is_believed"),
    [
        pytest.param(FAR, False, id="too far ahead of most"),
        pytest.param(FAR - 1, True, id="not further than the gap"),
        pytest.param(1, True, id="behind all, from where the next one leads away"),
    ],
)
def test_the_first_line_is_asked_about_too(at: int, is_believed: bool) -> None:
    assert moves(at, [line("a", NOW)], clock=0) is is_believed


def test_the_first_line_sets_the_clock_where_nobody_else_comes_or_it_was_received_then() -> None:
    assert moves(FAR, [line("bot", NOW)], clock=0)
    assert moves(FAR, [line("a", NOW)], clock=0, received=True)
    assert not moves(FAR, [line("a", NOW)], received=True)


def test_what_was_looked_at_is_taken_once_and_in_order() -> None:
    endless = Ahead(str(number).encode() for number in count())

    assert list(endless.peek(2)) == [b"0", b"1"]
    assert endless.take(1) == [b"0"]
    assert list(endless.peek(3)) == [b"1", b"2", b"3"]
    assert endless.take(5) == [b"1", b"2", b"3", b"4", b"5"]
    assert len(list(endless.peek())) == WINDOW


def test_a_log_may_end_while_it_is_looked_at() -> None:
    short = Ahead([b"a", b"b"])

    assert list(short.peek(9)) == [b"a", b"b"]
    assert short.take(9) == [b"a", b"b"]
    assert (list(short.peek(9)), short.take(9)) == ([], [])
