"""A line read in one pass is what its arrival and its event are when they are read one by one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggerstream.core.detection.detect import Detect
from triggerstream.core.events.event import Event
from triggerstream.core.records.record import Rejected
from triggerstream.core.timestamps import format_moment, parse_moment
from triggerstream.replay.lines import TOPIC, read_arrival, read_line

MOMENTS: list[Any] = [
    *(1_767_225_600_000, 0, -1, 4_133_980_799_999, 4_133_980_800_000, 10**17, 1.5, True, None),
    *("2026-01-01T00:00:00Z", "2026-01-01T00:00:00+01:00", "2026-01-01T00:00:00", "soon", "", []),
]
FIELDS: dict[str, list[Any]] = {
    "customer_id": ["c", "c", "c", "", None, 7, "c" * 256, "c" * 257],
    "event_type": ["a", "a", "a", "identify", "", None],
    "event_id": ["1", "1", "", None, "e" * 257],
    "timestamp": MOMENTS,
    "received_at": [None, None, *MOMENTS],
    "event_data": [{"n": 1}, {"n": 2**70}, None, []],
    "session_id": ["s", None, 1],
    "specversion": ["1.0", None, 1],
    "type": ["track", "b", None],
    "event": ["a", None],
    "userId": ["u", None],
    "messageId": ["m", None],
    "subject": ["s", None],
    "id": ["i", None],
    "source": ["/shop", None],
    "time": ["2026-01-01T00:00:00Z", None],
    "originalTimestamp": ["2026-01-01T00:00:05Z", None],
}
USUAL = ("customer_id", "event_type", "timestamp")
_detect = Detect(TOPIC)


def read_one_by_one(value: bytes) -> tuple[Any, ...]:
    arrival, is_received = read_arrival(value)
    event = _detect.read(value, arrival, 0, 3, None, ())
    return event, arrival, is_received


def outcome(read: Any, *arguments: Any) -> Any:
    try:
        event, arrival, is_received = read(*arguments)
    except Rejected as rejected:
        return rejected.reason, rejected.detail
    said = [getattr(event, name) for name in Event.__struct_fields__]
    return said, arrival, is_received


@st.composite
def lines(draw: Any) -> bytes:
    others = draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=6))
    names = draw(st.sampled_from([USUAL, USUAL, ()])) + tuple(others)
    event = {name: draw(st.sampled_from(FIELDS[name])) for name in names}
    text = json.dumps({k: v for k, v in event.items() if v is not None or draw(st.booleans())})
    cut = draw(st.sampled_from([0, 0, 0, 0, 0, 0, 1]))
    return text[: len(text) - cut].encode()


@given(lines())
def test_any_line(value: bytes) -> None:
    assert outcome(read_line, value, 3) == outcome(read_one_by_one, value)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b'{"event_data": ' + b"[" * 300 + b"]" * 300 + b"}", id="deep"),
        pytest.param(b'{"session_id": "' + b"s" * 300_000 + b'"}', id="long"),
        pytest.param(b'{"session_id": "\xff"}', id="not UTF-8"),
        pytest.param(b"[]", id="no object"),
    ],
)
def test_lines_that_do_not_reach_the_decoder(value: bytes) -> None:
    expected = outcome(read_one_by_one, value)

    assert len(expected) == 2
    assert outcome(read_line, value, 3) == expected


def test_one_pass_says_what_a_usual_line_says() -> None:
    value = b'{"customer_id": "c", "event_type": "a", "timestamp": 5, "received_at": 7}'

    event, arrival, is_received = read_line(value, 3)

    assert (event.timestamp, event.raw, arrival, is_received) == (5, value, 7, True)
    assert event.event_id == "triggerstream.events.v1/0/3"


CALL = {"type": "track", "event": "a", "userId": "u", "timestamp": "2026-01-01T08:00:05Z"}
SLOW = CALL | {"sentAt": "2026-01-01T08:00:06Z"}
"""A call by a device whose clock is two hours behind."""


def test_a_devices_clock_is_corrected_where_the_file_says_when_the_call_was_received() -> None:
    value = json.dumps(SLOW | {"received_at": "2026-01-01T10:00:06.9999999Z"}).encode()

    event, arrival, is_received = read_line(value, 3)

    assert (format_moment(event.timestamp), is_received) == ("2026-01-01T10:00:05.999Z", True)
    assert format_moment(arrival) == "2026-01-01T10:00:06.999Z"


def test_where_it_does_not_the_call_happened_when_it_says() -> None:
    event, arrival, is_received = read_line(json.dumps(SLOW).encode(), 3)

    assert event.timestamp == arrival == parse_moment("2026-01-01T08:00:05Z")
    assert not is_received


@pytest.mark.parametrize(
    ("received", "found"),
    [
        (1_767_225_600, "1767225600, which reads as seconds: multiply by 1000"),
        ("2101-01-01T00:00:00Z", "in the years 1970 to 2100; found '2101-01-01T00:00:00Z'"),
        ("\x1b[2J", "found '\\x1b[2J'"),
    ],
)
def test_a_bad_arrival_is_told_with_the_remedy(received: Any, found: str) -> None:
    value = json.dumps(CALL | {"received_at": received}).encode()

    with pytest.raises(Rejected, match="bad_timestamp: received_at: ") as caught:
        read_line(value, 3)

    assert caught.value.detail.endswith(found)


@pytest.mark.parametrize("mended", [b'"customer_id": 7', b'"customer_id": "a\\ud83d"'])
def test_a_line_that_is_mended_keeps_its_arrival(mended: bytes) -> None:
    value = b'\xef\xbb\xbf{%b, "event_type": "a", "timestamp": 5, "received_at": 7}' % mended

    event, arrival, is_received = read_line(value, 3)

    assert (event.timestamp, arrival, is_received) == (5, 7, True)
