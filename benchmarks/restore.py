"""What restoring costs: CPU per state, from a changelog on a real Kafka into RocksDB.

    python benchmarks/restore.py [--json] [--states N] [--rounds N]

A changelog of 8 partitions is filled with states of some 500 bytes (`states.py`). Measured in
turn, `--rounds` times:

- **restore**: `stream.kafka.restore.restore` into empty stores on disk, as a worker does it that
  comes to a fresh machine. The stores are closed at the end, so what RocksDB does in threads of its
  own counts, too;
- **known customers**: the same once more into the same stores, as if they had to read everything
  again: what they know of each customer has to be looked up. A standby does that all the time;
- **read alone**: the floor, aiokafka reading the same records in the same batches, and no more.

Times are the process's CPU time, all threads, with the collector set as a worker sets it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson
from aiokafka import TopicPartition
from rich.console import Console
from rich.table import Table

from benchmarks.kafka import broker, topics
from benchmarks.load import PARTITIONS
from benchmarks.states import decided_states, fill
from triggerstream.ops.interpreter import spare_the_collector
from triggerstream.stream.kafka.restore import MOST_RECORDS, changelog_consumer, restore
from triggerstream.stream.rocksdb.stores import Stores

FRESH: Final = "restore"
AGAIN: Final = "known customers"
FLOOR: Final = "read alone"


class Figure(msgspec.Struct, frozen=True):
    """One round of one thing: microseconds of CPU a record, and seconds by the clock in all."""

    micros: float
    seconds: float


Found = Mapping[str, list[Figure]]


class Bench:
    """One filled changelog of *records* records."""

    def __init__(self, bootstrap: str, changelog: str, directory: Path, records: int) -> None:
        self._options = {"bootstrap_servers": bootstrap}
        self._changelog = changelog
        self._directory = directory
        self._records = records

    async def measure_all(self, rounds: int) -> Found:
        found: dict[str, list[Figure]] = {FRESH: [], AGAIN: [], FLOOR: []}
        for number in range(rounds):
            stores = Stores(self._directory / str(number), "detect")
            measures: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
                FRESH: lambda stores=stores: self._restore(stores),  # type: ignore[misc]
                AGAIN: lambda stores=stores: self._restore(stores),  # type: ignore[misc]
                FLOOR: self._read,
            }
            for name, measure in measures.items():
                if name == AGAIN:
                    _send_back(stores)
                found[name].append(figure := await self._take(measure))
                said = f"round {number + 1} {name:>15}: {figure.micros:6.2f} us/record"
                print(f"{said} ({figure.seconds:.1f} s)", file=sys.stderr)
        return found

    async def _take(self, measure: Callable[[], Coroutine[Any, Any, None]]) -> Figure:
        began, cpu = time.monotonic(), time.process_time()
        await measure()
        took = time.process_time() - cpu
        return Figure(took / self._records * 1e6, time.monotonic() - began)

    async def _restore(self, stores: Stores) -> None:
        opened = {number: stores.open(number) for number in range(PARTITIONS)}
        await restore(self._options, self._changelog, opened)
        stores.close_others()

    async def _read(self) -> None:
        tps = [TopicPartition(self._changelog, number) for number in range(PARTITIONS)]
        consumer = changelog_consumer(self._options)
        await consumer.start()
        try:
            consumer.assign(tps)
            for tp in tps:
                consumer.seek(tp, 0)
            left = self._records
            while left:
                found = await consumer.getmany(timeout_ms=200, max_records=MOST_RECORDS)
                left -= sum(len(records) for records in found.values())
        finally:
            await consumer.stop()


def _send_back(stores: Stores) -> None:
    """Make the stores believe that they contain one record only. They keep what they have."""
    for number in range(PARTITIONS):
        stores.open(number).write({}, partition_record=None, changelog_offset=0)
    stores.close_others()


async def run(bootstrap: str, directory: Path, states: int, rounds: int) -> Found:
    until = int(time.time() * 1000)
    async with topics(bootstrap, f"bench-{os.getpid()}") as names:
        changelog = names.changelog("detect")
        options = {"bootstrap_servers": bootstrap}
        began = time.monotonic()
        records = await fill(options, changelog, states, until=until)
        took = time.monotonic() - began
        print(f"appended {records} records in {took:.1f} s", file=sys.stderr)
        spare_the_collector()
        return await Bench(bootstrap, changelog, directory, records).measure_all(rounds)


def show(found: Found) -> None:
    """Print medians of CPU time, their spread, the rate, and the share that reading alone has."""
    middle = _medians(found)
    table = Table(box=None, pad_edge=False)
    table.add_column("measured", no_wrap=True)
    for column in ("us/state", "min-max", "states/s/core", "reading"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, figures in found.items():
        micros = [figure.micros for figure in figures]
        table.add_row(
            name,
            f"{middle[name]:.1f}",
            f"{min(micros):.1f}-{max(micros):.1f}",
            f"{1e6 / middle[name]:,.0f}",
            f"{middle[FLOOR] / middle[name]:.0%}",
        )
    Console().print(table)


def as_json(found: Found) -> bytes:
    """Return the medians, in microseconds of CPU a state, as one JSON object."""
    middle = _medians(found)
    return orjson.dumps(
        {
            "restore_us": round(middle[FRESH], 2),
            "known_us": round(middle[AGAIN], 2),
            "read_us": round(middle[FLOOR], 2),
            "states_per_second": round(1e6 / middle[FRESH]),
        }
    )


def _medians(found: Found) -> dict[str, float]:
    return {
        name: statistics.median(figure.micros for figure in figures)
        for name, figures in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU per state restored into RocksDB.")
    parser.add_argument("--json", action="store_true", help="print the medians as one JSON object")
    parser.add_argument("--states", type=int, default=300_000, help="states in the changelog")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved repeats")
    asked = parser.parse_args()
    sizes = [len(value) for value in decided_states(1_767_225_600_000)]
    print(f"states of {sum(sizes) / len(sizes):.0f} bytes on average", file=sys.stderr)
    with (
        broker() as bootstrap,
        tempfile.TemporaryDirectory(prefix="triggerstream-") as directory,
    ):
        found = asyncio.run(run(bootstrap, Path(directory), asked.states, asked.rounds))
    if asked.json:
        sys.stdout.buffer.write(as_json(found) + b"\n")
    else:
        show(found)


if __name__ == "__main__":
    main()
