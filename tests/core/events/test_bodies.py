"""Bodies of other tools: Segment and CloudEvents, decoded to the same events."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from triggerstream.core.events.decode import MAX_BYTES, UNSAID, decode_event
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


def test_a_body_is_bounded_as_the_native_one_that_it_becomes() -> None:
    """Or it would be written into firings, and past the reader behind the inbox, at any size."""

    def call(text: int) -> dict[str, Any]:
        device = {"device": {"x": "x" * text}}
        return {"type": "track", "event": "a", "userId": "u", "messageId": "m", "context": device}

    twice = MAX_BYTES - len(decode(call(0)).raw)

    assert len(decode(call(twice // 2)).raw) >= MAX_BYTES - 1
    verdict = f"too_large: at most {MAX_BYTES} bytes as the native body that it becomes; found "
    assert rejection(call(twice // 2 + 1)).startswith(verdict)


def test_a_native_body_wins_over_what_looks_like_another() -> None:
    event = decode(CALL | CLOUD | {"customer_id": "native", "event_type": "view"})

    assert (event.customer_id, event.event_type) == ("native", "view")


class TestSegmentLibraries:
    """What a library posts, before any server of Segment's has seen it."""

    SLOW = CALL | {"timestamp": "2026-03-01T07:59:58Z", "sentAt": "2026-03-01T08:00:00Z"}
    """Two seconds before it was sent, by a clock two hours behind, received at TEN."""

    def arrived(self, body: dict[str, Any], arrival: int = TEN) -> int:
        value = json.dumps(body).encode()
        return decode_event(value, fallback_id="own", fallback_timestamp=arrival).timestamp

    def test_the_devices_clock_is_corrected_by_when_the_log_received_it(self) -> None:
        assert self.arrived(self.SLOW) == TEN - 2000

    def test_when_a_server_received_it_goes_before_the_log(self) -> None:
        assert self.arrived(self.SLOW | {"receivedAt": "2026-03-01T09:00:00Z"}) == (
            TEN - 3_600_000 - 2000
        )

    def test_a_server_has_corrected_its_timestamp_already(self) -> None:
        body = self.SLOW | {"originalTimestamp": "2026-03-01T07:59:58Z", "timestamp": MOMENT}

        assert self.arrived(body, TEN + 60_000) == TEN

    def test_where_nobody_knows_when_it_was_received_it_says_when_it_happened(self) -> None:
        assert self.arrived(self.SLOW, UNSAID) == TEN - 2000 - 7_200_000

    def test_rudderstack_has_the_traits_in_the_context(self) -> None:
        call = {"type": "identify", "userId": "u1", "context": {"traits": {"plan": "pro"}}}

        assert decode(call).event_data == {"plan": "pro"}
        assert decode(call | {"traits": []}).event_data == {"plan": "pro"}
        assert decode(call | {"traits": {"plan": "free"}}).event_data == {"plan": "free"}

    def test_ids_may_be_numbers_and_mappings_may_be_empty_lists(self) -> None:
        event = decode(
            {
                "type": "group",
                "userId": 3146,
                "messageId": 7,
                "groupId": 5,
                "traits": [],
                "context": [],
            }
        )

        assert (event.customer_id, event.event_id) == ("3146", "7")
        assert (event.event_data, event.metadata) == ({"group_id": "5"}, {})
        assert decode({"type": "alias", "anonymousId": 1, "previousId": 2}).event_data == {
            "previous_id": "2"
        }


class TestCloudEventsData:
    @pytest.mark.parametrize(
        ("encoded", "data"),
        [("eyJza3UiOiAiQSJ9", {"sku": "A"}), ("W10=", {}), ("bnVsbA==", None), ("", None)],
    )
    def test_data_in_base64_are_the_json_in_it(self, encoded: str, data: Any) -> None:
        assert decode(CLOUD | {"data_base64": encoded}).event_data == data

    @pytest.mark.parametrize(
        ("encoded", "verdict"),
        [
            ("eyJza3UiOiAiQSJ9=", "wrong_type: data_base64 of a CloudEvent: base64"),
            ("eyJza3UiOiAi QSJ9", "wrong_type: data_base64 of a CloudEvent: base64"),
            ("eyJza3UiOiAiQSJ", "wrong_type: data_base64 of a CloudEvent: base64"),
            ("bnVsbB==", "wrong_type: data_base64 of a CloudEvent: base64"),
            ("_-==", "wrong_type: data_base64 of a CloudEvent: base64"),
            ("\u00e9", "wrong_type: data_base64 of a CloudEvent: base64"),
            ("dGV4dA==", "bad_json: a JSON object; "),
            ("/w==", "bad_utf8: "),
            ("MTI=", "wrong_type: data of a CloudEvent: a JSON object; found 12"),
            (b64encode(b"[" * 300).decode(), "too_deep: "),
        ],
    )
    def test_what_is_no_json_in_base64_is_a_letter(self, encoded: str, verdict: str) -> None:
        assert rejection(CLOUD | {"data_base64": encoded}).startswith(verdict)

    def test_there_is_one_of_data_and_data_base64(self) -> None:
        both = CLOUD | {"data": {"a": 1}, "data_base64": "e30="}

        assert rejection(both) == (
            "wrong_type: data of a CloudEvent: one of data and data_base64; found both"
        )
        assert decode(both | {"data": None}).event_data == {}

    @pytest.mark.parametrize(
        "name", ["metadata", "timestamp", "sessionid", "event", "batch", "traits", "op"]
    )
    @pytest.mark.parametrize("value", ["x", 5, True])
    def test_no_extension_is_taken_for_a_field_of_ours(self, name: str, value: Any) -> None:
        event = decode(CLOUD | {name: value, "time": MOMENT})

        assert (event.customer_id, event.timestamp, event.metadata) == ("c1", TEN, None)


