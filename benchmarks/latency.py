"""How long from an event's being produced to its action's being readable.

    python benchmarks/latency.py [--json] [--seconds N] [--triggers N] [--capacity N]

First the worker's *capacity* on this machine: how fast it works off a backlog, beside its broker.
Then a process of its own (`pace.py`) produces events at 10, 50 and 80 % of that, open loop, and a
consumer in this process reads the actions. Of each firing of a single event:

- **produced to readable**: from the millisecond at which the event was to be produced to its
  firing's coming out of the consumer; what the producer's linger and the broker take is in it;
- **to the event's append**, **append to append**, **to the reader**: the three parts of that, by
  the broker's clock in between: the producer's, the worker's, and the reader's.

Then absences: events that a purchase should follow within some seconds, and nothing else, so that
only ticks move the clock. They may fire at their due time and the allowed lateness of 10 s; what
counts is how much later they are readable.

Broker, producer, worker and this process share the machine's cores, and all of them count.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Self

import msgspec
import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from rich.console import Console
from rich.table import Table

from benchmarks import bench as shared
from benchmarks.load import PARTITIONS, append, events, open_producer, triggers
from triggerstream.demo.lag import Lag
from triggerstream.stream.kafka.topics import Topics

SHARES = (0.1, 0.5, 0.8)
WARMING = 60_000
BACKLOG = 140_000
"""Events, so many that the wait for the last checkpoint and its commit is little beside them."""
WARM_UP_S = 4.0
"""Seconds at the begin of each run that do not count: the rate is new to everybody."""
ABSENT_MS = 2_000
LATENESS_MS = 10_000
ABSENCE = f"""---
trigger: absence
when:
  sequence: [{{event: started}}, {{absent: finished, for: {ABSENT_MS // 1000}s}}]
then:
  - log: {{}}
"""


class Fired(msgspec.Struct, frozen=True):
    """One firing as it was read: epoch milliseconds throughout."""

    trigger: str
    event: str
    at: int
    appended: int
    read: float


class Latencies(msgspec.Struct, frozen=True):
    """Milliseconds, one for each firing."""

    readable: list[float]
    taking: list[float]
    appends: list[float]
    reading: list[float]


class Found(msgspec.Struct, frozen=True):
    """What one run found; *capacity* in events a second."""

    capacity: float
    paced: dict[str, Latencies]
    absences: list[float]


class Reader:
    """Reads the actions from when it is entered, and keeps what fired."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, fetch_max_wait_ms=100)
        self._partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        self.fired: list[Fired] = []

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        self._consumer.assign(self._partitions)
        await self._consumer.seek_to_end()
        for partition in self._partitions:
            await self._consumer.position(partition)
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self._consumer.stop()

    async def _read(self) -> None:
        while True:
            found = await self._consumer.getmany(timeout_ms=1000)
            now = time.time() * 1000
            for records in found.values():
                for record in records:
                    if record.value is None or b"firing_id" not in record.value:
                        continue
                    value = orjson.loads(record.value)
                    at = datetime.fromisoformat(value["at"]).timestamp() * 1000
                    event = value["events"][0]
                    self.fired.append(
                        Fired(value["trigger"], event, round(at), record.timestamp, now)
                    )


async def measure(bench: shared.Bench, count: int, seconds: float, capacity: float | None) -> Found:
    """Measure with *count* triggers, *seconds* at each rate; *capacity* spares finding it out."""
    prefix = bench.next_prefix()
    async with bench.topics(prefix) as topic:
        worker = bench.start_worker(prefix, triggers(count) + ABSENCE)
        try:
            await worker.wait_until_ready()
            if capacity is None:
                capacity = await _capacity(bench, prefix, topic)
            print(f"capacity: {capacity:,.0f} events/s", file=sys.stderr)
            paced = {}
            for share in SHARES:
                name = f"{share:.0%}"
                paced[name] = await _paced(
                    bench, prefix, topic, share * capacity, seconds, int(share * 100)
                )
                told = _quantiles(paced[name].readable)
                print(f"{name} of capacity: {told} ms", file=sys.stderr)
            absences = await _absences(bench, prefix, topic)
            worker.check()
        finally:
            worker.stop()
    return Found(capacity, paced, absences)


async def _capacity(bench: shared.Bench, prefix: str, topic: str) -> float:
    """Return how many events a second the worker works off, once it is warm."""
    producer = open_producer(bench.bootstrap)
    await producer.start()
    try:
        async with Lag(bench.bootstrap, Topics(prefix).process("detect"), topic, PARTITIONS) as lag:
            await append(producer, topic, bench.load[:WARMING])
            await shared.until_committed(lag)
            began = time.monotonic()
            await append(producer, topic, bench.load[WARMING:])
            await shared.until_committed(lag)
            return BACKLOG / (time.monotonic() - began)
    finally:
        await producer.stop()


async def _paced(
    bench: shared.Bench, prefix: str, topic: str, rate: float, seconds: float, seed: int
) -> Latencies:
    began = time.time() * 1000
    async with Reader(bench.bootstrap, Topics(prefix).name("actions")) as reader:
        load = await asyncio.create_subprocess_exec(
            sys.executable,
            str(shared.HERE / "pace.py"),
            *(bench.bootstrap, topic, str(rate), str(seconds + WARM_UP_S), str(seed)),
            stderr=subprocess.DEVNULL,
        )
        if await load.wait() != 0:
            sys.exit("pace.py: not all events were acknowledged")
        async with Lag(bench.bootstrap, Topics(prefix).process("detect"), topic, PARTITIONS) as lag:
            await shared.until_committed(lag)
        await asyncio.sleep(0.5)
    fired = [
        each
        for each in reader.fired
        if each.event.startswith(f"{seed}-") and each.at >= began + WARM_UP_S * 1000
    ]
    # Of one event, and so fired with it: the others wait for a count, a step or a time.
    single = {f"bench-{number:03d}" for number in range(1000) if number % 10 < 2}
    fired = [each for each in fired if each.trigger in single]
    taken = await _taken(bench.bootstrap, topic, {each.event for each in fired}, began)
    return Latencies(
        [each.read - each.at for each in fired],
        [taken[each.event] - each.at for each in fired],
        [each.appended - taken[each.event] for each in fired],
        [each.read - each.appended for each in fired],
    )


async def _taken(bootstrap: str, topic: str, ids: set[str], since: float) -> dict[str, int]:
    """Return when the broker took each of the events *ids*, produced after *since*."""
    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    found: dict[str, int] = {}
    try:
        consumer.assign(partitions)
        starts = await consumer.offsets_for_times(dict.fromkeys(partitions, int(since)))
        for partition, start in starts.items():
            if start is not None:
                consumer.seek(partition, start.offset)
        deadline = time.monotonic() + 60
        while len(found) < len(ids):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    event = record.value.split(b'"', 4)[3].decode()
                    if event in ids:
                        found[event] = record.timestamp
            if time.monotonic() > deadline:
                sys.exit(f"{topic}: {len(ids)} events are required; found {len(found)}")
    finally:
        await consumer.stop()
    return found


async def _absences(bench: shared.Bench, prefix: str, topic: str) -> list[float]:
    """Return by how many milliseconds absences are late, each partition being silent."""
    wanted = 200
    producer = open_producer(bench.bootstrap)
    await producer.start()
    async with Reader(bench.bootstrap, Topics(prefix).name("actions")) as reader:
        for number in range(wanted):
            now = int(time.time() * 1000)
            customer = f"waiting-{number:06d}"
            event = {
                "event_id": f"wait-{number}",
                "customer_id": customer,
                "event_type": "started",
                "timestamp": now,
            }
            await append(producer, topic, [(customer.encode(), orjson.dumps(event))])
            await asyncio.sleep(0.02)
        await producer.stop()
        deadline = time.monotonic() + (ABSENT_MS + LATENESS_MS) / 1000 + 10
        while time.monotonic() < deadline:
            fired = [each for each in reader.fired if each.trigger == "absence"]
            if len(fired) == wanted:
                return [each.read - each.at - LATENESS_MS for each in fired]
            await asyncio.sleep(0.1)
    sys.exit(f"absences: {wanted} are required; found {len(fired)}")


def quantile(values: Sequence[float], share: float) -> float:
    """Return the least value that at least *share* of *values* do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def _quantiles(values: Sequence[float]) -> str:
    return "/".join(f"{quantile(values, share):.0f}" for share in (0.5, 0.95, 0.99))


def show(found: Found) -> None:
    """Print the quantiles in milliseconds."""
    table = Table(box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    for column in ("firings", "p50", "p95", "p99", "worst", "taken", "append", "read"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, each in found.paced.items():
        share = float(name.rstrip("%")) / 100
        parts = (each.taking, each.appends, each.reading)
        _add(table, f"{name} ({share * found.capacity:,.0f}/s)", each.readable, parts)
    _add(table, "absence late by", found.absences, ())
    console = Console()
    console.print(f"capacity beside its broker: {found.capacity:,.0f} events/s")
    console.print("milliseconds; of the three parts the p99:")
    console.print(table)


def _add(
    table: Table, name: str, values: Sequence[float], parts: Sequence[Sequence[float]]
) -> None:
    table.add_row(
        name,
        str(len(values)),
        *(f"{quantile(values, share):.0f}" for share in (0.5, 0.95, 0.99, 1.0)),
        *(f"{quantile(part, 0.99):.0f}" for part in parts),
    )


def as_json(found: Found) -> bytes:
    """Return capacity and quantiles as one JSON object."""

    def told(values: Sequence[float]) -> dict[str, float]:
        shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "worst": 1.0}
        return {name: round(quantile(values, share), 1) for name, share in shares.items()}

    return orjson.dumps(
        {
            "capacity_events_s": round(found.capacity),
            "readable_ms": {name: told(each.readable) for name, each in found.paced.items()},
            "to_append_ms": {name: told(each.taking) for name, each in found.paced.items()},
            "append_to_append_ms": {name: told(each.appends) for name, each in found.paced.items()},
            "to_reader_ms": {name: told(each.reading) for name, each in found.paced.items()},
            "absence_late_ms": told(found.absences),
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Latency from event to action.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--seconds", type=float, default=20.0, help="measured at each rate")
    parser.add_argument("--triggers", type=int, default=100)
    parser.add_argument("--capacity", type=float, help="events/s, instead of measuring it")
    asked = parser.parse_args()
    load = events(WARMING + BACKLOG, until=int(time.time() * 1000))
    with (
        shared.open_broker() as bootstrap,
        tempfile.TemporaryDirectory(prefix="latency-") as directory,
    ):
        bench = shared.Bench(bootstrap, Path(directory), load)
        found = asyncio.run(measure(bench, asked.triggers, asked.seconds, asked.capacity))
    if asked.json:
        sys.stdout.buffer.write(as_json(found) + b"\n")
    else:
        show(found)


if __name__ == "__main__":
    main()
