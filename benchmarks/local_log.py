"""What the local log costs: CPU time a record appended and read, and how long a commit takes.

    python benchmarks/local_log.py [--records N] [--commits N] [--rounds N] [--directory DIR]
        [--json]

- **append**: microseconds of CPU a record, of all threads, in appends of 1, 100 and 500 records of
  which `OUTSTANDING` are on their way at a time, so that they share transactions;
- **read**: the same of what was so appended, in columns, as a lane takes it;
- **commit**: milliseconds by the wall clock from an append of one record to its being durable, one
  after the other. Of those, `GATHER` are waited for on purpose; what the disk takes to make a page
  durable is measured beside it, in turns.

All take turns. *DIR* decides which disk is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.load import events
from benchmarks.rounds import Found, say, show, summary, surroundings, told
from triggerstream.core.records.record import Produce
from triggerstream.stream.handover import MOST_RECORDS
from triggerstream.stream.local.log import LocalLog
from triggerstream.stream.local.writer import GATHER
from triggerstream.stream.ports import Acknowledged

SIZES = (1, 100, 500)
OUTSTANDING = 64
_PAGE = b"x" * 4096
_END = 1_800_000_000_000


def now() -> int:
    return time.time_ns() // 1_000_000


async def append(log: LocalLog, topic: str, records: Sequence[Produce], size: int) -> float:
    """Append *records*, so many at a time; return the CPU seconds that it took."""
    groups = [records[at : at + size] for at in range(0, len(records), size)]
    waiting: deque[Awaitable[Sequence[Acknowledged]]] = deque()
    started = time.process_time()
    for group in groups:
        if len(waiting) >= OUTSTANDING:
            await waiting.popleft()
        waiting.append(await log.append(group))
    for each in waiting:
        await each
    return time.process_time() - started


def read(log: LocalLog, topic: str) -> float:
    """Read all of *topic*; return the CPU seconds that it took."""
    following = log.start_offset(topic)
    started = time.process_time()
    while following < log.end_offset(topic):
        _, following = log.read(topic, following, MOST_RECORDS)
    return time.process_time() - started


async def commits(log: LocalLog, record: Produce, count: int) -> list[float]:
    """Return how many milliseconds each of so many appends took to be durable."""
    found = []
    for _ in range(count):
        started = time.perf_counter()
        await (await log.append([record]))
        found.append((time.perf_counter() - started) * 1000)
    return found


def syncs(directory: Path, count: int) -> list[float]:
    """Return how many milliseconds the disk took to make each of so many pages durable."""
    found = []
    file = os.open(directory / "page", os.O_WRONLY | os.O_CREAT)
    try:
        for _ in range(count):
            started = time.perf_counter()
            os.write(file, _PAGE)
            os.fdatasync(file)
            found.append((time.perf_counter() - started) * 1000)
    finally:
        os.close(file)
    return found


def _at(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def measure(directory: Path, records: int, count: int, rounds: int) -> dict[str, Any]:
    given = {
        size: [
            Produce(f"by-{size}", 0, key, value)
            for key, value in events(records // (10 if size == 1 else 1), until=_END)
        ]
        for size in SIZES
    }
    cost: Found = {f"{what} by {size}": [] for what in ("append", "read") for size in SIZES}
    waited: Found = {"commit": [], "page": []}
    stored = 0
    for number in range(rounds):
        path = directory / f"{number}.db"
        log = LocalLog(path, now=now)
        await log.start()
        for size, group in given.items():
            spent = await append(log, f"by-{size}", group, size)
            cost[f"append by {size}"].append(spent / len(group) * 1e6)
        for size, group in given.items():
            cost[f"read by {size}"].append(read(log, f"by-{size}") / len(group) * 1e6)
        waited["commit"] += await commits(log, given[1][0], count)
        waited["page"] += syncs(directory, count)
        await log.stop()
        stored = path.stat().st_size
        path.unlink()
        say(f"round {number + 1} of {rounds}")
    return {
        "cost": cost,
        "waited": waited,
        "bytes": stored / sum(len(group) for group in given.values()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=int, default=100_000, help="a tenth of it one by one")
    parser.add_argument("--commits", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--directory", type=Path, help="where the log is made, and removed")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="triggerstream-", dir=asked.directory) as name:
        found = asyncio.run(measure(Path(name), asked.records, asked.commits, asked.rounds))
    waited = {
        what: {"p50": statistics.median(all_), "p99": _at(all_, 0.99)}
        for what, all_ in found["waited"].items()
    }
    if asked.json:
        cost = {what: summary(all_) for what, all_ in found["cost"].items()}
        result = {"us": cost, "ms": waited, "bytes_per_record": round(found["bytes"])}
        print(json.dumps(result | {"with": surroundings("msgspec")}))
        return
    show(
        "CPU time a record (microseconds)",
        ["", "median (least-greatest)"],
        [(what, told(all_, 2)) for what, all_ in found["cost"].items()],
    )
    show(
        "Until it is durable (milliseconds)",
        ["", "p50, of one at a time", "p99"],
        [(what, f"{each['p50']:.2f}", f"{each['p99']:.2f}") for what, each in waited.items()],
    )
    print(f"{GATHER * 1000:.0f} ms of a commit are waited for others, on purpose")
    print(f"{found['bytes']:.0f} bytes a record on disk")


if __name__ == "__main__":
    main()
