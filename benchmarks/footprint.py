"""What a worker writes and keeps at a steady rate: changelog, states, memory.

    python benchmarks/footprint.py [--rate N] [--seconds N] [--triggers N ...] [--json]

One real worker for each number of triggers, one after the other, on one broker: 10,000 customers
and the events of `load.py`, as many a second as asked for. The first ten seconds make the customers
known and do not count. Of the rest is told

- **changelog**: bytes of keys and values, and records, that were appended to it for each event.
  How many there are depends on how many customers change between two checkpoints: so the rate is
  part of the figure. The log itself is smaller: batches are compressed;
- **states**: how many bytes the newest stored state of a customer has;
- **memory**: the worker's resident megabytes when it is ready, and at the end;
- **CPU**: microseconds an event at that rate, all threads; housekeeping is part of it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import orjson
import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks import bench as shared
from benchmarks.load import PARTITIONS, Keyed, append, events, open_producer, triggers
from benchmarks.rounds import say, show, surroundings
from triggerstream.core.keyed.partition_record import CUSTOMER_PREFIX
from triggerstream.demo.lag import Lag
from triggerstream.demo.processes import Process
from triggerstream.stream.kafka.topics import Topics

WARM_UP_S = 10
_PORTION_S = 0.05
"""Seconds between two appends of the load."""


class Figures(msgspec.Struct, frozen=True):
    """What was found: bytes, megabytes, microseconds."""

    triggers: int
    events_per_second: int
    changelog_bytes_per_event: float
    changelog_records_per_event: float
    state_bytes_mean: int
    state_bytes_median: int
    state_bytes_p99: int
    customers: int
    megabytes_ready: int
    megabytes_end: int
    us_per_event: float


class Changelog:
    """What stands in a changelog, read to its end as often as asked for."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
        self._tps = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        self.bytes = self.records = 0
        self.sizes: dict[bytes, int] = {}

    async def read_on(self) -> None:
        """Add what has come since; from the beginning at first."""
        consumer = self._consumer
        if not consumer.assignment():
            await consumer.start()
            consumer.assign(self._tps)
        ends = await consumer.end_offsets(self._tps)
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    self._add(record)

    def _add(self, record: Any) -> None:
        size = len(record.value or b"")
        self.records += 1
        self.bytes += len(record.key) + size
        if record.key[:1] == CUSTOMER_PREFIX:
            self.sizes[record.key] = size

    async def stop(self) -> None:
        await self._consumer.stop()


async def measure(bench: shared.Bench, count: int, rate: int, seconds: int) -> Figures:
    """Measure a worker under *count* triggers."""
    prefix = bench.next_prefix()
    names = Topics(prefix)
    async with bench.topics(prefix) as topic:
        worker = bench.start_worker(prefix, triggers(count))
        changelog = Changelog(bench.bootstrap, names.changelog("detect"))
        try:
            await worker.wait_until_ready()
            ready = _megabytes(worker)
            group = names.process("detect")
            async with Lag(bench.bootstrap, group, topic, PARTITIONS) as lag:
                warm_up, rest = bench.load[: WARM_UP_S * rate], bench.load[WARM_UP_S * rate :]
                await _produce(bench.bootstrap, topic, warm_up, rate)
                await shared.until_committed(lag)
                await changelog.read_on()
                bytes_before, records_before = changelog.bytes, changelog.records
                before = shared.cpu_seconds(worker.pid)
                await _produce(bench.bootstrap, topic, rest, rate)
                await shared.until_committed(lag)
                spent = shared.cpu_seconds(worker.pid) - before
            await changelog.read_on()
            end = _megabytes(worker)
        finally:
            await changelog.stop()
            worker.stop()
    sizes = sorted(changelog.sizes.values())
    return Figures(
        triggers=count,
        events_per_second=rate,
        changelog_bytes_per_event=round((changelog.bytes - bytes_before) / len(rest), 1),
        changelog_records_per_event=round((changelog.records - records_before) / len(rest), 3),
        state_bytes_mean=round(sum(sizes) / len(sizes)),
        state_bytes_median=sizes[len(sizes) // 2],
        state_bytes_p99=sizes[len(sizes) * 99 // 100],
        customers=len(sizes),
        megabytes_ready=ready,
        megabytes_end=end,
        us_per_event=round(spent / len(rest) * 1e6, 1),
    )


def _megabytes(worker: Process) -> int:
    return round(psutil.Process(worker.pid).memory_info().rss / 1e6)


async def _produce(bootstrap: str, topic: str, load: Sequence[Keyed], rate: int) -> None:
    """Append *load* at *rate* events a second, whatever becomes of them."""
    producer = open_producer(bootstrap)
    await producer.start()
    try:
        began, done = time.monotonic(), 0
        while done < len(load):
            await asyncio.sleep(_PORTION_S)
            wanted = min(len(load), int((time.monotonic() - began) * rate))
            await append(producer, topic, load[done:wanted])
            done = wanted
    finally:
        await producer.stop()


def tell(found: Sequence[Figures]) -> None:
    """Print what was found, for people: a column for each number of triggers."""
    rows = [
        (name.replace("_", " "), *(f"{getattr(each, name):,}" for each in found))
        for name in Figures.__struct_fields__
        if name != "triggers"
    ]
    show("what a worker writes and keeps", ("triggers", *(str(f.triggers) for f in found)), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description="What a worker writes and keeps.")
    parser.add_argument("--rate", type=int, default=5_000, help="events a second")
    parser.add_argument("--seconds", type=int, default=30, help="measured")
    parser.add_argument("--triggers", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    load = events((WARM_UP_S + asked.seconds) * asked.rate, until=int(time.time() * 1000))
    found = []
    with (
        shared.open_broker() as bootstrap,
        tempfile.TemporaryDirectory(prefix="footprint-") as directory,
    ):
        bench = shared.Bench(bootstrap, Path(directory), load)
        for count in asked.triggers:
            found.append(asyncio.run(measure(bench, count, asked.rate, asked.seconds)))
            say(f"{count} triggers: {found[-1].changelog_bytes_per_event:,.0f} bytes/event")
    if asked.json:
        told = {"found": found, **surroundings("aiokafka", "rocksdict", "msgspec")}
        sys.stdout.buffer.write(orjson.dumps(msgspec.to_builtins(told)) + b"\n")
    else:
        tell(found)


if __name__ == "__main__":
    main()
