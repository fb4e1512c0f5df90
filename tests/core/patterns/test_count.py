"""Counts: thresholds that look back, windows that look forward (14-17)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.patterns.harness import Story, count, event, matches, n_is
from triggerstream.core.model import CountPattern
from triggerstream.core.patterns.aggregates import MOST_HELD


@pytest.mark.covers("B15")
@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param("A@0 A@1 A@2", "A0,A1,A2@2", id="the third makes three"),
        pytest.param("A@0 X@1 A@1", "", id="two are not three"),
        pytest.param("A@0 A@1 A@29", "A0,A1,A2@29", id="just inside the window"),
        pytest.param("A@0 A@1 A@30", "", id="the window excludes its far end"),
        pytest.param("A@0 A@1 A@30 A@30", "A1,A2,A3@30", id="the window slides"),
        pytest.param("A@0 A@1 A@2 A@3 A@4", "A0,A1,A2@2", id="a match uses its events up"),
        pytest.param("A@0 A@0 A@0 A@0 A@0 A@0", "A0,A1,A2@0 A3,A4,A5@0", id="all at once"),
    ],
)
def test_at_least_three(story: str, expected: str) -> None:
    assert matches(count("at_least", 3), story) == expected


def test_more_than_two_is_at_least_three() -> None:
    assert matches(count("more_than", 2), "A@0 A@1 A@2") == "A0,A1,A2@2"


def test_at_least_one_is_every_event() -> None:
    assert matches(count("at_least", 1), "A@0 A@1") == "A0@0 A1@1"


def test_where_limits_what_is_counted() -> None:
    twice = count("at_least", 2, where=n_is(1))

    assert matches(twice, "A=1@0 A=2@1 A@2 A=1@3") == "A0,A3@3"


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param("A@5", "A0@35", id="one is at most one"),
        pytest.param("A@5 A@34", "", id="two inside"),
        pytest.param("A@5 A@35", "A0@35 A1@65", id="the window excludes its far end"),
        pytest.param("A@5 A@6 A@34 A@35", "A3@65", id="a window that is over opens no other"),
    ],
)
def test_at_most_one(story: str, expected: str) -> None:
    assert matches(count("at_most", 1), story) == expected


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param("A@0", "", id="too few"),
        pytest.param("A@0 A@29", "A0,A1@30", id="just inside the window"),
        pytest.param("A@0 A@30", "", id="outside, and too few in each"),
        pytest.param("A@0 A@1 A@2", "", id="too many"),
    ],
)
def test_exactly_two(story: str, expected: str) -> None:
    assert matches(count("exactly", 2), story) == expected


def test_a_window_waits_from_its_first_event() -> None:
    story = Story(count("at_most", 5)).tell("A@7 A@9")

    assert story.waits == [37]
    assert (story.state.due, story.state.wake) == (37, 37)


def test_a_window_waits_for_the_arrival_of_its_first_event() -> None:
    story = Story(count("at_most", 5))
    story.happens(event("A@7", 0), arrival=50)
    story.happens(event("A@9", 1), arrival=90)

    assert (story.state.due, story.state.wake) == (37, 50)


@pytest.mark.parametrize(
    ("pattern", "story", "expected"),
    [
        pytest.param(
            count("more_than", 10, aggregate="sum", path="event_data.n"),
            "A=4@0 A=6@1 A=0.5@2",
            "A0,A1,A2@2",
            id="a sum is more than 10 only above it",
        ),
        pytest.param(
            count("at_least", 1, aggregate="sum", path="event_data.n"),
            " ".join(["A=0.1@0"] * 10),
            "A0,A1,A2,A3,A4,A5,A6,A7,A8,A9@0",
            id="ten tenths are one, as math.fsum adds and sum() does not",
        ),
        pytest.param(
            count("at_least", 5, aggregate="sum", path="event_data.n"),
            "A=3@0 A=3@30",
            "",
            id="what has left the window is not added",
        ),
        pytest.param(
            count("at_least", 5, aggregate="average", path="event_data.n"),
            "A=2@0 A=7@1 A=6@2",
            "A0,A1,A2@2",
            id="an average reaches 5 with the third",
        ),
        pytest.param(
            count("at_most", 3, aggregate="sum", path="event_data.n"),
            "A=1@0 A=2@1",
            "A0,A1@30",
            id="a window's sum",
        ),
        pytest.param(
            count("at_least", 2, aggregate="sum", path="event_data.n"),
            'A="1,234.50"@0 A=true@1 A=null@2 A=[2]@3 A@4 A=""@5 A="nan"@6 A="٢"@7 A=2@8',
            "A8@8",
            id="what does not read as a number is not counted",
        ),
        pytest.param(
            count("more_than", 500, aggregate="sum", path="event_data.n"),
            'A="409.94"@0 A="1e2"@1',
            "A0,A1@1",
            id="a text that reads as a number is one",
        ),
        pytest.param(
            count("at_least", 5, aggregate="average", path="event_data.n"),
            'A="4"@0 A=6@1',
            "A0,A1@1",
            id="in an average too",
        ),
        pytest.param(
            count("at_least", 3, aggregate="distinct", path="event_data.n"),
            "A=1@0 A=1.0@1 A=2@2 A=1@3 A=3@4",
            "A2,A3,A4@4",
            id="1 and 1.0 are one value, and each value's latest event counts",
        ),
        pytest.param(
            count("at_least", 3, aggregate="distinct", path="event_data.n"),
            'A=1@0 A="1"@1 A=true@2',
            "A0,A1,A2@2",
            id="1, its text and true are three values",
        ),
        pytest.param(
            count("at_least", 2, aggregate="distinct", path="event_data.n"),
            "A=1@0 A=1@29 A=2@30",
            "A1,A2@30",
            id="a value stays as long as its latest time is in the window",
        ),
        pytest.param(
            count("at_least", 2, aggregate="distinct", path="event_data.n"),
            "A=null@0 A=[1]@1 A@2 A=5@3",
            "",
            id="null, lists and missing fields are no values",
        ),
    ],
)
def test_aggregates(pattern: CountPattern, story: str, expected: str) -> None:
    assert matches(pattern, story) == expected


def values(story: Story) -> list[Any]:
    """Return the aggregated fields that are held."""
    (held,) = story.state.values.values()
    return list(held)


@pytest.mark.parametrize("number", [2**70, -(2**70)])
def test_a_number_that_no_state_can_hold_counts_as_the_nearest_float(number: int) -> None:
    story = Story(count("more_than", 2.0**72, aggregate="sum", path="event_data.n"))

    story.tell(f"A={number}@0")

    assert values(story) == [float(number)]


def test_a_number_beyond_all_floats_is_not_counted() -> None:
    story = Story(count("at_least", 2, aggregate="sum", path="event_data.n"))

    story.tell(f"A={10**400}@0")

    assert story.is_empty


def test_at_most_the_newest_thousand_values_are_held() -> None:
    story = Story(count("at_least", 10**9, within=10**6, aggregate="sum", path="event_data.n"))

    story.tell(" ".join(f"A=1@{at}" for at in range(MOST_HELD)))
    assert story.gave_up == []
    story.tell("A=1@5000")

    assert story.gave_up == ["value"]
    assert len(values(story)) == MOST_HELD
    assert story.rows() == [f"A{number}" for number in range(1, MOST_HELD + 1)]


@pytest.mark.parametrize("beyond", [1, 2, 50])
def test_a_window_counts_on_beyond_the_events_that_it_holds(beyond: int) -> None:
    story = Story(count("exactly", MOST_HELD + beyond, within=10**6))

    story.tell(" ".join(f"A@{at}" for at in range(MOST_HELD + beyond))).wait_until(10**6)

    assert len(story.matches[0].events) == MOST_HELD
    assert story.gave_up == ["value"] * beyond


@pytest.mark.parametrize(
    ("at", "expired"),
    [
        pytest.param(49, False, id="the newest is just inside"),
        pytest.param(50, True, id="the newest is outside"),
    ],
)
def test_a_threshold_expires_with_its_newest_event(at: int, expired: bool) -> None:
    story = Story(count("at_least", 3)).tell("A@0 A@20")

    assert story.matcher.is_expired(story.state, "", at) is expired


def test_a_window_does_not_expire_before_its_timer() -> None:
    story = Story(count("at_most", 3)).tell("A@0")

    assert not story.matcher.is_expired(story.state, "", 1000)


def test_an_event_of_no_account_changes_nothing() -> None:
    story = Story(count("at_least", 3, where=n_is(1))).tell("A=1@0")

    assert not story.changes("A=2@1")
    assert story.changes("A=1@1")
