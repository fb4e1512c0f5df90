"""How the benchmarks measure: in turns, and what they say of many figures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks import many, rounds, sender, state
from benchmarks.load import TYPES
from triggerstream.core.parsing.directory import parse_ruleset


def ticking(*micros: int) -> Iterator[int]:
    """Yield the beginning and the end of works that take *micros*, in nanoseconds."""
    now = 0
    for each in micros:
        yield now
        now += each * 1000
        yield now


def test_works_take_turns_and_cost_what_a_piece_takes() -> None:
    done: list[str] = []
    clock = ticking(10, 60, 20, 90)

    def work(name: str, pieces: int) -> int:
        done.append(name)
        return pieces

    found = rounds.take_turns(
        {"a": lambda: work("a", 1), "b": lambda: work("b", 30)},
        2,
        quiet=True,
        clock=lambda: next(clock),
    )

    assert done == ["a", "b", "a", "b"]
    assert found == {"a": [10.0, 20.0], "b": [2.0, 3.0]}


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (10, 1), (11, 2), (100, 10)])
def test_quick_is_what_a_tenth_does_not_exceed(count: int, expected: int) -> None:
    assert rounds.quick(range(count, 0, -1)) == expected


def test_idle_triggers_look_at_no_type_that_occurs() -> None:
    source = parse_ruleset({"bench.yaml": many.with_idle(900)})

    assert len(source.triggers) == 1_000
    text = many.with_idle(900)
    assert {name: text.count(name) for name in TYPES} == dict.fromkeys(TYPES, 4)


def test_a_line_goes_through_points_that_are_on_one() -> None:
    start, slope, miss = many.line_through({1: 12.0, 4: 18.0, 16: 42.0})

    assert (round(start, 6), round(slope, 6), round(miss, 6)) == (10.0, 2.0, 0.0)


def test_a_point_beside_the_line_is_told() -> None:
    _, _, miss = many.line_through({1: 12.0, 4: 18.0, 16: 90.0})

    assert miss > 0.1


def test_an_idle_trigger_that_costs_more_than_a_tenth_is_told() -> None:
    cost = {f"relevant {number}": float(number) for number in many.RELEVANT}

    within = many.judge(cost | {"idle 0": 10.0, "idle 900": 11.0, "idle 4900": 11.0})
    above = many.judge(cost | {"idle 0": 10.0, "idle 900": 10.0, "idle 4900": 11.1})

    assert within["idle_within_10_percent"]
    assert not above["idle_within_10_percent"]


def test_attempts_that_were_put_off_are_read_from_the_metrics() -> None:
    metrics = (
        'triggerstream_attempts_total{channel="log",outcome="sent",reason=""} 40.0\n'
        'triggerstream_attempts_total{channel="log",outcome="retry",reason="unavailable"} 3.0\n'
        'triggerstream_other_total{outcome="retry"} 9.0\n'
    )

    assert sender.put_off(metrics) == 3


def test_sizes_of_states_leave_out_what_was_deleted() -> None:
    assert state.sizes([b"a", b"abc", None, b"ab"]) == {
        "customers": 3,
        "mean": 2,
        "median": 2,
        "p99": 3,
        "max": 3,
    }
