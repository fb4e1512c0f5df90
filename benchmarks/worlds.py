"""The two worlds side by side: ``up`` over one directory, and three processes on a Kafka.

Both have the same triggers, and send to the same sinks. What is measured of a world is read from
outside, so that asking costs it nothing: the log's file is read, or the broker is asked.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import time
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import AsyncExitStack, closing
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol, Self

import orjson
import psutil

from benchmarks.kafka import topics
from benchmarks.latency import Fired, Reader
from benchmarks.load import PARTITIONS
from deploy.local_kafka.broker import Broker
from triggerstream.demo.lag import Lag
from triggerstream.demo.processes import Process, _free_port
from triggerstream.demo.tally import counts
from triggerstream.ops.entered import Entered
from triggerstream.stream.local.directory import Directory
from triggerstream.stream.local.reader import LogReader

PROBE: Final = "probe"
"""The trigger whose firings are timed: no trigger of the shop fires on one event."""
PROBED: Final = "add_to_cart"
_PROBE_FILE: Final = f"""# Fires on one event, to be timed.
trigger: {PROBE}
type: transactional
when: {{event: {PROBED}}}
then:
  - log: {{message: seen}}
"""
RENDERERS: Final = "renderers"
"""The processes that templates are rendered in: children of who sends."""
READ: Final = ("events", "actions", "deliveries")
"""Short names of the topics that an event and what comes of it go through."""
_LOOK: Final = 0.001
_MOST: Final = 1000


def copy_triggers(shop: Path, directory: Path) -> Path:
    """Copy the shop's triggers, and the probe, into *directory*; return the project."""
    shutil.copytree(shop / "triggers", directory / "triggers")
    (directory / "triggers" / "probe.yaml").write_text(_PROBE_FILE, encoding="utf-8")
    return directory


def cpu_of(pids: Mapping[str, int]) -> dict[str, float]:
    """Return the CPU seconds of each process, and those of all that they have started."""
    found, rendering = {}, 0.0
    for name, pid in pids.items():
        process = psutil.Process(pid)
        found[name] = _seconds(process)
        others = set(process.children()) - set(map(psutil.Process, pids.values()))
        rendering += sum(map(_seconds, others))
    return {**found, RENDERERS: rendering}


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def memory_of(pids: Mapping[str, int]) -> dict[str, float]:
    """Return the resident megabytes of each process, and of all that they have started."""
    found, rendering = {}, 0.0
    for name, pid in pids.items():
        process = psutil.Process(pid)
        found[name] = _megabytes(process)
        others = set(process.children()) - set(map(psutil.Process, pids.values()))
        rendering += sum(map(_megabytes, others))
    return {**found, RENDERERS: rendering}


