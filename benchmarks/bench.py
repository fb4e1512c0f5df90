"""What the benchmarks on Kafka share: one broker, and the CPU of a process that works off a load.

A process under test runs by itself. It has joined its group and has worked off a few events
before anything is measured. Then its CPU time (user and system, all threads, as the operating
system counts it) is read, all events are appended as fast as the broker takes them, and when the
group has committed the last of them, its CPU time is read again. So starting up is not measured,
and what lies between the last event and its commit is.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import Protocol

import psutil
from aiokafka.admin import AIOKafkaAdminClient

from benchmarks.load import PARTITIONS, Keyed, append, open_producer
from deploy.local_kafka.broker import Broker
from deploy.local_kafka.run import BOOTSTRAP
from deploy.local_kafka.topics import Topic, create_topics
from triggerstream.demo.lag import Lag
from triggerstream.demo.processes import Process
from triggerstream.stream.kafka.topics import Topics

HERE = Path(__file__).parent
WARM_UP = 2_000
_STATES = 1_000
"""Fewer states in its changelog, and the worker has not worked."""
_LIMIT_SECONDS = 300.0


class Bench:
    """One broker, one directory, and the load."""

    def __init__(self, bootstrap: str, directory: Path, load: Sequence[Keyed]) -> None:
        self.bootstrap = bootstrap
        self.directory = directory
        self.load = load
        self._runs = 0

    def next_prefix(self) -> str:
        """Return a prefix that no run has had: each has topics, group and states of its own."""
        self._runs += 1
        return f"bench-{os.getpid()}-{self._runs}"

    def settings(self, prefix: str) -> dict[str, str]:
        """Return the settings, without their prefix, of a process on the topics under *prefix*."""
        return {
            "KAFKA__BOOTSTRAP": self.bootstrap,
            "KAFKA__TOPIC_PREFIX": prefix,
            "KAFKA__PARTITIONS": str(PARTITIONS),
        }

    def start_worker(
        self, prefix: str, rules: str, settings: Mapping[str, str] | None = None
    ) -> Process:
        """Start a worker under *rules* (YAML), in a directory of its own, with these *settings*
        beside its own. Whoever starts it stops it."""
        directory = self.directory / prefix
        folder = directory / "triggers"
        folder.mkdir(parents=True)
        (folder / "bench.yaml").write_text(rules, encoding="utf-8")
        wanted = {**(settings or {}), **self.settings(prefix)}
        return Process("worker", ["worker", "--triggers", str(folder)], wanted, directory)

    async def measure(
        self, pid: int, group: str, topic: str, count: int, *, warm_up: int = WARM_UP
    ) -> float:
        """Return the microseconds of CPU that *pid* takes for each of *count* events.

        They are those of the load behind the first *warm_up*, which it works off before.
        """
        producer = open_producer(self.bootstrap)
        await producer.start()
        try:
            async with Lag(self.bootstrap, group, topic, PARTITIONS) as lag:
                await append(producer, topic, self.load[:warm_up])
                await until_committed(lag)
                before = cpu_seconds(pid)
                await append(producer, topic, self.load[warm_up : warm_up + count])
                await until_committed(lag)
                return (cpu_seconds(pid) - before) / count * 1e6
        finally:
            await producer.stop()

    async def require(self, topic: str, records: int) -> None:
        """End the run unless *topic* has at least *records*: what did no work is no measure."""
        async with Lag(self.bootstrap, f"{topic}-reader", topic, PARTITIONS) as lag:
            _, found = await lag.read()
        if found < records:
            sys.exit(f"{topic}: at least {records} records are required; found {found}")

    @asynccontextmanager
    async def topics(self, prefix: str) -> AsyncIterator[str]:
        """Make the events topic under *prefix*; at the end, delete all topics under it."""
        topic = Topics(prefix).name("events")
        await create_topics(
            self.bootstrap,
            [Topic(topic, PARTITIONS, {"message.timestamp.type": "LogAppendTime"})],
        )
        try:
            yield topic
        finally:
            await delete_topics(self.bootstrap, prefix)


async def measure_worker(
    bench: Bench,
    rules: str,
    events: int,
    *,
    warm_up: int = WARM_UP,
    settings: Mapping[str, str] | None = None,
) -> float:
    """Return the microseconds of CPU that a worker under *rules* (YAML) takes for an event.

    How far apart its checkpoints were is told on stderr: where they are expensive that is more than
    the interval (`stream.keyed.owned_partition`).

    Args:
        settings: Further settings of the worker, without their prefix.
    """
    prefix = bench.next_prefix()
    async with bench.topics(prefix) as topic:
        worker = bench.start_worker(prefix, rules, settings)
        try:
            await worker.wait_until_ready()
            group = Topics(prefix).process("detect")
            began = time.monotonic()
            figure = await bench.measure(worker.pid, group, topic, events, warm_up=warm_up)
            made = _checkpoints(await worker.metrics())
            apart = (time.monotonic() - began) * PARTITIONS / max(1, made)
            said = f"{made} checkpoints of {PARTITIONS} partitions, {apart:.1f} s apart"
            print(f"worker: {said}", file=sys.stderr)
            await bench.require(Topics(prefix).changelog("detect"), _STATES)
            return figure
        finally:
            worker.stop()


_CHECKPOINTS = re.compile(r"^triggerstream_checkpoint_seconds_count{.*} ([0-9.e+]+)$", re.MULTILINE)


def _checkpoints(metrics: str) -> int:
    """Return from a worker's *metrics* how many checkpoints it has made."""
    return round(sum(map(float, _CHECKPOINTS.findall(metrics))))


@contextmanager
def script(name: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a script that stands beside this file; end it at the end."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / name), *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:  # stock Faust does not always hear the first one
            process.kill()
            process.wait()


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds that *pid* has taken: user and system, all threads."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


class Progress(Protocol):
    """How far somebody is with a topic."""

    async def read(self) -> tuple[int, int]:
        """Return (records that are done, records that there are)."""


async def until_committed(lag: Progress) -> None:
    """Return when the group has committed all that its topic has now; end the run if it never
    does. The worker's own ticks may follow for as long as something is due."""
    deadline = time.monotonic() + _LIMIT_SECONDS
    _, total = await lag.read()
    while True:
        done, _ = await lag.read()
        if done >= total:
            return
        if time.monotonic() > deadline:
            sys.exit(f"not committed after {_LIMIT_SECONDS:.0f} s: {done} of {total} records")
        await asyncio.sleep(0.05)


async def delete_topics(bootstrap: str, prefix: str) -> None:
    """Delete all topics whose names begin with *prefix*."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        names = [name for name in await admin.list_topics() if name.startswith(prefix)]
        await admin.delete_topics(names)
    finally:
        await admin.close()


def open_broker() -> AbstractContextManager[str]:
    """Return the address of the broker that the environment names, or of one of our own."""
    if given := os.environ.get(BOOTSTRAP):
        return nullcontext(given)
    return _own_broker()


@contextmanager
def _own_broker() -> Iterator[str]:
    with Broker() as broker:
        yield broker.bootstrap
