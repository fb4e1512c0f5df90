"""Trends (43 to 45), against what counting all events again at each boundary finds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.patterns.harness import Story, event, matcher_of, matches, n_is, tables
from triggerstream.core.model import AllPattern, AnyPattern, EventPattern, TrendPattern


def fall(factor: float = 0.5, least: int = 1, recent: int = 8, baseline: int = 8) -> TrendPattern:
    return TrendPattern(("A",), "below", factor, None, recent, baseline, least)


def rise(factor: float = 1.5, least: int = 1, recent: int = 8, baseline: int = 8) -> TrendPattern:
    return TrendPattern(("A",), "above", factor, None, recent, baseline, least)


# ── counting again ──────────────────────────────────────────────────────────────────────────


def counted(pattern: TrendPattern, times: list[int], anchor: int, end: int) -> tuple[int, int]:
    """Return how many of *times* are in the eight buckets before *end*, and in the baseline's."""
    width = pattern.recent // 8
    middle = anchor + (end - 8) * width
    recent = sum(middle <= at < anchor + end * width for at in times)
    return recent, sum(middle - pattern.baseline <= at < middle for at in times)


def falls(pattern: TrendPattern, times: list[int]) -> Iterator[str]:
    """Ask at each boundary, one after the other."""
    width, buckets = pattern.recent // 8, pattern.baseline * 8 // pattern.recent
    factor = cast("float", pattern.factor)
    held: list[int] = []
    end = 0
    for number, at in enumerate([*times, 1 << 40]):
        while held and held[0] + end * width <= at:
            recent, base = counted(pattern, held, held[0], end)
            has_fallen = base >= pattern.least and recent * buckets < factor * base * 8
            if end >= 8 + buckets and has_fallen:
                yield f"A{number - 1}@{held[0] + end * width}"
            if (end >= 8 + buckets and has_fallen) or not recent + base:
                held = []
            end += 1
        if not held:
            end = 1
        held.append(at)


def rises(pattern: TrendPattern, times: list[int]) -> Iterator[str]:
    """Ask at each event."""
    width, buckets = pattern.recent // 8, pattern.baseline * 8 // pattern.recent
    factor = cast("float", pattern.factor)
    held: list[int] = []
    for number, at in enumerate(times):
        if held:
            bucket = (at - held[0]) // width
            if not sum(counted(pattern, held, held[0], bucket + 1)):
                held = []
        held.append(at)
        bucket = (at - held[0]) // width
        recent, base = counted(pattern, held, held[0], bucket + 1)
        has_risen = base >= pattern.least and recent * buckets > factor * base * 8
        if bucket >= 7 + buckets and has_risen:
            yield f"A{number}@{at}"
            held = []


PATTERNS = st.builds(
    TrendPattern,
    st.just(("A",)),
    st.sampled_from(["below", "above"]),
    st.sampled_from([0.3, 0.5, 1, 1.5, 2]),
    st.none(),
    st.sampled_from([8, 16]),
    st.sampled_from([16, 32, 48]),
    st.integers(1, 4),
)
TIMES = st.lists(
    st.sampled_from([0, 0, 0, 1, 1, 2, 3, 5, 8, 15, 16, 17, 23, 24, 25, 31, 32, 40, 65]),
    max_size=40,
)


@given(PATTERNS, TIMES)
def test_it_matches_where_counting_again_does(pattern: TrendPattern, gaps: list[int]) -> None:
    times = [sum(gaps[: number + 1]) for number in range(len(gaps))]
    story = Story(pattern)
    for number, at in enumerate(times):
        story.happens(event(f"A@{at}", number))

    naive = falls if pattern.direction == "below" else rises
    assert list(map(str, story.wait_until(1 << 40).matches)) == list(naive(pattern, times))


@given(st.integers(8, 96), st.lists(st.integers(0, 30), max_size=60))
def test_what_is_held_is_bounded(buckets: int, gaps: list[int]) -> None:
    pattern = TrendPattern(("A",), "below", 1e-9, None, 8, buckets, 60)
    story = Story(pattern)
    for number in range(len(gaps)):
        at = sum(gaps[: number + 1])
        story.happens(event(f"A@{at}", number))
        assert len(story.rows()) <= 1
        assert len(story.state.values["testtest0"]) <= 2 + 8 + buckets
        assert len(story.state.bodies) <= len(story.state.times)
        story.state.trim()
        assert len(story.state.bodies) <= 1


# ── falling ─────────────────────────────────────────────────────────────────────────────────