def _megabytes(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 1e6


def bytes_below(path: Path) -> int:
    """Return the sum of the sizes of all files below *path*."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


class Readings(Protocol):
    """Whoever reads firings as they come, while it is entered."""

    fired: list[Fired]

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...


class World(Entered):
    """An installation that runs. An asynchronous context manager: it is ready when entered."""

    name: str
    port: int
    """Where events come in."""

    @abstractmethod
    def cpu(self) -> dict[str, float]:
        """Return the CPU seconds so far, by process, and the broker's beside them."""

    @abstractmethod
    def memory(self) -> dict[str, float]:
        """Return the resident megabytes, by process."""

    @abstractmethod
    async def progress(self) -> tuple[int, ...]:
        """Return how many records are in the topics of `READ`, and whatever else stays as it is
        when all is done."""

    @abstractmethod
    async def left(self, events: int) -> str:
        """Return what is not done of so many events and what came of them, or ``""``. It may cost
        the world something to be asked."""

    @abstractmethod
    def readings(self) -> Readings:
        """Return what reads the firings from now on."""

    @abstractmethod
    def sizes(self, events: int, customers: int) -> dict[str, float]:
        """Return bytes an event, and a customer, once it has been left."""


class LocalReader:
    """Reads the firings of a local log from when it is entered, each millisecond."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.fired: list[Fired] = []

    async def __aenter__(self) -> Self:
        self._log = LogReader(self._path)
        self._offset = self._log.end_offset("actions")
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        self._log.close()

    async def _read(self) -> None:
        while True:
            records, self._offset = self._log.read("actions", self._offset, _MOST)
            now = time.time() * 1000
            for record in records:
                if record.value is None or b'"firing_id"' not in record.value:
                    continue
                value = orjson.loads(record.value)
                at = round(datetime.fromisoformat(value["at"]).timestamp() * 1000)
                event = value["events"][0]
                self.fired.append(Fired(value["trigger"], event, at, record.timestamp, now))
            await asyncio.sleep(_LOOK)


class Embedded(World):
    """``triggerstream up`` over *project*; its logs go to *directory*."""

    name = "up"

    def __init__(self, project: Path, directory: Path, settings: Mapping[str, str]) -> None:
        self._project = project
        self._directory = Directory(project)
        self._logs = directory
        self._settings = {**settings, "INGEST__PORT": "0"}

    async def _enter(self, stack: AsyncExitStack) -> None:
        command = ["up", str(self._project)]
        self._process = Process("up", command, self._settings, self._logs)
        stack.push_async_callback(asyncio.to_thread, self._process.stop)
        await self._process.wait_until_ready()
        engine = self._directory.engine()
        if engine is None:
            raise SystemExit("up: ready, and not told where it listens")
        self.port = int(engine.ingest.rpartition(":")[2])
        self._engine = engine.pid
        self._log = stack.enter_context(LogReader(self._directory.log))

    @property
    def _pids(self) -> dict[str, int]:
        return {"engine": self._engine, "supervisor": self._process.pid}

    def cpu(self) -> dict[str, float]:
        return cpu_of(self._pids)

    def memory(self) -> dict[str, float]:
        return memory_of(self._pids)

    async def progress(self) -> tuple[int, ...]:
        self._process.check()
        return tuple(map(self._log.end_offset, READ))

    async def left(self, events: int) -> str:
        read = counts(await self._process.metrics(), "records_total", "records_rejected_total",
                      by="topic")  # fmt: skip
        ends = [self._log.end_offset(topic) for topic in ("events", "actions")]
        if ends[0] >= events and [read["events"], read["actions"]] == ends:
            return ""
        return f"required are {events} events, and all read; there are {ends}, read {read}"

    def readings(self) -> Readings:
        return LocalReader(self._directory.log)

    def sizes(self, events: int, customers: int) -> dict[str, float]:
        path = self._directory.path
        log = sum(file.stat().st_size for file in path.glob("log.db*"))
        with closing(sqlite3.connect(self._directory.log)) as db:
            stored = dict(db.execute("SELECT topic, sum(length(blob)) FROM batches GROUP BY topic"))
        return {
            "log, an event": log / events,
            **{f"of that {topic}": stored.get(topic, 0) / events for topic in READ},
            "detect, a customer": bytes_below(path / "detect") / customers,
            "send, a customer": bytes_below(path / "send") / customers,
        }


class OnKafka(World):
    """A worker, a sender and an ingest on the Kafka at *bootstrap*, which *broker* is, if it is
    one of our own."""

    name = "on Kafka"

    def __init__(
        self,
        bootstrap: str,
        broker: Broker | None,
        project: Path,
        directory: Path,
        settings: Mapping[str, str],
    ) -> None:
        self._bootstrap = bootstrap
        self._broker = broker
        self._triggers = str(project / "triggers")
        self._directory = directory
        self._settings = settings
        self._stored: dict[str, int] = {}

    async def _enter(self, stack: AsyncExitStack) -> None:
        prefix = f"bench-up-{time.time_ns()}"
        self.port = _free_port()
        settings = {
            **self._settings,
            "KAFKA__BOOTSTRAP": self._bootstrap,
            "KAFKA__TOPIC_PREFIX": prefix,
            "KAFKA__PARTITIONS": str(PARTITIONS),
            "INGEST__PORT": str(self.port),
        }
        self._names = await stack.enter_async_context(topics(self._bootstrap, prefix))
        stack.callback(self._weigh)
        self._processes = []
        for command in (["worker", "--triggers", self._triggers], ["sender"], ["ingest"]):
            process = Process(command[0], command, settings, self._directory)
            stack.push_async_callback(asyncio.to_thread, process.stop)
            self._processes.append(process)
        for process in self._processes:
            await process.wait_until_ready()
        self._lags = [
            await stack.enter_async_context(self._lag(group, topic))
            for group, topic in zip(("detect", "send", "nobody"), READ, strict=True)
        ]

    def _lag(self, group: str, topic: str) -> Lag:
        names = self._names
        return Lag(self._bootstrap, names.process(group), names.name(topic), PARTITIONS)

    @property
    def _pids(self) -> dict[str, int]:
        pids = {process.name: process.pid for process in self._processes}
        if self._broker is not None and self._broker._process is not None:
            pids["broker"] = self._broker._process.pid
        return pids

    def cpu(self) -> dict[str, float]:
        return cpu_of(self._pids)

    def memory(self) -> dict[str, float]:
        return memory_of(self._pids)

    async def progress(self) -> tuple[int, ...]:
        for process in self._processes:
            process.check()
        found = [await lag.read() for lag in self._lags]
        return (*(end for _, end in found), *(committed for committed, _ in found))

    async def left(self, events: int) -> str:
        came, actions, _, decided, sent, _ = await self.progress()
        if came >= events and decided >= came and sent >= actions:
            return ""
        return (
            f"required are {events} events, and all read; {decided} of {came} events are, and "
            f"{sent} of {actions} actions"
        )

    def readings(self) -> Readings:
        return Reader(self._bootstrap, self._names.name("actions"))

    def _weigh(self) -> None:
        """Read what the broker keeps, before its topics are deleted."""
        if self._broker is None:
            return
        for topic in READ:
            segments = self._broker._directory.rglob(f"{self._names.name(topic)}-*/*.log")
            self._stored[topic] = sum(file.stat().st_size for file in segments)

    def sizes(self, events: int, customers: int) -> dict[str, float]:
        return {
            **({"log, an event": sum(self._stored.values()) / events} if self._stored else {}),
            **{f"of that {topic}": size / events for topic, size in self._stored.items()},
            "detect, a customer": bytes_below(self._directory / "worker") / customers,
            "send, a customer": bytes_below(self._directory / "sender") / customers,
        }
