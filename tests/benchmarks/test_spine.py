"""The benchmark's load is what it says, and its figures come out as one object."""

from __future__ import annotations

import io
import json

import pytest

from benchmarks import load, spine
from benchmarks.stock import AT_LEAST, HOUR_MS
from triggerstream.core.events.decode import decode_event
from triggerstream.core.model import CountPattern
from triggerstream.core.parsing.directory import parse_ruleset

FOUND = {
    "limit": [7.0, 9.0, 8.0],
    "stock": [800.0, 820.0, 900.0],
    "1": [20.0, 21.0, 19.0],
    "10": [22.0, 22.0, 22.0],
    "100": [30.123, 40.0, 20.0],
}


@pytest.mark.parametrize("count", spine.TRIGGERS)
def test_the_triggers_are_as_many_as_asked(count: int) -> None:
    assert len(parse_ruleset({"bench.yaml": load.triggers(count)}).triggers) == count


def test_of_a_hundred_triggers_four_look_at_each_type() -> None:
    assert set(load.looks_per_type(100).values()) == {4}


def test_the_single_trigger_counts_what_the_stock_agent_counts() -> None:
    (trigger,) = parse_ruleset({"bench.yaml": load.triggers(1)}).triggers

    assert trigger.when == CountPattern(load.TYPES, "at_least", AT_LEAST, within=HOUR_MS)


def test_events_are_about_370_bytes_long_and_end_at_the_time_given() -> None:
    events = load.events(200, until=1_700_000_000_000)
    decoded = [decode_event(value, fallback_id="", fallback_timestamp=0) for _, value in events]

    assert 360 <= sum(len(value) for _, value in events) / len(events) <= 380
    assert decoded[-1].timestamp == 1_700_000_000_000
    assert {event.event_type for event in decoded} <= set(load.TYPES)


def test_the_same_seed_gives_the_same_events() -> None:
    assert load.events(50, until=10**12) == load.events(50, until=10**12)


def test_the_json_has_the_medians() -> None:
    assert json.loads(spine.as_json(FOUND)) == {
        "limit_us": 8.0,
        "stock_us": 820.0,
        "worker_us": {"1": 20.0, "10": 22.0, "100": 30.12},
    }


def test_the_table_fits_a_narrow_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    spine.show(FOUND)

    lines = io.StringIO(capsys.readouterr().out).readlines()
    assert len(lines) == 1 + len(FOUND)
    assert max(map(len, lines)) <= 80