HEADERS: list[tuple[str, bytes | None]] = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"e1"),
    ("ce_source", b"/shop"),
    ("ce_type", b"order"),
    ("ce_subject", b"c1"),
    ("ce_time", b"2026-03-01T10:00:00Z"),
    ("ce_timestamp", b"an extension"),
    ("content-type", b"application/json; charset=utf-8"),
    ("traceparent", b"\xff"),
]


def binary(value: bytes | None, **changes: bytes | None) -> Event:
    changed = {name.replace("content_type", "content-type"): to for name, to in changes.items()}
    headers = [(name, changed.get(name, content)) for name, content in HEADERS]
    return decode_event(value, fallback_id="own", fallback_timestamp=5, headers=headers)


class TestBinaryCloudEvents:
    @pytest.mark.parametrize(
        ("value", "data"),
        [(b'{"total": 9.5}', {"total": 9.5}), (b"[]", {}), (b"", None), (None, None)],
    )
    def test_the_headers_are_the_event_and_the_value_its_data(
        self, value: bytes | None, data: Any
    ) -> None:
        event = binary(value)

        assert (event.customer_id, event.event_type, event.event_data) == ("c1", "order", data)
        assert (event.source, event.event_id, event.timestamp) == ("/shop", "e1", TEN)
        assert decode_event(event.raw, fallback_id="-", fallback_timestamp=6) == event

    @pytest.mark.parametrize(
        "data", [CALL, CLOUD, {"customer_id": "c2"}, {"batch": []}, {"specversion": "0.3"}]
    )
    def test_data_that_look_like_another_body_are_data(self, data: dict[str, Any]) -> None:
        assert binary(json.dumps(data).encode()).event_data == data

    def test_a_native_body_wins_over_its_headers(self) -> None:
        event = binary(b'{"customer_id": 7, "event_type": "view"}')

        assert (event.customer_id, event.event_type, event.event_data) == ("7", "view", None)

    def test_a_structured_event_may_repeat_itself_in_headers(self) -> None:
        value = json.dumps(CLOUD | {"subject": "c9"}).encode()

        event = binary(value, content_type=b"application/cloudevents+json")

        assert event.customer_id == "c9"

    @pytest.mark.parametrize("content_type", [None, b"text/json", b"Application/Vnd.Shop+JSON"])
    def test_json_has_many_content_types_or_none(self, content_type: bytes | None) -> None:
        assert binary(b'{"a": 1}', content_type=content_type).event_data == {"a": 1}

    @pytest.mark.parametrize(
        ("value", "changes", "verdict"),
        [
            (b"{}", {"ce_id": None}, "missing_field: id of a CloudEvent: a text; found nothing"),
            (b"{}", {"ce_subject": b""}, "missing_field: subject of a CloudEvent: the customer id"),
            (b"{}", {"ce_specversion": b"0.3"}, "wrong_type: CloudEvents 1.0; found"),
            (b"{}", {"ce_time": b"noon"}, "bad_timestamp: time of a CloudEvent: RFC 3339"),
            (
                b"{}",
                {"ce_subject": b"\xff"},
                "bad_utf8: header ce_subject: UTF-8; found other bytes",
            ),
            (b"a", {"content_type": b"text/plain"}, "wrong_type: data of a CloudEvent: JSON (con"),
            (b"a", {}, "bad_json: a JSON object; "),
            (b"5", {}, "wrong_type: data of a CloudEvent: a JSON object; found 5"),
            (b"", {"ce_specversion": None}, "empty: a JSON object; found no bytes"),
        ],
    )
    def test_what_it_lacks_is_told(
        self, value: bytes, changes: dict[str, bytes | None], verdict: str
    ) -> None:
        with pytest.raises(Rejected) as caught:
            binary(value, **changes)

        assert str(caught.value).startswith(verdict)

    def test_half_a_character_in_a_header_is_replaced(self) -> None:
        assert binary(b"{}", ce_subject=b"a\xed\xa0\xbd").customer_id == "a\ufffd"