def every(step: int, start: int, end: int) -> str:
    return " ".join(f"A@{at}" for at in range(start, end, step))


@pytest.mark.covers("D5")
def test_silence_is_found_once_at_the_end_of_a_bucket() -> None:
    """Two a bucket, then none: below a half of the eight before, after more than four buckets."""
    # At 200 the buckets before are [120, 200): 6 of the 16 expected are there, less than 8.
    assert matches(fall(recent=80, baseline=80), every(5, 0, 160)) == "A31@210"


@pytest.mark.parametrize(("last", "due"), [(160, 210), (165, 210), (170, 220)])
def test_how_long_silence_lasts_until_it_is_one(last: int, due: int) -> None:
    story = Story(fall(recent=80, baseline=80)).tell(every(5, 0, last))

    assert story.wait_until(due - 1).matches == []
    assert len(story.wait_until(due).matches) == 1


@pytest.mark.covers("D5")
def test_exactly_the_share_that_is_expected_is_no_fall() -> None:
    story = f"{every(10, 0, 80)} {every(20, 80, 160)}"

    # At 160 there are 4 in [80, 160), and 8 in [0, 80); at 170 one less is recent.
    assert matches(fall(0.5, least=8, recent=80, baseline=80), story) == "A11@170"
    assert matches(fall(0.51, least=8, recent=80, baseline=80), story) == "A11@160"


@pytest.mark.covers("D5")
@pytest.mark.parametrize(("least", "told"), [(8, "A7@160"), (9, "")])
def test_a_baseline_has_so_many_at_least(least: int, told: str) -> None:
    assert matches(fall(least=least, recent=80, baseline=80), every(10, 0, 80)) == told


def test_newcomers_do_not_fall() -> None:
    """Much at first and nothing then: nothing is told before a whole history is there."""
    assert matches(fall(recent=80, baseline=320), "A@0 A@1 A@2") == "A2@400"
    assert matches(fall(recent=80, baseline=320), "A@0 A@1 A@2 A@399") == "A3@480"


def test_an_event_exactly_at_the_boundary_is_behind_it() -> None:
    story = "A@0 A@1 A@2"

    assert matches(fall(least=3, recent=80, baseline=320), f"{story} A@400") == "A2@400"
    assert matches(fall(least=3, recent=80, baseline=320), f"{story} A@399") == ""


def test_an_event_never_completes_a_fall() -> None:
    story = Story(fall(recent=80, baseline=80)).tell(every(5, 0, 160))
    story.tell("A@205 A@206 A@207 A@208 A@209")

    assert story.told == ""


def test_a_match_uses_the_history_up() -> None:
    busy = every(5, 0, 160)
    again = every(5, 300, 460)

    assert matches(fall(recent=80, baseline=80), f"{busy} {again}") == "A31@210 A63@510"
    # Behind the match a single event is no history of which anything could fall.
    assert matches(fall(least=2, recent=80, baseline=80), f"{busy} A@211") == "A31@210"


def test_what_lies_so_far_back_that_nothing_of_it_counts_is_forgotten() -> None:
    story = Story(fall(least=9, recent=80, baseline=80)).tell("A@0")

    assert story.waits == [160]
    assert not story.wait_until(169).is_empty
    assert story.wait_until(170).is_empty
    assert story.told == ""


