"""`all` and `any` of patterns (18-20)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.core.patterns.harness import Story, absent, count, matches, one, sequence
from triggerstream.core.model import AllPattern, AnyPattern, Pattern


def all_of(*children: Pattern, within: int = 30) -> AllPattern:
    return AllPattern(children, within)


def any_of(*children: Pattern) -> AnyPattern:
    return AnyPattern(children)


A_THEN_B = sequence("A", "B")
A_WITHOUT_X = sequence("A", absent("X", 10))
B_WITHOUT_X = sequence("B", absent("X", 20))


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param("A@0 B@1", "A0,B1@1", id="in order"),
        pytest.param("B@0 A@1", "B0,A1@1", id="in any order; events as in the log"),
        pytest.param("A@0 B@29", "A0,B1@29", id="just inside the window"),
        pytest.param("A@0 B@30", "", id="the window is half-open"),
        pytest.param("A@0 A@5 B@34", "A1,B2@34", id="the latest match is remembered"),
        pytest.param("A@0 B@30 A@31", "B1,A2@31", id="what is too old waits to be replaced"),
        pytest.param("A@0 B@1 B@2", "A0,B1@1", id="a match uses all up"),
    ],
)
def test_all_of_two_events(story: str, expected: str) -> None:
    assert matches(all_of(one("A"), one("B")), story) == expected


def test_children_share_events_and_each_is_named_once() -> None:
    assert matches(all_of(A_THEN_B, one("B")), "A@0 B@1") == "A0,B1@1"


def test_the_match_of_a_child_uses_up_its_own_progress_only() -> None:
    pattern = all_of(count("at_least", 2), sequence("A", "B"))

    assert matches(pattern, "A@0 A@1 B@2") == "A0,A1,B2@2"


def test_a_match_of_all_discards_the_progress_of_every_child() -> None:
    pattern = all_of(one("B"), sequence("A", "B"))

    assert matches(pattern, "A@0 B@1 B@2 A@3 B@4") == "A0,B1@1 A3,B4@4"


@pytest.mark.covers("B14")
@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param("A@0 B@5", "A0,B1@10", id="the timer is the last"),
        pytest.param("A@0 B@11", "A0,B1@11", id="the event is the last"),
        pytest.param("B@0 A@19", "B0,A1@29", id="just inside, counted to the due time"),
        pytest.param("B@0 A@20", "", id="outside, counted to the due time"),
        pytest.param("A@0 X@5 B@6", "", id="cancelled"),
    ],
)
def test_all_of_an_absence_and_an_event(story: str, expected: str) -> None:
    assert matches(all_of(A_WITHOUT_X, one("B")), story) == expected


@pytest.mark.parametrize("children", [(A_WITHOUT_X, one("B")), (one("B"), A_WITHOUT_X)])
def test_a_timer_knows_the_last_event_of_the_match_whole(children: tuple[Pattern, ...]) -> None:
    story = Story(all_of(*children)).tell("A@0 B@5").wait_until(10)

    assert story.matches[0].raw == b"B@5"


@pytest.mark.parametrize(("at", "expired"), [pytest.param(29, False, id="just inside"), (30, True)])
def test_what_all_remembers_expires_with_its_window(at: int, expired: bool) -> None:
    story = Story(all_of(one("A"), one("B"))).tell("A@0")

    assert story.matcher.is_expired(story.state, "", at) is expired


def test_without_timers_no_event_is_kept_whole() -> None:
    story = Story(all_of(one("A"), one("B"))).tell("A@0")

    assert story.rows() == ["A0"]
    assert story.state.bodies == {}


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param("C@0 A@1", "C0@0 A1@1", id="either"),
        pytest.param("A@0 B@1", "A0@0", id="a match discards the others' progress"),
    ],
)
def test_any_of_two(story: str, expected: str) -> None:
    assert matches(any_of(sequence("A", "B"), one("AC")), story) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        pytest.param(any_of(A_THEN_B, one("B")), "A0,B1@1", id="the sequence first"),
        pytest.param(any_of(one("B"), A_THEN_B), "B1@1", id="the event first"),
    ],
)
def test_of_several_at_once_the_first_in_the_file_matches(pattern: Pattern, expected: str) -> None:
    assert matches(pattern, "A@0 B@1") == expected


def test_timers_of_children_go_by_due_then_by_the_file() -> None:
    slow = sequence("A", absent("X", 20))

    assert matches(any_of(slow, A_WITHOUT_X), "A@0") == "A0@10"
    assert matches(any_of(B_WITHOUT_X, sequence("B", "A", absent("X", 10))), "B@0 A@10") == "B0@20"


def test_waits_are_told_in_the_order_of_the_file() -> None:
    story = Story(any_of(B_WITHOUT_X, A_WITHOUT_X)).tell("A@0 B@1")

    assert story.waits == [21, 10]


def test_a_late_event_cancels_in_every_child() -> None:
    story = Story(all_of(A_WITHOUT_X, B_WITHOUT_X, one("C"))).tell("A@0 B@1 C@2")

    story.cancel("X@2")

    assert story.waits == []
    assert story.wait_until(100).told == ""


def test_cancelling_all_that_was_left_leaves_nothing() -> None:
    story = Story(any_of(A_WITHOUT_X, B_WITHOUT_X)).tell("A@0")

    story.cancel("X@1")

    assert story.is_empty


def test_patterns_nest() -> None:
    pattern = all_of(any_of(A_THEN_B, one("C")), all_of(one("D"), count("at_least", 2)))

    assert matches(pattern, "A@0 D@1 A@2 B@3") == "A0,D1,A2,B3@3"
    assert matches(pattern, "A@0 A@1 C@2 D@3") == "A0,A1,C2,D3@3"


@pytest.mark.parametrize("group", [all_of, any_of])
def test_what_concerns_no_child_changes_nothing(group: Callable[..., Pattern]) -> None:
    story = Story(group(sequence("A", "B"), sequence("C", "D"))).tell("A@0")

    assert not story.changes("D@1")
    assert not story.changes("X@1")
    assert story.changes("C@1")
