"""What customers' states take: bytes each, on disk, in memory, and in time where they are not.

    python benchmarks/state.py [--customers N] [--minutes N] [--events N] [--rounds N]
        [--directory DIR] [--json]

- **bytes** of a stored state: of the shop's customers at the end of their half-year under the
  demo's triggers, and of customers with 10 and 50 events under the 100 triggers of `load.py`;
- **disk**: a million customers (``--customers 10000000`` for more; a gigabyte for each million),
  whose states an engine made under the 100 triggers, in eight stores as a worker opens them. Where
  writing them would take more than ``--minutes``, fewer stores are filled, and it says so;
- **memory**: a partition of one of those stores decides events of customers drawn from all of
  them, so that next to none is in memory. Its resident memory is told as it goes: it must level
  off. What bounds it: ``cache_size`` customers decoded, who are told in bytes each, those that
  changed since the last checkpoint, RocksDB's block cache, its write buffers, and the index and
  filter blocks of its open files;
- **hits**: what an event costs, checkpoints to RocksDB included, where all, nine tenths, half and
  none of its customers are in memory already. The rates told are counted, not assumed. They take
  turns. The files are likely to be in the machine's page cache: what a read from the disk itself
  takes comes on top of it, and is not CPU time.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import psutil

from benchmarks.load import PARTITIONS, Line, events, triggers
from benchmarks.rounds import Found, say, show, summary, surroundings, told
from triggerstream.authoring.files import read_files
from triggerstream.core.detection.detect import Detect
from triggerstream.core.keyed.memory_store import MemoryStore
from triggerstream.core.keyed.partition import Partition
from triggerstream.core.records.columns import in_columns
from triggerstream.core.rulesets.ruleset import Ruleset, load_ruleset
from triggerstream.replay.driver import Replay
from triggerstream.stream.rocksdb.store import RocksStore
from triggerstream.stream.rocksdb.stores import Stores

SHOP = Path(__file__).parent.parent / "examples" / "shop"
RATES = (1.0, 0.9, 0.5, 0.0)
CAPACITY = 20_000
"""Customers that the partition may hold decoded: a sixth of its own, where there are a million."""

_CHECKPOINT = 2_000
"""Events between two checkpoints."""
_HOT = 5_000
_TEMPLATES = 2_000
_PUT = 10_000
_END = 1_800_000_000_000


# ── bytes ───────────────────────────────────────────────────────────────────────────────────


def sizes(values: Sequence[bytes | None]) -> dict[str, float]:
    """Return how many bytes stored states have."""
    lengths = sorted(len(value) for value in values if value is not None)
    return {
        "customers": len(lengths),
        "mean": round(statistics.mean(lengths)),
        "median": lengths[len(lengths) // 2],
        "p99": lengths[len(lengths) * 99 // 100],
        "max": lengths[-1],
    }


def shop_states() -> list[bytes | None]:
    """Return the states of the shop's customers at the end of their half-year."""
    replay = Replay(load_ruleset(read_files(SHOP / "triggers")))
    with gzip.open(SHOP / "events.jsonl.gz") as lines:
        for _ in replay.decisions(lines):
            pass
    return list(replay._deciding.partition.cut().values.values())


def bench_states(ruleset: Ruleset, customers: int, each: int) -> list[bytes | None]:
    """Return the states of *customers* with about *each* events under *ruleset*."""
    partition: Partition[Any, Any] = Partition(
        Detect("events"), MemoryStore(), rulesets=lambda _: ruleset
    )
    lines = [
        Line(number, _END - 10 * (customers * each - number), _renamed(key, value, customers))
        for number, (key, value) in enumerate(events(customers * each, until=_END))
    ]
    partition.apply(in_columns(lines))
    return list(partition.cut().values.values())


def _renamed(key: bytes, value: bytes, customers: int) -> bytes:
    """Return the event *value* as one of one of so many customers."""
    number = int(key.removeprefix(b"customer-")) % customers
    return value.replace(key, b"customer-%07d" % number, 1)


# ── disk ────────────────────────────────────────────────────────────────────────────────────


