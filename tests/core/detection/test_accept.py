"""Events before they are appended: what is refused, what gets an id, and under which key."""

from __future__ import annotations

import orjson
import pytest

from triggerstream.core.detection.accept import Accepted, accept
from triggerstream.core.detection.detect import Detect
from triggerstream.core.events.decode import MAX_BYTES
from triggerstream.core.events.event import Event
from triggerstream.core.records.record import ARRIVAL, Rejected

NOW = 1_772_359_200_000
THEN = b'{"customer_id": "c\xc3\xa9", "event_type": "A", "timestamp": 5, "n": 1.10}'
HAPPENS_NOW = b'{"customer_id": "c", "event_type": "A"}'


def accepted(value: bytes, place: str = "1", *, is_played: bool = False) -> Accepted:
    return accept(value, place=place, arrival=NOW, is_played=is_played)


def test_an_event_is_keyed_by_its_customer() -> None:
    record = accepted(THEN).record

    assert (record.topic, record.partition, record.key) == ("events", None, "cé".encode())


def test_an_event_with_an_id_goes_out_as_it_came() -> None:
    value = THEN.replace(b"{", b'{"event_id": "e", ', 1)

    found = accepted(value)

    assert found.record.value == value
    assert (found.event.event_id, found.is_named) == ("e", True)


def test_an_event_of_a_moment_without_an_id_gets_one_and_keeps_the_rest_as_it_was() -> None:
    found = accepted(THEN)

    value = found.record.value or b""
    assert found.is_named
    assert orjson.loads(value) == orjson.loads(THEN) | {"event_id": found.event.event_id}
    assert b"1.10" in value


def test_who_sends_an_event_again_sends_the_same() -> None:
    assert accepted(THEN).record == accepted(THEN).record


@pytest.mark.parametrize(
    ("value", "place"), [(THEN, "2"), (THEN.replace(b"1.10", b"1.1"), "1")], ids=["place", "text"]
)
def test_an_event_from_elsewhere_or_of_other_words_is_another(value: bytes, place: str) -> None:
    assert accepted(value, place).event.event_id != accepted(THEN).event.event_id


@pytest.mark.parametrize(
    "value",
    [HAPPENS_NOW, HAPPENS_NOW.replace(b"}", b', "timestamp": null}')],
    ids=["no timestamp", "null"],
)
def test_an_event_that_happens_now_gets_no_id_and_happens_each_time(value: bytes) -> None:
    found = accepted(value)

    assert not found.is_named
    assert found.record.value == value


def test_an_id_that_is_null_is_none() -> None:
    value = THEN.replace(b"{", b'{"event_id": null, ', 1)

    assert accepted(value).is_named
    assert b"null" not in (accepted(value).record.value or b"")


@pytest.mark.parametrize(
    "value",
    [
        b"\xef\xbb\xbf" + THEN,
        THEN.replace(b'"c\xc3\xa9"', b"17"),
        THEN.replace(b"{", b'{"note": "\\ud83d", ', 1),
    ],
    ids=["a byte order mark", "a number for an id", "half a character"],
)
def test_what_is_mended_when_it_is_read_gets_an_id_too(value: bytes) -> None:
    found = accepted(value)

    read = Detect("events").read(found.record.value, NOW, 0, 3, None, ())

    assert isinstance(read, Event)
    assert found.is_named
    assert (read.event_id, read.customer_id) == (found.event.event_id, found.event.customer_id)


def test_a_body_of_another_shape_goes_out_as_it_came() -> None:
    value = b'{"type": "track", "event": "E", "userId": "c", "timestamp": "2026-03-01T10:00:00Z"}'

    assert accepted(value).record.value == value


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"nonsense", "bad_json"),
        (b"{}", "missing_field"),
        (b"[" * 1000, "too_deep"),
        (HAPPENS_NOW.replace(b'"c"', b'"' + b"c" * 257 + b'"'), "too_large"),
        (THEN.replace(b"5,", b'"yesterday",'), "bad_timestamp"),
    ],
)
def test_what_would_be_a_dead_letter_is_refused_with_the_same_reason(
    value: bytes, reason: str
) -> None:
    with pytest.raises(Rejected) as rejected:
        accepted(value)

    assert rejected.value.reason == reason


@pytest.mark.parametrize("over", [0, 1])
def test_an_id_does_not_make_an_event_larger_than_the_worker_takes(over: int) -> None:
    grown = len(accepted(THEN).record.value or b"") - len(THEN)
    value = THEN.replace(b"1.10", b'"' + b"x" * (MAX_BYTES - len(THEN) - grown + 2 + over) + b'"')
    if not over:
        assert len(accepted(value).record.value or b"") == MAX_BYTES
        return

    with pytest.raises(Rejected, match="too_large: at most 262144 bytes with its event_id"):
        accepted(value)


@pytest.mark.parametrize("value", [THEN, HAPPENS_NOW], ids=["named", "nameless"])
def test_what_is_accepted_is_read_by_the_worker(value: bytes) -> None:
    found = accepted(value)

    read = Detect("events").read(found.record.value, NOW, 0, 3, None, ())

    assert isinstance(read, Event)
    assert (read.customer_id, read.timestamp) == (found.event.customer_id, found.event.timestamp)


def test_where_time_is_data_the_record_bears_its_arrival() -> None:
    assert accepted(THEN, is_played=True).record.headers == ((ARRIVAL, b"%d" % NOW),)
    assert accepted(THEN).record.headers == ()
