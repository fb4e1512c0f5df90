"""Dead letters as they are shown."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Run
from triggerstream.cli.dead_letters import printable


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
