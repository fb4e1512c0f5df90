"""How long a partition is without an owner after ``kill -9``, with and without a standby.

    python benchmarks/failover.py [--json] [--states N] [--rounds N] [--session S]

Each run has an installation of its own: a changelog of N states over 8 partitions (`states.py`),
and two workers that share them, each with four. First, what standbys cost: events are appended as
fast as the broker takes them, and the CPU time of both workers until all are committed is divided
by their number. Then a light load begins, an event for each partition twenty times a second, which
fires at once, and one worker is killed. Firings carry the time at which the broker appended them:
from the kill to the first one of a lost partition is how long nothing was decided there.

The survivor's log says what it was made of:

- **unnoticed**: until the group has given the dead worker up, and the survivor has heard of it;
- **join**: until the group has a new assignment;
- **restore**: until the states of the lost partitions are there;
- **begin**: until the last partition has decided something.

Without a standby, the survivor has nothing of what it takes over; that is the usual case, and with
its disk from an earlier time it would be better off.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson
import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from rich.console import Console
from rich.table import Table

from benchmarks.kafka import broker, topics
from benchmarks.load import PARTITIONS, append, events, open_producer, triggers
from benchmarks.states import TRIGGERS, customer, fill, place
from triggerstream.demo.lag import Lag
from triggerstream.demo.processes import Process
from triggerstream.stream.kafka.topics import Topics

STANDBYS: Final = (0, 1)
STEPS: Final = ("unnoticed", "join", "restore", "begin")
_PING: Final = "trigger: ping\nwhen: {event: ping}\nthen:\n  - log: {}\n---\n"
_PERIOD: Final = 0.05
_LIMIT: Final = 180.0
_MILESTONES: Final = ("is rebalancing", "Setting newly assigned", "restored ", "reading ")
"""What the survivor's log says at the end of each step but the last."""


class Failover(msgspec.Struct, frozen=True):
    """One run. Times are in seconds.

    Attributes:
        event_us: CPU of both workers together for each event, in microseconds.
        steps: How long each of `STEPS` took.
        first: From the kill until the first lost partition decided again.
        last: The same of the last one.
        paused: The longest time in which a partition that was not lost decided nothing.
        restored: Changelog records that were read to take over.
    """

    event_us: float
    steps: Mapping[str, float]
    first: float
    last: float
    paused: float
    restored: int


class Plan(msgspec.Struct, frozen=True):
    states: int
    events: int
    session: float


