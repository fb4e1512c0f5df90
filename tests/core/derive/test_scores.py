"""Scores: a crossing fires once, and the way back has a threshold of its own."""

from __future__ import annotations

import pytest

from tests.core.derive.harness import DAY, START
from tests.core.detection.customers import LATENESS, Customer
from triggerstream.core.decisions import Firing, SegmentChanged


def crossings(pattern: str, scores: list[float | None]) -> list[int]:
    """Return the numbers of the *scores*, one a minute, by which a trigger fires."""
    customer = Customer(f"{{trigger: t, when: {{score: churn, {pattern}}}}}")
    fired = []
    for number, score in enumerate(scores):
        out = customer.happens("score", START + number * 60_000, model="churn", score=score)
        fired += [number for each in out if isinstance(each, Firing)]
        assert not [each for each in out if isinstance(each, SegmentChanged)]
    return fired


@pytest.mark.covers("L1", "D10")
@pytest.mark.parametrize(
    ("pattern", "scores", "fired"),
    [
        ("above: 0.7", [0.7, 0.71, 0.8, 0.7, 0.9], [1, 4]),
        ("above: 0.7", [0.9], [0]),
        ("above: 0.7, back: 0.6", [0.8, 0.65, 0.8, 0.6, 0.8, 0.59, 0.8], [0, 6]),
        ("below: 0.3", [0.3, 0.29, 0.3, 0.1], [1, 3]),
        ("below: 0.3, back: 0.4", [0.2, 0.35, 0.2, 0.4, 0.2, 0.41, 0.2], [0, 6]),
        ("above: 0.4, up_to: 0.7", [0.3, 0.8, 0.7, 0.71, 0.5], [2, 4]),
        ("above: 0.4, up_to: 0.7, back: 0.2", [0.5, 0.3, 0.5, 0.1, 0.5, 0.9, 0.5], [0, 4, 6]),
        ("below: 0.5, down_to: 0.2", [0.6, 0.1, 0.2, 0.19, 0.3], [2, 4]),
    ],
)
def test_a_crossing_fires_once(pattern: str, scores: list[float | None], fired: list[int]) -> None:
    assert crossings(pattern, scores) == fired


@pytest.mark.covers("L1")
@pytest.mark.parametrize(("after", "again"), [(7 * DAY - 1, False), (7 * DAY, True)])
def test_a_score_that_is_too_old_counts_as_none(after: int, again: bool) -> None:
    customer = Customer("{trigger: t, when: {score: churn, above: 0.7, stale: 7d}}")
    customer.happens("score", START, model="churn", score=0.8)
    customer.waits_until(START + 7 * DAY + LATENESS - 1)

    out = customer.happens("score", START + after, model="churn", score=0.9)

    assert any(isinstance(each, Firing) for each in out) is again


def test_other_models_and_what_where_leaves_out_are_not_heard() -> None:
    customer = Customer(
        "{trigger: t, when: {score: churn, above: 0.7, where: {event_data.version: {equals: 2}}}}"
    )
    customer.happens("score", START, model="ltv", score=0.9, version=2)
    customer.happens("score", START, model="churn", score=0.9, version=1)
    assert customer.out == []

    (firing,) = customer.happens("score", START, model="churn", score=0.9, version=2)
    assert b'"version":2' in bytes(firing.event)


def test_a_score_may_be_an_attribute() -> None:
    customer = Customer(
        "{attribute: e, points: {touch: 0}, half_life: 1d}\n---\n"
        "{trigger: t, when: {score: profile.e, below: 0.3, back: 0.4}}"
    )
    customer.happens("touch", START)

    (firing,) = customer.waits_until(START + 30 * DAY)

    assert START + DAY // 2 < firing.at < START + DAY
