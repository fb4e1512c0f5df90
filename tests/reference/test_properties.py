"""What holds of everything that is derived (section 19), shown on the engine's own partition."""

from __future__ import annotations

from collections import defaultdict
from math import fsum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reference.partitions import by_partition, by_reference
from tests.reference.rulesets import NUMBERS, rulesets
from tests.reference.stories import (
    DECIDE,
    START,
    Decide,
    Json,
    attribute,
    log,
    ms,
    segment,
    tell,
    trigger,
)
from tests.reference.strategies import MINUTE, ends, logs
from tests.reference.test_agreement import agree, some

TICKS = st.lists(st.integers(0, 60 * 4), max_size=12)
SIZES = st.lists(st.integers(1, 7), max_size=12)


def by_customer(lines: list[Json]) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = defaultdict(list)
    for line in lines:
        found[line["customer_id"]].append(line)
    return found


@given(rulesets(NUMBERS), logs(orderly=True), TICKS, SIZES, st.booleans())
def test_ticks_batches_and_restarts_change_no_line(
    documents: list[Json], events: list[Json], ticks: list[int], sizes: list[int], restarts: bool
) -> None:
    """(29, 50) Whatever the clock hears of between two records, wherever a batch ends, and whoever
    decides the next one: ids and times are the same."""
    end = START + 90 * MINUTE
    events = [each for each in events if each["event_id"] is not None]  # it names the position
    plain = by_partition([documents], events, until=end)
    marks = [*events, *({"tick": START + each * MINUTE // 4} for each in ticks)]
    marks.sort(key=lambda each: (each.get("tick", each.get("timestamp")), "tick" in each))
    marks = [each for number, each in enumerate(marks) if number or "tick" not in each]

    ticked = by_partition([documents], marks, until=end, sizes=sizes, restarts=restarts)

    assert by_customer(ticked) == by_customer(plain)


@given(rulesets(NUMBERS), logs(), ends())
def test_edges_alternate(documents: list[Json], events: list[Json], until: int | None) -> None:
    """(54) For each customer and segment: entered, left, entered, ..."""
    edges: dict[tuple[str, str], list[str]] = defaultdict(list)
    for line in by_partition([documents], events, until=until):
        if line["kind"] == "segment":
            edges[line["customer_id"], line["segment"]].append(line["change"])

    for changes in edges.values():
        assert changes == (["entered", "left"] * len(changes))[: len(changes)]


@given(rulesets(NUMBERS), logs(), ends())
def test_of_one_customer_edges_do_not_go_back_in_time(
    documents: list[Json], events: list[Json], until: int | None
) -> None:
    """(36)"""
    for lines in by_customer(by_partition([documents], events, until=until)).values():
        times = [line["at"] for line in lines if line["kind"] == "segment"]
        assert times == sorted(times)


@some(2)
@given(rulesets(NUMBERS), logs(longest=20), ends())
def test_an_upload_in_reverse_arrival(
    documents: list[Json], events: list[Json], until: int | None
) -> None:
    """The newest came first; the others are late, and arrived when it did."""
    arrival = max(event["timestamp"] for event in events)
    upload = [{**event, "received_at": arrival} for event in reversed(events)]

    agree(documents, upload, until, {})


CENTS = st.lists(st.integers(-100_000, 100_000), min_size=1, max_size=30)


@some(2)
@given(CENTS, st.randoms(use_true_random=False))
def test_sums_are_equal_to_the_cent_in_any_order_of_arrival(cents: list[int], random: Any) -> None:
    """(46, 49) Late ones are summed up, too."""
    worth = fsum(each / 100 for each in cents)
    test = {"between": [worth - 0.001, worth + 0.001]}
    documents = [
        attribute("v", "sum: event_data.n\non: a"),
        trigger("{event: p}", if_={"profile.v": test}),
    ]
    events = [
        {**log(f"a@{number * 60}")[0], "event_id": f"a{number}", "event_data": {"n": each / 100}}
        for number, each in enumerate(cents)
    ]
    random.shuffle(events)

    lines = by_partition([documents], [*events, *log("p@99999")])

    assert [line["kind"] for line in lines] == ["firing"]


@given(
    st.lists(st.tuples(st.integers(0, 100), st.sampled_from("ab")), min_size=1, max_size=30),
    st.sampled_from([0.02, 0.5, 1, -0.3, -1]),
    st.sampled_from([0.02, 0.5, 1, -0.3, -1]),
)
def test_points_stay_between_0_and_1(
    story: list[tuple[int, str]], one: float, other: float
) -> None:
    """(47) Nobody is ever beyond, whatever comes and however long nothing does."""
    documents = [
        {"attribute": "v", "points": {"a": one, "b": other}, "half_life": "64s"},
        segment("s", "is: {any: [{profile.v: {greater_than: 1}}, {profile.v: {less_than: 0}}]}"),
    ]
    at, events = 0, list[Json]()
    for pause, type_ in story:
        at += pause
        events += log(f"{type_}@{at}#{len(events)}")

    assert by_partition([documents], events, until=ms(at + 600)) == []


@pytest.mark.parametrize("decide", DECIDE.values(), ids=DECIDE.keys())
def test_a_chain_of_five(decide: Decide) -> None:
    """(34) Each hears of the one before it, in the same decision; ids do not hang on how."""
    documents = [
        trigger("{event: a}", "t"),
        attribute("fired", "count: {fired: t}"),
        segment("s", "is: {profile.fired: {greater_than: 0}}"),
        attribute("in", "count: {entered: s}"),
        trigger("{changed: profile.in, to: 1}", "u"),
        trigger("{fired: u}", "v"),
        trigger("{sequence: [{event: a}, {fired: v}]}", "w"),
    ]

    lines = decide(documents, log("b@0 a@5"))

    assert tell(lines) == "1@5 +s@5 $changed:in@5 $fired:u@5 1,$fired:v@5"
    assert [line.get("trigger") for line in lines] == ["t", None, "u", "v", "w"]


def test_a_chain_of_five_is_the_same_in_a_partition_and_after_a_restart() -> None:
    documents = [
        trigger("{sequence: [{event: a}, {absent: b, for: 10s}]}", "t"),
        segment("s", "is: {count: {fired: t}, at_least: 1, within: 20s}"),
        trigger("{entered: s}", "u"),
        segment("m", "is: {segment: s}"),
        trigger("{sequence: [{left: m}, {absent: b, for: 5s}]}", "w"),
    ]
    story = [*log("a@0"), {"tick": ms(21)}, {"tick": ms(41)}, *log("c@99")]

    expected = by_reference([documents], story)

    assert tell(expected) == "0@10 +s@10 +m@10 $entered:s@10 -s@30 -m@30 $left:m@35"
    for size in (1, 2, 3):
        for restarts in (False, True):
            sizes = [size] * 9
            assert by_partition([documents], story, sizes=sizes, restarts=restarts) == expected
