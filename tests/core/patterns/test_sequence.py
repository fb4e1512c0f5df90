"""Sequences: ordered steps within one half-open window, with what must not happen between."""

from __future__ import annotations

import pytest

from tests.core.patterns.harness import (
    Story,
    absent,
    event,
    matcher_of,
    matches,
    n_is,
    sequence,
    step,
)
from triggerstream.core.model import SequencePattern
from triggerstream.core.patterns.sequence import SequenceMatcher
from triggerstream.core.patterns.steps import MOST_PARTIAL


@pytest.mark.covers("B12", "C6", "C8")
@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param("A@0 B@1 C@2", "A0,B1,C2@2", id="in order"),
        pytest.param("A@0 X@1 B@2 X@3 C@4", "A0,B2,C4@4", id="strangers in between"),
        pytest.param("B@0 A@1 C@2", "", id="out of order"),
        pytest.param("A@0 B@1 C@29", "A0,B1,C2@29", id="just inside the window"),
        pytest.param("A@0 B@1 C@30", "", id="the window is half-open"),
        pytest.param("A@0 B@1 A@20 B@21 C@30", "A2,B3,C4@30", id="a later start takes over"),
        pytest.param("A@0 B@1 A@20 C@29", "A0,B1,C3@29", id="a later start evicts nobody"),
        pytest.param("A@0 A@1 B@2 B@3 C@4", "A1,B3,C4@4", id="the latest of each step"),
        pytest.param("A@0 B@1 C@2 C@3", "A0,B1,C2@2", id="a match uses its events up"),
        pytest.param("A@0 B@1 C@2 A@3 B@4 C@5", "A0,B1,C2@2 A3,B4,C5@5", id="starts afresh"),
        pytest.param("A@0 B@0 C@0", "A0,B1,C2@0", id="ties go by the log"),
    ],
)
def test_three_steps_within_a_window(story: str, expected: str) -> None:
    assert matches(sequence("A", "B", "C"), story) == expected


@pytest.mark.covers("C6")
def test_one_event_fills_one_step_only() -> None:
    assert matches(sequence("A", "A"), "A@0 A@1 A@2 A@3") == "A0,A1@1 A2,A3@3"


def test_a_completed_match_starts_no_other() -> None:
    assert matches(sequence("AB", "B"), "A@0 B@1 B@2") == "A0,B1@1"


@pytest.mark.covers("C7")
def test_where_limits_what_fills() -> None:
    pattern = sequence(step("A", where=n_is(1)), step("B", where=n_is(2)))

    assert matches(pattern, "A=1@0 A=2@1 B=1@2 B=2@3") == "A0,B3@3"


@pytest.mark.covers("C9")
@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param("A@0 B@4", "", id="too early"),
        pytest.param("A@0 B@5", "A0,B1@5", id="at after"),
        pytest.param("A@0 B@9", "A0,B1@9", id="just before before"),
        pytest.param("A@0 B@10", "", id="at before"),
        pytest.param("A@0 B@4 B@6", "A0,B2@6", id="too early leaves it alive"),
        pytest.param("A@0 A@3 B@6", "A0,B2@6", id="the newest may be too young"),
        pytest.param("A@0 A@1 B@6", "A1,B2@6", id="the newest that is old enough"),
    ],
)
def test_a_gap_is_measured_from_the_event_before(story: str, expected: str) -> None:
    assert matches(sequence("A", step("B", after=5, before=10)), story) == expected


@pytest.mark.parametrize(
    ("pattern", "story", "expected"),
    [
        pytest.param(
            sequence(step("A", times=3), "B"), "A@0 A@1 A@2 B@3", "A0,A1,A2,B3@3", id="three times"
        ),
        pytest.param(sequence(step("A", times=3), "B"), "A@0 A@1 B@3", "", id="twice is too few"),
        pytest.param(
            sequence(step("A", times=2), "B"), "A@0 A@1 A@2 B@3", "A1,A2,B3@3", id="once too many"
        ),
        pytest.param(
            sequence("A", step("B", times=2, after=5)),
            "A@0 B@5 B@6",
            "A0,B1,B2@6",
            id="a gap applies to the first repetition only",
        ),
        pytest.param(
            sequence("A", absent("X"), step("B", times=2)),
            "A@0 B@1 X@2 B@3",
            "A0,B1,B3@3",
            id="so does an absence before it",
        ),
    ],
)
def test_times_is_the_step_written_so_often(
    pattern: SequencePattern, story: str, expected: str
) -> None:
    assert matches(pattern, story) == expected


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param("A@0 B@1", "A0,B1@1", id="nothing came between"),
        pytest.param("A@0 X@1 B@2", "", id="what must not happen kills"),
        pytest.param("X@0 A@0 B@0", "A1,B2@0", id="before the opening it does no harm"),
        pytest.param("A@0 X@1 A@2 B@3", "A2,B3@3", id="a newer start is safe from it"),
        pytest.param("A@0 Y@1 B@2", "", id="either of two absent types"),
    ],
)
def test_a_middle_absence_forbids_until_the_next_step(story: str, expected: str) -> None:
    assert matches(sequence("A", absent("XY"), "B"), story) == expected


