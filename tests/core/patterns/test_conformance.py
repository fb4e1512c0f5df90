"""What every pattern promises (`patterns.base`), held against random stories."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.patterns.harness import (
    Story,
    absent,
    count,
    event,
    matcher_of,
    n_is,
    named,
    one,
    sequence,
    step,
    tables,
)
from triggerstream.core.model import (
    AllPattern,
    AnyPattern,
    EventPattern,
    Pattern,
    SequencePattern,
    TrendPattern,
)
from triggerstream.core.patterns.base import Keys, Look
from triggerstream.core.patterns.count import AggregateLook, CountLook
from triggerstream.core.patterns.progress import KEY
from triggerstream.core.patterns.sequence import SequenceLook, SequenceMatcher
from triggerstream.core.patterns.short_cuts import Cancel, Complete, Open, Start, TakeOn
from triggerstream.core.state.codec import dump_body

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
    "fall": TrendPattern(("A",), "below", 0.5, n_is(1), recent=8, baseline=8, least=1),
    "rise": TrendPattern(("A", "B"), "above", 1.5, recent=8, baseline=16, least=2),
    "all with trends": AllPattern(
        (
            TrendPattern(("A",), "below", 1, recent=8, baseline=8, least=1),
            TrendPattern(("A", "B"), "above", 1, recent=8, baseline=8, least=1),
        ),
        9,
    ),
    "nested": AllPattern((AnyPattern((count("at_most", 2, within=3), one("C"))), one("B")), 6),
}

BY_N = (
    "threshold",
    "distinct",
    "window of values",
    "silences",
    "restart",
    "all with timers",
    "any",
    "fall",
    "rise",
)
"""Those that are tried with ``per: event_data.n``, too."""

STORIES: dict[str, Callable[[], Story]] = {
    **{name: partial(Story, pattern) for name, pattern in PATTERNS.items()},
    **{f"{name}, per n": partial(Story, PATTERNS[name], "event_data.n") for name in BY_N},
}

NUMBERS = ("=0", "=1", "=2", "=3", "=1.0", "")

few = settings(max_examples=25)
"""Of each pattern and promise: there are two hundred of them."""

every_pattern = pytest.mark.parametrize("begin", STORIES.values(), ids=STORIES)

Begin = Callable[[], Story]


@st.composite
def stories(draw: Any, start: int = 0, most: int = 14) -> str:
    """Return a story that begins at *start* and never goes back in time."""
    at = start
    told = []
    for type_, n, gap in draw(
        st.lists(
            st.tuples(st.sampled_from("AABBCD"), st.sampled_from(NUMBERS), st.integers(0, 3)),
            max_size=most,
        )
    ):
        at += gap
        told.append(f"{type_}{n}@{at}")
    return " ".join(told)


def size(told: Story) -> int:
    return len(dump_body(told.state))


def taken(told: Story, text: str) -> tuple[dict[str, Any], bool]:
    """Let *text* be looked at and kept; return the tables as they were before, and whether it
    completed a match."""
    happened = event(text, told.position)
    before = tables(told.wait_until(happened.timestamp).state)
    return before, told.happens(happened) is not None


@every_pattern
@few
@given(stories())
def test_a_look_that_says_nothing_changes_no_table(begin: Begin, story: str) -> None:
    told = begin()
    for text in story.split():
        gave_up = len(told.gave_up)
        before, has_matched = taken(told, text)
        now = told.now
        if not (has_matched or now.is_held or now.has_cancelled or gave_up < len(told.gave_up)):
            assert tables(told.state) == before


@every_pattern
@few
@given(stories())
def test_a_look_says_that_it_holds_the_event_if_it_does(begin: Begin, story: str) -> None:
    told = begin()
    for text in story.split():
        happened = event(text, told.position)
        told.wait_until(happened.timestamp)
        row = len(told.state.times)
        match = told.look_at(happened, happened.timestamp)

        is_named = row in named(told.state)
        assert is_named is (told.now.is_held and match is None)
        if told.now.is_whole:
            assert told.now.is_held
        if told.now.is_held:
            told.state.keep(told.now)
        told.store()
        told.position += 1


@every_pattern
@few
@given(stories())
def test_a_match_leaves_nothing_behind(begin: Begin, story: str) -> None:
    told = begin()
    for text in story.split():
        _, has_matched = taken(told, text)
        if has_matched:
            instance = told.matches[-1].instance or ""
            assert_nothing_is_left(told, instance)


@every_pattern
@few
@given(stories())
def test_what_is_cleared_leaves_nothing_behind(begin: Begin, story: str) -> None:
    told = begin().tell(story)
    instances = told.matcher.instances(told.state)
    for instance in instances:
        told.matcher.clear(told.state, instance)
        assert_nothing_is_left(told, instance)
    assert told.is_empty
    told.store()


@every_pattern
@few
@given(stories())
def test_what_is_dropped_leaves_nothing_behind(begin: Begin, story: str) -> None:
    told = begin().tell(story)
    told.state.cells["stranger1"] = ()

    told.matcher.drop(told.state)

    assert told.state.cells.pop("stranger1") == ()
    assert told.is_empty
    told.store()


def assert_nothing_is_left(told: Story, instance: str) -> None:
    state = told.state
    cells = {key + instance for key in told.matcher.keys}
    for table in (state.cells, state.waits, state.matches, state.values):
        assert not cells & table.keys()
    assert told.matcher.rows(state, instance) == set()
    assert not told.matcher.has_progress(state, instance)
    assert all(instance not in known for known in state.instances.values())


@every_pattern
@few
@given(stories())
def test_rows_are_all_that_is_named(begin: Begin, story: str) -> None:
    """And so all that a match may name, but for the event that completes it."""
    told = begin()
    for text in story.split():
        happened = event(text, told.position)
        told.wait_until(happened.timestamp)
        matcher, state = told.matcher, told.state
        held = {each: matcher.rows(state, each) for each in matcher.instances(state)}
        assert set[int]().union(*held.values()) == set(named(state))
        ids = state.id_list()

        match = told.happens(happened)

        if match is not None:
            known = {ids[row] for row in held.get(match.instance or "", ())}
            assert set(match.events) <= known | {happened.event_id}


@every_pattern
@few
@given(stories())
def test_what_is_held_stands_under_the_patterns_own_keys(begin: Begin, story: str) -> None:
    told = begin().tell(story)
    state, matcher = told.state, told.matcher

    assert {cell[:KEY] for cell in state.waits} <= set(matcher.waits) <= set(matcher.keys)
    for table in (state.cells, state.matches, state.values):
        assert {cell[:KEY] for cell in table} <= set(matcher.keys)
    cells = {*state.cells, *state.waits, *state.matches}
    assert state.values.keys() <= cells
    assert {cell[KEY:] for cell in cells} == {
        each for each in matcher.instances(state) if matcher.has_progress(state, each)
    }


@every_pattern
def test_keys_are_its_triggers_and_each_its_own(begin: Begin) -> None:
    keys = begin().matcher.keys

    assert len(set(keys)) == len(keys)
    assert {len(key) for key in keys} <= {KEY}
    assert all(key.startswith("testtest") for key in keys)


def test_however_many_cells_a_trigger_has_their_keys_can_be_stored() -> None:
    keys = Keys("testtest")
    taken_ = [keys.take() for _ in range(60_000)]

    assert taken_[0] == "testtest0"
    assert len(set(taken_)) == len(taken_)
    assert {len(key) for key in taken_} == {KEY}
    assert "".join(taken_).encode().decode() == "".join(taken_)


@pytest.mark.parametrize("trigger", ["", "testtes", "testtest0"])
def test_a_trigger_is_named_by_eight_characters(trigger: str) -> None:
    with pytest.raises(ValueError, match="8 characters are required"):
        Keys(trigger)


@every_pattern
@few
@given(stories())
def test_without_progress_only_openers_do_anything(begin: Begin, story: str) -> None:
    for text in story.split():
        told = begin()
        if text[0] in told.matcher.types - told.matcher.openers:
            assert not told.changes(text)


@every_pattern
@few
@given(stories())
def test_what_is_held_grows_no_faster_than_it_says(begin: Begin, story: str) -> None:
    told = begin()
    for text in story.split():
        told.wait_until(event(text, 0).timestamp)
        before = len(named(told.state))
        told.tell(text)
        assert len(named(told.state)) <= before + told.matcher.growth


@every_pattern
@few
@given(stories())
def test_timers_add_nothing(begin: Begin, story: str) -> None:
    told = begin().tell(story)
    for due in range(100):
        before = size(told), len(named(told.state)), tables(told.state)
        told.wait_until(due)
        assert size(told) <= before[0]
        assert len(named(told.state)) <= before[1]
        assert tables(told.state)["ids"] == before[2]["ids"]
    assert told.waits == []


@every_pattern
@few
@given(stories(), stories(start=0, most=8), st.integers(0, 20))
def test_expired_progress_is_worth_nothing(begin: Begin, story: str, after: str, gap: int) -> None:
    told = begin().tell(story)
    start = max((event(text, 0).timestamp for text in story.split()), default=0) + gap
    told.wait_until(start)
    matcher, state = told.matcher, told.state
    if not all(matcher.is_expired(state, each, start) for each in matcher.instances(state)):
        return
    fresh = begin()
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
@given(stories(), st.sampled_from("ABCD"), st.integers(0, 30), st.sampled_from(["=1", "=0", ""]))
def test_cancelling_never_matches_opens_or_adds(
    begin: Begin, story: str, late: str, at: int, n: str
) -> None:
    told = begin().tell(story)
    before, rows, waits = tables(told.state), set(named(told.state)), dict(told.state.waits)

    if told.cancel(f"{late}{n}@{at}"):
        assert set(named(told.state)) <= rows
        assert told.state.waits.items() <= waits.items()
        assert (rows, waits) != (set(named(told.state)), told.state.waits)
        assert tables(told.state)["ids"] == before["ids"]
    else:
        assert tables(told.state) == before


@every_pattern
@few
@given(stories(), st.randoms(use_true_random=False))
def test_sweeping_at_any_moment_changes_no_match(begin: Begin, story: str, random: Random) -> None:
    usual, swept = begin(), begin()
    for text in story.split():
        usual.tell(text)
        swept.tell(text)
        if random.random() < 0.5:
            swept.state.sweep()
            swept.store()
            assert len(swept.state.times) == len(set(named(swept.state)))
        held = [usual.rows(each) for each in usual.matcher.instances(usual.state)]
        assert [swept.rows(each) for each in swept.matcher.instances(swept.state)] == held

    usual.wait_until(1000)
    swept.wait_until(1000)

    assert swept.matches == usual.matches
    assert swept.gave_up == usual.gave_up


# ── short cuts ──────────────────────────────────────────────────────────────────────────────


@few
@given(stories())
def test_a_count_of_events_is_as_the_sum_of_ones(story: str) -> None:
    plain = Story(count("at_least", 3, within=6, where=n_is(1)))
    general = Story(count("at_least", 3, within=6, where=n_is(1), **SUM))
    assert isinstance(plain.looks["A"], CountLook)
    assert isinstance(general.looks["A"], AggregateLook)

    for text in story.split():
        for each in (plain, general):
            each.tell(text)
        assert plain.matches == general.matches
        assert {**tables(general.state), "values": "[]"} == tables(plain.state)


@pytest.mark.parametrize(
    ("comparator", "threshold", "needed"),
    [
        ("at_least", 3, 3),
        ("at_least", 2.5, 3),
        ("more_than", 2, 3),
        ("more_than", 2.5, 3),
        ("more_than", 0, 1),
    ],
)
def test_a_count_needs_the_first_number_that_satisfies_it(
    comparator: Any, threshold: float, needed: int
) -> None:
    story = Story(count(comparator, threshold))

    story.tell(" ".join(["A@0"] * (needed - 1)))
    assert story.matches == []
    story.tell("A@0")
    assert len(story.matches) == 1


SHORT_CUTS = [
    pytest.param(
        sequence(step("A", where=n_is(1)), "B", "C", within=6),
        {"A": Start, "B": TakeOn, "C": Complete},
        id="steps",
    ),
    pytest.param(
        sequence("A", step("B", where=n_is(1)), step("C", where=n_is(2)), within=6),
        {"A": Start, "B": TakeOn, "C": Complete},
        id="steps that ask",
    ),
    pytest.param(
        sequence("A", step("B", after=2, before=5), step("C", after=2), within=9),
        {"A": SequenceLook, "B": TakeOn, "C": Complete},
        id="gaps",
    ),
    pytest.param(
        sequence("A", "B", step("C", where=n_is(1), before=4), within=6),
        {"A": Start, "B": TakeOn, "C": Complete},
        id="a last step in time",
    ),
    pytest.param(
        sequence("A", "B", "C", absent("D", 5), within=6),
        {"A": Start, "B": TakeOn, "C": Open, "D": Cancel},
        id="a wait behind steps",
    ),
    pytest.param(
        sequence("A", "B", absent("D", 5, where=n_is(1)), within=6, restart=True),
        {"A": Start, "B": Open, "D": Cancel},
        id="a wait behind steps that moves",
    ),
    pytest.param(
        sequence(step("A", where=n_is(1)), absent("D", 5)),
        {"A": Open, "D": Cancel},
        id="the only step opens a wait",
    ),
    pytest.param(
        sequence(step("A", where=n_is(1)), absent("D", 5), restart=True),
        {"A": Open, "D": Cancel},
        id="the only step moves a wait",
    ),
    pytest.param(
        sequence("A", absent("D", 2), "B", absent("C", 5), within=9),
        {"A": SequenceLook, "B": Open, "C": Cancel, "D": SequenceLook},
        id="a silence and a wait",
    ),
]


@pytest.mark.parametrize(("pattern", "kinds"), SHORT_CUTS)
@settings(max_examples=60)
@given(story=stories(most=25), late=st.integers(0, 30))
def test_a_step_of_a_sequence_is_the_same_by_its_short_cut(
    pattern: SequencePattern, kinds: dict[str, type[Look]], story: str, late: int
) -> None:
    short, plain = Story(pattern), Story(pattern)
    assert {each: type(look) for each, look in short.looks.items()} == kinds
    assert isinstance(plain.matcher, SequenceMatcher)
    plain.looks = {each: SequenceLook(plain.matcher, each) for each in plain.matcher.types}

    for text in story.split():
        said = []
        for each in (short, plain):
            each.tell(text)
            now = each.now
            said.append((now.is_held, now.is_whole, now.has_cancelled, each.gave_up, each.matches))
        assert said[0] == said[1]
        assert tables(short.state) == tables(plain.state)

    for event_type in plain.matcher.types:
        cancelled = [each.cancel(f"{event_type}=1@{late}") for each in (short, plain)]
        assert cancelled[0] is cancelled[1]
        assert tables(short.state) == tables(plain.state)


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(sequence("A"), id="the first step is all"),
        pytest.param(sequence("A", step("B", after=2)), id="the newest is not enough"),
        pytest.param(sequence("A", absent("A"), "B"), id="it cancels as well"),
        pytest.param(sequence("A", "AB", "B"), id="it fills as well"),
        pytest.param(sequence("B", absent("A", 2), "C", absent("A", 5)), id="it cancels twice"),
    ],
)
def test_no_short_cut_where_more_is_to_be_done(pattern: SequencePattern) -> None:
    assert type(matcher_of(pattern).look("A")) is SequenceLook


# ── waits ───────────────────────────────────────────────────────────────────────────────────


@every_pattern
@few
@given(stories())
def test_only_what_says_so_waits(begin: Begin, story: str) -> None:
    told = begin().tell(story)

    assert told.matcher.waits or not told.state.waits


@every_pattern
def test_there_is_no_timer_where_nothing_waits(begin: Begin) -> None:
    told = begin()

    for key in told.matcher.waits or ("testtest0",):
        with pytest.raises(LookupError):
            told.matcher.on_timer(told.state, key, "")
