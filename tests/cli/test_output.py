"""What is said to people who wait, and what is printed for programs."""

from __future__ import annotations

import io
import os
import sys
from contextlib import redirect_stderr

import pytest

from triggerstream.cli.inspect import _print as print_outline
from triggerstream.cli.output import escaped, print_json, print_table, say, with_progress
from triggerstream.cli.replay import _Findings as Findings
from triggerstream.core.decisions import TriggerFailed


class Terminal(io.StringIO):
    """An stderr at which somebody sits."""

    def isatty(self) -> bool:
        return True


class Ticking:
    """A clock that goes on by *step* seconds whenever it is asked."""

    def __init__(self, step: float) -> None:
        self.now = 0.0
        self.step = step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def play(clock: Ticking, stderr: io.StringIO) -> str:
    """Go through five items, and return what was shown meanwhile."""
    with redirect_stderr(stderr):
        items = with_progress(range(5), "playing", position=lambda: (1, 5), clock=clock)
        assert list(items) == [0, 1, 2, 3, 4]
    return stderr.getvalue()


def test_what_takes_long_shows_on_a_terminal_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")

    assert "playing" in play(Ticking(step=1.0), Terminal())


def test_what_is_quick_shows_nothing() -> None:
    assert play(Ticking(step=0.1), Terminal()) == ""


def test_where_nobody_sits_nothing_is_shown() -> None:
    assert play(Ticking(step=10.0), io.StringIO()) == ""


def test_a_table_in_a_pipe_keeps_each_row_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["reason", "detail"], [["bad_json", "x" * 300], ["[red]", 7]])

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert "x" * 300 in lines[1]
    assert lines[2].split() == ["[red]", "7"]


def test_whole_numbers_are_printed_with_all_their_digits(
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    print_json({"iccid": 89014103211118510720})

    assert capsysbinary.readouterr().out == b'{"iccid":89014103211118510720}\n'


EVIL = "Kim\x1b]0;owned\x07\x9b2J\u202e\r\n  unsubscribed: True"


def test_what_somebody_else_wrote_is_one_line_that_steers_nothing() -> None:
    assert escaped("für Kim") == "für Kim"
    assert escaped(EVIL) == ("Kim\\x1b]0;owned\\x07\\x9b2J\\u202e\\r\\n  unsubscribed: True")


def test_talk_may_have_lines_and_nothing_else_that_a_terminal_obeys() -> None:
    said = io.StringIO()

    with redirect_stderr(said):
        say(f"one\ntwo {EVIL}")

    assert said.getvalue() == (
        "one\ntwo Kim\\x1b]0;owned\\x07\\x9b2J\\u202e\\r\n  unsubscribed: True\n"
    )


def test_a_table_is_of_texts_that_steer_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["reason"], [[EVIL]])

    shown = capsys.readouterr().out
    assert shown.count("\n") == 2
    assert shown.replace("\n", "").isprintable()


def test_the_outline_of_a_customer_has_a_line_for_each_attribute(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_outline({"profile": {"first_name": EVIL, EVIL: {"deep": [EVIL]}, "none": {}}}, "  ")

    shown = capsys.readouterr().out
    assert len(shown.splitlines()) == 6
    assert shown.replace("\n", "").isprintable()


def test_a_complaint_about_a_line_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    findings = Findings("e.jsonl")

    findings.on_reject(7, "bad_json", EVIL)
    findings.on_error(TriggerFailed("t", "c", 5, EVIL))

    assert len(capsys.readouterr().err.splitlines()) == 2


def test_what_is_said_is_said_where_nobody_reads_the_data_any_more(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", os.fdopen(writing, "w"))
        sys.stdout.write("data")

        say("on we go")

        with pytest.raises(BrokenPipeError):
            sys.stdout.close()

    assert capfd.readouterr().err == "on we go\n"
