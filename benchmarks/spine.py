"""What deciding costs: CPU per event of a worker, of stock Faust, and of the physical limit.

    python benchmarks/spine.py [--json] [--events N] [--rounds N]

Measured in one run, on one broker, with the same events (`load.py`), in turn, `--rounds` times:

- **limit**: `limit.py`, aiokafka's ``getmany`` and orjson, and nothing else;
- **stock**: `stock.py`, an agent of stock Faust with a table on RocksDB that does one count
  (fewer events, since each costs so much; the figure is per event);
- **worker**: the real ``triggerstream worker`` with 1, 10 and 100 triggers, everything on:
  decoding, state, RocksDB, changelog, firings, checkpoints, commits, health and metrics.

How CPU time is measured: `bench.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import msgspec
import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.bench import WARM_UP, Bench, measure_worker, open_broker, script
from benchmarks.load import PARTITIONS, events, triggers
from deploy.local_kafka.topics import Topic, create_topics

TRIGGERS = (1, 10, 100)


class Plan(msgspec.Struct, frozen=True):
    """What is measured: *events* for limit and worker, *stock_events* for stock Faust."""

    events: int
    stock_events: int
    rounds: int


async def measure_limit(bench: Bench, plan: Plan) -> float:
    prefix = bench.next_prefix()
    async with bench.topics(prefix) as topic:
        group = f"{prefix}-limit"
        with script("limit.py", bench.bootstrap, topic, group) as process:
            return await bench.measure(process.pid, group, topic, plan.events)


async def measure_stock(bench: Bench, plan: Plan) -> float:
    prefix = bench.next_prefix()
    async with bench.topics(prefix) as topic:
        directory = str(bench.directory / prefix)
        await create_topics(bench.bootstrap, [Topic(f"{prefix}.stock-firings", PARTITIONS)])
        arguments = (bench.bootstrap, prefix, directory, str(PARTITIONS))
        with script("stock.py", *arguments) as process:
            figure = await bench.measure(process.pid, f"{prefix}-stock", topic, plan.stock_events)
        await bench.require(f"{prefix}-stock-seen-changelog", WARM_UP + plan.stock_events)
        return figure


async def measure_all(bench: Bench, plan: Plan) -> dict[str, list[float]]:
    """Return microseconds per event by what was measured, one for each round."""
    measured: dict[str, Callable[[], Awaitable[float]]] = {
        "limit": lambda: measure_limit(bench, plan),
        "stock": lambda: measure_stock(bench, plan),
    }
    for count in TRIGGERS:
        measured[str(count)] = partial(measure_worker, bench, triggers(count), plan.events)
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


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU per event: limit, stock Faust, worker.")
    parser.add_argument("--json", action="store_true", help="print the medians as one JSON object")
    parser.add_argument("--events", type=int, default=100_000, help="events for limit and worker")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved repeats")
    asked = parser.parse_args()
    plan = Plan(asked.events, max(2_000, asked.events // 20), asked.rounds)
    now = int(time.time() * 1000)
    load = events(WARM_UP + plan.events, until=now)
    with (
        open_broker() as bootstrap,
        tempfile.TemporaryDirectory(prefix="triggerstream-") as directory,
    ):
        found = asyncio.run(measure_all(Bench(bootstrap, Path(directory), load), plan))
    if asked.json:
        sys.stdout.buffer.write(as_json(found) + b"\n")
    else:
        show(found)


if __name__ == "__main__":
    main()
