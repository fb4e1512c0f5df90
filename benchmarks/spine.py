"""What deciding costs: CPU per event of a worker, of stock Faust, and of the physical limit.

    python benchmarks/spine.py [--json] [--events N] [--rounds N]

Measured in one run, on one broker, with the same events (`load.py`), in turn, `--rounds` times:

- **limit**: `limit.py`, aiokafka's ``getmany`` and orjson, and nothing else;
- **stock**: `stock.py`, an agent of stock Faust with a table on RocksDB that does one count
  (fewer events, since each costs so much; the figure is per event);
- **worker**: the real ``triggerstream worker`` with 1, 10 and 100 triggers, everything on:
  decoding, state, RocksDB, changelog, firings, checkpoints, commits, health and metrics.

Each runs as a process of its own, which has joined its group and has worked off a few events
before anything is measured. Then its CPU time (user and system, all threads, as the operating
system counts it) is read, all events are appended as fast as the broker takes them, and when the
group has committed the last of them, its CPU time is read again. So starting up is not measured,
and what lies between the last event and its commit is.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from pathlib import Path

import msgspec
import orjson
import psutil
from aiokafka.admin import AIOKafkaAdminClient
from rich.console import Console
from rich.table import Table

from benchmarks.load import PARTITIONS, Keyed, append, events, open_producer, triggers
from deploy.local_kafka.broker import Broker
from deploy.local_kafka.run import BOOTSTRAP
from deploy.local_kafka.topics import Topic, create_topics
from triggerstream.demo.lag import Lag
from triggerstream.demo.processes import Process
from triggerstream.stream.topics import Topics

HERE = Path(__file__).parent
TRIGGERS = (1, 10, 100)
_WARM_UP = 2_000
_STATES = 1_000
"""Fewer states in its changelog, and the worker has not worked."""
_LIMIT_SECONDS = 300.0


class Plan(msgspec.Struct, frozen=True):
    """What is measured: *events* for limit and worker, *stock_events* for stock Faust."""

    events: int
    stock_events: int
    rounds: int


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

    async def measure(self, pid: int, group: str, topic: str, count: int) -> float:
        """Return the microseconds of CPU that *pid* takes for each of *count* events."""
        producer = open_producer(self.bootstrap)
        await producer.start()
        try:
            async with Lag(self.bootstrap, group, topic, PARTITIONS) as lag:
                await append(producer, topic, self.load[:_WARM_UP])
                await until_committed(lag)
                before = _cpu_seconds(pid)
                await append(producer, topic, self.load[_WARM_UP : _WARM_UP + count])
                await until_committed(lag)
                return (_cpu_seconds(pid) - before) / count * 1e6
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
            await _delete_topics(self.bootstrap, prefix)


async def measure_limit(bench: Bench, plan: Plan) -> float:
    prefix = bench.next_prefix()
    async with bench.topics(prefix) as topic:
        group = f"{prefix}-limit"
        with _script("limit.py", bench.bootstrap, topic, group) as process:
            return await bench.measure(process.pid, group, topic, plan.events)


async def measure_stock(bench: Bench, plan: Plan) -> float:
    prefix = bench.next_prefix()
    async with bench.topics(prefix) as topic:
        directory = str(bench.directory / prefix)
        await create_topics(bench.bootstrap, [Topic(f"{prefix}.stock-firings", PARTITIONS)])
        arguments = (bench.bootstrap, prefix, directory, str(PARTITIONS))
        with _script("stock.py", *arguments) as process:
            figure = await bench.measure(process.pid, f"{prefix}-stock", topic, plan.stock_events)
        await bench.require(f"{prefix}-stock-seen-changelog", _WARM_UP + plan.stock_events)
        return figure


async def measure_worker(bench: Bench, plan: Plan, count: int) -> float:
    prefix = bench.next_prefix()
    directory = bench.directory / prefix
    directory.mkdir()
    rules = directory / "triggers"
    rules.mkdir()
    (rules / "bench.yaml").write_text(triggers(count), encoding="utf-8")
    async with bench.topics(prefix) as topic:
        settings = {
            "KAFKA__BOOTSTRAP": bench.bootstrap,
            "KAFKA__TOPIC_PREFIX": prefix,
            "KAFKA__PARTITIONS": str(PARTITIONS),
        }
        worker = Process("worker", ["worker", "--triggers", str(rules)], settings, directory)
        try:
            await worker.wait_until_ready()
            group = Topics(prefix).process("detect")
            figure = await bench.measure(worker.pid, group, topic, plan.events)
            await bench.require(Topics(prefix).changelog("detect"), _STATES)
            return figure
        finally:
            worker.stop()


async def measure_all(bench: Bench, plan: Plan) -> dict[str, list[float]]:
    """Return microseconds per event by what was measured, one for each round."""
    measured: dict[str, Callable[[], Awaitable[float]]] = {
        "limit": lambda: measure_limit(bench, plan),
        "stock": lambda: measure_stock(bench, plan),
    }
    for count in TRIGGERS:
        measured[str(count)] = lambda count=count: measure_worker(bench, plan, count)  # type: ignore[misc]
    found: dict[str, list[float]] = {name: [] for name in measured}
    for number in range(plan.rounds):
        for name, measure in measured.items():
            began = time.monotonic()
            found[name].append(await measure())
            took = time.monotonic() - began
            figure = f"{found[name][-1]:8.1f} us/event"
            print(f"round {number + 1} {name:>5}: {figure} ({took:.0f} s)", file=sys.stderr)
    return found


def show(found: dict[str, list[float]]) -> None:
    """Print medians of CPU time, their spread, and the rates beside the limit's and stock's."""
    middle = {name: statistics.median(values) for name, values in found.items()}
    table = Table(box=None, pad_edge=False)
    table.add_column("measured", no_wrap=True)
    for column in ("us/event", "min-max", "events/s/core", "of limit", "x stock"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, values in found.items():
        told = f"worker, {name:>3}" if name.isdigit() else name
        table.add_row(
            told,
            f"{middle[name]:.1f}",
            f"{min(values):.1f}-{max(values):.1f}",
            f"{1e6 / middle[name]:,.0f}",
            f"{middle['limit'] / middle[name]:.2f}",
            f"{middle['stock'] / middle[name]:.1f}",
        )
    Console().print(table)


def as_json(found: dict[str, list[float]]) -> bytes:
    """Return the medians as one JSON object."""
    middle = {name: round(statistics.median(values), 2) for name, values in found.items()}
    worker = {str(count): middle[str(count)] for count in TRIGGERS}
    return orjson.dumps(
        {"limit_us": middle["limit"], "stock_us": middle["stock"], "worker_us": worker}
    )


@contextmanager
def _script(name: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
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


def _cpu_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


async def until_committed(lag: Lag) -> None:
    deadline = time.monotonic() + _LIMIT_SECONDS
    while True:
        done, total = await lag.read()
        if done == total:
            return
        if time.monotonic() > deadline:
            sys.exit(f"not committed after {_LIMIT_SECONDS:.0f} s: {done} of {total} records")
        await asyncio.sleep(0.05)


async def _delete_topics(bootstrap: str, prefix: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        names = [name for name in await admin.list_topics() if name.startswith(prefix)]
        await admin.delete_topics(names)
    finally:
        await admin.close()


def broker() -> AbstractContextManager[str]:
    if given := os.environ.get(BOOTSTRAP):
        return nullcontext(given)
    return _own_broker()


@contextmanager
def _own_broker() -> Iterator[str]:
    with Broker() as broker:
        yield broker.bootstrap


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU per event: limit, stock Faust, worker.")
    parser.add_argument("--json", action="store_true", help="print the medians as one JSON object")
    parser.add_argument("--events", type=int, default=100_000, help="events for limit and worker")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved repeats")
    asked = parser.parse_args()
    plan = Plan(asked.events, max(2_000, asked.events // 20), asked.rounds)
    now = int(time.time() * 1000)
    load = events(_WARM_UP + plan.events, until=now)
    with broker() as bootstrap, tempfile.TemporaryDirectory(prefix="triggerstream-") as directory:
        found = asyncio.run(measure_all(Bench(bootstrap, Path(directory), load), plan))
    if asked.json:
        sys.stdout.buffer.write(as_json(found) + b"\n")
    else:
        show(found)


if __name__ == "__main__":
    main()
