"""``strict`` (41) against every choice of events that there is, tried one after the other."""

from __future__ import annotations

from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.core.patterns.harness import Story, absent, event, n_is, sequence, step
from triggerstream.core.model import AbsentStep, EventStep, SequencePattern
from triggerstream.core.parsing.patterns.lowering import strict

ACTIVITY = ("A", "B", "C")
WITHIN = 12

STEPS: list[tuple[EventStep | AbsentStep, ...]] = [
    (step("A"), step("B")),
    (step("A"), step("B", where=n_is(1)), step("C")),
    (step("A", times=2), step("B", after=2)),
    (step("A"), absent("D"), step("B", where=n_is(1))),
    (step("A"), absent("D", where=n_is(1)), step("BC"), step("C")),
    (step("A"), absent("D", 3), step("B")),
    (step("A"), absent("BD", 3, where=n_is(1)), step("B"), step("D")),
    (step("AD"), step("D", before=4), absent("C", 2, where=n_is(1)), step("C")),
]


@st.composite
def stories(draw: st.DrawFn) -> list[tuple[str, int, int]]:
    at = 0
    told = []
    for type_, n, gap in draw(
        st.lists(
            st.tuples(st.sampled_from("AABBCD"), st.sampled_from([1, 1, 2]), st.integers(0, 3)),
            max_size=11,
        )
    ):
        at += gap
        told.append((type_, n, at))
    return told


Happened = tuple[str, int, int]


def fits(selected: EventStep | AbsentStep, happened: Happened) -> bool:
    return happened[0] in selected.types and (selected.where is None or happened[1] == 1)


Steps = tuple[EventStep | AbsentStep, ...]
Fill = tuple[EventStep, AbsentStep | None]


def fills_of(steps: Steps) -> list[Fill]:
    """Return what each event must fill, with the absence before it."""
    fills: list[Fill] = []
    between: AbsentStep | None = None
    for each in steps:
        if isinstance(each, AbsentStep):
            between = each
            continue
        fills.append((each, between))
        fills += [(EventStep(each.types, each.where), None)] * (each.times - 1)
        between = None
    return fills


def may_follow(fill: Fill, before: Happened, between: list[Happened], last: Happened) -> bool:
    """Return whether *last* may fill its step behind *before*, whatever lies *between* them."""
    wanted, absence = fill
    silence = None if absence is None else absence.duration
    gap = last[2] - before[2]
    if gap < max(wanted.after or 0, silence or 0) or gap >= (wanted.before or 99):
        return False
    is_torn = any(each[0] in ACTIVITY and not fits(wanted, each) for each in between)
    return not is_torn and not any(
        absence is not None
        and fits(absence, each)
        and (silence is None or each[2] < before[2] + silence)
        for each in [*between, last]
    )


def holds(fills: list[Fill], story: list[Happened], chosen: tuple[int, ...]) -> bool:
    """Return whether the events *chosen* are a match."""
    events = [story[each] for each in chosen]
    return (
        events[-1][2] - events[0][2] < WITHIN
        and all(fits(fill, each) for (fill, _), each in zip(fills, events, strict=True))
        and all(
            may_follow(fills[number], story[one], story[one + 1 : other], story[other])
            for number, (one, other) in enumerate(pairwise(chosen), start=1)
        )
    )


def by_hand(steps: Steps, story: list[Happened]) -> list[str]:
    fills = fills_of(steps)
    start = 0
    found = []
    for end in range(len(story)):
        choices = [
            chosen
            for chosen in combinations(range(start, end + 1), len(fills))
            if chosen[-1] == end and holds(fills, story, chosen)
        ]
        if choices:
            ids = ",".join(f"{story[each][0]}{each}" for each in max(choices))
            found.append(f"{ids}@{story[end][2]}")
            start = end + 1
    return found


@given(st.sampled_from(STEPS), stories())
def test_it_matches_where_some_choice_of_events_does(steps: Steps, story: list[Happened]) -> None:
    pattern: SequencePattern = sequence(*strict(steps, ACTIVITY), within=WITHIN)
    told = Story(pattern)
    for number, (type_, n, at) in enumerate(story):
        told.happens(event(f"{type_}={n}@{at}", number))

    assert list(map(str, told.matches)) == by_hand(steps, story)
