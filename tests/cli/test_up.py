"""``up``: what it reads before it starts anything, and what it starts. Running it: tests/e2e."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import typer

from triggerstream.cli.up import _here, _on_kafka, disk_of, engine, read_env, triggers_of
from triggerstream.errors import SettingsError
from triggerstream.ops.settings import load_settings
from triggerstream.processes import engine as processes
from triggerstream.processes.supervisor import Command

NAME = "TRIGGERSTREAM_SENDER__SMTP__HOST"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set here goes when the test is over."""
    monkeypatch.setattr(os, "environ", {})


def ours() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("TRIGGER")}


def env(directory: Path, text: str) -> Path:
    path = directory / ".env"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "line",
    [
        f"{NAME}=mail.example",
        f"export {NAME}=mail.example",
        f'  {NAME} = "mail.example"  ',
        f"{NAME}='mail.example'",
        f"# where mail goes\n\n{NAME}=mail.example",
    ],
)
def test_settings_stand_in_the_directory_as_people_write_them(tmp_path: Path, line: str) -> None:
    read_env(env(tmp_path, line))

    assert ours() == {NAME: "mail.example"}


@pytest.mark.parametrize("value", ["a=b", "a'b", "'", '"a'])
def test_a_value_is_what_stands_there(tmp_path: Path, value: str) -> None:
    read_env(env(tmp_path, f"{NAME}={value}\n"))

    assert os.environ[NAME] == value


def test_the_environment_comes_first(tmp_path: Path) -> None:
    os.environ[NAME] = "other.example"

    read_env(env(tmp_path, f"{NAME}=mail.example"))

    assert os.environ[NAME] == "other.example"


def test_every_line_that_is_no_setting_is_named_and_nothing_is_set(tmp_path: Path) -> None:
    path = env(tmp_path, f"{NAME}=a\nPASSWORD=b\nnonsense\n")

    with pytest.raises(SettingsError) as caught:
        read_env(path)

    assert [line.partition(": ")[0] for line in str(caught.value).splitlines()] == [
        f"{path}:2",
        f"{path}:3",
    ]
    assert ours() == {}


def test_what_stands_in_a_line_that_is_no_setting_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read_env(env(tmp_path, "PASSWORD=secret\n"))

    assert "secret" not in str(caught.value)


def test_a_directory_needs_no_settings_and_a_file_that_cannot_be_read_is_named(
    tmp_path: Path,
) -> None:
    read_env(tmp_path / ".env")
    (tmp_path / ".env").write_bytes(b"\xff")

    with pytest.raises(SettingsError, match="readable"):
        read_env(tmp_path / ".env")


def test_the_triggers_of_a_project_stand_in_their_folder(tmp_path: Path) -> None:
    assert triggers_of(tmp_path) == tmp_path
    (tmp_path / "triggers").mkdir()
    assert triggers_of(tmp_path) == tmp_path / "triggers"


def test_room_is_looked_for_where_the_installation_is(tmp_path: Path) -> None:
    assert disk_of(tmp_path) == tmp_path
    (tmp_path / ".triggerstream").mkdir()
    assert disk_of(tmp_path) == tmp_path / ".triggerstream"


class Runs:
    """What engines are told to put in force; the first one is killed before it does."""

    def __init__(self) -> None:
        self.wanted: list[bool] = []

    def __call__(self, *where: Any, wanted: Any, run_id: str | None, **_: Any) -> int:
        place = where[1]
        self.wanted.append(wanted is not None)
        if len(self.wanted) > 1 and wanted is not None and run_id is not None:
            place.path.mkdir(exist_ok=True)
            place.note_begun(run_id)
        return 0


def start(directory: Path, command: Command, times: int) -> None:
    """Start what *command* starts, so many times."""
    words = command.words[command.words.index("--supervised") + 1 :]
    options = dict(zip(words[::2], words[1::2], strict=False))
    for _ in range(times):
        with pytest.raises(typer.Exit):
            engine(directory, keep_ruleset="--keep-ruleset" in words, run=options.get("--run"))


def test_a_run_puts_the_triggers_in_force_once_however_often_its_engine_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = Runs()
    monkeypatch.setattr(processes, "run_engine", runs)
    (tmp_path / "a.yaml").write_text("trigger: a\nwhen: {event: seen}\nthen:\n  - log: {}\n")

    start(tmp_path, _here(tmp_path, [], keep_ruleset=False), 4)
    start(tmp_path, _here(tmp_path, [], keep_ruleset=False), 2)
    start(tmp_path, _here(tmp_path, [], keep_ruleset=True), 1)

    assert runs.wanted == [True, True, False, False, True, False, False]


def test_what_was_said_of_the_clock_holds_for_the_whole_run(tmp_path: Path) -> None:
    assert "--accept-clock" in _here(tmp_path, ["--accept-clock"], keep_ruleset=False).words


@pytest.mark.parametrize(("port", "ports"), [("0", ["0", "0", "0"]), ("90", ["90", "91", "92"])])
def test_what_runs_on_kafka_listens_on_ports_of_its_own(
    tmp_path: Path, port: str, ports: list[str]
) -> None:
    settings = load_settings({"TRIGGERSTREAM_HTTP__PORT": port})

    commands = _on_kafka(settings, tmp_path, keep_ruleset=False)

    assert [command.name for command in commands] == ["worker", "sender", "ingest"]
    assert [command.environ["TRIGGERSTREAM_HTTP__PORT"] for command in commands] == ports