def test_cancelling_comes_before_filling() -> None:
    pattern = sequence("A", absent("B", where=n_is(1)), "B")

    assert matches(pattern, "A@0 B=1@1 A@2 B=2@3") == "A2,B3@3"


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param("A@0 B@4", "", id="the next step comes too early"),
        pytest.param("A@0 B@5", "A0,B1@5", id="the next step may come at its end"),
        pytest.param("A@0 X@4 B@6", "", id="killed just inside"),
        pytest.param("A@0 X@5 B@6", "A0,B2@6", id="harmless at its end"),
        pytest.param("A@0 A@3 X@5 B@9", "A0,B3@9", id="only those whose silence it breaks"),
    ],
)
def test_a_middle_absence_with_for_forbids_that_long(story: str, expected: str) -> None:
    assert matches(sequence("A", absent("X", 5), "B"), story) == expected


@pytest.mark.covers("C10", "C11")
@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param("A@0", "A0@10", id="nothing came"),
        pytest.param("A@0 X@9", "", id="cancelled just inside"),
        pytest.param("A@0 X@10", "A0@10", id="too late to cancel"),
        pytest.param("A@0 X@0", "", id="cancelled at once"),
        pytest.param("A@0 A@5", "A0@10", id="the first wait stands"),
        pytest.param("A@0 A@5 X@7 A@8", "A3@18", id="cancelled, and opened again"),
        pytest.param("A@0 A@10", "A0@10 A1@20", id="an event at the due time opens the next"),
    ],
)
def test_a_final_absence_is_decided_by_its_timer(story: str, expected: str) -> None:
    assert matches(sequence("A", absent("X", 10)), story) == expected


@pytest.mark.covers("C12")
@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param("A@0 B@29", "A0,B1@39", id="within ends with the last event"),
        pytest.param("A@0 B@30", "", id="the window is half-open"),
        pytest.param("A@0 B@1 B@5", "A0,B1@11", id="a prefix during a wait is discarded"),
        pytest.param("A@0 B@1 X@2 B@3", "A0,B3@13", id="cancelling leaves earlier steps alive"),
        pytest.param("A@0 B@1 A@5 B@12", "A0,B1@11", id="a match discards the partial ones"),
    ],
)
def test_a_final_absence_follows_a_prefix(story: str, expected: str) -> None:
    assert matches(sequence("A", "B", absent("X", 10)), story) == expected


@pytest.mark.covers("C11")
@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param("A@0 B@1 B@5", "A0,B2@15", id="the last step moves the due time"),
        pytest.param("A@0 B@1 B@11", "A0,B1@11", id="at the due time it is too late"),
        pytest.param("A@0 B@1 B@9 B@18 B@27 B@36", "A0,B5@46", id="within is not checked again"),
        pytest.param("A@0 B@1 A@2 B@5 X@6 B@7", "A2,B5@17", id="earlier steps collect meanwhile"),
        pytest.param("A@0 A@5", "", id="an earlier step moves nothing"),
    ],
)
def test_restart_moves_an_open_wait(story: str, expected: str) -> None:
    assert matches(sequence("A", "B", absent("X", 10), restart=True), story) == expected


def test_restart_asks_the_where_of_the_last_step() -> None:
    first, last = step("A", where=n_is(1)), step("A", where=n_is(2))
    pattern = sequence(first, last, absent("X", 10), restart=True)

    assert matches(pattern, "A=1@0 A=2@1 A=1@5") == "A0,A1@11"
    assert matches(pattern, "A=1@0 A=2@1 A=2@5") == "A0,A2@15"


def test_an_event_may_cancel_a_wait_and_open_the_next() -> None:
    pattern = sequence("A", absent("A", 10))

    assert matches(pattern, "A@0 A@5") == "A1@15"


