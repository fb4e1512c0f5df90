"""A peer at work: its process, and how far it has got."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import msgspec
import orjson
from aiokafka import AIOKafkaConsumer
from aiokafka.partitioner import murmur2

from benchmarks.load import PARTITIONS, Keyed
from benchmarks.peers.installed import HERE, flink_class_path, python_of
from benchmarks.peers.sample import Found

END = "end_of_load"
"""The type of the events that `End` looks for."""

_STOP_LIMIT_S = 20
_SETTLE_S = 15.0


class Setting(msgspec.Struct, frozen=True):
    """Where a peer works: one topic in, one topic out, a consumer group, a directory.

    Attributes:
        interval: Seconds between two checkpoints, commits or snapshots.
    """

    bootstrap: str
    topic: str
    firings: str
    group: str
    specs: Path
    directory: Path
    interval: float = 1.0


Command = Callable[[Setting], list[str]]
"""How a peer is started."""


def quix(setting: Setting, *, tuned: bool = False) -> list[str]:
    arguments = [setting.bootstrap, setting.topic, setting.firings, setting.group]
    script = [str(python_of("quix")), "-m", "benchmarks.peers.quix_app"]
    where = [str(setting.specs), str(setting.directory / "state")]
    return [*script, *arguments, *where, str(setting.interval), _how(tuned)]


def bytewax(setting: Setting, *, recovery: bool, tuned: bool = False) -> list[str]:
    arguments = [setting.bootstrap, setting.topic, setting.firings, END, str(setting.specs)]
    script = [str(python_of("bytewax")), "-m", "benchmarks.peers.bytewax_flow"]
    where = str(setting.directory / "recovery") if recovery else ""
    return [*script, *arguments, str(setting.interval), _how(tuned), where]


def flink(setting: Setting, *, job: str, backend: str, tuned: bool = False) -> list[str]:
    virtual_machine = ["java", "-Xms2g", "-Xmx2g", "-XX:+UseParallelGC"]
    virtual_machine += ["--add-opens=java.base/java.util=ALL-UNNAMED"]
    virtual_machine += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
    virtual_machine += [f"-Djava.io.tmpdir={setting.directory}"]  # where it unpacks libraries
    arguments = [job, setting.bootstrap, setting.topic, setting.firings, setting.group]
    where = [str(setting.specs), backend, str(setting.directory)]
    how = [str(round(setting.interval * 1000)), _how(tuned)]
    job_class = ["-cp", flink_class_path(), "triggerstream.peers.Job"]
    return [*virtual_machine, *job_class, *arguments, *where, *how]


def _how(tuned: bool) -> str:
    """Return how a peer is told whether to use all knobs that make it cheaper for this load."""
    return "tuned" if tuned else "plain"


@contextmanager
def started(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run *command*, which writes to *log*; end it at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={
                **os.environ,
                "PYTHONPATH": str(HERE.parents[1]),  # from where a peer finds `detection`
                # Bytewax serves an HTTP API on a fixed port unless told not to.
                "BYTEWAX_DATAFLOW_API_ENABLED": "0",
            },
            cwd=log.parent,  # Bytewax leaves a picture of its flow where it runs
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Firings:
    """Reads what a peer has fired: lines of JSON, objects or arrays."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._consumer = AIOKafkaConsumer(
            topic,
            bootstrap_servers=bootstrap,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        self._is_started = False
        self.found: list[Found] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def read(self) -> None:
        """Add what has come since to `found`; wait up to a tenth of a second for it."""
        if not self._is_started:  # not earlier: a topic just made is not known at once
            await self._consumer.start()
            self._is_started = True
        for records in (await self._consumer.getmany(timeout_ms=100)).values():
            for record in records:
                line = orjson.loads(record.value)
                fields = line.values() if isinstance(line, dict) else line
                trigger, customer, event_id, at = fields
                self.found.append((trigger, customer, event_id, at))

    async def read_until(self, is_enough: Callable[[], bool]) -> None:
        """Read until *is_enough*, for a quarter of a minute at most.

        What was fired is in its topic when the input is committed, but on a busy machine it takes
        a while to be read, and a watermark may come behind the last event.
        """
        deadline = time.monotonic() + _SETTLE_S
        await self.read()
        while not is_enough() and time.monotonic() < deadline:
            await self.read()


class End:
    """How far a peer is that commits no offsets: it fires once for each end of a load."""

    def __init__(self, firings: Firings) -> None:
        self._firings = firings
        self._wanted = 0

    def marks(self) -> list[Keyed]:
        """Return a record for the end of each partition, to be appended behind a load."""
        self._wanted += PARTITIONS
        return [_mark(number, self._wanted) for number in range(PARTITIONS)]

    async def read(self) -> tuple[int, int]:
        """Return (ends that it has come to, ends that there are)."""
        await self._firings.read()
        return sum(found[0] == "end" for found in self._firings.found), self._wanted


def _mark(partition: int, number: int) -> Keyed:
    candidates = (f"mark-{partition}-{attempt}" for attempt in range(1 << 20))
    customer = next(
        each
        for each in candidates
        if (murmur2(each.encode()) & 0x7FFFFFFF) % PARTITIONS == partition
    )
    event: dict[str, Any] = {"event_id": f"end-{partition}-{number}", "customer_id": customer}
    event |= {"event_type": END, "timestamp": int(time.time() * 1000), "event_data": {}}
    return customer.encode(), orjson.dumps(event)
