"""Scores that decay, and the most frequent value."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from tests.core.derive.harness import DAY, HOUR, START, customer_with, value_of
from tests.core.detection.customers import LATENESS, Customer
from triggerstream.core.decisions import SegmentChanged

SCORE = "{attribute: s, points: {up: 0.25, down: -0.5, touch: 0}, half_life: 14d}"


# ── points ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.covers("D3", "D2")
def test_a_score_begins_in_the_middle_and_stays_between_zero_and_one() -> None:
    customer = customer_with(SCORE)
    assert value_of(customer, "s") == 0.5

    for _ in range(3):
        customer.happens("up", START)
    assert value_of(customer, "s") == 1.0
    for _ in range(4):
        customer.happens("down", START)
    assert value_of(customer, "s") == 0.0


@pytest.mark.covers("D4")
def test_a_score_is_worth_exactly_half_after_each_half_life() -> None:
    customer = customer_with(SCORE)
    customer.happens("up", START)

    assert value_of(customer, "s", START + 14 * DAY) == 0.375
    assert value_of(customer, "s", START + 28 * DAY) == 0.1875
    assert value_of(customer, "s", START + 14 * DAY - 1) > 0.375


def test_a_score_decays_under_hourly_events_as_it_does_without() -> None:
    busy, quiet = customer_with(SCORE), customer_with(SCORE)
    quiet.happens("up", START)
    busy.happens("up", START)
    for hour in range(1, 14 * 24):
        busy.happens("touch", START + hour * HOUR)

    assert value_of(busy, "s", START + 14 * DAY) == pytest.approx(0.375, abs=1e-12)
    values = [value_of(quiet, "s", START + n * DAY) for n in range(60)]
    assert all(one > other for one, other in pairwise(values))


def test_a_late_event_moves_no_score() -> None:
    customer = customer_with(SCORE)
    customer.happens("other", START)
    customer.happens("up", START - LATENESS - 1, arrival=START)

    assert value_of(customer, "s") == 0.5


@pytest.mark.parametrize("bound", [0.375, 0.2, 0.749, 0.01])
def test_who_falls_below_a_score_leaves_at_that_step_and_not_before(bound: float) -> None:
    customer = Customer(
        f"{SCORE}\n---\n{{segment: keen, is: {{profile.s: {{greater_than: {bound}}}}}}}"
    )
    customer.happens("up", START)

    (left,) = customer.waits_until(START + 400 * DAY)

    assert left == SegmentChanged("keen", "left", "c", left.at)
    other = customer_with(SCORE)
    other.happens("up", START)
    assert value_of(other, "s", left.at) <= bound < value_of(other, "s", left.at - 1)


def test_nobody_is_woken_up_for_steps_that_change_nothing() -> None:
    customer = Customer(
        f"{SCORE}\n---\n{{segment: keen, is: {{profile.s: {{greater_than: 0.5}}}}}}"
    )
    customer.happens("up", START)
    before = customer.state.wake

    customer.waits_until(before - 1)
    assert customer.state.wake == before

    customer.waits_until(before)
    assert customer.state.wake > START + 10**15


# ── top ─────────────────────────────────────────────────────────────────────────────────────


def top_of(values: list[Any]) -> Any:
    customer = customer_with("{attribute: t, top: event_data.v, on: e}")
    for at, value in enumerate(values):
        customer.happens("e", START + at, v=value)
    return value_of(customer, "t")


@pytest.mark.parametrize(
    ("values", "top"),
    [
        ([], None),
        ([None, [1], {}], None),
        (["a", "b", "a"], "a"),
        (["a", "b", "b", "a"], "a"),
        (["a", "a", "b", "b"], "b"),
        ([1, "1", True, 1.0], 1),
    ],
)
def test_the_most_frequent_value_and_of_equals_the_one_seen_last(
    values: list[Any], top: Any
) -> None:
    found = top_of(values)

    assert (found, type(found)) == (top, type(top))


def test_a_33rd_value_replaces_the_least_and_of_equals_the_oldest() -> None:
    values = [f"v{n}" for n in range(32)]

    # v0 is forgotten, so that it begins with 1 again, and v1 goes for it.
    assert top_of([*values, "new", "v1", "v0"]) == "v1"
    assert top_of(["v0", *values, "new", "v0"]) == "v0"


@pytest.mark.parametrize(("more", "top"), [(63, "mid"), (64, "new")])
def test_at_256_counted_all_are_halved_so_that_it_follows_what_is_new(more: int, top: str) -> None:
    assert top_of(["old"] * 128 + ["mid"] * 128 + ["new"] * more) == top
