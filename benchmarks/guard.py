"""The guard against getting slower: ratios, beside those of a recorded baseline.

    python benchmarks/guard.py [--record] [--json]

Absolute times say more of the machine than of the code. So each figure here is the cost of
something of ours over the cost of something that does not change, measured turn by turn on the
same data: decoding over orjson, a store's write over a plain batch of RocksDB, and so on. A ratio
that is above its baseline by more than is allowed is a loss, and the guard exits 1: a quarter, or
less where a ratio moves less by itself (`STRICTLY`).

Deciding and sending are plain Python, of many functions and many small objects. A busy machine
slows that down far more than it does a loop in C: over orjson, the same sender was 14 on one day
and 18 on another. So they stand over a small sender in plain Python (`plain.py`), a turn of which
takes as long as the real one's: caches that others have emptied cost both alike.

The machine may be busy with other things. So a turn takes a millisecond of this thread's CPU time,
each is compared with its neighbour in time, and the median of these comparisons counts: on two
cores that twenty others wanted, it stayed within a tenth. What is not clearly no loss is measured
again, up to `TRIES` times, and the median of the tries is judged.

``--record`` writes ``baseline.json``, with the date and the versions. Record when something has
become faster (or is slower for a good reason), and say why in the commit.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import thread_time_ns
from typing import Any

import orjson
from rocksdict import Rdict, WriteBatch, WriteOptions

from benchmarks.firings import Ended, EndedPlainly
from benchmarks.load import TYPES, Line, events, triggers
from benchmarks.rounds import (
    Work,
    say,
    show,
    surroundings,
    take_turns,
    without_collector,
)
from triggerstream.core.detection.detect import Detect
from triggerstream.core.keyed.cuts import Cut
from triggerstream.core.keyed.memory_store import MemoryStore
from triggerstream.core.keyed.partition import Partition
from triggerstream.core.keyed.partition_record import CUSTOMER_PREFIX
from triggerstream.core.keyed.restore import Restore
from triggerstream.core.records.columns import in_columns
from triggerstream.core.rulesets.ruleset import load_ruleset
from triggerstream.replay.driver import Replay
from triggerstream.stream.rocksdb.stores import Stores

BASELINE = Path(__file__).with_name("baseline.json")
ALLOWED = 1.25
"""How many times its baseline a ratio may be."""
STRICTLY = {"sender's turn / plain": 1.15}
"""The same of those that move less by themselves."""
CLEAR = 0.5
"""Up to this share of what is allowed one try is enough."""
TRIES = 3
ROUNDS = 100

_RECORDED = 7
_FIRINGS = 30
"""Of one turn; each takes long."""
_PLAIN_FIRINGS = 90
"""Of one turn of the plain sender, which so takes as long."""
_TURN = 100
"""Events of one turn."""
_CUSTOMERS = 300
_END = 1_800_000_000_000

Ratios = dict[str, float]

RATIOS: Mapping[str, tuple[str, str]] = {
    "decode / orjson": ("decode", "orjson"),
    "decide, 10 triggers / plain": ("decide 10", "plain sender"),
    "decide, 100 triggers / plain": ("decide 100", "plain sender"),
    "derive / plain": ("derive", "plain sender"),
    "dump, derived / plain": ("dump derived", "plain sender"),
    "dump, 10 triggers / plain": ("dump 10", "plain sender"),
    "dump, 100 triggers / plain": ("dump 100", "plain sender"),
    "load, 10 triggers / plain": ("load 10", "plain sender"),
    "load, 100 triggers / plain": ("load 100", "plain sender"),
    "replay, 10 triggers / plain": ("replay", "plain sender"),
    "restore / orjson": ("restore", "orjson"),
    "store's write / plain batch": ("write", "plain batch"),
    "sender's turn / plain": ("sender", "plain sender"),
}
"""By name: what of ours, over what."""


DERIVED = """
attribute: lately
count: [{types}]
within: 5m
---
attribute: spent
sum: event_data.amount
on: [{types}]
within: 5m
---
attribute: pages
count: [{types}]
distinct: event_data.page
within: 5m
---
attribute: category
last: event_data.category
on: [{types}]
---
attribute: favourite
top: event_data.category
on: [{types}]
---
attribute: score
points: {{{points}}}
half_life: 1h
---
segment: busy
is: {{profile.lately: {{greater_than: 50}}, profile.spent: {{greater_than: 20000}}}}
---
segment: keen
is: {{any: [{{profile.score: {{greater_than: 0.6}}}}, {{segment: busy}}]}}
---
trigger: rare
when: {{event: {first}, where: {{event_data.amount: {{greater_than: 900}}}}}}
if: {{since_last: {{event: {second}, at_least: 1s}}}}
---
trigger: hears
when: {{count: [{{fired: rare}}, {{entered: keen}}], at_least: 5, within: 1h}}
---
trigger: other
when: {{changed: profile.category, to: phones}}
---
trigger: falls
when: {{trend: {first}, below: 0.5, recent: 8m, baseline: 16m}}
""".format(
    types=", ".join(TYPES),
    points=", ".join(f"{name}: 0.001" for name in TYPES),
    first=TYPES[0],
    second=TYPES[1],
)
"""What each event is folded into, and what watches that: the windows hold a hundred."""


class _Deciding:
    """A partition under so many triggers, or under *text*, over a store in memory."""

    def __init__(self, count: int, lines: Sequence[Line], text: str | None = None) -> None:
        self._program = Detect("events")
        ruleset = load_ruleset({"bench.yaml": text or triggers(count)})
        self._store = MemoryStore()
        self._partition: Partition[Any, Any] = Partition(
            self._program, self._store, rulesets=lambda _: ruleset
        )
        self._lines = lines
        self._position = 0
        self._cut: Cut
        self.stored: Mapping[bytes, bytes | None] = {}

    def decide(self) -> int:
        some = self._lines[self._position : self._position + _TURN]
        self._position += self._partition.apply(in_columns(some))
        self._partition.outcomes.clear()
        return len(some)

    def dump(self) -> int:
        self._cut = self._partition.cut()
        self.stored = self._cut.values
        return len(self.stored)

    def land(self) -> int:
        """Store the cut, so that there may be another; compared with nothing."""
        cut = self._cut
        self._store.write(cut.values, partition_record=cut.record, changelog_offset=cut.offset)
        self._partition.landed(cut)
        return len(cut.values)

    def load(self) -> int:
        load = self._program.load
        for value in self.stored.values():
            load("c", value or b"")
        return len(self.stored)


class Bench:
    """All that is measured, on the same events.

    Args:
        directory: Where two databases are made.
    """

    def __init__(self, directory: Path) -> None:
        self._values = [
            value.replace(key, b"customer-%06d" % (int(key[-6:]) % _CUSTOMERS), 1)
            for key, value in events(ROUNDS * _TURN, until=_END)
        ]
        first = _END - 10 * len(self._values)
        self._lines = [
            Line(number, first + 10 * number, value) for number, value in enumerate(self._values)
        ]
        self._program = Detect("events")
        self._ten, self._hundred = _Deciding(10, self._lines), _Deciding(100, self._lines)
        self._derived = _Deciding(0, self._lines, DERIVED)
        self._replay = Replay(load_ruleset({"bench.yaml": triggers(10)}))
        self._restore = Restore(MemoryStore())
        self._offset = 0
        stores = Stores(directory, "guard")
        self._store = stores.open(0)
        self._plain = Rdict(str(directory / "plain"), stores._options())
        self._unlogged = WriteOptions()
        self._unlogged.disable_wal = True  # type: ignore[method-assign,assignment] # the stub errs
        self._ended = Ended(ROUNDS * _FIRINGS, _FIRINGS)
        self._plainly = EndedPlainly(ROUNDS * _PLAIN_FIRINGS, _PLAIN_FIRINGS)
        self._taken = 0

    def close(self) -> None:
        self._store.close()
        self._plain.close()

    def works(self) -> dict[str, Work]:
        """Return what takes turns, each beside what it is compared with."""
        return {
            "orjson": self._orjson,
            "decode": self._decode,
            "decide 10": self._ten.decide,
            "dump 10": self._ten.dump,
            "load 10": self._ten.load,
            "land 10": self._ten.land,
            "decide 100": self._hundred.decide,
            "dump 100": self._hundred.dump,
            "load 100": self._hundred.load,
            "derive": self._derived.decide,
            "dump derived": self._derived.dump,
            "land derived": self._derived.land,
            "restore": self._restored,
            "write": self._write,
            "plain batch": self._batch,
            "land 100": self._hundred.land,
            "plain sender": self._plainly.turn,
            "sender": self._ended.turn,
            "replay": self._replayed,
        }

    def _some(self) -> Sequence[bytes]:
        return self._values[self._taken : self._taken + _TURN]

    def _orjson(self) -> int:
        some = self._some()
        for value in some:
            orjson.loads(value)
        return len(some)

    def _decode(self) -> int:
        read, some = self._program.read, self._lines[self._taken : self._taken + _TURN]
        for line in some:
            read(line.value, line.timestamp, 0, line.offset, None, ())
        return len(some)

    def _replayed(self) -> int:
        some = self._some()
        for _ in self._replay.decisions(some):
            pass
        self._taken += len(some)  # the last of a round
        return len(some)

    def _restored(self) -> int:
        rows = [
            (self._offset + number, CUSTOMER_PREFIX + customer, value)
            for number, (customer, value) in enumerate(self._hundred.stored.items())
        ]
        self._offset += len(rows)
        self._restore.apply(rows)
        return len(rows)

    def _write(self) -> int:
        stored = self._hundred.stored
        self._store.write(
            stored,
            partition_record=b"record",
            changelog_offset=self._offset,
            old=dict.fromkeys(stored),
        )
        return len(stored)

    def _batch(self) -> int:
        batch = WriteBatch(raw_mode=True)
        for customer, value in self._hundred.stored.items():
            batch.put(customer, value)
        self._plain.write(batch, self._unlogged)
        return len(self._hundred.stored)


# ── judging ─────────────────────────────────────────────────────────────────────────────────


def measure() -> Ratios:
    """Return every ratio, measured now; takes some seconds."""
    with tempfile.TemporaryDirectory(prefix="triggerstream-") as name:
        bench = Bench(Path(name))
        try:
            with without_collector():
                found = take_turns(bench.works(), ROUNDS, quiet=True, clock=thread_time_ns)
        finally:
            bench.close()
    # In the first half customers are new; what goes on is in the second.
    settled = {name: all_[len(all_) // 2 :] for name, all_ in found.items()}
    return {
        name: statistics.median(a / b for a, b in zip(settled[ours], settled[other], strict=True))
        for name, (ours, other) in RATIOS.items()
    }


def middle_of(tries: Sequence[Ratios]) -> Ratios:
    return {name: round(statistics.median(each[name] for each in tries), 3) for name in RATIOS}


def losses(found: Ratios, baseline: Ratios, share: float = 1.0) -> Ratios:
    """Return by name how many times its baseline each ratio is that is further above it than a
    *share* of what is allowed."""
    times = {name: round(found[name] / baseline[name], 3) for name in RATIOS}
    return {name: factor for name, factor in times.items() if factor - 1 > share * _margin(name)}


def _margin(name: str) -> float:
    return round(STRICTLY.get(name, ALLOWED) - 1, 3)


def judge(baseline: Ratios, measured: Callable[[], Ratios] = measure) -> tuple[Ratios, Ratios]:
    """Measure until it is clear that no ratio is lost, or all `TRIES` are over.

    Returns:
        The median of each ratio, and by how much those are lost that are.
    """
    tries: list[Ratios] = []
    while len(tries) < TRIES:
        tries.append(measured())
        if not (unclear := losses(middle_of(tries), baseline, CLEAR)):
            break
        say(f"try {len(tries)} of {TRIES}: not clear: {unclear}")
    found = middle_of(tries)
    return found, losses(found, baseline)


def read_baseline() -> Ratios:
    """Return the recorded ratios.

    Raises:
        SystemExit: They are not those that are measured: somebody has to record again.
    """
    ratios: Ratios = json.loads(BASELINE.read_bytes())["ratios"]
    if ratios.keys() != RATIOS.keys():
        sys.exit(f"{BASELINE.name}: required are {sorted(RATIOS)}; found {sorted(ratios)}")
    return ratios


def record() -> None:
    """Measure some times, and write the median of each ratio as the baseline."""
    tries = []
    for number in range(_RECORDED):
        tries.append(measure())
        say(f"measured {number + 1} of {_RECORDED} times")
    told = {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "with": surroundings("orjson", "msgspec", "rocksdict"),
        "ratios": middle_of(tries),
    }
    BASELINE.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--record", action="store_true", help="write the baseline")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    if asked.record:
        record()
    baseline = read_baseline()
    found, lost = judge(baseline)
    if asked.json:
        print(json.dumps({"ratios": found, "baseline": baseline, "lost": lost}))
    else:
        rows = [
            (
                name,
                f"{found[name]:.3f}",
                f"{baseline[name]:.3f}",
                f"{found[name] / baseline[name]:.2f}",
            )
            for name in RATIOS
        ]
        show("ratios", ("of", "now", "baseline", "times"), rows)
    if lost:
        say(f"slower than is allowed: {', '.join(lost)}")
        sys.exit(1)


if __name__ == "__main__":
    main()