def generate(
    stores: Stores, templates: Sequence[bytes | None], customers: int, minutes: float
) -> int:
    """Write *customers* states into all partitions' stores, in batches, or into as few stores as
    can be filled within so many *minutes*, one at least; return how many states that were."""
    began, written = time.monotonic(), 0
    for partition in range(PARTITIONS):
        each = (time.monotonic() - began) / partition if partition else 0.0
        if (partition + 1) * each > 60 * minutes:
            say(f"{partition} stores took {partition * each:.0f} s: no more are filled")
            break
        store = stores.open(partition)
        numbers = range(partition, customers, PARTITIONS)
        for start in range(0, len(numbers), _PUT):
            some = numbers[start : start + _PUT]
            values = {b"customer-%07d" % n: templates[n % len(templates)] for n in some}
            store.write(
                values, partition_record=None, changelog_offset=0, old=dict.fromkeys(values)
            )
        written += len(numbers)
        say(f"store {partition + 1} of {PARTITIONS} is full")
    return written


def bytes_of(directory: Path) -> int:
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())


# ── memory and hits ─────────────────────────────────────────────────────────────────────────


class _Counting:
    """A store that counts how often it is asked for a customer: each is a miss of the cache."""

    def __init__(self, store: RocksStore) -> None:
        self._store = store
        self.gets = 0

    def get(self, customer: bytes) -> bytes | None:
        self.gets += 1
        return self._store.get(customer)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class Worker:
    """A partition over a store that is full, without Kafka."""

    def __init__(self, store: RocksStore, ruleset: Ruleset, customers: int) -> None:
        self._counting = _Counting(store)
        self._store = store
        self._partition: Partition[Any, Any] = Partition(
            Detect("events"), self._counting, rulesets=lambda _: ruleset, capacity=CAPACITY
        )
        self._numbers = range(0, customers, PARTITIONS)
        self._draw = random.Random(3)
        self._pool = events(50_000, until=_END)
        # One after the other: whoever comes again was evicted long ago.
        self._cold = cycle(self._numbers[_HOT:])
        self._offset = 0

    @property
    def cached(self) -> int:
        return self._partition.cached

    def decide(self, count: int, rate: float) -> tuple[float, float]:
        """Decide *count* events of which a share of *rate* is of customers in memory; return
        (CPU microseconds an event, share of customers that were found in memory)."""
        lines = list(self._lines(count, rate))
        self._counting.gets = 0
        started = time.process_time()
        for start in range(0, count, _CHECKPOINT):
            self._take(lines[start : start + _CHECKPOINT])
        spent = time.process_time() - started
        return spent / count * 1e6, 1 - self._counting.gets / count

    def warm(self) -> None:
        """Bring the customers into memory that are often heard of."""
        self._take(
            [self._line(number, position) for position, number in enumerate(self._numbers[:_HOT])]
        )

    def _lines(self, count: int, rate: float) -> Iterator[Line]:
        for position in range(count):
            if self._draw.random() < rate:
                number = self._numbers[self._draw.randrange(_HOT)]
            else:
                number = next(self._cold)
            yield self._line(number, position)

    def _line(self, number: int, position: int) -> Line:
        key, value = self._pool[(self._offset + position) % len(self._pool)]
        self._offset += 1
        # Each id once: a duplicate would change nothing.
        value = value.replace(b'{"event_id":"', b'{"event_id":"%07x' % self._offset, 1)
        value = value.replace(key, b"customer-%07d" % number, 1)
        return Line(self._offset, _END + self._offset // 100, value)

    def _take(self, lines: Sequence[Line]) -> None:
        partition = self._partition
        assert partition.apply(in_columns(lines)) == len(lines)
        partition.outcomes.clear()
        cut = partition.cut()
        self._store.write(
            cut.values,
            partition_record=cut.record,
            changelog_offset=cut.offset,
            old=cut.old,
        )
        partition.landed(cut)


def measure_memory(worker: Worker, count: int) -> list[dict[str, int]]:
    """Return resident megabytes and customers in memory, as *count* cold events are decided."""
    process = psutil.Process()
    seen = []
    for number in range(11):
        if number:
            worker.decide(count // 10, 0.0)
        seen.append(
            {
                "events": number * (count // 10),
                "megabytes": round(process.memory_info().rss / 1e6),
                "customers_in_memory": worker.cached,
            }
        )
        say(f"memory: {seen[-1]}")
    return seen


def measure_hits(worker: Worker, count: int, rounds: int) -> tuple[Found, Found]:
    """Return CPU microseconds an event, and the share found in memory, by the rate aimed at."""
    cost: Found = {f"{rate:.0%}": [] for rate in RATES}
    hits: Found = {f"{rate:.0%}": [] for rate in RATES}
    for number in range(rounds):
        for rate in RATES:
            worker.warm()
            figure, share = worker.decide(count, rate)
            cost[f"{rate:.0%}"].append(figure)
            hits[f"{rate:.0%}"].append(share)
            say(f"round {number + 1} of {rounds}: {share:.0%} hits: {figure:.1f} us/event")
    return cost, hits


# ── the result ──────────────────────────────────────────────────────────────────────────────


def tell(result: dict[str, Any], cost: Found) -> None:
    """Print what was found, for people."""
    columns = ("customers", "mean", "median", "p99", "max")
    show(
        "bytes of a stored state",
        ("of", *columns),
        [(of, *(f"{s[c]:,}" for c in columns)) for of, s in result["bytes"].items()],
    )
    disk = result["disk"]
    print(
        f"on disk: {disk['customers']:,} customers in {disk['megabytes']:,} MB, "
        f"{disk['bytes_per_customer']:,} bytes each; written at {disk['write_us']} us each"
    )
    show(
        "resident memory while nobody asked for is in memory",
        ("events", "MB", "customers in memory"),
        [
            (f"{row['events']:,}", f"{row['megabytes']:,}", f"{row['customers_in_memory']:,}")
            for row in result["memory"]
        ],
    )
    show(
        "an event by cache hits",
        ("aimed at", "found", "us/event", "events/s"),
        [
            (
                rate,
                f"{result['hits'][rate]['found']:.1%}",
                told(all_),
                f"{1e6 / statistics.median(all_):,.0f}",
            )
            for rate, all_ in cost.items()
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--minutes", type=float, default=8.0, help="for filling the stores")
    parser.add_argument("--events", type=int, default=20_000, help="of each measurement of hits")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--directory", type=Path, help="where the stores are made, and removed")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    ruleset = load_ruleset({"bench.yaml": triggers(100)})
    templates = bench_states(ruleset, _TEMPLATES, 10)
    result: dict[str, Any] = {}
    if asked.directory is not None:
        asked.directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="triggerstream-", dir=asked.directory) as name:
        directory = Path(name)
        stores = Stores(directory, "detect")
        started = time.process_time()
        written = generate(stores, templates, asked.customers, asked.minutes)
        stores.close_others()
        spent = time.process_time() - started
        result["disk"] = {
            "customers": written,
            "megabytes": round(bytes_of(directory) / 1e6),
            "bytes_per_customer": round(bytes_of(directory) / written),
            "write_us": round(spent / written * 1e6, 2),
        }
        worker = Worker(stores.open(0), ruleset, asked.customers)
        result["memory"] = measure_memory(worker, 10 * CAPACITY)
        cost, hits = measure_hits(worker, asked.events, asked.rounds)
        stores.close_others()
    result["hits"] = {
        rate: {"found": round(statistics.median(hits[rate]), 4), "us": summary(all_)}
        for rate, all_ in cost.items()
    }
    # Last, so that it is not in the memory that is told.
    result["bytes"] = {
        "the shop, its triggers": sizes(shop_states()),
        "100 triggers, 10 events": sizes(templates),
        "100 triggers, 50 events": sizes(bench_states(ruleset, _TEMPLATES, 50)),
    }
    result["bounds"] = {"capacity": CAPACITY, "block_cache_mb": 16, "write_buffers_mb": 16}
    result["with"] = surroundings("rocksdict", "msgspec")
    if asked.json:
        print(json.dumps(result))
    else:
        tell(result, cost)


if __name__ == "__main__":
    main()
