"""The load of `benchmarks/up.py` is the shop's, and its figures come out as they were found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import up, worlds
from triggerstream.authoring.files import read_files
from triggerstream.core.model import EventPattern
from triggerstream.core.parsing.directory import parse_ruleset

HISTORY = up.SHOP / "events.jsonl.gz"


def result() -> up.Result:
    costs = [
        up.Cost({"engine": 90.0, "supervisor": 1.0, "broker": 500.0}, wall=5_000, deliveries=0.1),
        up.Cost({"engine": 100.0, "supervisor": 0.0, "broker": 600.0}, wall=6_000, deliveries=0.1),
        up.Cost({"engine": 111.0, "supervisor": 0.0, "broker": 700.0}, wall=4_000, deliveries=0.1),
    ]
    return up.Result(
        costs={"up": {"batches": costs}},
        latency={"up": {"10% (100/s)": {"acknowledged": [2.0, 1.0], "readable": [9.0, 5.0]}}},
        idle={"up": 0.012},
        memory={"up": {"ready": {"engine": 88.0}, "end": {"engine": 105.0}}},
        sizes={"up": {"log, an event": 435.4}},
        starts={"empty, s": [1.0, 1.2, 1.1]},
    )


def test_events_are_the_shops_with_new_ids_and_of_now() -> None:
    shop = up.Shop(HISTORY, "run")

    events = [json.loads(value) for _, value in shop.take(100)]

    assert [event["event_id"] for event in events] == [f"run-{n}" for n in range(1, 101)]
    assert not any("timestamp" in event for event in events)
    assert {event["customer_id"][:5] for event in events} == {"user_"}
    assert shop.customers == 600


def test_when_the_history_ends_it_begins_again_with_other_ids() -> None:
    shop = up.Shop(HISTORY, "run")
    (_, first), *_ = shop.take(31_706)

    ((event_id, again),) = shop.take(1)

    assert event_id == "run-31707"
    assert json.loads(again)["customer_id"] == json.loads(first)["customer_id"]


def test_a_request_has_as_many_events_as_it_is_to_have_and_the_last_one_the_rest() -> None:
    events = [(str(number), b'{"n":%d}' % number) for number in range(5)]

    bodies = [each.partition(b"\r\n\r\n") for each in up.requests(events, 2)]

    assert [[each["n"] for each in json.loads(body)] for _, _, body in bodies] == [
        [0, 1],
        [2, 3],
        [4],
    ]
    assert all(
        f"Content-Length: {len(body)}\r".encode() in head + b"\r" for head, _, body in bodies
    )


def test_the_triggers_are_the_shops_and_one_that_fires_on_one_event(tmp_path: Path) -> None:
    project = worlds.copy_triggers(up.SHOP, tmp_path)

    found = {t.id: t for t in parse_ruleset(read_files(project / "triggers")).triggers}

    shops = {t.id for t in parse_ruleset(read_files(up.SHOP / "triggers")).triggers}
    assert set(found) == shops | {worlds.PROBE}
    assert isinstance(found[worlds.PROBE].when, EventPattern)


def test_those_who_get_a_mail_first_are_known_by_their_address() -> None:
    types = [json.loads(value)["event_type"] for _, value in up.mailed("run")]

    assert types == ["identify", "payment_error", "payment_error"] * up.MAILED


def test_the_brokers_time_is_told_and_not_counted() -> None:
    told = up.as_json(result())

    assert told["us_per_event"]["up"]["batches"]["all"] == {"median": 100, "min": 91, "max": 111}
    assert told["us_per_event"]["up"]["batches"]["broker"]["median"] == 600
    assert told["events_per_core_second"] == {"up": {"batches": 10_000}}


def test_latencies_come_out_as_quantiles() -> None:
    told: Any = up.as_json(result())["latency_ms"]

    assert told["up"]["10% (100/s)"]["readable"] == {"p50": 5.0, "p95": 9.0, "p99": 9.0}


def test_the_tables_fit_a_narrow_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    up.tell(result())

    lines = capsys.readouterr().out.splitlines()
    assert "up, idle: 1.2% of a core" in lines
    assert max(map(len, lines)) <= 80
