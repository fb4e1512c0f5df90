"""How far the clock falls behind when a whole segment is left within one minute, in silence.

    python benchmarks/leave.py [--members N] [--fires] [--store rocksdb|memory] [--json]

A million customers had one event each, within one minute, and are in a segment for an hour by it.
Nothing more comes: an hour later ticks move the clock, one a second and partition, and each makes
a sixtieth of them leave. What a worker does of that is done for real, in eight partitions: states
are read from RocksDB and decoded, the segment is asked, what is told is encoded, and the changed
states are encoded and written back, a checkpoint behind each tick. What is not in it is Kafka's:
appending the changelog and producing.

A second's ticks take so many CPU seconds. On a core that does nothing else they are done so long
after they came, or after those before them: the greatest such time is the lag of the clock. The aim
is 30 s. What it is made of is told by layer.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from time import process_time
from typing import Any, Final

from benchmarks.load import PARTITIONS, Line
from benchmarks.rounds import say, show, surroundings, without_collector
from triggerstream.core.detection.detect import Detect
from triggerstream.core.keyed.control import ClockMoved
from triggerstream.core.keyed.memory_store import MemoryStore
from triggerstream.core.keyed.partition import Partition
from triggerstream.core.records.columns import in_columns
from triggerstream.core.records.record import KIND, Kind
from triggerstream.core.rulesets.ruleset import Ruleset, load_ruleset
from triggerstream.stream.rocksdb.stores import Stores

AIM: Final = 30.0
CAPACITY: Final = 20_000
"""Customers that a partition may hold decoded, of 125,000: the others are read from the store."""
SECONDS: Final = 60
START: Final = 1_700_000_000_000
HOUR: Final = 3_600_000
SEGMENT: Final = "segment: s\nis: {count: e, at_least: 1, within: 1h}\n"
FIRES: Final = "---\ntrigger: t\nwhen: {left: s}\nthen: [{log: {}}]\n"
_BATCH: Final = 5_000
_BODY: Final = (
    b'{"event_id":"%032x","customer_id":"customer-%07d","event_type":"e","timestamp":%d,'
    b'"event_data":{"amount":1,"currency":"EUR","page":"/products/000001"}}'
)
_TICK: Final = ((KIND, Kind.TICK),)


class Half:
    """One partition, its members, and its store.

    Args:
        numbers: Of its customers.
    """

    def __init__(self, number: int, store: Any, ruleset: Ruleset, numbers: range) -> None:
        self._store = store
        self._program = Detect("events")
        self._partition: Partition[Any, Any] = Partition(
            self._program,
            store,
            number=number,
            rulesets=lambda _: ruleset,
            capacity=CAPACITY,
        )
        self._numbers = numbers
        self._offset = 0
        self.spent: defaultdict[str, float] = defaultdict(float)
        self.left = 0

    def fill(self, members: int) -> None:
        """Take the events of all, spread over one minute."""
        for start in range(0, len(self._numbers), _BATCH):
            lines = list(self._lines(self._numbers[start : start + _BATCH], members))
            assert self._partition.apply(in_columns(lines)) == len(lines)
            self._partition.outcomes.clear()
            self._checkpoint()
        self.spent.clear()

    def tick(self, clock: int) -> None:
        """Move the clock, and do what comes due by it."""
        line = Line(self._offset, clock, None, _TICK)
        self._offset += 1
        while not self._apply(line):
            self._checkpoint()
        self._checkpoint()

    def _lines(self, numbers: range, members: int) -> Iterator[Line]:
        for number in numbers:
            at = START + number * SECONDS * 1000 // members
            yield Line(self._offset, at, _BODY % (number, number, at))
            self._offset += 1

    def _apply(self, line: Line) -> bool:
        started = process_time()
        applied = self._partition.apply(in_columns([line]))
        decided = process_time()
        outcomes = self._partition.outcomes
        for each in outcomes:
            if not isinstance(each, ClockMoved):
                self.left += 1
                self._program.encode(each, 1, line.timestamp)
        outcomes.clear()
        self.spent["reading and deciding"] += decided - started
        self.spent["encoding what is told"] += process_time() - decided
        return applied == 1

    def _checkpoint(self) -> None:
        started = process_time()
        cut = self._partition.cut()
        encoded = process_time()
        self._store.write(
            cut.values,
            partition_record=cut.record,
            changelog_offset=cut.offset,
            **({} if isinstance(self._store, MemoryStore) else {"old": cut.old}),
        )
        self._partition.landed(cut)
        self.spent["encoding states"] += encoded - started
        self.spent["writing states"] += process_time() - encoded


def measure(members: int, *, fires: bool, stores: Stores | None) -> dict[str, Any]:
    """Return the lag, and what it is made of."""
    ruleset = load_ruleset({"bench.yaml": SEGMENT + (FIRES if fires else "")})
    halves = []
    for number in range(PARTITIONS):
        store = MemoryStore() if stores is None else stores.open(number)
        half = Half(number, store, ruleset, range(number, members, PARTITIONS))
        half.fill(members)
        halves.append(half)
        say(f"partition {number + 1} of {PARTITIONS} is full")
    with without_collector():
        done = lag = 0.0
        for second in range(1, SECONDS + 2):
            started = process_time()
            for half in halves:
                half.tick(START + HOUR + ruleset.policy.allowed_lateness + second * 1000)
            done = max(done, second) + process_time() - started
            lag = max(lag, done - second)
    left = sum([half.left for half in halves])
    assert left == members * (2 if fires else 1), left
    spent = {name: sum([half.spent[name] for half in halves]) for name in halves[0].spent}
    total = sum(spent.values())
    return {
        "members": members,
        "store": "memory" if stores is None else "rocksdb",
        "lag_s": round(lag, 1),
        "cpu_s": round(total, 1),
        "us_each": round(total / members * 1e6, 1),
        "us_by_layer": {name: round(took / members * 1e6, 1) for name, took in spent.items()},
        "with": surroundings("rocksdict", "msgspec"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--members", type=int, default=1_000_000)
    parser.add_argument("--fires", action="store_true", help="a trigger hears of each who leaves")
    parser.add_argument("--store", choices=("rocksdb", "memory"), default="rocksdb")
    parser.add_argument("--directory", type=Path, help="where the stores are made, and removed")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    if asked.store == "memory":
        found = measure(asked.members, fires=asked.fires, stores=None)
    else:
        with tempfile.TemporaryDirectory(prefix="triggerstream-", dir=asked.directory) as name:
            stores = Stores(Path(name), "detect")
            found = measure(asked.members, fires=asked.fires, stores=stores)
            stores.close_others()
    if asked.json:
        print(json.dumps(found))
        return
    show(
        f"{found['members']:,} members leave within a minute, states in {found['store']}",
        ("", ""),
        [
            ("lag of the clock, s", f"{found['lag_s']} of {AIM:.0f} at most"),
            ("CPU, s", f"{found['cpu_s']}"),
            ("CPU, us each", f"{found['us_each']}"),
            *[(f"  {name}", f"{took}") for name, took in found["us_by_layer"].items()],
        ],
    )


if __name__ == "__main__":
    main()
