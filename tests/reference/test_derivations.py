"""What holds of everything that is derived, shown on the reference itself, without an engine.

The engine agrees with the reference (`test_agreement`, and the tests of each construct), so it
holds of the engine, too.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from tests.reference.attributes import Fold, Points
from tests.reference.conditions import holds
from tests.reference.definitions import RingError
from tests.reference.evaluator import Log, evaluate
from tests.reference.rulesets import rulesets
from tests.reference.seen import Seen, duration
from tests.reference.stories import START, Json, log, ms, segment, tell, trigger
from tests.reference.strategies import MINUTE, ends, logs


@given(rulesets(), logs(), ends())
def test_edges_alternate(documents: list[Json], events: list[Json], until: int | None) -> None:
    """(54) For each customer and segment: entered, left, entered, ..."""
    edges: dict[tuple[str, str], list[str]] = defaultdict(list)
    for line in evaluate(documents, events, until=until):
        if line["kind"] == "segment":
            edges[line["customer_id"], line["segment"]].append(line["change"])

    for changes in edges.values():
        assert changes == (["entered", "left"] * len(changes))[: len(changes)]


@given(rulesets(), logs(orderly=True), st.data())
def test_members_are_those_of_whom_the_condition_holds(
    documents: list[Json], events: list[Json], data: Any
) -> None:
    """(54, 55) At any time, of segments without ``leave``; in a log without late events, which are
    heard of later (49)."""
    so_far = Log(documents, {}, None)
    asked = sorted(data.draw(st.lists(st.integers(0, 60), max_size=6)))
    for number, event in enumerate(events):
        while asked and START + asked[0] * MINUTE < event["timestamp"]:
            so_far.advance(START + asked.pop(0) * MINUTE + so_far.lateness)
            members_are_right(so_far)
        so_far.take(event, number, [])
        members_are_right(so_far)


def members_are_right(so_far: Log) -> None:
    assert so_far.clock is not None
    for customer in so_far.customers.values():
        at = max(customer.tau, so_far.clock - so_far.lateness)
        for name, each in so_far.definitions.segments.items():
            if "leave" not in each:
                note(f"{customer.id} {name} at {at - START}: {customer.known.members}")
                facts = customer.known.facts(at)
                assert (name in customer.known.members) == holds(each["is"], facts)


@given(rulesets(), logs(orderly=True), st.lists(st.integers(0, 60 * 4)))
def test_ticks_change_no_line(documents: list[Json], events: list[Json], ticks: list[int]) -> None:
    """(29, 50) Wherever the clock is heard of between two records, of one customer after another:
    lines of several that fall into one turn of the clock are told by due."""
    plain, ticked = Log(documents, {}, None), Log(documents, {}, None)
    moments = sorted(START + tick * MINUTE // 4 for tick in ticks)
    for number, event in enumerate(events):
        while moments and moments[0] <= event["timestamp"]:
            if ticked.clock is not None:
                ticked.advance(moments[0])
            moments.pop(0)
        plain.take(event, number, [])
        ticked.take(event, number, [])
    for each in (plain, ticked):
        each.advance(START + 90 * MINUTE)

    assert plain.decisions == ticked.decisions


@given(
    st.lists(st.tuples(st.integers(0, 100_000), st.sampled_from("ab")), min_size=1),
    st.floats(-1, 1),
    st.floats(-1, 1),
    st.sampled_from(["1s", "7s", "64s", "14d"]),
)
def test_points_stay_between_0_and_1_and_halve_exactly(
    story: list[tuple[int, str]], one: float, other: float, half_life: str
) -> None:
    """(47) Whatever comes, and in whatever time: also under many events within a half-life."""
    spec = {"points": {"a": one, "b": other}, "half_life": half_life}
    folds, at = list[Fold](), 0
    for number, (pause, type_) in enumerate(story):
        at += pause
        event = {"event_id": str(number), "event_type": type_}
        folds.append(Fold(Seen(number, number, at, at, event), at))
        points = Points(spec, folds, None)

        now, later = points.worth(at), points.worth(at + duration(half_life))

        assert 0 <= now <= 1
        assert later == now / 2
        assert points.worth(at + duration(half_life) - 1) >= later


@pytest.mark.parametrize(
    ("is_", "story", "told"),
    [
        # Everything is evaluated at a customer's first record, whatever it is (48, 54).
        ("{count: a, at_most: 0, within: 10s}", "b@0", "+s@0"),
        ("{count: a, at_most: 0, within: 10s}", "b@0 a@5 b@20", "+s@0 -s@5 +s@15"),
        ("{count: a, at_most: 0, within: 10s}", "a@0 b@20", "+s@10"),
        ("{profile.n: {exists: false}}", "b@0", "+s@0"),
        ("{since_last: {event: a, at_least: 10s}}", "b@0 a@5 b@20", "+s@0 -s@5 +s@15"),
    ],
)
def test_who_comes_for_the_first_time_may_be_a_member_at_once(
    is_: str, story: str, told: str
) -> None:
    assert tell(evaluate([segment("s", f"is: {is_}")], log(story), until=ms(60))) == told


RINGS: list[list[Json]] = [
    [trigger("{fired: t}", "t")],
    [trigger("{count: {fired: u}, at_least: 2}", "t"), trigger("{fired: t}", "u")],
    [
        trigger("{entered: s}", "t"),
        {"segment": "s", "is": {"count": {"fired": "t"}, "at_least": 1, "within": "1d"}},
    ],
    [{"segment": "s", "is": {"segment": "p"}}, {"segment": "p", "is": {"segment": "s"}}],
    [{"segment": "s", "is": {"profile.n": {"exists": True}}, "leave": {"segment": "s"}}],
    [{"attribute": "n", "count": {"changed": "profile.n"}}],
    [
        {"attribute": "n", "case": [{"if": {"segment": "s"}, "then": 1}]},
        {"segment": "s", "is": {"profile.n": {"equals": 1}}},
    ],
    [
        {"attribute": "n", "count": {"left": "s"}},
        {"segment": "s", "is": {"profile.n": {"equals": 1}}},
    ],
    [
        {"attribute": "n", "last": "at", "on": [{"fired": "t"}, "a"]},
        trigger("{sequence: [{event: a}, {absent: [b, {changed: profile.n}], for: 1m}]}", "t"),
    ],
]


@pytest.mark.parametrize("documents", RINGS)
def test_a_ring_is_refused(documents: list[Json]) -> None:
    with pytest.raises(RingError):
        evaluate(documents, [])


def test_what_a_condition_reads_makes_no_ring() -> None:
    """(37) "Not more than three of it in a week"."""
    limited = trigger("{event: a}", if_={"count": {"fired": "t"}, "at_most": 2, "within": "7d"})

    kinds = [line["kind"] for line in evaluate([limited], log("a@0 a@1 a@2 a@3"))]

    assert kinds == ["firing", "firing", "firing", "suppressed"]


def test_of_one_record_the_real_event_stands_first_and_then_by_id() -> None:
    """`all` remembers `$fired:z`, then `$fired:t`: both stand at record 0, t before z."""
    heard = [
        trigger("{event: a}", "z", priority="high"),
        trigger("{event: a}", "t"),
        trigger("{all: [{fired: z}, {fired: t}, {event: a}]}", "u"),
    ]

    assert tell(evaluate(heard, log("a@0"))) == "0@0 0@0 0,$fired:t,$fired:z@0"
