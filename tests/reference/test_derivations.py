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

from tests.reference.conditions import holds
from tests.reference.definitions import RingError
from tests.reference.evaluator import Log, evaluate
from tests.reference.rulesets import rulesets
from tests.reference.stories import START, Json, log, tell, trigger
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
        for name, segment in so_far.definitions.segments.items():
            if "leave" not in segment:
                note(f"{customer.id} {name} at {at - START}: {customer.known.members}")
                facts = customer.known.facts(at)
                assert (name in customer.known.members) == holds(segment["is"], facts)


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
