"""An installation in one directory, run by ``triggerstream up`` as anybody would run it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from tests.e2e.told import LATENESS, Told, arrival_of
from triggerstream.core.records.record import ARRIVAL, KIND, Kind, Produce
from triggerstream.errors import StoreError
from triggerstream.ops.owner import APPEND, pack
from triggerstream.stream.local.directory import Directory, Engine
from triggerstream.stream.local.reader import LogReader

READS = (("detect", "events"), ("detect", "inbox"), ("send", "actions"))
"""Who reads which topic."""
_SOON = 0.05


class Installation(Told):
    """Runs the triggers of a directory. `close` ends what was started.

    Args:
        directory: A directory of triggers, in which the installation keeps its data.
        settings: The environment of all processes, by the settings' names.
    """

    def __init__(self, directory: Path, settings: Mapping[str, str] | None = None) -> None:
        self.directory = directory
        self.place = Directory(directory)
        self.settings = {
            "TRIGGERSTREAM_CLOCK": "header",
            "TRIGGERSTREAM_INGEST__PORT": "0",
            "TRIGGERSTREAM_CHECKPOINT_INTERVAL": "0.5",
            **(settings or {}),
        }
        self.log = directory.with_name(f"{directory.name}.log")
        self._up: subprocess.Popen[bytes] | None = None

    # ── the process ─────────────────────────────────────────────────────────────────────────

    def up(self, *options: str) -> subprocess.Popen[bytes]:
        """Start it, with its supervisor."""
        return self._start("up", *options)

    def engine(self, *options: str) -> subprocess.Popen[bytes]:
        """Start its engine alone: nobody starts it again."""
        return self._start("engine", *options)

    def _start(self, command: str, *options: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            self._up = subprocess.Popen(
                [sys.executable, "-m", "triggerstream", command, str(self.directory), *options],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self._up

    @property
    def environment(self) -> dict[str, str]:
        """What its processes find in their environment."""
        return {**os.environ, **self.settings}

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, in the directory."""
        return subprocess.run(
            [sys.executable, "-m", "triggerstream", *command],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    async def ready(self, seconds: float = 60) -> Engine:
        """Return where the engine listens, when it does."""
        async with asyncio.timeout(seconds):
            while (engine := self.place.engine()) is None:
                self._check_alive()
                await asyncio.sleep(_SOON)
        return engine

    async def kill_engine(self) -> None:
        """End the engine where it is, when it is ready."""
        os.kill((await self.ready()).pid, signal.SIGKILL)

    async def kill_and_start_again(self) -> None:
        """End the engine, which has no supervisor, where it is, and be its supervisor."""
        await self.kill_engine()
        assert self._up is not None
        self._up.wait()
        self.engine("--keep-ruleset")

    def stop(self) -> int:
        """Stop it in order, and return its exit code."""
        assert self._up is not None
        self._up.send_signal(signal.SIGTERM)
        return self._up.wait(60)

    def close(self) -> None:
        """End what was started, however it stands."""
        owner = self.place.owner() if self.place.path.exists() else None
        if self._up is not None and self._up.poll() is None:
            self._up.kill()
            self._up.wait()
        if owner:
            with suppress(ProcessLookupError):
                os.kill(owner, signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def tail(self) -> str:
        """Return the end of what its processes have said."""
        return self.log.read_text(errors="replace")[-6000:] if self.log.exists() else ""

    def _check_alive(self) -> None:
        if self._up is not None and self._up.poll() is not None:
            raise AssertionError(f"up ended with {self._up.returncode}\n{self.tail()}")

    # ── its topics ──────────────────────────────────────────────────────────────────────────

    async def append(self, records: Sequence[Produce]) -> None:
        """Append *records*, as a client does that repeats what was not acknowledged."""
        body = pack(records)
        async with aiohttp.ClientSession() as session:
            while True:
                engine = await self.ready()
                headers = {"Authorization": f"Bearer {self.place.token()}"}
                with suppress(aiohttp.ClientError, ConnectionError):
                    url = engine.health + APPEND
                    async with session.post(url, data=body, headers=headers) as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(_SOON)

    async def produce(
        self, values: Iterable[bytes], *, pause: float = 0.0, chunk: int = 500
    ) -> None:
        """Append events, keyed by customer, stamped with their own time as their arrival."""
        events = list(values)
        for start in range(0, len(events), chunk):
            records = []
            for value in events[start : start + chunk]:
                key, arrival = arrival_of(value)
                records.append(Produce("events", 0, key, value, ((ARRIVAL, b"%d" % arrival),)))
            await self.append(records)
            if pause:
                await asyncio.sleep(pause)

    async def tick(self, until: int) -> None:
        """Move the clock to *until* and the allowed lateness."""
        headers = ((KIND, Kind.TICK), (ARRIVAL, b"%d" % (until + LATENESS)))
        await self.append([Produce("events", 0, None, b"", headers)])

    async def wait_until_done(self, process: str, topic: str, seconds: float = 90) -> None:
        """Return when *process* has done with all that is in *topic*, and it is durable."""
        async with asyncio.timeout(seconds):
            while self.left(process, topic):
                self._check_alive()
                await asyncio.sleep(_SOON)

    def left(self, process: str, topic: str) -> int:
        """Return how many records of *topic* the process *process* has not done with."""
        with self._reader() as reader:
            done = reader.positions().get((process, topic), 0)
            return reader.end_offset(topic) - done

    async def read(self, short: str) -> list[Any]:
        try:
            with self._reader() as reader:
                start, end = reader.start_offset(short), reader.end_offset(short)
                records: list[Any] = []
                while start < end:
                    some, start = reader.read(short, start, 1000)
                    records.extend(some)
                return records
        except StoreError as error:
            raise AssertionError(f"{error}\n{self.tail()}") from error

    def _reader(self) -> LogReader:
        return LogReader(self.place.log)
