"""Dead letters as they are written and read."""

from __future__ import annotations

from triggerstream.core.records.dead_letters import (
    MOST_KEPT,
    DeadLetter,
    as_json,
    as_letter,
    dead_letter,
)
from triggerstream.core.records.record import Header

HEADERS = (
    ("x-dlq-reason", b"bad_json"),
    ("x-dlq-error", b"a JSON object; found nonsense"),
    ("x-dlq-topic", b"triggerstream.events.v1"),
    ("x-dlq-partition", b"3"),
    ("x-dlq-offset", b"7"),
    ("trace", b"\x00\xff"),
)


def test_a_letter_tells_our_notes_from_the_records_own_headers() -> None:
    letter = as_letter(0, 1, b"c1", b"nonsense", HEADERS)

    assert letter.reason == "bad_json"
    assert letter.notes["offset"] == "7"
    assert letter.headers == (("trace", b"\x00\xff"),)


def test_of_each_note_the_first_counts_and_the_rest_are_the_records_own() -> None:
    """A dead letter that is dead once more, or a record whose producer played us a trick."""
    own = (("x-dlq-reason", b"mine"), ("x-dlq-color", b"red"), ("x-dlq-error", None))

    letter = as_letter(0, 1, b"c1", b"nonsense", (*HEADERS, *own))

    assert letter.reason == "bad_json"
    assert letter.headers == (("trace", b"\x00\xff"), *own)


def test_json_keeps_headers_that_are_null_or_there_more_than_once() -> None:
    own = (("a", None), ("b", b"1"), ("b", None), ("b", b"\xff"), ("", b""))

    told = as_json(as_letter(0, 1, None, None, own))

    assert told["headers"] == {"a": None, "b": ["1", None, {"base64": "/w=="}], "": ""}


def test_a_letter_without_notes_has_an_unknown_reason() -> None:
    assert as_letter(0, 1, None, None, ()).reason == "unknown"


def test_json_keeps_text_as_text_and_other_bytes_in_base64() -> None:
    told = as_json(as_letter(0, 1, None, "für".encode(), HEADERS))

    assert (told["partition"], told["offset"]) == (0, 1)
    assert told["origin"] == {
        "topic": "triggerstream.events.v1",
        "partition": "3",
        "offset": "7",
        "timestamp": None,
    }
    assert (told["key"], told["value"]) == (None, "für")
    assert told["headers"] == {"trace": {"base64": "AP8="}}


def written(letter: DeadLetter) -> dict[str, bytes | None]:
    return dict(dead_letter(letter, to="events.dlq", topic="triggerstream.events.v1").headers)


LETTER = DeadLetter("bad_json", "an object; found {", 3, 7, 5, b"c1", b"{", (("trace", b"\x00"),))


def test_a_letter_that_was_written_is_read_as_it_was() -> None:
    record = dead_letter(LETTER, to="events.dlq", topic="triggerstream.events.v1")

    letter = as_letter(0, 1, record.key, record.value, record.headers)

    assert (record.topic, record.partition) == ("events.dlq", 0)
    assert (letter.reason, letter.key, letter.value) == ("bad_json", b"c1", b"{")
    assert letter.headers == LETTER.headers
    assert dict(letter.notes) == {
        "reason": "bad_json",
        "error": "an object; found {",
        "topic": "triggerstream.events.v1",
        "partition": "3",
        "offset": "7",
        "timestamp": "5",
    }


def test_a_null_header_is_null_in_the_letter_and_counts_nothing_but_its_name() -> None:
    headers: tuple[Header, ...] = (("trace", None), ("", None), ("trace", b""))
    letter = DeadLetter("bad_json", "", 0, 0, 0, None, b"{", headers)

    record = dead_letter(letter, to="events.dlq", topic="triggerstream.events.v1")

    assert record.headers[-3:] == headers
    assert as_letter(0, 1, None, b"{", record.headers).headers == headers


def test_headers_are_left_out_where_they_make_a_letter_too_large() -> None:
    """Small ones take more for their lengths than for what they say."""
    headers: tuple[Header, ...] = (("h", None),) * (MOST_KEPT // 11 + 1)
    letter = DeadLetter("bad_json", "", 0, 0, 0, b"c1", b"{", headers)

    record = dead_letter(letter, to="events.dlq", topic="triggerstream.events.v1")

    assert len(record.headers) == 7
    assert record.headers[-1][0] == "x-dlq-truncated"
    assert (record.key, record.value) == (b"c1", b"{")


def test_the_bytes_of_a_letter_stay() -> None:
    assert written(LETTER) == {
        "x-dlq-reason": b"bad_json",
        "x-dlq-error": b"an object; found {",
        "x-dlq-topic": b"triggerstream.events.v1",
        "x-dlq-partition": b"3",
        "x-dlq-offset": b"7",
        "x-dlq-timestamp": b"5",
        "trace": b"\x00",
    }


def test_what_is_larger_than_the_topic_takes_is_cut_and_says_so() -> None:
    whole = DeadLetter("too_large", "", 0, 0, 0, None, b"v" * MOST_KEPT)
    larger = DeadLetter("too_large", "", 0, 0, 0, None, b"v" * (MOST_KEPT + 1))

    assert "x-dlq-truncated" not in written(whole)
    assert written(larger)["x-dlq-truncated"] == b"%d" % (MOST_KEPT + 1)
