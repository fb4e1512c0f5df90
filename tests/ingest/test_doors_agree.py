"""The same event by each of the doors, and straight by Kafka, gives the same decisions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.ingest.harness import NOW, WEB, Opened, opened
from triggerstream.core.rulesets.ruleset import load_ruleset
from triggerstream.core.timestamps import format_moment
from triggerstream.replay.driver import Replay

TRIGGERS = """
trigger: left
when:
  sequence:
    - event: cart
      where: {event_data.total: {greater_than: 5}, source: {in_list: [web]}}
    - absent: bought
      for: 1h
then: [{log: {}}]
"""
ANYONE = "anon_7"
AT = format_moment(NOW)
STRAIGHT = {
    "customer_id": ANYONE,
    "event_type": "cart",
    "event_id": "e1",
    "timestamp": AT,
    "source": "web",
    "event_data": {"total": 9.5},
}
SEGMENT = {
    "anonymousId": "7",
    "event": "cart",
    "messageId": "e1",
    "timestamp": AT,
    "properties": {"total": 9.5},
}
CLOUD = {
    "specversion": "1.0",
    "id": "e1",
    "source": "/shop",
    "type": "cart",
    "subject": ANYONE,
    "time": AT,
}


def decisions(value: bytes | None) -> bytes:
    """Return what a worker decides of a record of ``events``, until the next day, byte for byte."""
    replay = Replay(load_ruleset({"t.yaml": TRIGGERS}))
    lines = list(replay.printed([value or b""], until=NOW + 86_400_000))
    return b"".join(lines)


async def by_each_door(door: Opened) -> dict[str, Any]:
    """Send the event by each door; return the record that each appended."""
    named = {"Idempotency-Key": "e1"}
    plain = {name: STRAIGHT[name] for name in STRAIGHT if name != "source"}
    binary = {f"ce-{name}": value for name, value in CLOUD.items()}
    unnamed = {name: value for name, value in plain.items() if name != "event_id"}
    data = {"total": 9.5}
    ways: dict[str, tuple[str, Any, str, dict[str, str]]] = {
        "native": ("/v1/events", plain, "application/json", {}),
        "lines": ("/v1/events", plain, "application/x-ndjson", {}),
        "named": ("/v1/events", unnamed, "application/json", named),
        "segment": ("/v1/track", SEGMENT, "application/json", {}),
        "batch": ("/v1/batch", {"batch": [{**SEGMENT, "type": "track"}]}, "application/json", {}),
        "segment by shape": ("/v1/events", {**SEGMENT, "type": "track"}, "application/json", {}),
        "structured": ("/v1/events", {**CLOUD, "data": data}, "application/cloudevents+json", {}),
        "batched": (
            *("/v1/events", [{**CLOUD, "data": data}], "application/cloudevents-batch+json", {}),
        ),
        "binary": ("/v1/events", data, "application/json", binary),
        "trigger": (
            "/trigger",
            {"event": "cart", "userId": ANYONE, "timestamp": AT, "total": 9.5},
            "application/json",
            named,
        ),
        "beacon": (f"/v1/beacon?k={WEB}", plain, "text/plain", {}),
    }
    found: dict[str, Any] = {}
    for name, (path, body, media, headers) in ways.items():
        door.log.appends.clear()
        answer = await door.send(path, body, key=WEB, media=media, headers=headers)
        await door.ingest.gather.finish(5)
        assert answer.status in {200, 204}, (name, answer)
        (found[name],) = door.log.of("events")
    door.log.appends.clear()
    query = f"?k={WEB}&e=cart&a=7&d={quote(json.dumps(data))}"
    await door.send(f"/v1/p.gif{query}", key=None, method="GET", media=None)
    await door.ingest.gather.finish(5)
    (found["pixel"],) = door.log.of("events")
    return found


@pytest.mark.covers("A7")
async def test_each_door_leads_to_the_same_decisions_as_kafka(tmp_path: Path) -> None:
    async with opened(tmp_path) as door:
        found = await by_each_door(door)

    pixel = found.pop("pixel")
    # A name of a request is made longer by the index; an id is what tells repeats, so it counts.
    expected = {"e1": decisions(json.dumps(STRAIGHT).encode())}
    expected["e1#0"] = decisions(json.dumps({**STRAIGHT, "event_id": "e1#0"}).encode())
    for name, record in found.items():
        said = json.loads(record.value)
        assert record.key == ANYONE.encode()
        assert decisions(record.value) == expected[said["event_id"]], name
    assert len(found) == 11
    assert b'"trigger":"left"' in expected["e1"]
    # A pixel brings neither an id nor a time: it is what Kafka makes of the same.
    bare = {name: STRAIGHT[name] for name in STRAIGHT if name not in {"event_id", "timestamp"}}
    assert json.loads(pixel.value) == bare


async def test_a_native_event_that_says_all_of_it_goes_on_byte_for_byte(tmp_path: Path) -> None:
    body = b'{ "source":"web",\n"customer_id" :"anon_7", "event_type":"x", "event_id": "1"}'

    async with opened(tmp_path) as door:
        await door.send(body=body, key=WEB)

    assert [record.value for record in door.log.records] == [body]
