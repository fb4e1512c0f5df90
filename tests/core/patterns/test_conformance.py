"""What every pattern promises (`patterns.base`), held against random stories."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from triggerstream.core.detection.slots import REFERENCE

from tests.core.patterns.harness import Story, absent, count, event, n_is, one, sequence, step
from triggerstream.core.model import AllPattern, AnyPattern, EventPattern, Pattern, SequencePattern
from triggerstream.core.patterns.base import Handler, Matcher, Occurrence, Step
from triggerstream.core.patterns.count import ThresholdMatcher
from triggerstream.core.patterns.sequence import SequenceMatcher, _Plan
from triggerstream.core.rulesets.compile import compile_pattern

SUM = {"aggregate": "sum", "path": "event_data.n"}
DISTINCT = {"aggregate": "distinct", "path": "event_data.n"}

PATTERNS: dict[str, Pattern] = {
    "event": EventPattern(("A", "B"), n_is(1)),
    "threshold": count("at_least", 3, within=6),
    "sum": count("more_than", 4, within=6, **SUM),
    "distinct": count("at_least", 3, within=6, **DISTINCT),
    "window": count("exactly", 2, within=6),
    "window of values": count("at_most", 2, within=6, **DISTINCT),
    "steps": sequence("A", "B", "C", within=8),
    "gaps": sequence("A", step("B", after=2, before=6), step("AB", times=2), within=12),
    "silences": sequence("A", absent("C", 2), "B", absent("A"), "C", within=8),
    "absence": sequence("A", "B", absent("CD", 4), within=6),
    "restart": sequence("A", absent("C", 4, where=n_is(1)), "B", absent("C", 4), restart=True),
    "all": AllPattern((one("A"), sequence("B", "C", within=4)), 6),
    "all with timers": AllPattern((sequence("A", absent("B", 3)), one("C"), one("D")), 6),
    "any": AnyPattern((sequence("A", absent("B", 3)), count("at_least", 3), one("D"))),
    "nested": AllPattern((AnyPattern((count("at_most", 2, within=3), one("C"))), one("B")), 6),
}

few = settings(max_examples=25)
"""Of each pattern and promise: there are a hundred of them."""

every_pattern = pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)


@st.composite
def stories(draw: Any, start: int = 0, most: int = 14) -> str:
    """Return a story that begins at *start* and never goes back in time."""
    at = start
    told = []
    for type_, n, gap in draw(
        st.lists(
            st.tuples(st.sampled_from("AABBCD"), st.integers(0, 3), st.integers(0, 3)),
            max_size=most,
        )
    ):
        at += gap
        told.append(f"{type_}={n}@{at}")
    return " ".join(told)


def size(progress: Any) -> int:
    return len(msgspec.msgpack.encode(progress))


@every_pattern
@few
@given(stories())
def test_a_step_changes_something(pattern: Pattern, story: str) -> None:
    told = Story(pattern)
    for position, text in enumerate(story.split()):
        happened = event(text, position)
        told.wait_until(happened.timestamp)
        before = told.progress
        taken = told.happens(happened)
        if taken is not None:
            assert taken.match is not None or taken.progress != before


@every_pattern
@few
@given(stories())
def test_without_progress_only_openers_do_anything(pattern: Pattern, story: str) -> None:
    matcher = compile_pattern(pattern)
    for position, text in enumerate(story.split()):
        happened = event(text, position)
        if happened.event_type in matcher.types - matcher.openers:
            now = Occurrence(happened, happened.timestamp, position, happened.timestamp)
            assert matcher.handler(happened.event_type)(None, now) is None


@every_pattern
@few
@given(stories())
def test_progress_grows_no_faster_than_it_says(pattern: Pattern, story: str) -> None:
    told = Story(pattern)
    for position, text in enumerate(story.split()):
        happened = event(text, position)
        told.wait_until(happened.timestamp)
        before = size(told.progress)
        told.happens(happened)
        room = told.matcher.growth * (REFERENCE + len(happened.raw))
        assert size(told.progress) <= before + room


@every_pattern
@few
@given(stories())
def test_timers_add_no_bytes(pattern: Pattern, story: str) -> None:
    told = Story(pattern).tell(story)
    for due in range(100):
        before = size(told.progress)
        told.wait_until(due)
        assert size(told.progress) <= before


@every_pattern
@few
@given(stories(), stories(start=0, most=8), st.integers(0, 20))
def test_expired_progress_is_worth_nothing(
    pattern: Pattern, story: str, after: str, gap: int
) -> None:
    told = Story(pattern).tell(story)
    start = max((event(text, 0).timestamp for text in story.split()), default=0) + gap
    told.wait_until(start)
    if told.progress is None or not told.matcher.is_expired(told.progress, start):
        return
    fresh = Story(pattern)
    fresh.position = told.position
    before = len(told.matches)

    for text in after.split():
        later = event(text, told.position)
        shifted = msgspec.structs.replace(later, timestamp=later.timestamp + start)
        told.happens(shifted)
        fresh.happens(shifted)

    assert told.wait_until(1000).matches[before:] == fresh.wait_until(1000).matches


@every_pattern
@few
@given(stories(), st.sampled_from("ABCD"), st.integers(0, 30))
def test_cancelling_never_matches_opens_or_adds(
    pattern: Pattern, story: str, late: str, at: int
) -> None:
    told = Story(pattern).tell(story)
    if told.progress is None:
        return
    held, waits = told.matcher.events(told.progress), told.matcher.waits(told.progress)

    taken = told.cancel(f"{late}=1@{at}")

    if taken is not None:
        assert taken.match is None
        assert taken.gave_up == ()
        if taken.progress is not None:
            assert told.matcher.events(taken.progress) <= held
            assert set(told.matcher.waits(taken.progress)) <= set(waits)


@few
@given(stories())
def test_a_count_of_events_is_the_same_by_its_short_cut(story: str) -> None:
    matcher = compile_pattern(count("at_least", 3, within=6, where=n_is(1)))
    assert isinstance(matcher, ThresholdMatcher)
    agree(story, "A", matcher._on_event, matcher._counts_events())


@pytest.mark.parametrize(
    ("pattern", "event_type"),
    [
        pytest.param(sequence(step("A", where=n_is(1)), "B", "C", within=6), "A", id="first step"),
        pytest.param(sequence("A", step("B", where=n_is(1)), "C", within=6), "B", id="middle step"),
        pytest.param(
            sequence("A", step("B", after=2, before=5), step("C", after=2), within=9),
            "B",
            id="middle step with gaps",
        ),
        pytest.param(
            sequence("A", "B", step("C", where=n_is(1), before=4), within=6), "C", id="last step"
        ),
        pytest.param(
            sequence("A", "B", "C", absent("D", 5), within=6), "B", id="middle step before a wait"
        ),
        pytest.param(
            sequence(step("A", where=n_is(1)), absent("D", 5)), "A", id="the only step opens a wait"
        ),
        pytest.param(
            sequence(step("A", where=n_is(1)), absent("D", 5), restart=True),
            "A",
            id="the only step moves a wait",
        ),
    ],
)
@few
@given(story=stories())
def test_a_step_of_a_sequence_is_the_same_by_its_short_cut(
    pattern: SequencePattern, event_type: str, story: str
) -> None:
    matcher = compile_pattern(pattern)
    assert isinstance(matcher, SequenceMatcher)
    plan = _Plan(matcher, event_type)
    short = plan.short_cut()
    assert short is not None
    agree(story, event_type, plan.on_event, short, others=matcher)


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(sequence("A"), id="the first step is all"),
        pytest.param(sequence("A", step("B", after=2)), id="the newest is not enough"),
        pytest.param(sequence("A", absent("A"), "B"), id="it cancels as well"),
        pytest.param(sequence("A", "AB", "B"), id="it fills as well"),
        pytest.param(sequence("B", "A", absent("X", 5)), id="it opens what others began"),
    ],
)
def test_no_short_cut_where_more_is_to_be_done(pattern: SequencePattern) -> None:
    matcher = compile_pattern(pattern)
    assert isinstance(matcher, SequenceMatcher)

    assert _Plan(matcher, "A").short_cut() is None


def agree(
    story: str, event_type: str, plain: Handler, short: Handler, others: Matcher | None = None
) -> None:
    """Assert that two handlers of *event_type* do the same all through *story*; events of other
    types go to *others*."""
    progress: Any = None
    for position, text in enumerate(story.split()):
        happened = event(text, position)
        now = Occurrence(happened, happened.timestamp, position, happened.timestamp)
        taken: Step | None = None
        if happened.event_type == event_type:
            taken = plain(progress, now)
            assert short(progress, now) == taken
        elif others is not None and happened.event_type in others.types:
            taken = others.handler(happened.event_type)(progress, now)
        if taken is not None:
            progress = taken.progress


@every_pattern
def test_only_timed_patterns_wait(pattern: Pattern) -> None:
    told = Story(pattern).tell("A=1@0 B=1@1 C=1@2 A=1@2")

    waits = () if told.progress is None else told.matcher.waits(told.progress)
    assert told.matcher.timed or waits == ()


@every_pattern
def test_there_is_no_timer_where_nothing_waits(pattern: Pattern) -> None:
    told = Story(pattern).tell("A=1@0")
    if told.progress is None:
        told.progress = ()
    elif told.matcher.waits(told.progress):
        return

    with pytest.raises(LookupError):
        told.matcher.on_timer(told.progress, 0)
