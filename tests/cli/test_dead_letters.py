"""Dead letters as they are read and shown."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Run
from triggerstream.cli.dead_letters import as_json, as_letter, printable

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


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "(null)"),
        (b"", ""),
        ("für".encode(), "für"),
        (b"\x1b[31mred\n", "\\x1b[31mred\\n"),
        (b"\xff{", "\\xff{"),
        ("\u202eevil".encode(), "\\u202eevil"),
    ],
)
def test_what_is_shown_cannot_steer_a_terminal(value: bytes | None, shown: str) -> None:
    assert printable(value, 100) == shown


def test_a_value_is_shown_whole_up_to_the_limit() -> None:
    assert printable(b"12345", 5) == "12345"
    assert printable(b"123456", 5) == "12345… (6 bytes)"


def test_there_are_dead_letters_of_two_topics_only(run: Run) -> None:
    ran = run("dlq", "list", "--of", "inbox")

    assert ran.code == 2
    assert ran.err == "triggerstream: --of: required is events or actions; found 'inbox'\n"
