"""How the worker scales: 1, 2 and 4 workers on 1, 4 and 16 partitions, and what bounds it.

    python benchmarks/scaling.py [--events N] [--rounds N] [--triggers N] [--json]

Workers have joined and have worked off a few events. Then all events are appended, and only when
they are in the log is the clock started and the group let on: `Process` has no brake, so the
workers are stopped (SIGSTOP) meanwhile, for less than their session's time-out. So nobody
produces while they catch up, and all that runs is workers and broker. Told are events a second by
the clock on the wall, the workers' CPU and the broker's, both in microseconds an event, and how
much of the machine's cores the workers, the broker and all others had meanwhile. On a machine that
others use too, the wall says more of them: *at most* is what the CPU an event allows, the smaller
of a core for each worker with partitions, and all cores shared with the broker. *Idle* is what a
worker takes of a core when there is nothing to do.

On two cores that the broker has a share in, more workers cannot be faster for ever: where the
cores are used up, CPU an event tells what more machines would give. It should not grow with the
number of workers or partitions.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import aiohttp
import msgspec
import psutil

from benchmarks.bench import WARM_UP, cpu_seconds, delete_topics, open_broker, until_committed
from benchmarks.load import Keyed, append, events, open_producer, triggers
from benchmarks.rounds import say, show, summary, surroundings, told
from deploy.local_kafka.topics import Topic, create_topics
from triggerstream.demo.lag import Lag
from triggerstream.demo.processes import Process
from triggerstream.stream.kafka.topics import Topics

WORKERS = (1, 2, 4)
PARTITIONS = (1, 4, 16)

_READY_LIMIT_S = 120.0
_SETTLE_S = 3.0
_IDLE_S = 4.0
_SESSION_S = 60
"""Longer than the default, so that appending never ends a stopped worker's session."""


class Figures(msgspec.Struct, frozen=True):
    """One run. Microseconds are CPU an event; shares are of all cores, by the wall.

    Attributes:
        at_most: Events a second that this CPU an event allows, if nobody else had the cores: a
            worker has one at most, and all have what the broker leaves.
        broker_us: ``None`` where the broker is not ours to look at.
        idle_share: Of one core, what a worker takes that has nothing to do.
    """

    per_second: float
    at_most: float
    idle_share: float
    worker_us: float
    broker_us: float | None
    worker_share: float
    broker_share: float | None
    other_share: float


def broker_process() -> psutil.Process | None:
    """Return the broker that this program started, or ``None`` where another's is used."""
    children = psutil.Process().children(recursive=True)
    return next((child for child in children if child.name() == "java"), None)


def start(
    stack: ExitStack, bootstrap: str, prefix: str, directory: Path, workers: int, partitions: int
) -> list[Process]:
    """Start *workers*, each as anybody would; *stack* stops them."""
    directory.mkdir()
    settings = {
        "KAFKA__BOOTSTRAP": bootstrap,
        "KAFKA__TOPIC_PREFIX": prefix,
        "KAFKA__PARTITIONS": str(partitions),
        "KAFKA__SESSION_TIMEOUT": str(_SESSION_S),
    }
    rules = str(directory.parent / "triggers")
    started = []
    for number in range(workers):
        command = ["worker", "--triggers", rules]
        process = Process(f"worker-{number}", command, settings, directory)
        stack.callback(process.stop)
        started.append(process)
    return started


async def until_ready(workers: Sequence[Process], wanted: int) -> None:
    """Return when *wanted* of the workers are at work: one without a partition never is."""
    deadline = time.monotonic() + _READY_LIMIT_S
    async with aiohttp.ClientSession() as session:
        while True:
            ready = 0
            for worker in workers:
                worker.check()
                try:
                    async with session.get(f"{worker.http}/readyz") as answer:
                        ready += answer.status == 200
                except aiohttp.ClientError:
                    pass  # it does not listen yet
            if ready >= wanted:
                return
            if time.monotonic() > deadline:
                raise SystemExit(f"{wanted} workers that are ready are required; found {ready}")
            await asyncio.sleep(0.2)


