"""The command line as a whole: its commands, how it ends, how fast it answers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.core
import typer.main

from tests.cli.conftest import Run
from triggerstream.cli import commands
from triggerstream.errors import WorldChangedError
from triggerstream.ops.build import version_line

ROOT = Path(__file__).parents[2]
HEAVY = ("faust", "aiokafka", "rocksdict", "prometheus_client", "structlog", "ruamel", "pydantic")


def test_help_names_every_command(run: Run) -> None:
    ran = run("--help")

    assert ran.code == 0
    for command in (
        *("validate", "test", "replay", "worker", "sender"),
        *("deploy", "send", "tail", "inspect", "erase", "dlq", "demo", "topics", "move"),
        *("up", "ingest"),
    ):
        assert f"\n  {command} " in ran.out


def _groups(group: typer.core.TyperGroup, *path: str) -> Iterator[tuple[str, ...]]:
    yield path
    for name, command in group.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            yield from _groups(command, *path, name)


def _root() -> typer.core.TyperGroup:
    root = typer.main.get_command(commands.app)
    assert isinstance(root, typer.core.TyperGroup)
    return root


@pytest.mark.parametrize("group", list(_groups(_root())), ids=" ".join)
def test_a_list_of_commands_fits_into_80_columns_with_no_sentence_cut(
    run: Run, monkeypatch: pytest.MonkeyPatch, group: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    lines = run(*group, "--help").out.partition("\nCommands:\n")[2].splitlines()

    assert lines
    assert [line for line in lines if line.endswith("...") or len(line) > 80] == []


def test_the_version_is_told(run: Run) -> None:
    assert run("--version").out == f"{version_line()}\n"


@pytest.mark.parametrize("arguments", [("nonsense",), ("replay",), ("validate", "--nonsense")])
def test_wrong_words_exit_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    ran = run(*arguments)

    assert ran.code == 2
    assert ran.out == ""
    assert "Usage:" in ran.err


def test_what_is_heavy_is_imported_by_the_command_that_needs_it() -> None:
    code = (
        f"import sys, triggerstream.cli.commands; print([m for m in {HEAVY!r} if m in sys.modules])"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout == "[]\n"


def test_an_error_of_ours_is_one_message_and_its_own_exit_code(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise WorldChangedError("the topic was created again")

    monkeypatch.setattr(commands, "app", fail)

    ran = run("worker")

    assert (ran.code, ran.err) == (73, "triggerstream: the topic was created again\n")


def test_a_defect_keeps_its_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(commands, "app", fail)

    with pytest.raises(ZeroDivisionError):
        run("worker")


@pytest.mark.parametrize("command", ["worker", "sender"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_that_is_told_to_stop_before_it_has_begun_ends_well(
    tmp_path: Path, command: str, number: signal.Signals
) -> None:
    secret = tmp_path / "secret"
    os.mkfifo(secret)
    process = subprocess.Popen(
        [sys.executable, "-m", "triggerstream", command],
        env={"PYTHONPATH": str(ROOT), "TRIGGERSTREAM_HTTP__ADMIN_TOKEN_FILE": str(secret)},
        cwd=tmp_path,
    )
    with secret.open("w"):  # opens when the process reads its settings, and it waits for them
        process.send_signal(number)

        assert process.wait(30) == 0


def test_a_command_that_is_ended_has_not_done_its_work(tmp_path: Path, triggers: Path) -> None:
    secret = tmp_path / "secret"
    os.mkfifo(secret)
    process = subprocess.Popen(
        [sys.executable, "-m", "triggerstream", "deploy", str(triggers)],
        env={"PYTHONPATH": str(ROOT), "TRIGGERSTREAM_HTTP__ADMIN_TOKEN_FILE": str(secret)},
        cwd=tmp_path,
    )
    with secret.open("w"):
        process.terminate()

        assert process.wait(30) == -signal.SIGTERM


@pytest.mark.parametrize("command", ["worker", "sender"])
def test_a_process_does_not_start_with_a_wrong_setting(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("TRIGGERSTREAM_KAFKA__PARTITIONS", "many")
    monkeypatch.setenv("TRIGGERSTREAM_KAFKA__BOOTSTRP", "127.0.0.1:1")

    ran = run(command)

    assert ran.code == 2
    assert ran.out == ""
    assert "TRIGGERSTREAM_KAFKA__PARTITIONS: required is a whole number" in ran.err
    assert "did you mean TRIGGERSTREAM_KAFKA__BOOTSTRAP?" in ran.err


@pytest.mark.parametrize("command", ["worker", "sender"])
def test_a_process_needs_a_directory_that_it_can_make(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TRIGGERSTREAM_DATA_DIR", str(tmp_path / "file" / "data"))

    ran = run(command)

    assert ran.code == 2
    assert ran.err.startswith("triggerstream: TRIGGERSTREAM_DATA_DIR: required is a directory")


def test_a_worker_does_not_start_with_wrong_triggers(run: Run, triggers: Path) -> None:
    (triggers / "wrong.yaml").write_text("trigger: 7\n")

    ran = run("worker", "--triggers", triggers)

    assert ran.code == 1
    assert f"{triggers / 'wrong.yaml'}:1:" in ran.err


@pytest.mark.parametrize(
    "command",
    [
        ("worker",),
        ("dlq", "list"),
        ("deploy", "."),
        ("send", "ada", "seen"),
        ("tail",),
        ("inspect", "ada"),
        ("erase", "ada"),
    ],
)
def test_brokers_that_do_not_answer_are_named(triggers: Path, command: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"

    ran = subprocess.run(
        [sys.executable, "-m", "triggerstream", *command],
        cwd=triggers,
        env={"PYTHONPATH": str(ROOT), "TRIGGERSTREAM_KAFKA__BOOTSTRAP": address},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 69
    assert ran.stdout == ""
    assert f"required are brokers that answer; found {address} " in ran.stderr
    assert "Traceback" not in ran.stderr
    assert "Unclosed" not in ran.stderr
