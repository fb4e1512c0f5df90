"""Quantiles are of what was measured, and the open-loop load is what it says."""

from __future__ import annotations

import json
import random

import pytest

from benchmarks import edge, latency, pace
from triggerstream.core.events.decode import decode_event
from triggerstream.core.parsing.directory import parse_ruleset


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50), (0.95, 95), (0.99, 99), (0.991, 100), (1.0, 100), (0.0, 1)]
)
def test_a_quantile_is_the_least_value_that_the_share_does_not_exceed(
    share: float, expected: int
) -> None:
    assert latency.quantile(list(range(100, 0, -1)), share) == expected


def test_latencies_come_out_as_one_object() -> None:
    paced = {"50%": latency.Latencies([9.0, 5.0], [1.0, 2.0], [3.0, 1.0], [5.0, 2.0])}

    told = json.loads(latency.as_json(latency.Found(10_000.4, paced, [60.0])))

    assert told["capacity_events_s"] == 10_000
    assert told["readable_ms"] == {"50%": {"p50": 5.0, "p95": 9.0, "p99": 9.0, "worst": 9.0}}
    assert told["append_to_append_ms"]["50%"]["p50"] == 1.0
    assert told["absence_late_ms"]["p99"] == 60.0


def test_the_absence_is_a_trigger() -> None:
    assert parse_ruleset({"a.yaml": latency.ABSENCE}).triggers[0].id == "absence"


def test_a_paced_event_is_one() -> None:
    key, before, middle, behind = pace.templates(random.Random(1))[0]

    value = b"%s%d-%d%s%d%s" % (before, 7, 42, middle, 1_700_000_000_000, behind)
    event = decode_event(value, fallback_id="", fallback_timestamp=0)

    assert event.customer_id.encode() == key
    assert (event.event_id, event.timestamp) == ("7-42", 1_700_000_000_000)


def test_layers_are_told_with_their_sum_and_the_limit() -> None:
    figures = edge.Figures({"loop": 4.0, "fetch": 2.5, "rocks": 0.5}, 0.25)

    told = json.loads(edge.as_json([5.0], {edge.CASES[0].name: [figures]}))

    assert told["limit_us"] == 5.0
    assert told["cases"]["200 B, nothing told"] == {
        "us": 7.0,
        "layers_us": {"loop": 4.0, "fetch": 2.5, "rocks": 0.5},
        "states": 0.25,
    }
