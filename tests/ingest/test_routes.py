"""Each door, with what belongs to it: the same event comes out of all."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.ingest.harness import NOW, SEEN, SERVER, WEB, Opened, opened
from triggerstream.core.records.placement import partition_of
from triggerstream.core.timestamps import format_moment
from triggerstream.ingest.answers import GIF

ADA = {**SEEN, "source": "shop"}


@pytest.fixture(name="door")
async def _door(tmp_path: Path) -> AsyncIterator[Opened]:
    async with opened(tmp_path) as door:
        yield door


@pytest.mark.covers("A5")
@pytest.mark.parametrize(
    ("body", "media"),
    [
        pytest.param(json.dumps(SEEN), "application/json", id="an object"),
        pytest.param(json.dumps([SEEN]), "application/json", id="an array"),
        pytest.param(json.dumps({"events": [SEEN]}), "application/json", id="an object of events"),
        pytest.param(f"\n{json.dumps(SEEN)}\r\n\n", "application/x-ndjson", id="a line"),
        pytest.param(json.dumps(SEEN), "application/json; charset=UTF-8", id="with a charset"),
        pytest.param(json.dumps(SEEN), None, id="without a media type"),
        pytest.param("\ufeff" + json.dumps(SEEN), "application/json", id="with a mark"),
    ],
)
async def test_an_event_is_in_the_log_when_it_is_answered(
    door: Opened, body: str, media: str | None
) -> None:
    answer = await door.send(body=body.encode(), media=media)

    assert (answer.status, answer.json) == (200, {"accepted": 1, "rejected": []})
    assert door.log.events == [ADA]
    (record,) = door.log.records
    assert record.key == b"ada"
    assert record.partition == partition_of(b"ada", 4)
    assert record.headers == ()


async def test_several_events_keep_their_order(door: Opened) -> None:
    events = [{**SEEN, "event_id": f"e{number}"} for number in range(5)]

    lines = "\n".join(map(json.dumps, events)).encode()
    answer = await door.send(body=lines, media="application/x-ndjson")

    assert answer.json["accepted"] == 5
    assert [event["event_id"] for event in door.log.events] == ["e0", "e1", "e2", "e3", "e4"]


@pytest.mark.parametrize("parts", [1, 2], ids=["one member", "two members"])
async def test_a_body_may_come_as_gzip(door: Opened, parts: int) -> None:
    text = json.dumps(SEEN).encode()
    half = len(text) // parts
    packed = b"".join(gzip.compress(text[at : at + half]) for at in range(0, len(text), half))

    answer = await door.send(body=packed, headers={"Content-Encoding": "gzip"})

    assert answer.status == 200
    assert door.log.events == [ADA]


async def test_what_is_rejected_does_not_keep_the_others_out(door: Opened) -> None:
    bad = {"customer_id": "ada"}

    answer = await door.send(body=[SEEN, bad, SEEN])

    assert answer.status == 200
    assert answer.json["accepted"] == 2
    (rejected,) = answer.json["rejected"]
    assert (rejected["index"], rejected["reason"]) == (1, "missing_field")
    assert door.log.letters == [("missing_field", json.dumps(bad).encode())]


async def test_a_dead_letter_says_which_source_it_came_from_and_as_which_event(
    door: Opened,
) -> None:
    await door.send(body=[SEEN, {"customer_id": "ada"}])

    (letter,) = door.log.of("events.dlq")
    notes = dict(letter.headers)
    assert notes["x-dlq-topic"] == b"http:shop"
    assert notes["x-dlq-offset"] == b"1"
    assert notes["x-dlq-timestamp"] == b"%d" % NOW


async def test_ids_come_from_the_idempotency_key_where_events_bring_none(door: Opened) -> None:
    events = [SEEN, {**SEEN, "event_id": "own"}, SEEN]

    await door.send(body=events, headers={"Idempotency-Key": "K"})

    assert [event["event_id"] for event in door.log.events] == ["K#0", "own", "K#2"]


async def test_an_event_without_an_id_and_a_time_gets_none(door: Opened) -> None:
    await door.send()

    assert door.log.events == [ADA]


@pytest.mark.parametrize(("number", "is_safe"), [(64, True), (65, False)])
async def test_the_answer_says_when_a_repeat_would_not_be_known(
    door: Opened, number: int, is_safe: bool
) -> None:
    others = [{**SEEN, "customer_id": f"c{each}"} for each in range(100)]

    answer = await door.send(body=[SEEN] * number + others)

    assert answer.json["accepted"] == number + 100
    assert ("repeat_safe" not in answer.json) is is_safe


# ── Segment ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("track", {"event": "Order", "properties": {"n": 1}}, ("Order", {"n": 1})),
        ("identify", {"traits": {"plan": "pro"}}, ("identify", {"plan": "pro"})),
        ("page", {"name": "Home"}, ("page", {"name": "Home"})),
        ("screen", {"name": "Home"}, ("screen", {"name": "Home"})),
        ("group", {"groupId": "g"}, ("group", {"group_id": "g"})),
        ("alias", {"previousId": "p"}, ("alias", {"previous_id": "p"})),
    ],
)
async def test_a_call_is_of_the_kind_that_its_address_says(
    door: Opened, kind: str, body: dict[str, Any], expected: tuple[str, Any]
) -> None:
    answer = await door.send(f"/v1/{kind}", {"userId": "ada", "messageId": "m", **body})

    assert (answer.status, answer.json) == (200, {"success": True})
    (event,) = door.log.events
    assert (event["event_type"], event["event_data"]) == expected
    assert event["source"] == "shop"


async def test_the_write_key_is_the_user_name_of_basic_authentication(door: Opened) -> None:
    basic = b64encode(f"{SERVER}:".encode()).decode()

    answer = await door.send(
        "/v1/track",
        {"event": "seen", "userId": "ada"},
        key=None,
        headers={"Authorization": f"Basic {basic}"},
    )

    assert answer.status == 200


async def test_a_batch_corrects_the_device_clock_by_when_it_was_sent(door: Opened) -> None:
    call = {"type": "track", "event": "seen", "userId": "ada", "timestamp": "2026-03-01T07:59:58Z"}

    answer = await door.send("/v1/batch", {"batch": [call], "sentAt": "2026-03-01T08:00:00Z"})

    assert answer.json == {"success": True}
    assert door.log.events[0]["timestamp"] == format_moment(NOW - 2000)


async def test_segment_is_told_what_was_rejected_of_a_batch(door: Opened) -> None:
    good = {"type": "track", "event": "seen", "userId": "ada"}

    mixed = await door.send("/v1/batch", {"batch": [good, {"type": "track", "event": "seen"}]})
    none = await door.send("/v1/batch", {"batch": [{"type": "track", "event": "seen"}]})

    assert (mixed.status, mixed.json["success"], mixed.json["accepted"]) == (200, True, 1)
    assert mixed.json["rejected"][0]["index"] == 1
    assert (none.status, none.json["success"], none.json["code"]) == (400, False, "missing_field")


# ── CloudEvents ─────────────────────────────────────────────────────────────────────────────

CLOUD = {
    "specversion": "1.0",
    "id": "e1",
    "source": "/shop",
    "type": "seen",
    "subject": "ada",
    "data": {"n": 1},
}
READ = {"customer_id": "ada", "event_type": "seen", "event_id": "e1", "event_data": {"n": 1}}


async def test_a_structured_cloud_event_is_read(door: Opened) -> None:
    answer = await door.send(body=CLOUD, media="application/cloudevents+json; charset=utf-8")

    assert answer.status == 200
    assert door.log.events == [{**READ, "source": "shop"}]


async def test_a_batch_of_cloud_events_is_read(door: Opened) -> None:
    answer = await door.send(body=[CLOUD, CLOUD], media="application/cloudevents-batch+json")

    assert answer.json["accepted"] == 2


async def test_a_cloud_event_in_binary_mode_is_read(door: Opened) -> None:
    attributes = {f"ce-{name}": str(value) for name, value in CLOUD.items() if name != "data"}
    attributes["ce-subject"] = "Zo%C3%AB"

    answer = await door.send(body={"n": 1}, headers=attributes)

    assert answer.status == 200
    assert door.log.events == [{**READ, "customer_id": "Zoë", "source": "shop"}]


# ── the others ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.covers("A7")
async def test_a_trigger_call_is_an_event_whose_data_are_the_rest(door: Opened) -> None:
    answer = await door.send(
        "/trigger",
        {
            "event": "cart_abandonment",
            "userId": 7,
            "cartItems": [{"sku": "A"}],
            "timestamp": "2026-03-01T09:00:00Z",
        },
    )

    assert answer.json == {"accepted": 1, "rejected": []}
    assert door.log.events == [
        {
            "customer_id": "7",
            "event_type": "cart_abandonment",
            "timestamp": "2026-03-01T09:00:00Z",
            "event_data": {"cartItems": [{"sku": "A"}]},
            "source": "shop",
        }
    ]


async def test_a_beacon_is_answered_with_nothing(door: Opened) -> None:
    body = {"customer_id": "anon_7", "event_type": "left"}

    answer = await door.send(
        f"/v1/beacon?k={WEB}", body, key=None, media="text/plain;charset=UTF-8"
    )

    assert (answer.status, answer.body) == (204, b"")
    await door.ingest.gather.finish(5)
    assert door.log.events == [{**body, "source": "web"}]


async def test_a_pixel_is_an_image_that_nobody_keeps(door: Opened) -> None:
    answer = await door.send(
        f"/v1/p.gif?k={WEB}&e=seen&a=7&d=%7B%22n%22%3A1%7D", key=None, method="GET", media=None
    )

    assert (answer.status, answer.body) == (200, GIF)
    assert answer.headers["Content-Type"] == "image/gif"
    assert answer.headers["Cache-Control"] == "no-store"
    await door.ingest.gather.finish(5)
    assert door.log.events == [
        {"customer_id": "anon_7", "event_type": "seen", "event_data": {"n": 1}, "source": "web"}
    ]


async def test_health_is_told_without_a_key(door: Opened) -> None:
    for path in ("/livez", "/readyz"):
        answer = await door.send(path, key=None, method="GET", media=None)
        assert (answer.status, answer.json) == (200, {"status": "ok"})
