"""The supervisor: what it starts again, when, and what it leaves down. Its processes are real."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from triggerstream.processes.supervisor import (
    FREE,
    FREE_BYTES,
    MOST,
    STAYS_DOWN,
    BackOff,
    Command,
    Supervisor,
)
from triggerstream.stream.local.retention import LEAST_FREE, LEAST_FREE_BYTES


def shell(script: str, name: str = "engine") -> Command:
    return Command(name, ["/bin/sh", "-c", script], os.environ)


def twice(begun: Path, script: str, again: str) -> Command:
    """A process that does *script* the first time, and *again* when it is started again."""
    return shell(f"if [ -e {begun} ]; then {again}; else touch {begun}; {script}; fi")


class Waits:
    """Waits for nothing, and remembers for how long it should have."""

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        self.seconds: list[float] = []
        self._then = then

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self._then()
        await asyncio.sleep(0)


def test_it_waits_twice_as_long_each_time_and_not_for_ever() -> None:
    back_off = BackOff()

    waits = [back_off.after(0.0) for _ in range(7)]

    assert waits == [1, 2, 4, 8, 16, MOST, MOST]


@pytest.mark.parametrize(("ran", "wait"), [(59.9, 4.0), (60.0, 1.0)])
def test_a_process_that_ran_for_long_has_recovered(ran: float, wait: float) -> None:
    back_off = BackOff()
    back_off.after(0.0)
    back_off.after(0.0)

    assert back_off.after(ran) == wait


def test_what_a_person_must_mend_is_what_stays_down() -> None:
    assert {2, 70, 73, 75, 77} == STAYS_DOWN


@pytest.mark.parametrize("code", [1, 69, 71, 72, 74, 76])
async def test_what_may_get_further_is_started_again(tmp_path: Path, code: int) -> None:
    done = tmp_path / "done"
    waits = Waits()
    command = twice(tmp_path / "begun", f"exit {code}", f"touch {done}; exit 2")

    found = await Supervisor([command], tmp_path, sleep=waits).run()

    assert done.exists()
    assert waits.seconds == [1.0]
    assert found == 2


async def test_a_killed_process_is_started_again(tmp_path: Path) -> None:
    command = twice(tmp_path / "begun", "kill -9 $$", "exit 73")

    found = await Supervisor([command], tmp_path, sleep=Waits()).run()

    assert found == 73


@pytest.mark.parametrize("code", sorted(STAYS_DOWN))
async def test_what_stays_down_takes_the_others_with_it(tmp_path: Path, code: int) -> None:
    stopped = tmp_path / "stopped"
    other = shell(
        f"trap 'touch {stopped}; exit 0' TERM; while :; do sleep 0.02; done", name="other"
    )
    waits = Waits()

    found = await Supervisor([shell(f"sleep 0.2; exit {code}"), other], tmp_path, sleep=waits).run()

    assert found == code
    assert stopped.exists()
    assert waits.seconds == []


async def test_who_is_told_to_stop_stops_all_in_order_and_starts_nothing(tmp_path: Path) -> None:
    stopped, began = tmp_path / "stopped", tmp_path / "began"
    script = f"trap 'touch {stopped}; exit 0' TERM; touch {began}; while :; do sleep 0.02; done"
    supervisor = Supervisor([shell(script)], tmp_path, sleep=Waits())
    running = asyncio.create_task(supervisor.run())
    while not began.exists():  # noqa: ASYNC110 - a file of another process says so
        await asyncio.sleep(0.01)

    supervisor.stop()

    assert await running == 0
    assert stopped.exists()


async def test_who_is_told_to_stop_while_a_process_is_down_does_not_wait(tmp_path: Path) -> None:
    async def for_ever(_: float) -> None:
        supervisor.stop()
        await asyncio.Event().wait()

    supervisor = Supervisor([shell("exit 71")], tmp_path, sleep=for_ever)

    assert await supervisor.run() == 0


async def test_a_process_learns_by_its_input_that_its_supervisor_is_gone(tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    script = f"read line; touch {ended}; exit 2"
    supervisor = Supervisor([shell(script)], tmp_path, sleep=Waits())
    running = asyncio.create_task(supervisor.run())
    while not (process := supervisor._running.get("engine")):  # noqa: ASYNC110 - as above
        await asyncio.sleep(0)

    assert process.stdin is not None
    process.stdin.close()  # as the system does for who is killed

    assert await running == 2
    assert ended.exists()


@pytest.mark.parametrize(
    ("total", "free", "looks"),
    [
        pytest.param(1000, 50, 0, id="a small disk with room"),
        pytest.param(1000, 49, 3, id="a small disk without"),
        pytest.param(1000 * FREE_BYTES, FREE_BYTES, 0, id="a large disk with room"),
        pytest.param(1000 * FREE_BYTES, FREE_BYTES - 1, 3, id="a large disk without"),
    ],
)
async def test_a_process_that_failed_by_its_disk_waits_for_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, total: int, free: int, looks: int
) -> None:
    waits = Waits()
    usage = SimpleNamespace(total=total, free=free)

    def disk(_: Any) -> Any:
        if len(waits.seconds) == 1 + 3:
            usage.free = total
        return usage

    monkeypatch.setattr(shutil, "disk_usage", disk)

    command = twice(tmp_path / "begun", "exit 74", "exit 2")

    found = await Supervisor([command], tmp_path, sleep=waits).run()

    assert found == 2
    assert waits.seconds == [1.0, *[5.0] * looks]


async def test_what_failed_by_something_else_does_not_wait_for_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = Waits()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=1000, free=0))
    command = twice(tmp_path / "begun", "exit 1", "exit 2")

    async with asyncio.timeout(10):
        assert await Supervisor([command], tmp_path, sleep=waits).run() == 2

    assert waits.seconds == [1.0]


def test_what_is_started_again_for_its_room_finds_enough_to_append() -> None:
    assert FREE_BYTES > LEAST_FREE_BYTES
    assert FREE >= LEAST_FREE


async def test_all_are_told_once_and_no_process_is_left(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    supervisor = Supervisor([shell(f"echo $$ > {pid}; exec sleep 60")], tmp_path, sleep=Waits())
    running = asyncio.create_task(supervisor.run())
    while not (pid.exists() and pid.read_text().strip()):  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.01)

    supervisor.stop()
    await running

    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), signal.SIG_DFL)
