"""A small log on which peer and triggerstream must find the same.

The load of the benchmark spans minutes, in which nobody does one thing twenty times, and no hour
passes without another. The sample spans three hours: a few busy customers, whose counts and
sequences complete, and many quiet ones, whose absences become due. At its end each customer does
something that no trigger looks at, two hours later, by which all that waits is due.
"""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

import msgspec
import orjson

from benchmarks.load import Keyed, events
from triggerstream.core.parsing.directory import parse_ruleset
from triggerstream.core.rulesets.ruleset import build_ruleset
from triggerstream.replay.driver import Replay

EVENTS = 20_000
_BUSY = 5
_QUIET = 200
_SPAN_MS = 3 * 3_600_000
_AFTER_MS = 2 * 3_600_000

Found = tuple[str, str, str, int]
"""Trigger, customer, id of the last matched event, time in epoch milliseconds: the due time for an
absence, else the event's."""


class Sample(msgspec.Struct, frozen=True):
    records: list[Keyed]
    expected: frozenset[Found]


def build_sample(rules: str, *, until: int, count: int = EVENTS) -> Sample:
    """Return *count* events that end at *until* (epoch ms), and what *rules* find in them."""
    draw = random.Random(11)
    busy = [f"busy-{number}" for number in range(_BUSY)]
    quiet = [f"quiet-{number}" for number in range(_QUIET)]
    begin = until - _AFTER_MS - _SPAN_MS
    records = []
    for number, (_, value) in enumerate(events(count, until=until)):
        customer = draw.choice(busy if draw.random() < 0.5 else quiet)
        records.append(_record(value, customer, begin + number * _SPAN_MS // count))
    for customer in busy + quiet:
        record = {"event_id": f"end-{customer}", "event_type": "end_of_sample", "event_data": {}}
        records.append(_record(orjson.dumps(record), customer, until))
    return Sample(records, frozenset(_expected(rules, records)))


def _record(value: bytes, customer: str, at: int) -> Keyed:
    event: dict[str, Any] = orjson.loads(value)
    event["customer_id"] = customer
    event["timestamp"] = at
    return customer.encode(), orjson.dumps(event)


def _expected(rules: str, records: list[Keyed]) -> list[Found]:
    """Return what triggerstream fires."""
    replay = Replay(build_ruleset(parse_ruleset({"bench.yaml": rules})))
    return [
        (each["trigger"], each["customer_id"], each["events"][-1], _epoch_ms(each["at"]))
        for each in replay.decisions(value for _, value in records)
        if each["kind"] == "firing"
    ]


def _epoch_ms(at: str) -> int:
    return round(datetime.fromisoformat(at).timestamp() * 1000)