@contextmanager
def stopped(workers: Sequence[Process]) -> Iterator[None]:
    """Keep the workers from running meanwhile."""
    for worker in workers:
        os.kill(worker.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for worker in workers:
            os.kill(worker.pid, signal.SIGCONT)


async def idle_share(workers: Sequence[Process]) -> float:
    """Return what share of a core one of *workers* takes while nothing is to be done."""
    before, began = sum(cpu_seconds(worker.pid) for worker in workers), time.monotonic()
    await asyncio.sleep(_IDLE_S)
    spent = sum(cpu_seconds(worker.pid) for worker in workers) - before
    return spent / (time.monotonic() - began) / len(workers)


def _all_cores() -> float:
    """Return the CPU seconds that the machine has spent on anything."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq)


async def measure(
    bootstrap: str, prefix: str, workers: Sequence[Process], partitions: int, load: Sequence[Keyed]
) -> Figures:
    """Let *workers* catch up with *load*, and tell what it took."""
    topics = Topics(prefix)
    topic, group = topics.name("events"), topics.process("detect")
    broker = broker_process()
    producer = open_producer(bootstrap)
    await producer.start()
    try:
        async with Lag(bootstrap, group, topic, partitions) as lag:
            await append(producer, topic, load[:WARM_UP], partitions=partitions)
            await until_committed(lag)
            count = len(load) - WARM_UP
            idle = await idle_share(workers)
            with stopped(workers):
                await append(producer, topic, load[WARM_UP:], partitions=partitions)
                began, all_before = time.monotonic(), _all_cores()
                before = sum(cpu_seconds(worker.pid) for worker in workers)
                broker_before = cpu_seconds(broker.pid) if broker else 0.0
            await until_committed(lag)
    finally:
        await producer.stop()
    wall = time.monotonic() - began
    ours = sum(cpu_seconds(worker.pid) for worker in workers) - before
    brokers = cpu_seconds(broker.pid) - broker_before if broker else 0.0
    number = os.cpu_count() or 1
    cores = wall * number
    at_work = min(len(workers), partitions)
    return Figures(
        per_second=count / wall,
        at_most=count * min(at_work / ours, number / (ours + brokers)),
        idle_share=idle,
        worker_us=ours / count * 1e6,
        broker_us=brokers / count * 1e6 if broker else None,
        worker_share=ours / cores,
        broker_share=brokers / cores if broker else None,
        other_share=max(0.0, _all_cores() - all_before - ours - brokers) / cores,
    )


async def one_run(
    bootstrap: str, directory: Path, prefix: str, workers: int, partitions: int, count: int
) -> Figures:
    load = events(WARM_UP + count, until=int(time.time() * 1000))
    config = {"message.timestamp.type": "LogAppendTime"}
    await create_topics(bootstrap, [Topic(Topics(prefix).name("events"), partitions, config)])
    try:
        with ExitStack() as stack:
            processes = start(stack, bootstrap, prefix, directory / prefix, workers, partitions)
            await until_ready(processes, min(workers, partitions))
            if workers > partitions:
                await asyncio.sleep(_SETTLE_S)  # those without a partition join, too
            return await measure(bootstrap, prefix, processes, partitions, load)
    finally:
        await delete_topics(bootstrap, prefix)


Found = dict[tuple[int, int], list[Figures]]
"""By (workers, partitions), one for each round."""


async def measure_all(bootstrap: str, directory: Path, count: int, rounds: int) -> Found:
    found: Found = {}
    for number in range(rounds):
        for partitions in PARTITIONS:
            for workers in WORKERS:
                prefix = f"bench-scaling-{os.getpid()}-{number}-{workers}-{partitions}"
                run = await one_run(bootstrap, directory, prefix, workers, partitions, count)
                found.setdefault((workers, partitions), []).append(run)
                say(
                    f"round {number + 1} of {rounds}: {workers} workers, {partitions} partitions: "
                    f"{run.per_second:,.0f} events/s, {run.worker_us:.1f} us/event"
                )
    return found


def _of(runs: Sequence[Figures], name: str) -> list[float]:
    return [getattr(run, name) for run in runs if getattr(run, name) is not None]


def as_json(found: Found) -> list[dict[str, object]]:
    """Return medians and spread of every figure, a row for each pair of numbers."""
    return [
        {
            "workers": workers,
            "partitions": partitions,
            **{
                name: summary(values) if (values := _of(runs, name)) else None
                for name in Figures.__struct_fields__
            },
        }
        for (workers, partitions), runs in found.items()
    ]


def tell(found: Found) -> None:
    """Print what was found, for people."""
    rows = []
    for (workers, partitions), runs in found.items():
        shares = [
            f"{statistics.median(values):.0%}" if (values := _of(runs, name)) else "-"
            for name in ("worker_share", "broker_share", "other_share")
        ]
        brokers = _of(runs, "broker_us")
        rows.append(
            (
                f"{workers}",
                f"{partitions}",
                told(_of(runs, "per_second"), 0),
                f"{statistics.median(_of(runs, 'at_most')):,.0f}",
                told(_of(runs, "worker_us"), 0),
                f"{statistics.median(brokers):.0f}" if brokers else "-",
                f"{statistics.median(_of(runs, 'idle_share')):.1%}",
                " ".join(shares),
            )
        )
    columns = ("w", "p", "events/s", "at most", "us/event", "broker", "idle", "w, b, others")
    show(f"catching up, {os.cpu_count()} cores", columns, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--triggers", type=int, default=100)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    with (
        open_broker() as bootstrap,
        tempfile.TemporaryDirectory(prefix="triggerstream-") as name,
    ):
        rules = Path(name) / "triggers"
        rules.mkdir()
        (rules / "bench.yaml").write_text(triggers(asked.triggers), encoding="utf-8")
        found = asyncio.run(measure_all(bootstrap, Path(name), asked.events, asked.rounds))
    if asked.json:
        with_ = surroundings("aiokafka", "faust-streaming", "rocksdict")
        print(json.dumps({"cores": os.cpu_count(), "runs": as_json(found), "with": with_}))
    else:
        tell(found)


if __name__ == "__main__":
    main()