@pytest.mark.parametrize(("at", "anchor"), [(169, 0), (170, 170)])
def test_buckets_go_on_until_all_is_forgotten(at: int, anchor: int) -> None:
    story = Story(fall(least=9, recent=80, baseline=80)).tell(f"A@0 A@{at}")

    assert story.state.values["testtest0"] == (anchor, at // 10 - anchor // 10, 1)


def test_an_event_before_the_newest_that_was_counted_is_counted_with_that() -> None:
    """An event may come before a due that was decided, and whose match was counted already (36)."""
    story = Story(fall(recent=80, baseline=80)).tell("A@0 A@95")
    story.happens(event("A@41", 2))

    assert story.state.values["testtest0"] == (0, 9, 1, *[0] * 8, 2)


def test_an_end_that_has_been_asked_is_not_asked_again() -> None:
    """The clock may have settled ends behind which an event comes that belongs before them (29)."""
    story = Story(fall(least=3, recent=80, baseline=80)).tell("A@0 A@102 A@159")
    story.wait_until(269)
    assert (story.waits, story.told) == ([270], "")

    # At 250 it would have been a fall: three in [90, 170), and none since.
    story.look_at(event("A@165", 3), 269)
    story.state.keep(story.now)

    assert story.waits == [270]
    assert story.wait_until(1000).told == ""


def test_a_late_event_counts_nothing() -> None:
    story = Story(fall(recent=80, baseline=80)).tell(every(5, 0, 160))

    before = tables(story.state)
    assert not story.cancel("A@158")
    assert tables(story.state) == before


def test_the_last_counted_event_is_the_one_that_fell_silent() -> None:
    pattern = TrendPattern(("A", "B"), "below", 0.5, n_is(1), 80, 80, 1)
    busy = " ".join(f"{'AB'[at % 2]}=1@{at}" for at in range(0, 160, 5))
    story = Story(pattern).tell(f"{busy} A=2@170 C@171").wait_until(1000)

    assert story.told == "B31@210"
    assert story.matches[0].raw == b"B=1@155"


def test_whoever_uploads_late_may_still_upload_the_rest() -> None:
    """The wait is due by the clock, but not before the last event that it counts was there (29)."""
    story = Story(fall(least=9, recent=80, baseline=320))
    story.happens(event("A@0", 0), arrival=7)
    assert story.state.wake == 400
    story.happens(event("A@1", 1), arrival=900)

    assert (story.state.due, story.state.wake) == (400, 900)
    story.wait_until(400)
    assert (story.state.due, story.state.wake) == (410, 900)


# ── rising ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.covers("D6")
def test_a_rise_is_found_at_the_event_that_makes_it() -> None:
    calm = every(10, 0, 160)

    # 8 in the baseline, so more than 12 in the recent buckets; [80, 160) has 8.
    more = "A@155 A@156 A@157 A@158 A@159"
    assert matches(rise(least=8, recent=80, baseline=80), f"{calm} A@151 A@152 A@153 A@154") == ""
    assert matches(rise(least=8, recent=80, baseline=80), f"{calm} {more}") == "A20@159"


def test_what_is_forgotten_makes_nobody_a_better_customer() -> None:
    """The baseline shrinks while nothing happens: no rise is told."""
    story = Story(rise(recent=80, baseline=80)).tell(f"{every(5, 0, 80)} {every(10, 80, 160)}")

    assert story.wait_until(10_000).told == ""
    assert story.waits == []


def test_newcomers_do_not_rise() -> None:
    assert matches(rise(recent=80, baseline=320), "A@0 A@319 A@320 A@321 A@389") == ""
    assert matches(rise(recent=80, baseline=320), "A@0 A@389 A@390") == "A2@390"


@pytest.mark.parametrize(("at", "told"), [(159, "A3@159"), (160, "")])
def test_after_a_gap_of_all_buckets_it_begins_anew(at: int, told: str) -> None:
    """The first is in bucket 0 of eight and eight: in bucket 16 nothing of it counts."""
    story = f"A@0 A@150 A@151 A@{at}"
    assert matches(rise(recent=80, baseline=80, factor=2), story) == told

    fresh = Story(rise(recent=80, baseline=80)).tell(f"A@0 A@{at}")
    assert fresh.state.values["testtest0"][0] == (0 if at == 159 else 160)


@pytest.mark.covers("D6")
def test_a_rise_uses_the_history_up() -> None:
    pattern = rise(recent=80, baseline=80)

    assert matches(pattern, "A@0 A@150 A@151 A@152 A@153") == "A2@151"
    assert matches(pattern, f"A@0 A@150 A@151 A@160 {every(5, 230, 330)}") == "A2@151 A20@310"


# ── within others, and by instance ──────────────────────────────────────────────────────────


def test_trends_are_children_like_others() -> None:
    both = AllPattern((fall(recent=80, baseline=80), EventPattern(("B",))), within=100)
    either = AnyPattern((EventPattern(("B",)), fall(recent=80, baseline=80)))
    busy = every(5, 0, 160)

    assert matches(both, f"{busy} B@165") == "A31,B32@210"
    assert matches(either, busy) == "A31@210"
    assert matches(either, f"{busy} B@165") == "B32@165"


def test_each_instance_has_its_own_history() -> None:
    ones = " ".join(f"A=1@{at} A=2@{at}" for at in range(0, 160, 10))
    twos = " ".join(f"A=2@{at}" for at in range(160, 240, 10))

    assert matches(fall(recent=80, baseline=80), f"{ones} {twos}", per="event_data.n").split() == [
        "A30@210/1",
        "A39@290/2",
    ]


def test_a_trend_has_one_cell() -> None:
    assert matcher_of(fall()).keys == matcher_of(fall()).waits == ("testtest0",)
    assert (matcher_of(rise()).keys, matcher_of(rise()).waits) == (("testtest0",), ())
