"""The guard against getting slower: ratios, beside those of a recorded baseline.

    python benchmarks/guard.py [--record] [--json]

Absolute times say more of the machine than of the code. So each figure here is the cost of
something of ours over the cost of something that does not change, measured turn by turn on the
same data: decoding over orjson, deciding over decoding, a store's write over a plain batch of
RocksDB, and so on. A ratio that is a quarter above its baseline is a loss, and the guard exits 1.

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

from benchmarks.firings import Ended
from benchmarks.load import events, triggers
from benchmarks.rounds import (
    Work,
    say,
    show,
    surroundings,
    take_turns,
    without_collector,
)
from triggerstream.core.detection.detect import Detect
from triggerstream.core.events.decode import decode_event
from triggerstream.core.events.event import Event
from triggerstream.core.keyed.memory_store import MemoryStore
from triggerstream.core.keyed.partition_record import CUSTOMER_PREFIX
from triggerstream.core.keyed.restore import Restore
from triggerstream.core.rulesets.ruleset import load_ruleset
from triggerstream.core.state.customer import CustomerState
from triggerstream.replay.driver import Replay
from triggerstream.stream.rocksdb.stores import Stores

BASELINE = Path(__file__).with_name("baseline.json")
ALLOWED = 1.25
"""How many times its baseline a ratio may be."""
CLEAR = 1.12
"""Up to here one try is enough."""
TRIES = 3
ROUNDS = 100

_RECORDED = 7
_FIRINGS = 30
"""Of one turn; each takes long."""
_TURN = 100
"""Events of one turn."""
_CUSTOMERS = 300
_END = 1_800_000_000_000

Ratios = dict[str, float]

RATIOS: Mapping[str, tuple[str, str]] = {
    "decode / orjson": ("decode", "orjson"),
    "decide, 10 triggers / decode": ("decide 10", "decode"),
    "decide, 100 triggers / decode": ("decide 100", "decode"),
    "dump, 10 triggers / decode": ("dump 10", "decode"),
    "dump, 100 triggers / decode": ("dump 100", "decode"),
    "load, 10 triggers / decode": ("load 10", "decode"),
    "load, 100 triggers / decode": ("load 100", "decode"),
    "replay, 10 triggers / orjson": ("replay", "orjson"),
    "restore / orjson": ("restore", "orjson"),
    "store's write / plain batch": ("write", "plain batch"),
    "sender's turn / orjson": ("sender", "orjson, firing"),
}
"""By name: what of ours, over what."""


class _Deciding:
    """The engine under so many triggers, on events that are decoded."""

    def __init__(self, count: int, decoded: Sequence[Event]) -> None:
        self._program = Detect("events")
        self._ruleset = load_ruleset({"bench.yaml": triggers(count)})
        self._decoded = decoded
        self._position = 0
        self._touched: list[CustomerState] = []
        self.states: dict[str, CustomerState] = {}
        self.stored: dict[bytes, bytes | None] = {}

    def decide(self) -> int:
        program, ruleset, states = self._program, self._ruleset, self.states
        out: list[Any] = []
        some = self._decoded[self._position : self._position + _TURN]
        for position, event in enumerate(some, start=self._position):
            state = states.get(event.customer_id)
            if state is None:
                state = states[event.customer_id] = program.new_state(event.customer_id)
            at = event.timestamp
            program.on_message(state, event, ruleset, at, at, position, out)
        self._position += len(some)
        self._touched = [states[event.customer_id] for event in some]
        return len(some)

    def dump(self) -> int:
        dump = self._program.dump
        self.stored = {
            state.customer_id.encode(): dump(state, self._position) for state in self._touched
        }
        return len(self.stored)

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
        decoded = [decode_event(v, fallback_id="", fallback_timestamp=0) for v in self._values]
        self._ten, self._hundred = _Deciding(10, decoded), _Deciding(100, decoded)
        self._replay = Replay(load_ruleset({"bench.yaml": triggers(10)}))
        self._restore = Restore(MemoryStore())
        self._offset = 0
        stores = Stores(directory, "guard")
        self._store = stores.open(0)
        self._plain = Rdict(str(directory / "plain"), stores._options())
        self._unlogged = WriteOptions()
        self._unlogged.disable_wal = True  # type: ignore[method-assign,assignment] # the stub errs
        self._ended = Ended(ROUNDS * _FIRINGS, _FIRINGS)
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
            "decide 100": self._hundred.decide,
            "dump 100": self._hundred.dump,
            "load 100": self._hundred.load,
            "restore": self._restored,
            "write": self._write,
            "plain batch": self._batch,
            "orjson, firing": self._ended.orjson,
            "sender": self._ended.turn,
            "replay": self._replayed,
        }

    def _some(self) -> Sequence[bytes]:
        return self._values[self._taken : self._taken + _TURN]

    def _orjson(self) -> int:
        return _each(orjson.loads, self._some())

    def _decode(self) -> int:
        return _each(_decoded, self._some())

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


def _each(call: Callable[[bytes], Any], values: Sequence[bytes]) -> int:
    for value in values:
        call(value)
    return len(values)


def _decoded(value: bytes) -> Event:
    return decode_event(value, fallback_id="-", fallback_timestamp=0)


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


def losses(found: Ratios, baseline: Ratios, allowed: float = ALLOWED) -> Ratios:
    """Return by name how many times its baseline each ratio is that is more than *allowed*."""
    times = {name: round(found[name] / baseline[name], 2) for name in RATIOS}
    return {name: factor for name, factor in times.items() if factor > allowed}


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
                f"{found[name]:.2f}",
                f"{baseline[name]:.2f}",
                f"{found[name] / baseline[name]:.2f}",
            )
            for name in RATIOS
        ]
        show("ratios", ("of", "now", "baseline", "times"), rows)
    if lost:
        say(f"slower by a quarter or more: {', '.join(lost)}")
        sys.exit(1)


if __name__ == "__main__":
    main()
