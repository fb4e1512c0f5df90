"""Bodies of other tools: Segment and CloudEvents, decoded to the same events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from triggerstream.core.events.decode import decode_event
from triggerstream.core.events.event import Event
from triggerstream.core.records.record import Rejected

TEN = 1_772_359_200_000
MOMENT = "2026-03-01T10:00:00Z"
CALL = {"type": "track", "event": "Order Completed", "userId": "u1", "messageId": "m1"}
CLOUD = {"specversion": "1.0", "id": "e1", "source": "/shop", "type": "order", "subject": "c1"}


def decode(body: dict[str, Any]) -> Event:
    return decode_event(json.dumps(body).encode(), fallback_id="own", fallback_timestamp=5)


def rejection(body: dict[str, Any]) -> str:
    with pytest.raises(Rejected) as caught:
        decode(body)
    return str(caught.value)


def test_a_track_call_is_an_event_of_its_name() -> None:
    context = {"device": {"type": "mobile"}, "location": {"country": "DE"}, "locale": "de"}
    event = decode(CALL | {"properties": {"total": 9.5}, "context": context, "timestamp": MOMENT})

    assert event.customer_id == "u1"
    assert event.event_type == "Order Completed"
    assert (event.source, event.event_id) == ("segment", "m1")
    assert event.timestamp == TEN
    assert event.event_data == {"total": 9.5}
    assert event.device_info == {"type": "mobile"}
    assert event.location_data == {"country": "DE"}
    assert event.metadata == context


@pytest.mark.parametrize(
    ("call", "event_type", "data"),
    [
        ({"type": "identify", "traits": {"email": "a@b.c"}}, "identify", {"email": "a@b.c"}),
        (
            {"type": "page", "name": "Home", "category": "Docs", "properties": {"url": "/"}},
            "page",
            {"name": "Home", "category": "Docs", "url": "/"},
        ),
        (
            {"type": "screen", "name": "Cart", "properties": {"name": "own"}},
            "screen",
            {"name": "own"},
        ),
        (
            {"type": "group", "groupId": "g1", "traits": {"plan": "pro"}},
            "group",
            {"group_id": "g1", "plan": "pro"},
        ),
        ({"type": "alias", "previousId": "old"}, "alias", {"previous_id": "old"}),
    ],
)
def test_the_other_calls_are_events_of_their_own_type(
    call: dict[str, Any], event_type: str, data: dict[str, Any]
) -> None:
    event = decode({"userId": "u1"} | call)

    assert (event.event_type, event.event_data) == (event_type, data)
    assert (event.event_id, event.timestamp) == ("own", 5)


def test_who_is_not_known_yet_goes_by_the_anonymous_id() -> None:
    assert decode({"type": "page", "anonymousId": "a1"}).customer_id == "a1"
    assert decode({"type": "page", "anonymousId": "a1", "userId": "u1"}).customer_id == "u1"


@pytest.mark.parametrize(
    "times",
    [
        {"timestamp": MOMENT, "receivedAt": "2026-03-02T00:00:00Z"},
        {  # a device that is a day behind, and sent five seconds after the event
            "originalTimestamp": "2026-02-28T09:00:00Z",
            "sentAt": "2026-02-28T09:00:05Z",
            "receivedAt": "2026-03-01T10:00:05Z",
        },
        {"originalTimestamp": MOMENT},
        {"receivedAt": MOMENT},
    ],
)
def test_a_devices_wrong_clock_is_corrected_by_when_it_sent(times: dict[str, str]) -> None:
    assert decode(CALL | times).timestamp == TEN


@pytest.mark.parametrize(
    ("call", "verdict"),
    [
        (
            {"type": "track", "event": "x"},
            "missing_field: userId or anonymousId of a Segment call: a text; found nothing",
        ),
        (
            {"type": "track", "userId": "u1"},
            "missing_field: event of a Segment call: a text; found nothing",
        ),
        (
            CALL | {"properties": [1]},
            "wrong_type: properties of a Segment call: an object; found a list of 1",
        ),
        (
            CALL | {"messageId": ""},
            "missing_field: event_id: a text or nothing; found an empty text",
        ),
        (
            {"type": "purchase", "userId": "u1"},
            "missing_field: customer_id: a text; found nothing",
        ),
    ],
)
def test_what_a_segment_call_lacks_is_told(call: dict[str, Any], verdict: str) -> None:
    assert rejection(call) == verdict


@pytest.mark.parametrize(
    "times",
    [
        {"timestamp": "2026-03-01T10:00:00"},
        {"timestamp": "soon"},
        {"originalTimestamp": "2026-03-01T10:00:00", "sentAt": MOMENT, "receivedAt": MOMENT},
        {"sentAt": "soon"},
    ],
)
def test_a_segment_call_with_a_bad_moment_is_a_bad_timestamp(times: dict[str, str]) -> None:
    assert rejection(CALL | times).startswith("bad_timestamp: ")


def test_a_cloud_event_is_an_event_of_its_subject() -> None:
    event = decode(CLOUD | {"time": MOMENT, "data": {"total": 9.5}, "some_extension": "x"})

    assert (event.customer_id, event.event_type) == ("c1", "order")
    assert (event.source, event.event_id) == ("/shop", "e1")
    assert (event.timestamp, event.event_data) == (TEN, {"total": 9.5})


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (
            {"subject": None},
            "missing_field: subject of a CloudEvent: the customer id; found nothing",
        ),
        ({"specversion": "0.3"}, "wrong_type: CloudEvents 1.0; found specversion '0.3'"),
        ({"specversion": "1.0-rc1"}, "wrong_type: CloudEvents 1.0; found specversion '1.0-rc1'"),
        (
            {"specversion": 1.0},
            "wrong_type: specversion of a CloudEvent: the text '1.0'; found 1.0",
        ),
        ({"data": "text"}, "wrong_type: data of a CloudEvent: an object; found 'text'"),
        ({"data": [1]}, "wrong_type: data of a CloudEvent: an object; found a list of 1"),
        ({"id": None}, "missing_field: id of a CloudEvent: a text; found nothing"),
        ({"type": None}, "missing_field: type of a CloudEvent: a text; found nothing"),
        ({"source": ""}, "missing_field: source of a CloudEvent: a text; found an empty text"),
        ({"id": 25}, "wrong_type: id of a CloudEvent: a text; found 25"),
        (
            {"time": TEN},
            f"bad_timestamp: time of a CloudEvent: RFC 3339 with an offset; found {TEN}",
        ),
    ],
)
def test_what_a_cloud_event_lacks_is_told(change: dict[str, Any], verdict: str) -> None:
    assert rejection(CLOUD | change) == verdict


@pytest.mark.parametrize(
    "body", [CALL | {"timestamp": MOMENT}, CLOUD | {"time": MOMENT, "data": {"n": 10**30}}]
)
def test_the_raw_bytes_of_a_converted_body_are_the_native_one(body: dict[str, Any]) -> None:
    event = decode(body)

    again = decode_event(event.raw, fallback_id="another", fallback_timestamp=6)

    assert again == event
    assert json.loads(event.raw)["customer_id"] == event.customer_id


def test_a_native_body_wins_over_what_looks_like_another() -> None:
    event = decode(CALL | CLOUD | {"customer_id": "native", "event_type": "view"})

    assert (event.customer_id, event.event_type) == ("native", "view")
