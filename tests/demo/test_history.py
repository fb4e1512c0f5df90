"""History as records: arrivals in a header, and ticks in between."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from triggerstream.core.records.record import ARRIVAL, KIND, Kind, Rejected
from triggerstream.demo.history import Played, read_history, with_ticks

HOUR = 3_600_000


def test_an_event_arrives_when_it_happened(tmp_path: Path) -> None:
    line = b'{"customer_id":"c1","event_type":"home","timestamp":"1970-01-01T00:00:01Z"}'
    (tmp_path / "events.jsonl.gz").write_bytes(gzip.compress(line + b"\n"))

    assert read_history(tmp_path / "events.jsonl.gz") == [Played(1000, b"c1", line)]


def test_a_line_that_is_no_event_is_refused(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl.gz").write_bytes(gzip.compress(b"[]\n"))

    with pytest.raises(Rejected):
        read_history(tmp_path / "events.jsonl.gz")


def test_an_event_has_no_kind_and_a_tick_says_that_it_is_one() -> None:
    assert Played(5, b"c1", b"{}").headers == [(ARRIVAL, b"5")]
    assert Played(5).headers == [(KIND, Kind.TICK), (ARRIVAL, b"5")]


@pytest.mark.parametrize(
    ("gap", "ticks"), [(HOUR - 1, []), (HOUR, [HOUR])], ids=["just before", "exactly an hour"]
)
def test_a_tick_comes_before_the_event_at_its_time(gap: int, ticks: list[int]) -> None:
    events = [Played(0, b"a"), Played(gap, b"b")]

    played = list(with_ticks(events, every=HOUR, tail=0))

    assert [record.arrival for record in played[1:] if record.key is None][:-1] == ticks
    assert played.index(events[1]) == 1 + len(ticks)


def test_the_clock_runs_on_after_the_last_event() -> None:
    played = list(with_ticks([Played(0, b"a")], every=HOUR, tail=2 * HOUR + 5))

    assert [record.arrival for record in played] == [0, HOUR, 2 * HOUR, 2 * HOUR + 5]


def test_no_history_has_no_time() -> None:
    assert list(with_ticks([], every=HOUR, tail=HOUR)) == []
