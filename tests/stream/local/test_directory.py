"""The installation's directory: one owner, one format, and what commands are told."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from triggerstream.errors import (
    SettingsError,
    StateFormatError,
    StoreError,
    WorldChangedError,
)
from triggerstream.stream.local.directory import FORMAT, Directory, Engine
from triggerstream.stream.local.moved import Moved

ENGINE = Engine(os.getpid(), "http://127.0.0.1:1", "http://127.0.0.1:2", "2026-01-01T00:00:00Z")


def test_a_second_process_is_told_whose_the_directory_is(tmp_path: Path) -> None:
    with Directory(tmp_path), pytest.raises(SettingsError) as refused:
        Directory(tmp_path).claim()

    assert f"process {os.getpid()}, which has it" in str(refused.value)
    assert refused.value.exit_code == 2


def pauses(monkeypatch: pytest.MonkeyPatch, then: Callable[[int], None]) -> list[float]:
    """Wait for nothing; return the list of what should have been waited for, told as it grows."""
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        then(len(waited))

    monkeypatch.setattr(time, "sleep", sleep)
    return waited


def test_an_engine_waits_for_a_command_that_appends_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command, engine = Directory(tmp_path), Directory(tmp_path)
    command.claim()
    waited = pauses(monkeypatch, lambda times: command.release() if times == 100 else None)

    engine.claim(patience=10.0)

    assert engine.is_held
    assert len(waited) == 100
    engine.release()


def test_an_engine_that_listens_and_a_command_without_end_are_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = pauses(monkeypatch, lambda _: None)
    with Directory(tmp_path) as other:
        with pytest.raises(SettingsError, match="which has it"):
            Directory(tmp_path).claim(patience=10.0)
        without_end, waited[:] = sum(waited), []

        other.tell(ENGINE)
        with pytest.raises(SettingsError, match="which has it"):
            Directory(tmp_path).claim(patience=10.0)

    assert without_end == pytest.approx(10.0, abs=0.1)
    assert sum(waited) < 0.5


def test_what_a_killed_engine_of_the_same_number_has_told_is_forgotten(tmp_path: Path) -> None:
    """In a container the numbers are the same each time."""
    with Directory(tmp_path) as killed:
        killed.tell(ENGINE)

    with Directory(tmp_path) as directory:
        assert directory.engine() is None


def test_what_is_known_of_the_clock_holds_until_the_machine_is_started_again(
    tmp_path: Path,
) -> None:
    with Directory(tmp_path) as directory:
        nothing = directory.known_clock("boot-1")
        directory.note_clock("boot-1", -5)
        directory.note_clock("boot-1", 7)
        same, other, unknown = map(directory.known_clock, ("boot-1", "boot-2", ""))
        directory.note_clock("", 7)

        assert (nothing, same, other, unknown) == (None, 7, None, None)
        assert directory.known_clock("") is None


def test_a_full_disk_is_no_mistake_in_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine stays down by those, and starts again when there is room."""

    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", refuse)

    with pytest.raises(StoreError, match="required is room on the disk"):
        Directory(tmp_path).claim()


def test_a_directory_that_was_given_back_can_be_taken(tmp_path: Path) -> None:
    with Directory(tmp_path) as first:
        assert first.owner() == os.getpid()

    with Directory(tmp_path) as second:
        held = second.is_held

    assert held
    assert not second.is_held
    assert second.owner() is None


def test_a_killed_process_leaves_the_directory_free_and_no_engine(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from triggerstream.stream.local.directory import Directory, Engine\n"
        "directory = Directory(Path(sys.argv[1])); directory.claim()\n"
        "directory.tell(Engine(os.getpid(), '', '', ''))\n"
        "print(directory.engine() is not None, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    died = subprocess.run(
        [sys.executable, "-c", program, tmp_path],
        check=False,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (died.returncode, died.stdout) == (-signal.SIGKILL, b"True\n")

    directory = Directory(tmp_path)

    assert directory.owner() is None
    assert directory.engine() is None
    with directory:
        assert directory.is_held


def test_a_directory_that_was_removed_is_not_held_any_more(tmp_path: Path) -> None:
    with Directory(tmp_path) as held:
        shutil.rmtree(held.path)
        assert not held.is_held

        with Directory(tmp_path) as other:
            assert other.is_held
            assert not held.is_held


def test_only_the_user_may_read_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / ".triggerstream").mkdir(mode=0o755)

    with Directory(tmp_path) as directory:
        directory.tell(ENGINE)

    modes = {file.name: oct(file.stat().st_mode & 0o777) for file in directory.path.iterdir()}
    assert modes == dict.fromkeys(("LOCK", "FORMAT", "token", "engine.json"), "0o600")
    assert directory.path.stat().st_mode & 0o777 == 0o700