def test_restart_never_meets_a_wait_that_its_event_cancels() -> None:
    pattern = sequence("A", "B", absent("B", 10), restart=True)

    assert matches(pattern, "A@0 B@1 B@5") == "A0,B2@15"


# ── what comes too late ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("late", "expected"),
    [
        pytest.param("X@19", "A0@30", id="before the opening"),
        pytest.param("X@20", "", id="at the opening"),
        pytest.param("X@29", "", id="just inside"),
        pytest.param("A@25", "A0@30", id="it opens and restarts nothing"),
    ],
)
def test_a_late_event_cancels_a_wait_at_its_own_time(late: str, expected: str) -> None:
    story = Story(sequence("A", absent("X", 10), restart=True)).tell("A@20")

    story.cancel(late)

    assert story.wait_until(100).told == expected


def test_a_late_event_kills_partial_matches_at_its_own_time() -> None:
    story = Story(sequence("A", absent("X"), "B")).tell("A@20")

    assert not story.cancel("X@19")
    assert not story.cancel("B@20")
    assert story.cancel("X@20")

    assert story.is_empty


# ── bounds and costs ────────────────────────────────────────────────────────────────────────


def partials(story: Story) -> list[list[list[int]]]:
    """Return the times of the events of each partial match, by the steps that wait for the next."""
    assert isinstance(story.matcher, SequenceMatcher)
    times, cells = story.state.times, story.state.cells
    found = []
    for step_ in story.matcher.partials:
        held = [times[row] for row in cells.get(step_.key, ())]
        found.append([held[at : at + step_.size] for at in range(0, len(held), step_.size)])
    return found


def test_the_newest_partial_match_is_enough_where_any_is_as_good() -> None:
    story = Story(sequence("A", step("B", before=20), absent("X"), "C"))

    story.tell("A@0 A@1 B@2 B@3")

    assert partials(story) == [[[1]], [[1, 3]]]


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(sequence("A", step("B", after=1000), within=2000), id="a gap"),
        pytest.param(sequence("A", absent("X", 1000), "B", within=2000), id="a silence"),
    ],
)
def test_a_33rd_partial_match_replaces_the_newest(pattern: SequencePattern) -> None:
    story = Story(pattern).tell(" ".join(f"A@{at}" for at in range(MOST_PARTIAL)))
    assert story.gave_up == []

    story.tell("A@100")

    assert story.gave_up == ["partial"]
    assert partials(story) == [[*([at] for at in range(MOST_PARTIAL - 1)), [100]]]


def test_expired_partial_matches_make_room_without_being_counted() -> None:
    story = Story(sequence("A", step("B", after=5, before=40), within=100))

    story.tell(" ".join(f"A@{at}" for at in range(MOST_PARTIAL)) + " A@40")

    assert story.gave_up == []
    assert partials(story) == [[*([at] for at in range(1, MOST_PARTIAL)), [40]]]


@pytest.mark.parametrize(
    ("at", "expired"),
    [
        pytest.param(29, False, id="just inside the window"),
        pytest.param(30, True, id="at its end"),
    ],
)
def test_partial_matches_expire_with_their_window(at: int, expired: bool) -> None:
    story = Story(sequence("A", "B")).tell("A@0")

    assert story.matcher.is_expired(story.state, "", at) is expired


def test_a_wait_does_not_expire() -> None:
    story = Story(sequence("A", absent("X", 10))).tell("A@0")

    assert not story.matcher.is_expired(story.state, "", 1000)


def test_the_whole_event_is_kept_only_while_a_timer_may_need_it() -> None:
    story = Story(sequence("A", "B", absent("X", 10))).tell("A@0 B@1")

    assert story.state.bodies == {1: b"B@1"}
    assert story.wait_until(11).matches[0].raw == b"B@1"


@pytest.mark.parametrize("stranger", ["X@3", "C@3", "B@3"])
def test_what_fills_and_cancels_nothing_changes_nothing(stranger: str) -> None:
    story = Story(sequence("A", absent("X", where=n_is(1)), "B", "C"))
    if not stranger.startswith("B"):
        story.tell("A@0")

    assert not story.changes(stranger)


def test_definitions_are_shared_and_progress_is_not() -> None:
    matcher = matcher_of(sequence("A", "B"))
    one, other = Story(matcher).tell("A@0"), Story(matcher)

    assert other.is_empty
    assert one.happens(event("B@1", 1)) is not None
    assert other.happens(event("B@1", 1)) is None
