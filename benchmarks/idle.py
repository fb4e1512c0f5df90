"""What processes without load cost: the CPU of a worker and of a sender that have nothing to do.

    python benchmarks/idle.py [--json] [--seconds N] [--rounds N] [--settle N] [--triggers N]

A worker and a sender of eight partitions each, on one broker. They work some events off first, so
that there are customers with states, waits that are not due, and offsets to commit. Then nobody
produces anything any more, and of each round, some seconds long, the CPU time (user and system, all
threads, as the operating system counts it) is told as thousandths of one core. The aim is less
than 10: one percent of a core.

Both are measured at the same time, so what disturbs the machine disturbs both. The operating system
counts in hundredths of a second: a round of 30 s tells a third of a thousandth.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

import orjson

from benchmarks import bench as shared
from benchmarks.load import PARTITIONS, append, events, open_producer, triggers
from benchmarks.rounds import say, show, summary, surroundings
from triggerstream.demo.lag import Lag
from triggerstream.demo.processes import Process
from triggerstream.stream.kafka.topics import Topics

AIM = 10.0
"""Thousandths of a core that a process without load may take."""

Found = dict[str, list[float]]
"""Thousandths of a core by process, one for each round."""


async def measure(
    bench: shared.Bench, *, count: int, settle: float, seconds: float, rounds: int
) -> Found:
    """Measure a worker under *count* triggers, and a sender, both *settle* seconds after the last
    event."""
    prefix = bench.next_prefix()
    async with bench.topics(prefix) as topic:
        processes = {"worker": bench.start_worker(prefix, triggers(count))}
        try:
            await processes["worker"].wait_until_ready()
            processes["sender"] = Process(
                "sender", ["sender"], bench.settings(prefix), bench.directory / prefix
            )
            await processes["sender"].wait_until_ready()
            await _work_off(bench, prefix, topic)
            await asyncio.sleep(settle)
            return await _watch(processes, seconds, rounds)
        finally:
            for process in processes.values():
                process.stop()


async def _work_off(bench: shared.Bench, prefix: str, topic: str) -> None:
    """Produce the load, and return when the worker has committed it."""
    producer = open_producer(bench.bootstrap)
    await producer.start()
    try:
        await append(producer, topic, bench.load)
    finally:
        await producer.stop()
    async with Lag(bench.bootstrap, Topics(prefix).process("detect"), topic, PARTITIONS) as lag:
        await shared.until_committed(lag)


async def _watch(processes: dict[str, Process], seconds: float, rounds: int) -> Found:
    found: Found = {name: [] for name in processes}
    for number in range(1, rounds + 1):
        began = time.monotonic()
        before = {name: shared.cpu_seconds(each.pid) for name, each in processes.items()}
        await asyncio.sleep(seconds)
        for name, each in processes.items():
            each.check()
            took = shared.cpu_seconds(each.pid) - before[name]
            found[name].append(took / (time.monotonic() - began) * 1000)
        told = ", ".join(f"{name} {values[-1]:.1f}" for name, values in found.items())
        say(f"round {number} of {rounds}: {told} thousandths of a core")
    return found


def as_json(found: Found) -> bytes:
    """Return what was found as one JSON object."""
    return orjson.dumps(
        {
            "thousandths_of_a_core": {name: summary(values) for name, values in found.items()},
            "aim": AIM,
            **surroundings("aiokafka", "faust-streaming"),
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU of a worker and a sender without load.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--seconds", type=float, default=30.0, help="measured in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--settle", type=float, default=10.0, help="seconds of silence before the first round"
    )
    parser.add_argument("--triggers", type=int, default=100)
    asked = parser.parse_args()
    load = events(shared.WARM_UP, until=int(time.time() * 1000))
    with (
        shared.open_broker() as bootstrap,
        tempfile.TemporaryDirectory(prefix="idle-") as directory,
    ):
        bench = shared.Bench(bootstrap, Path(directory), load)
        found = asyncio.run(
            measure(
                bench,
                count=asked.triggers,
                settle=asked.settle,
                seconds=asked.seconds,
                rounds=asked.rounds,
            )
        )
    if asked.json:
        sys.stdout.buffer.write(as_json(found) + b"\n")
        return
    rows = [
        (name, f"{statistics.median(values):.1f} ({min(values):.1f}-{max(values):.1f})")
        for name, values in found.items()
    ]
    show("thousandths of a core without load", ("", f"median, of {AIM:.0f} at most"), rows)


if __name__ == "__main__":
    main()
