"""One installation of ``triggerstream up``: a supervisor and its engine, as real processes."""

from __future__ import annotations

import asyncio
import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.request import Request, urlopen

import msgspec
import orjson
from rocksdict import AccessType, Options, Rdict

from tests.chaos.local import system
from tests.chaos.local.system import Running
from tests.e2e.told import LATENESS
from triggerstream.core.keyed.memory_store import MemoryStore
from triggerstream.core.keyed.partition_record import PartitionRecord
from triggerstream.core.records.deliveries import DELIVERIES, kind_of
from triggerstream.core.records.record import ARRIVAL, KIND, Kind, Produce
from triggerstream.core.timestamps import parse_moment
from triggerstream.errors import TriggerstreamError
from triggerstream.ops.owner import APPEND, pack
from triggerstream.stream.local.directory import Directory, Engine
from triggerstream.stream.local.reader import LogReader

AGAIN: Final = 0.05
"""Seconds after which whoever appends tries again, as a producer of Kafka's does."""
WITHIN: Final = 40.0
"""Seconds within which an engine answers, or is given up: more than it gives itself."""
STOP: Final = 90.0
_MOST: Final = 1000
_ENDED: Final = re.compile(r"engine has ended \((-?\d+)\)")

Say = Callable[[], None]


class Installation:
    """A project in a directory, run by one command. `close` ends whatever it started.

    Args:
        directory: For the project and the logs.
        triggers: Copied into the project.
        settings: Environment of all processes, by the settings' names.

    Attributes:
        home: What is given to ``up``.
        environment: What the processes started from now on have beside the settings.
        left_behind: Processes whose parent was killed: they must end by themselves.
    """

    partitions = 1
    name = "up"

    def __init__(
        self, directory: Path, triggers: Path, *, settings: Mapping[str, str] | None = None
    ) -> None:
        self.directory = directory
        self.home = directory / "home"
        shutil.copytree(triggers, self.home / "triggers")
        self.settings = {
            "TRIGGERSTREAM_CLOCK": "header",
            "TRIGGERSTREAM_CHECKPOINT_INTERVAL": "0.5",
            **(settings or {}),
        }
        self.environment: dict[str, str] = {}
        self.left_behind: list[Running] = []
        self.process: subprocess.Popen[bytes] | None = None
        self._state = Directory(self.home)

    # ── processes ───────────────────────────────────────────────────────────────────────────

    def up(self, *flags: str) -> None:
        """Start ``triggerstream up``."""
        self.start("-m", "triggerstream", "up", str(self.home), *flags)

    def start(self, *words: str) -> None:
        """Start Python with *words*, which run the installation."""
        outside = {k: v for k, v in os.environ.items() if not k.startswith("TRIGGERSTREAM_")}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *words],
                env={**outside, **self.settings, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def engine(self) -> int | None:
        """Return the number of the running engine, ready or not; ``None`` where none runs."""
        if self.process is None or self.process.poll() is not None:
            return None
        found = system.children(self.process.pid)
        return found[0].number if found else None

    def kill_engine(self) -> bool:
        """SIGKILL the engine, if there is one; the supervisor is to start another."""
        engine = self.engine()
        if engine is None:
            return False
        self.left_behind += system.descendants(engine)
        system.kill(engine)
        return True

    def kill_supervisor(self) -> list[Running]:
        """SIGKILL the supervisor; return what ran below it, and must end by itself."""
        process, self.process = self.process, None
        if process is None:
            return []
        below = system.descendants(process.pid)
        self.left_behind += below
        process.kill()
        process.wait()
        return below

    def stop(self) -> int:
        """End it with SIGTERM, and return its exit code."""
        process, self.process = self.process, None
        assert process is not None, "it does not run"
        process.send_signal(signal.SIGTERM)
        return process.wait(STOP)

    def has_ended(self) -> int | None:
        """Return the exit code of ``up`` where it has ended by itself."""
        return None if self.process is None else self.process.poll()

    def codes(self) -> list[int]:
        """Return what engines ended with, by what supervisors said."""
        return [int(each) for each in _ENDED.findall(self.log.read_text(errors="replace"))]

    def close(self) -> None:
        for each in self.kill_supervisor() + self.left_behind:
            if system.is_running(each):
                system.kill(each.number)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # ── what it says ────────────────────────────────────────────────────────────────────────

    @property
    def log(self) -> Path:
        return self.directory / "up.log"

    def tails(self) -> str:
        """Return the end of the log, for the message of a failure."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def said(self, text: str) -> int:
        """Return how often the log says *text*."""
        return self.tails().count(text)

    def listening(self) -> Engine | None:
        """Return where the running engine listens, if it is ready."""
        try:
            return self._state.engine()
        except TriggerstreamError:
            return None

    def metrics(self) -> dict[str, float]:
        """Return the sums, over all labels, of the engine's metrics by name."""
        engine = self.listening()
        assert engine is not None, "no engine is ready"
        with urlopen(f"{engine.health}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        found: dict[str, float] = {}
        for line in lines:
            if not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                name = name.partition("{")[0]
                found[name] = found.get(name, 0.0) + float(value)
        return found

    # ── appending ───────────────────────────────────────────────────────────────────────────

    @property
    def header_clock(self) -> bool:
        """Whether time is data here."""
        return self.settings["TRIGGERSTREAM_CLOCK"] == "header"

    def topic(self, short: str) -> str:
        return short

    async def append(self, records: Sequence[Produce]) -> None:
        """Append *records* as a producer does: again and again, until it is acknowledged."""
        body = pack(records)
        while not await asyncio.to_thread(self._post, body):
            await asyncio.sleep(AGAIN)

    def _post(self, body: bytes) -> bool:
        """Return whether an engine has acknowledged *body*.

        Raises:
            AssertionError: It refuses it for good.
        """
        engine = self.listening()
        if engine is None:
            return False
        try:
            request = Request(
                f"{engine.health}{APPEND}",
                data=body,
                headers={"Authorization": f"Bearer {self._state.token()}"},
            )
            with urlopen(request, timeout=WITHIN) as answer:
                answer.read()
        except (OSError, http.client.HTTPException, TriggerstreamError) as error:
            code = getattr(error, "code", 503)
            assert code >= 500, f"an append is refused: {code}"
            return False
        return True

    async def produce(self, values: Iterable[bytes]) -> None:
        """Append events, keyed by customer, stamped with their own time as their arrival."""
        records = []
        for value in values:
            event = orjson.loads(value)
            arrival = parse_moment(event.get("received_at") or event["timestamp"])
            headers = ((ARRIVAL, b"%d" % arrival),)
            records.append(Produce("events", 0, event["customer_id"].encode(), value, headers))
        await self.append(records)

    async def tick(self, until: int) -> None:
        """Move the clock to *until* and the allowed lateness."""
        headers = ((KIND, Kind.TICK), (ARRIVAL, b"%d" % (until + LATENESS)))
        await self.append([Produce("events", 0, None, b"", headers)])

    # ── what is on disk ─────────────────────────────────────────────────────────────────────

    @property
    def state(self) -> Path:
        return self._state.path

    async def read(self, short: str) -> list[Any]:
        """Return all records of a topic, in log order."""
        found: list[Any] = []
        with LogReader(self._state.log) as log:
            following, end = log.start_offset(short), log.end_offset(short)
            while following < end:
                records, following = log.read(short, following, _MOST)
                found.extend(records)
        return found

    def end_offset(self, short: str) -> int:
        with LogReader(self._state.log) as log:
            return log.end_offset(short)

    def stored(self, process: str) -> MemoryStore:
        """Return what the store of *process* holds, also while it is being written to."""
        store = MemoryStore()
        customers: dict[bytes, bytes] = {}
        record = None
        database = Rdict(
            str(self.state / process / "0"),
            Options(raw_mode=True),
            access_type=AccessType.read_only(),
        )
        try:
            for key, value in database.items():
                if key[:1] == b"c":
                    customers[key[1:]] = value
                elif key == b"mrecord":
                    record = value
        finally:
            database.close()
        store.write(customers, partition_record=record, changelog_offset=0)
        return store

    def contained(self, process: str) -> int:
        """Return the offset behind what the store of *process* durably contains; 0 if unknown."""
        with suppress(Exception):  # it is being made, or written to just now: rocksdict's own class
            database = Rdict(
                str(self.state / process / "0"),
                Options(raw_mode=True),
                access_type=AccessType.read_only(),
            )
            try:
                record = database.get(b"mrecord")
            finally:
                database.close()
            return 0 if record is None else PartitionRecord.decode(record).offset + 1
        return 0

    async def firings(self) -> list[dict[str, Any]]:
        """Return the firings in the actions topic, repeats included."""
        return [
            msgspec.json.decode(record.value)
            for record in await self.read("actions")
            if dict(record.headers).get(KIND) == Kind.FIRING
        ]

    async def deliveries(self) -> list[dict[str, Any]]:
        """Return the ends of actions in their topic, repeats included."""
        return [
            msgspec.json.decode(record.value)
            for record in await self.read(DELIVERIES)
            if kind_of(record) == Kind.DELIVERY
        ]