def test_the_token_is_made_once(tmp_path: Path) -> None:
    with Directory(tmp_path) as directory:
        first = directory.token()
    with Directory(tmp_path) as directory:
        assert directory.token() == first
    assert len(first) >= 40


def test_a_command_without_the_token_is_told_which_file_it_wants(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"\.triggerstream/token: required"):
        Directory(tmp_path).token()


def test_where_the_engine_listens_is_told_from_when_it_is_ready_until_it_stops(
    tmp_path: Path,
) -> None:
    with Directory(tmp_path) as directory:
        before = directory.engine()
        directory.tell(ENGINE)
        ready = directory.engine()
        directory.hush()
        directory.hush()
        after = directory.engine()

    assert (before, ready, after) == (None, ENGINE, None)


@pytest.mark.parametrize("content", [b"%d\n" % (FORMAT + 1), b"", b"two\n"])
def test_a_directory_of_a_newer_release_is_left_alone(tmp_path: Path, content: bytes) -> None:
    with Directory(tmp_path) as directory:
        pass
    (directory.path / "FORMAT").write_bytes(content)

    with pytest.raises(StateFormatError, match="Start that release again") as refused:
        directory.claim()

    assert refused.value.exit_code == 70
    assert directory.owner() is None
    assert (directory.path / "FORMAT").read_bytes() == content


def test_a_file_in_its_place_is_told_as_what_it_is(tmp_path: Path) -> None:
    (tmp_path / ".triggerstream").write_text("a file")

    with pytest.raises(SettingsError, match=r"may write to; found File exists"):
        Directory(tmp_path).claim()
    with pytest.raises(SettingsError, match=r"may write to; found Not a directory"):
        Directory(tmp_path).owner()


@pytest.mark.parametrize(
    ("is_done", "said"),
    [(False, "has begun, and has not come to its end"), (True, "has moved to the Kafka at k:1")],
)
def test_nothing_goes_on_in_a_directory_that_has_moved_or_is_about_to(
    tmp_path: Path, is_done: bool, said: str
) -> None:
    place = Moved("k:1", "shop", 8, {"events": "e"}, is_done)
    with Directory(tmp_path) as directory:
        directory.move_to(place)

    with pytest.raises(WorldChangedError, match=said):
        Directory(tmp_path).claim()

    directory = Directory(tmp_path)
    directory.claim(to_move=True)
    assert directory.moved() == place
    directory.move_to(None)
    directory.release()
    with Directory(tmp_path) as again:
        assert again.is_held


def test_who_is_refused_a_directory_that_has_moved_does_not_hold_it(tmp_path: Path) -> None:
    with Directory(tmp_path) as directory:
        directory.move_to(Moved("k:1", "shop", 8, {}))
    refused = Directory(tmp_path)

    with pytest.raises(WorldChangedError):
        refused.claim()

    assert not refused.is_held
    assert refused.owner() is None


def test_a_file_of_moving_that_cannot_be_read_is_no_leave_to_go_on(tmp_path: Path) -> None:
    with Directory(tmp_path) as directory:
        (directory.path / "MOVED").write_bytes(b"{}")

    with pytest.raises(StateFormatError, match="cannot be read"):
        Directory(tmp_path).claim()


def test_who_may_not_read_it_is_told_whose_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Directory(tmp_path) as directory:
        assert directory.token()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    monkeypatch.setattr(Path, "exists", refuse)
    remedy = ". An installation is its user's alone: run this as who runs `triggerstream up`"
    with pytest.raises(SettingsError) as no_token:
        directory.token()
    with pytest.raises(SettingsError) as no_format:
        directory.check()

    assert str(no_token.value) == (
        f"{directory.path / 'token'}: required is the engine's token; found Permission denied"
        f"{remedy}"
    )
    assert str(no_format.value) == (
        f"{directory.path}: required is a directory that this user may write to; found Permission "
        f"denied{remedy}"
    )


def test_a_directory_may_be_looked_at_without_being_claimed(tmp_path: Path) -> None:
    directory = Directory(tmp_path)
    directory.check()
    assert not directory.path.exists()
    with directory:
        directory.check()

    (directory.path / "FORMAT").write_text(f"{FORMAT + 1}\n")

    with pytest.raises(StateFormatError, match="a newer release has written this directory"):
        directory.check()