class Run:
    """One installation on a broker, with its two workers."""

    def __init__(self, bootstrap: str, names: Topics, directory: Path, plan: Plan) -> None:
        self._bootstrap = bootstrap
        self._names = names
        self._directory = directory
        self._plan = plan
        self._fired: dict[int, list[float]] = {number: [] for number in range(PARTITIONS)}

    async def measure(self, standbys: int) -> Failover:
        until = int(time.time() * 1000)
        changelog = self._names.changelog("detect")
        options = {"bootstrap_servers": self._bootstrap}
        await fill(options, changelog, self._plan.states, until=until)
        (rules := self._directory / "triggers").mkdir()
        (rules / "bench.yaml").write_text(_PING + triggers(TRIGGERS), encoding="utf-8")
        killed = self._start("killed", rules, standbys)
        survivor: Process | None = None
        try:
            await killed.wait_until_ready()
            survivor = self._start("survivor", rules, standbys)
            await survivor.wait_until_ready()
            await _until_settled(killed, survivor, standbys)
            price = await self._price(killed, survivor)
            await _until_settled(killed, survivor, standbys)
            kept = await _owned(survivor)
            async with self._watching(), self._pinging():
                await asyncio.sleep(3)
                return await self._kill(killed, survivor, kept, price)
        finally:
            for process in (killed, survivor):
                if process is not None:
                    process.stop()

    def _start(self, name: str, rules: Path, standbys: int) -> Process:
        settings = {
            "KAFKA__BOOTSTRAP": self._bootstrap,
            "KAFKA__TOPIC_PREFIX": self._names.prefix,
            "KAFKA__PARTITIONS": str(PARTITIONS),
            "KAFKA__SESSION_TIMEOUT": str(self._plan.session),
            "KAFKA__STANDBYS": str(standbys),
            "LOG_LEVEL": "debug",
            "LOG_FORMAT": "json",
        }
        return Process(name, ["worker", "--triggers", str(rules)], settings, self._directory)

    # ── the price ───────────────────────────────────────────────────────────────────────────

    async def _price(self, *workers: Process) -> float:
        """Return the microseconds of CPU that all *workers* take for each event."""
        count, topic = self._plan.events, self._names.name("events")
        load = events(count, until=int(time.time() * 1000))
        producer = open_producer(self._bootstrap)
        await producer.start()
        try:
            before = sum(map(_cpu_seconds, workers))
            await append(producer, topic, load)
            await self._until_committed(topic)
            # The last checkpoints are followed a moment later, and that belongs to the price.
            await asyncio.sleep(2)
            return (sum(map(_cpu_seconds, workers)) - before) / count * 1e6
        finally:
            await producer.stop()

    async def _until_committed(self, topic: str) -> None:
        group = self._names.process("detect")
        async with asyncio.timeout(_LIMIT), Lag(self._bootstrap, group, topic, PARTITIONS) as lag:
            while True:
                done, total = await lag.read()
                if done == total:
                    return
                await asyncio.sleep(0.1)

    # ── the gain ────────────────────────────────────────────────────────────────────────────

    async def _kill(
        self, killed: Process, survivor: Process, kept: set[int], price: float
    ) -> Failover:
        lost = set(range(PARTITIONS)) - kept
        log_before = survivor.log.stat().st_size
        os.kill(killed.pid, signal.SIGKILL)
        at = time.time()
        # What was on its way when the worker died may still be appended.
        since = at + 0.5
        async with asyncio.timeout(_LIMIT):
            while not all(self._after(number, since) for number in (*lost, *kept)):
                survivor.check()
                await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        again = [self._after(number, since)[0] - at for number in lost]
        marks, restored = _read_log(survivor.log, log_before)
        return Failover(
            event_us=price,
            steps=_steps(at, marks, at + max(again)),
            first=min(again),
            last=max(again),
            paused=max(_longest_pause(self._fired[number]) for number in kept),
            restored=restored,
        )

    def _after(self, number: int, since: float) -> list[float]:
        return [fired for fired in self._fired[number] if fired > since]

    @asynccontextmanager
    async def _watching(self) -> AsyncIterator[None]:
        """Note the time of each firing, by partition."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self._bootstrap)
        await consumer.start()
        tps = [TopicPartition(self._names.name("actions"), number) for number in range(PARTITIONS)]
        consumer.assign(tps)
        await consumer.seek_to_end(*tps)

        async def watch() -> None:
            async for record in consumer:
                if (b"firing") in dict(record.headers).values():
                    self._fired[record.partition].append(record.timestamp / 1000)

        async with _beside(watch()):
            yield
        await consumer.stop()

    @asynccontextmanager
    async def _pinging(self) -> AsyncIterator[None]:
        """Append an event for each partition, twenty times a second."""
        topic = self._names.name("events")
        by_partition = {place(customer(number)): customer(number) for number in range(200)}
        producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap)
        await producer.start()

        async def ping() -> None:
            while True:
                for partition, key in by_partition.items():
                    value = orjson.dumps({"customer_id": key.decode(), "event_type": "ping"})
                    await producer.send(topic, value, key=key, partition=partition)
                await asyncio.sleep(_PERIOD)

        async with _beside(ping()):
            yield
        await producer.stop()


@asynccontextmanager
async def _beside(work: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _until_settled(killed: Process, survivor: Process, standbys: int) -> None:
    """Return when both own half of the partitions, and follow the other half where asked to."""
    half = PARTITIONS // 2
    async with asyncio.timeout(_LIMIT):
        while True:
            shown = [await process.metrics() for process in (killed, survivor)]
            if all(
                _gauges(text, "lag_records").keys()
                == _gauges(text, "clock_timestamp_seconds").keys()
                and len(_gauges(text, "lag_records")) == half
                and len(behind := _gauges(text, "standby_lag_records")) == standbys * half
                and not any(behind.values())
                for text in shown
            ):
                return
            await asyncio.sleep(0.2)


async def _owned(process: Process) -> set[int]:
    return set(_gauges(await process.metrics(), "lag_records"))


def _gauges(shown: str, name: str) -> dict[int, float]:
    """Return the values of a gauge by partition."""
    pattern = rf'triggerstream_{name}\{{partition="(\d+)",topic="events"\}} (\S+)'
    return {int(number): float(value) for number, value in re.findall(pattern, shown)}


def _cpu_seconds(process: Process) -> float:
    times = psutil.Process(process.pid).cpu_times()
    return float(times.user + times.system)


def _longest_pause(fired: list[float]) -> float:
    return max(after - before for before, after in pairwise(fired))


def _read_log(log: Path, start: int) -> tuple[list[float], int]:
    """Return when each of `_MILESTONES` was first reached, each after the one before (epoch
    seconds), and how many records the restore read."""
    marks: list[float] = []
    restored = 0
    for line in log.read_bytes()[start:].splitlines():
        with suppress(orjson.JSONDecodeError):
            entry = orjson.loads(line)
            if len(marks) < len(_MILESTONES) and _MILESTONES[len(marks)] in entry["event"]:
                marks.append(datetime.fromisoformat(entry["timestamp"]).timestamp())
                if found := re.search(r": (\d+) records in", entry["event"]):
                    restored = int(found[1])
    if len(marks) < len(_MILESTONES):
        sys.exit(f"{log}: required is a line with {_MILESTONES[len(marks)]!r}; found none")
    return marks, restored


def _steps(at: float, marks: list[float], end: float) -> dict[str, float]:
    heard, joined, restored, _ = marks
    bounds = (at, heard, joined, restored, end)
    took = (after - before for before, after in pairwise(bounds))
    return dict(zip(STEPS, took, strict=True))


async def measure_all(
    bootstrap: str, directory: Path, plan: Plan, rounds: int
) -> dict[int, list[Failover]]:
    found: dict[int, list[Failover]] = {standbys: [] for standbys in STANDBYS}
    for number in range(rounds):
        for standbys in STANDBYS:
            name = f"bench-{os.getpid()}-{number}-{standbys}"
            (place_ := directory / name).mkdir()
            async with topics(bootstrap, name) as names:
                failover = await Run(bootstrap, names, place_, plan).measure(standbys)
            found[standbys].append(failover)
            steps = ", ".join(f"{step} {took:.1f}" for step, took in failover.steps.items())
            print(
                f"round {number + 1}, {standbys} standbys: decided again after "
                f"{failover.last:.1f} s ({steps}; {failover.restored} records restored), "
                f"{failover.event_us:.0f} us/event",
                file=sys.stderr,
            )
    return found


def show(found: Mapping[int, list[Failover]]) -> None:
    """Print the medians, in seconds, and the spread of the time until all is decided again."""
    table = Table(box=None, pad_edge=False)
    table.add_column("standbys", no_wrap=True)
    for column in ("again", "min-max", *STEPS, "records", "us/event"):
        table.add_column(column, justify="right", no_wrap=True)
    for standbys, failovers in found.items():
        middle = _medians(failovers)
        last = [failover.last for failover in failovers]
        table.add_row(
            str(standbys),
            f"{middle['last']:.1f}",
            f"{min(last):.1f}-{max(last):.1f}",
            *(f"{middle[step]:.1f}" for step in STEPS),
            f"{middle['restored']:,.0f}",
            f"{middle['event_us']:.0f}",
        )
    Console().print(table)


def as_json(found: Mapping[int, list[Failover]]) -> bytes:
    """Return the medians by the number of standbys as one JSON object."""
    return orjson.dumps(
        {
            str(standbys): {name: round(value, 3) for name, value in _medians(failovers).items()}
            for standbys, failovers in found.items()
        }
    )


def _medians(failovers: list[Failover]) -> dict[str, float]:
    names = ("event_us", "first", "last", "paused", "restored")
    figures = {
        name: statistics.median(getattr(failover, name) for failover in failovers) for name in names
    }
    steps = {
        step: statistics.median(failover.steps[step] for failover in failovers) for step in STEPS
    }
    return {**figures, **steps}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time without an owner after kill -9.")
    parser.add_argument("--json", action="store_true", help="print the medians as one JSON object")
    parser.add_argument("--states", type=int, default=200_000, help="states in the changelog")
    parser.add_argument("--events", type=int, default=40_000, help="events for the price")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved repeats")
    parser.add_argument("--session", type=float, default=6.0, help="session timeout in seconds")
    asked = parser.parse_args()
    plan = Plan(asked.states, asked.events, asked.session)
    with (
        broker() as bootstrap,
        tempfile.TemporaryDirectory(prefix="triggerstream-") as directory,
    ):
        found = asyncio.run(measure_all(bootstrap, Path(directory), plan, asked.rounds))
    if asked.json:
        sys.stdout.buffer.write(as_json(found) + b"\n")
    else:
        show(found)


if __name__ == "__main__":
    main()
