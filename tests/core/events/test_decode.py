"""`decode_event`: what is an event, and why the rest is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggerstream.core.events.bodies import MAX_DEPTH
from triggerstream.core.events.decode import LATER, MAX_BYTES, decode_event
from triggerstream.core.events.event import Event
from triggerstream.core.reasons import RejectReason
from triggerstream.core.records.record import Rejected
from triggerstream.core.timestamps import EARLIEST

TEN = 1_772_359_200_000
"""2026-03-01T10:00:00Z."""


def decode(value: bytes | None) -> Event:
    return decode_event(value, fallback_id="topic/0/7", fallback_timestamp=TEN)


def body(**fields: Any) -> bytes:
    return json.dumps({"customer_id": "c1", "event_type": "view"} | fields).encode()


def rejection(value: bytes | None) -> tuple[str, str]:
    with pytest.raises(Rejected) as caught:
        decode(value)
    return caught.value.reason, caught.value.detail


@pytest.mark.covers("A1")
def test_every_field_of_the_native_body_is_read() -> None:
    value = body(
        event_id="e1",
        timestamp="2026-03-01T10:00:00Z",
        event_data={"total": 99.9},
        session_id="s1",
        source="web",
        device_info={"type": "mobile"},
        location_data={"country": "DE"},
        metadata={"a": 1},
        some_field_of_tomorrow=[1, 2],
    )

    assert decode(value) == Event(
        customer_id="c1",
        event_type="view",
        event_id="e1",
        timestamp=TEN,
        source="web",
        event_data={"total": 99.9},
        session_id="s1",
        device_info={"type": "mobile"},
        location_data={"country": "DE"},
        metadata={"a": 1},
        raw=value,
    )


def test_what_is_left_out_is_none_and_id_and_time_are_the_records_own() -> None:
    event = decode(body())

    assert (event.event_id, event.timestamp) == ("topic/0/7", TEN)
    assert event.source is None
    assert event.event_data is None


def test_the_id_that_an_event_brings_is_its_own() -> None:
    assert decode(body(event_id="e1")).event_id == "e1"


@pytest.mark.parametrize("value", [1, "text", [], {"a": 1}, None])
def test_no_field_of_the_body_is_taken_for_the_bytes_of_it(value: Any) -> None:
    sent = body(raw=value)

    assert decode(sent).raw == sent


@pytest.mark.parametrize(
    "timestamp",
    [
        "2026-03-01T10:00:00Z",
        "2026-03-01t10:00:00z",
        "2026-03-01T11:00:00+01:00",
        "2026-03-01T10:00:00.000Z",
        "2026-03-01T10:00:00.000999Z",
        TEN,
        None,
    ],
)
def test_a_moment_has_many_forms(timestamp: Any) -> None:
    assert decode(body(timestamp=timestamp)).timestamp == TEN


@pytest.mark.parametrize(
    ("timestamp", "reason"),
    [
        ("2026-03-01T10:00:00", RejectReason.BAD_TIMESTAMP),
        ("2026-03-01", RejectReason.BAD_TIMESTAMP),
        ("yesterday", RejectReason.BAD_TIMESTAMP),
        ("", RejectReason.BAD_TIMESTAMP),
        ("1772359200000", RejectReason.BAD_TIMESTAMP),
        (1772359200000.5, RejectReason.BAD_TIMESTAMP),
        (True, RejectReason.BAD_TIMESTAMP),
        ([], RejectReason.BAD_TIMESTAMP),
        ("9999-12-31T23:59:59Z", RejectReason.TIMESTAMP_OUT_OF_RANGE),
        ("1969-12-31T23:59:59.999Z", RejectReason.TIMESTAMP_OUT_OF_RANGE),
        ("2101-01-01T00:00:00Z", RejectReason.TIMESTAMP_OUT_OF_RANGE),
        ("0001-01-01T00:00:00+14:00", RejectReason.TIMESTAMP_OUT_OF_RANGE),
        (-1, RejectReason.TIMESTAMP_OUT_OF_RANGE),
        (10**30, RejectReason.TIMESTAMP_OUT_OF_RANGE),
    ],
)
def test_a_bad_moment_is_told_from_one_out_of_range(timestamp: Any, reason: RejectReason) -> None:
    assert rejection(body(timestamp=timestamp))[0] == reason


@pytest.mark.parametrize("timestamp", ["1970-01-01T00:00:00Z", "2100-12-31T23:59:59.999Z"])
def test_the_years_1970_and_2100_are_inside(timestamp: str) -> None:
    assert decode(body(timestamp=timestamp)).timestamp >= 0


@pytest.mark.covers("A1")
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param(None, RejectReason.EMPTY, id="null"),
        pytest.param(b"", RejectReason.EMPTY, id="no bytes"),
        pytest.param(b'{"customer_id":"\xff"}', RejectReason.BAD_UTF8, id="bad UTF-8"),
        pytest.param(
            b'{"customer_id":"c","event_type":"t","x":"\xff"}',
            RejectReason.BAD_UTF8,
            id="bad UTF-8 in an unknown field",
        ),
        pytest.param(b"{", RejectReason.BAD_JSON, id="truncated"),
        pytest.param(b"not json", RejectReason.BAD_JSON, id="no JSON"),
        pytest.param(b'{"a": NaN}', RejectReason.BAD_JSON, id="NaN"),
        pytest.param(body() + b"x", RejectReason.BAD_JSON, id="more behind"),
        pytest.param(b"[]", RejectReason.WRONG_TYPE, id="an array"),
        pytest.param(b"null", RejectReason.WRONG_TYPE, id="JSON null"),
        pytest.param(body(customer_id=7.5), RejectReason.WRONG_TYPE, id="a fraction as customer"),
        pytest.param(body(event_type=7), RejectReason.WRONG_TYPE, id="a number as type"),
        pytest.param(body(event_data=[1]), RejectReason.WRONG_TYPE, id="a list as data"),
        pytest.param(body(event_id=True), RejectReason.WRONG_TYPE, id="a truth as id"),
        pytest.param(
            body(event_data={"n": 10**30}, event_type="identify"),
            RejectReason.WRONG_TYPE,
            id="a profile that cannot be stored",
        ),
        pytest.param(b"{}", RejectReason.MISSING_FIELD, id="nothing in it"),
        pytest.param(b'{"event_type":"t"}', RejectReason.MISSING_FIELD, id="no customer"),
        pytest.param(b'{"customer_id":"c"}', RejectReason.MISSING_FIELD, id="no type"),
        pytest.param(body(customer_id=None), RejectReason.MISSING_FIELD, id="customer null"),
        pytest.param(body(customer_id=""), RejectReason.MISSING_FIELD, id="customer empty"),
        pytest.param(body(event_type=""), RejectReason.MISSING_FIELD, id="type empty"),
        pytest.param(body(event_id=""), RejectReason.MISSING_FIELD, id="id empty"),
        pytest.param(b" " * 5_000_000, RejectReason.TOO_LARGE, id="5 MB"),
        pytest.param(b"[" * 10_000, RejectReason.TOO_DEEP, id="10,000 deep, not closed"),
        pytest.param(
            b'{"customer_id":"c","event_type":"t","x":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
            RejectReason.TOO_DEEP,
            id="10,000 deep",
        ),
    ],
)
def test_what_is_no_event_is_rejected_for_one_reason(
    value: bytes | None, reason: RejectReason
) -> None:
    assert rejection(value)[0] == reason


def test_the_size_is_bounded_including_its_end() -> None:
    fitting = body().ljust(MAX_BYTES)

    assert decode(fitting).customer_id == "c1"
    assert rejection(fitting + b" ") == (
        "too_large",
        f"at most {MAX_BYTES} bytes; found {MAX_BYTES + 1}",
    )


def test_nesting_is_bounded_including_its_end_and_brackets_in_texts_do_not_count() -> None:
    def nested(levels: int) -> bytes:
        return (
            b'{"customer_id":"c","event_type":"t","text":"\\"[[[[[{{{{{","x":'
            + b"[" * (levels - 1)
            + b"]" * (levels - 1)
            + b"}"
        )

    assert decode(nested(MAX_DEPTH)).customer_id == "c"
    assert rejection(nested(MAX_DEPTH + 1))[0] == "too_deep"


def test_a_long_text_of_brackets_is_not_deep() -> None:
    assert decode(body(event_data={"note": "[" * 1_000})).event_data == {"note": "[" * 1_000}


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (body(customer_id=True), "customer_id: a text or a whole number; found true"),
        (body(event_data=[1]), "event_data: an object; found a list of 1"),
        (body(source={"a": 1}), "source: a text; found an object"),
        (body(session_id=7.5), "session_id: a text or a whole number; found 7.5"),
        (body(customer_id=""), "customer_id: a text; found an empty text"),
        (b'{"customer_id":"c"}', "event_type: a text; found nothing"),
        (b'{"a":"\xff"}', "UTF-8; found byte 0xff at 6"),
        (
            body(timestamp="2026-03-01T10:00:00"),
            (
                "timestamp: RFC 3339 with an offset, or epoch milliseconds; "
                "found 2026-03-01T10:00:00, which has no offset"
            ),
        ),
        (
            body(timestamp="9999-01-01T00:00:00Z"),
            "timestamp: in the years 1970 to 2100; found 9999-01-01T00:00:00.000Z",
        ),
    ],
)
def test_a_rejection_says_what_was_required_and_what_was_found(value: bytes, detail: str) -> None:
    assert rejection(value)[1] == detail


@given(st.binary(max_size=200))
def test_random_bytes_are_rejected_and_never_raise_anything_else(value: bytes) -> None:
    with pytest.raises(Rejected):
        decode(value)


TEXT = st.text("ab\N{LATIN SMALL LETTER E WITH ACUTE}\0", max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.sampled_from(
    [
        *("customer_id", "event_type", "event_id", "timestamp", "event_data", "metadata"),
        *("type", "event", "userId", "traits", "properties", "context", "sentAt", "receivedAt"),
        *("specversion", "id", "source", "subject", "time", "data", "originalTimestamp"),
    ]
)
VALUES = JSON | st.sampled_from(
    ["c1", "track", "identify", "page", "1.0", "2026-03-01T10:00:00Z", "2026-03-01T10:00:00"]
)


@given(st.dictionaries(FIELDS, VALUES, max_size=8))
def test_any_object_is_an_event_or_rejected(fields: dict[str, Any]) -> None:
    try:
        event = decode(json.dumps(fields).encode())
    except Rejected as rejected:
        verdict = rejected
    else:
        assert event.customer_id
        assert event.event_type
        assert event.event_id
        return
    assert verdict.reason in set(RejectReason)
    assert len(verdict.detail) < 300


def test_no_part_of_a_moment_carries_it_over_the_end_of_a_window() -> None:
    value = body(timestamp="2026-03-01T09:59:59.9999999Z")

    event = decode(value)

    assert (event.timestamp, event.raw) == (TEN - 1, value)


@pytest.mark.parametrize(
    ("timestamp", "reason", "found"),
    [
        (1_772_359_200, "bad_timestamp", "1772359200, which reads as seconds: multiply by 1000"),
        (
            1_772_359_200_000_000,
            "timestamp_out_of_range",
            "1772359200000000, which reads as microseconds: divide by 1000",
        ),
        (
            1_772_359_200_000_000_000,
            "timestamp_out_of_range",
            "1772359200000000000, which reads as nanoseconds: divide by 1000000",
        ),
    ],
)
def test_a_moment_in_another_unit_is_refused_with_the_remedy(
    timestamp: int, reason: str, found: str
) -> None:
    told, detail = rejection(body(timestamp=timestamp))

    assert told == reason
    assert detail.endswith(found)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("3146", "3146"),
        ("3146.0", "3146"),
        ("-5", "-5"),
        ("0", "0"),
        ("1e3", "1000"),
        ("9007199254740993", "9007199254740993"),
        ("89014103211118510720", "89014103211118510720"),
        ("9" * 300, "9" * 300),
    ],
)
def test_a_whole_number_as_an_id_is_the_text_of_its_digits(number: str, text: str) -> None:
    value = (
        f'{{"customer_id": {number}, "event_type": "a", "event_id": {number}, '
        f'"session_id": {number}, "unknown": 1.10}}'
    ).encode()

    event = decode(value)

    assert (event.customer_id, event.event_id, event.session_id) == (text, text, text)
    assert b'"unknown":1.10' in event.raw
    again = decode(event.raw)
    assert (again.customer_id, again.raw) == (text, event.raw)


@pytest.mark.parametrize("field", ["event_data", "device_info", "location_data", "metadata"])
def test_an_empty_list_is_an_empty_mapping(field: str) -> None:
    event = decode(body(**{field: []}))

    assert getattr(event, field) == {}
    assert json.loads(event.raw)[field] == {}
    assert rejection(body(**{field: [0]})) == (
        "wrong_type",
        f"{field}: an object; found a list of 1",
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (rb"\ud83d", "\ufffd"),
        (rb"\ude00", "\ufffd"),
        (rb"\ud83d\ude00", "\N{GRINNING FACE}"),
        (rb"\ud83d\ud83d\ude00", "\ufffd\N{GRINNING FACE}"),
        (rb"\uD83D x", "\ufffd x"),
        (rb"\\ud83d \ud83d", "\\ud83d \ufffd"),
        (rb"\ud83d\u0041", "\ufffdA"),
        (b"\xed\xa0\xbd", "\ufffd"),
        (b"\xed\xa0\xbd\xed\xb8\x80", "\N{GRINNING FACE}"),
        ("\N{GRINNING FACE}".encode() + rb"\ude00", "\N{GRINNING FACE}\ufffd"),
    ],
)
@pytest.mark.parametrize("place", ["customer_id", "event_data", "unknown", "name"])
def test_half_a_character_is_replaced_and_the_event_is_kept(
    written: bytes, read: str, place: str
) -> None:
    fields = {
        "customer_id": b"c",
        "event_data": b"t",
        "unknown": b"u",
        "name": b"n",
        place: written,
    }
    value = (
        b'{"customer_id":"%(customer_id)b","event_type":"a","event_data":{"%(name)b":'
        b'"%(event_data)b"},"unknown":["%(unknown)b"]}'
    ) % {name.encode(): text for name, text in fields.items()}

    event = decode(value)

    said = json.loads(event.raw)
    assert event.customer_id == said["customer_id"] == (read if place == "customer_id" else "c")
    assert event.event_data == said["event_data"]
    assert {
        "customer_id": said["customer_id"],
        "event_data": next(iter(said["event_data"].values())),
        "unknown": said["unknown"][0],
        "name": next(iter(said["event_data"])),
    }[place] == read
    assert decode(event.raw).raw == event.raw


def test_a_byte_order_mark_is_passed_over() -> None:
    event = decode(b"\xef\xbb\xbf" + body())

    assert (event.customer_id, event.raw) == ("c1", body())


def test_a_number_that_nothing_holds_is_told_where_something_must_be_judged() -> None:
    plain = b'{"customer_id":"c","event_type":"a","unknown":1e400}'

    assert decode(plain).raw == plain
    assert rejection(plain.replace(b'"c"', b"7"))[0] == "wrong_type"


SEEN = b'{"customer_id":"c1","event_type":"seen"}'
CALL = (
    b'{"type":"track","userId":"c1","event":"seen","messageId":"m1",'
    b'"timestamp":"2026-03-01T10:00:00Z","sentAt":"2026-03-01T10:00:05Z"}'
)


@pytest.mark.parametrize("received", [-1, -2, -(1 << 63)])
def test_where_nobody_says_when_an_event_is_refused(received: int) -> None:
    with pytest.raises(Rejected) as refused:
        decode_event(SEEN, fallback_id="x", fallback_timestamp=received)

    assert refused.value.reason == RejectReason.MISSING_FIELD


def test_where_somebody_will_say_it_later_an_event_stands_at_the_earliest_moment() -> None:
    event = decode_event(SEEN, fallback_id="x", fallback_timestamp=LATER)

    assert (event.timestamp, event.raw) == (EARLIEST, SEEN)


@pytest.mark.parametrize("received", [-1, -5, LATER])
def test_a_time_that_was_not_received_corrects_no_device_s_clock(received: int) -> None:
    assert decode_event(CALL, fallback_id="x", fallback_timestamp=received).timestamp == TEN
