"""The supervisor: starts processes, and starts again those that may get further the next time.

A process that ends by a failure says by its exit code who must act (`errors`). Where a person must,
starting it again would repeat the failure, and what it says would be lost among its repeats: it
stays down, and all others with it.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import signal
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from pathlib import Path
from typing import Final

import msgspec

from triggerstream.errors import (
    DecisionError,
    SettingsError,
    StateFormatError,
    StoreError,
    WorldChangedError,
)
from triggerstream.stream.local.retention import LEAST_FREE_BYTES
from triggerstream.stream.shutdown import STOP_LIMIT

_log = logging.getLogger(__name__)

FIRST: Final = 1.0
"""Seconds before a process is started again; each time twice as many."""
MOST: Final = 30.0
"""Seconds at most."""
STEADY: Final = 60.0
"""Seconds after which a process that ran has recovered: the next failure is a first one again."""
STAYS_DOWN: Final = frozenset(
    {
        SettingsError.exit_code,
        StateFormatError.exit_code,
        WorldChangedError.exit_code,
        DecisionError.exit_code,
        77,  # EX_NOPERM of sysexits: a right is missing
    }
)
"""Exit codes after which a person must act first."""
FREE: Final = 0.05
"""Share of the disk that must be free before a process that failed by its disk runs again, where
that is less than `FREE_BYTES`."""
FREE_BYTES: Final = 2 * LEAST_FREE_BYTES
"""Bytes that must be free on a large disk: more than at which the log refused to grow."""
LOOK: Final = 5.0
"""Seconds between two looks at that."""


class Command(msgspec.Struct, frozen=True):
    """A process to be run.

    Attributes:
        name: What people call it.
        words: The program and its arguments.
        environ: Its environment.
    """

    name: str
    words: Sequence[str]
    environ: Mapping[str, str]


class BackOff:
    """How long to wait before a process is started again."""

    def __init__(self) -> None:
        self._next = FIRST

    def after(self, ran: float) -> float:
        """Return the seconds to wait, after the process *ran* for so many."""
        if ran >= STEADY:
            self._next = FIRST
        wait, self._next = self._next, min(MOST, 2 * self._next)
        return wait


class Supervisor:
    """Runs *commands* until it is told to stop, or one must stay down.

    Args:
        disk: A directory on the disk that they write to.
    """

    def __init__(
        self,
        commands: Sequence[Command],
        disk: Path,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._commands = commands
        self._disk = disk
        self._sleep = sleep
        self._monotonic = monotonic
        self._stopping = asyncio.Event()
        self._running: dict[str, Process] = {}

    def stop(self) -> None:
        """Have all end in order."""
        self._stopping.set()

    async def run(self) -> int:
        """Run all to their end; return 0, or the exit code of the one that stays down."""
        keeping = [asyncio.create_task(self._keep(command)) for command in self._commands]
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait([*keeping, stopping], return_when=asyncio.FIRST_COMPLETED)
        self.stop()
        for process in list(self._running.values()):
            _tell_to_stop(process)
        codes = await asyncio.gather(*keeping)
        stopping.cancel()
        return max(codes)

    async def _keep(self, command: Command) -> int:
        """Run *command* again and again; return 0 where it was told to stop, or its code."""
        back_off = BackOff()
        while not self._stopping.is_set():
            began = self._monotonic()
            code = await self._run(command)
            if self._stopping.is_set():
                return code if code in STAYS_DOWN else 0
            if code in STAYS_DOWN:
                _log.error("%s has ended (%d) and stays down: see what it said", command.name, code)
                return code
            wait = back_off.after(self._monotonic() - began)
            _log.warning("%s has ended (%d); again in %.0f s", command.name, code, wait)
            await self._wait(wait)
            if code == StoreError.exit_code:
                await self._wait_for_room(command)
        return 0

    async def _run(self, command: Command) -> int:
        """Run *command* once; return its exit code, negative where a signal ended it."""
        process = await asyncio.create_subprocess_exec(
            *command.words, env=dict(command.environ), stdin=PIPE, stdout=None, stderr=None
        )
        self._running[command.name] = process
        try:
            if self._stopping.is_set():  # told meanwhile
                _tell_to_stop(process)
            waiting = asyncio.ensure_future(process.wait())
            stopping = asyncio.ensure_future(self._stopping.wait())
            await asyncio.wait([waiting, stopping], return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            # A process that stops in order ends within its own limit.
            done, _ = await asyncio.wait([waiting], timeout=None if waiting.done() else GRACE)
            if not done:
                _log.error("%s does not end: killing it", command.name)
                process.kill()
            return await waiting
        finally:
            del self._running[command.name]

    async def _wait(self, seconds: float) -> None:
        """Wait, or until all are told to stop."""
        sleeping = asyncio.ensure_future(self._sleep(seconds))
        stopping = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait([sleeping, stopping], return_when=asyncio.FIRST_COMPLETED)
        for each in (sleeping, stopping):
            each.cancel()

    async def _wait_for_room(self, command: Command) -> None:
        """Wait until there is room on the disk again."""
        is_told = False
        while not self._stopping.is_set() and (missing := self._missing_room()) > 0:
            if not is_told:
                is_told = True
                _log.error(
                    "%s waits until %.0f MiB more of the disk of %s are free",
                    command.name, missing / (1 << 20), self._disk,
                )  # fmt: skip
            await self._wait(LOOK)

    def _missing_room(self) -> float:
        usage = shutil.disk_usage(self._disk)
        return min(FREE * usage.total, FREE_BYTES) - usage.free


GRACE: Final = 2 * STOP_LIMIT
"""Seconds that a process gets to end; what it does not store it decides again."""


def _tell_to_stop(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)


def supervise(
    commands: Sequence[Command],
    disk: Path,
    *,
    beside: AbstractAsyncContextManager[object] | None = None,
) -> int:
    """Run *commands* until SIGTERM or SIGINT; return the exit code.

    Args:
        beside: What is there while they run, in this process.
    """

    async def main() -> int:
        supervisor = Supervisor(commands, disk)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, supervisor.stop)
        async with beside or nullcontext():
            return await supervisor.run()

    return asyncio.run(main())
