"""``tail``, as far as it goes without a broker: its words, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from triggerstream.cli.output import OutputClosedError, until_closed, writing
from triggerstream.cli.tail import LOOKED_AT, SHOWN, _start
from triggerstream.stream.following import Start

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("events",), "required is decisions, deliveries or dead-letters; found 'events'"),
        (
            ("--since", "1m", "--from-beginning"),
            "--since or --from-beginning is required, not both",
        ),
        (
            ("--since", "yesterday"),
            (
                "--since: required is a moment with its offset from UTC, such as "
                "2026-03-01T10:00:00Z, or a time ago, such as 10m; found 'yesterday'"
            ),
        ),
    ],
)
def test_wrong_words_are_refused(run: Run, arguments: tuple[str, ...], message: str) -> None:
    ran = run("tail", *arguments)

    assert (ran.code, ran.out, ran.err) == (2, "", f"triggerstream: {message}\n")


@pytest.mark.parametrize(
    ("lines", "start", "most"),
    [
        (None, Start(last=LOOKED_AT), SHOWN),
        (0, Start(), 0),
        (1, Start(last=LOOKED_AT), 1),
        (LOOKED_AT, Start(last=20 * LOOKED_AT), LOOKED_AT),
    ],
)
def test_without_a_beginning_it_shows_some_lines_of_the_past(
    lines: int | None, start: Start, most: int
) -> None:
    assert _start(None, from_beginning=False, lines=lines) == (start, most)


def test_with_a_beginning_it_shows_all_or_as_many_as_are_asked_for() -> None:
    moment = 1_772_359_200_000

    assert _start(None, from_beginning=True, lines=None) == (Start(from_beginning=True), None)
    assert _start(None, from_beginning=True, lines=5) == (Start(from_beginning=True), 5)
    assert _start("2026-03-01T10:00:00Z", from_beginning=False, lines=None) == (
        Start(since=moment), None,
    )  # fmt: skip


def test_who_has_seen_enough_ends_it_well(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    os.mkfifo(secret)
    process = subprocess.Popen(
        [sys.executable, "-m", "triggerstream", "tail"],
        env={"PYTHONPATH": str(ROOT), "TRIGGERSTREAM_HTTP__ADMIN_TOKEN_FILE": str(secret)},
        cwd=tmp_path,
    )
    try:
        with secret.open("w"):  # opens when it reads its settings, and it waits for them
            process.send_signal(signal.SIGINT)

            assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def test_a_closed_pipe_is_an_end_without_words() -> None:
    code = (
        "from triggerstream.cli.output import until_closed, writing, print_json\n"
        "with until_closed():\n"
        "    while True:\n"
        "        with writing():\n"
        "            print_json({})\n"
    )
    reading, written = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=written,
        stderr=subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT)},
    )
    os.close(written)
    assert os.read(reading, 3) == b"{}\n"
    os.close(reading)

    _, said = process.communicate(timeout=30)

    assert (process.returncode, said) == (0, b"")


def test_a_pipe_of_something_else_is_not_stdout() -> None:
    with pytest.raises(OutputClosedError), writing():
        raise BrokenPipeError
    with pytest.raises(ConnectionResetError), until_closed():
        raise ConnectionResetError
