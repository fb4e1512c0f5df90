"""What deciding costs: the engine alone, over a store in memory, beside decoding the events.

100 triggers of which 4 look at each event type, and one of these changes something.

    python benchmarks/engine.py [--events N] [--json]

Decoding and deciding take turns, some events each; after each turn the customers that it touched
are dumped and loaded. What deciding takes has decoding in it, since a partition does both. The
fastest fiftieth of the turns in the second half tells what it costs where nobody disturbs, on a
machine that others use too; the ratio is what travels. Times are the process's CPU time, without
the collector of cycles, which a worker tunes.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
from collections.abc import Callable, Sequence
from time import process_time_ns
from typing import Any

from benchmarks.load import Line
from triggerstream.core.detection.detect import Detect
from triggerstream.core.keyed.cuts import Cut
from triggerstream.core.keyed.memory_store import MemoryStore
from triggerstream.core.keyed.partition import Partition
from triggerstream.core.model import (
    AbsentStep,
    CountPattern,
    EventPattern,
    EventStep,
    Pattern,
    RulesetSource,
    SequencePattern,
    Test,
    Trigger,
)
from triggerstream.core.records.columns import in_columns
from triggerstream.core.rulesets.ruleset import Ruleset, build_ruleset

TYPES = [f"type_{number}" for number in range(40)]
CUSTOMERS = 5_000
START = 1_767_225_600_000
TURN = 200
"""Events, or customers, of one turn."""


def a_trigger(number: int, draw: random.Random) -> Trigger:
    """One of a hundred: a fifth events, two fifths counts, a fifth sequences, a fifth absences."""
    one, two, three = draw.sample(TYPES, 3)
    rare = Test("event_data.total", "greater_than", 995)
    patterns: list[Pattern] = [
        EventPattern((one,), rare),
        CountPattern((one,), "at_least", 12, within=3_600_000),
        CountPattern((two,), "more_than", 20, within=600_000, where=rare),
        SequencePattern((EventStep((one,)), EventStep((two,)), EventStep((three,), rare))),
        SequencePattern((EventStep((one,), rare), AbsentStep((two,), None, 3_600_000))),
    ]
    return Trigger(f"trigger-{number}", patterns[number % len(patterns)], f"Trigger {number}")


def a_ruleset(triggers: int) -> Ruleset:
    draw = random.Random(1)
    return build_ruleset(RulesetSource(tuple(a_trigger(n, draw) for n in range(triggers))))


def some_events(number: int) -> list[bytes]:
    draw = random.Random(2)
    return [
        json.dumps(
            {
                "event_id": f"{draw.getrandbits(128):032x}",
                "customer_id": f"c{draw.randrange(CUSTOMERS)}",
                "event_type": draw.choice(TYPES),
                "timestamp": START + 20 * position,
                "event_data": {"total": draw.randrange(1000), "sku": "A-1", "currency": "EUR"},
                "session_id": "s1",
                "source": "web",
                "device_info": {"type": "mobile", "os": "android"},
                "location_data": {"country": "DE"},
            }
        ).encode()
        for position in range(number)
    ]


class Turns:
    """The turns of one kind of work."""

    def __init__(self) -> None:
        self._times: list[float] = []

    def take(self, work: Callable[[Any], Any], on: Sequence[Any]) -> None:
        began = process_time_ns()
        work(on)
        self.add(process_time_ns() - began, len(on))

    def add(self, nanoseconds: int, pieces: int) -> None:
        self._times.append(nanoseconds / 1000 / max(1, pieces))

    @property
    def micros(self) -> float:
        """Microseconds a piece, where nobody disturbs."""
        settled = self._times[len(self._times) // 2 :]
        return sorted(settled)[len(settled) // 50]


class Bench:
    """Decoding and deciding *values* under *ruleset*, and what comes of it."""

    def __init__(self, values: list[bytes], ruleset: Ruleset) -> None:
        self._lines = [
            Line(number, START + 20 * number, value) for number, value in enumerate(values)
        ]
        self._program = Detect("events")
        self._store = MemoryStore()
        self._partition: Partition[Any, Any] = Partition(
            self._program, self._store, rulesets=lambda _: ruleset
        )
        self._sizes: dict[bytes, int] = {}
        self._decisions = 0
        self._turns = {name: Turns() for name in ("decode", "decide", "dump", "load")}

    def run(self) -> None:
        gc.collect()
        gc.freeze()
        gc.disable()
        for start in range(0, len(self._lines), TURN):
            some = self._lines[start : start + TURN]
            self._turns["decode"].take(self._decode, some)
            self._turns["decide"].take(self._partition.apply, in_columns(some))
            self._decisions += len(self._partition.outcomes)
            self._partition.outcomes.clear()
            cut = self._dump()
            self._land(cut)
            self._turns["load"].take(self._load, list(cut.values.values()))

    def _decode(self, lines: Sequence[Line]) -> None:
        read = self._program.read
        for line in lines:
            read(line.value, line.timestamp, 0, line.offset, None, ())

    def _dump(self) -> Cut:
        began = process_time_ns()
        cut = self._partition.cut()
        self._turns["dump"].add(process_time_ns() - began, len(cut.values))
        return cut

    def _land(self, cut: Cut) -> None:
        self._store.write(cut.values, partition_record=cut.record, changelog_offset=cut.offset)
        self._partition.landed(cut)
        self._sizes.update((name, len(value or b"")) for name, value in cut.values.items())

    def _load(self, stored: Sequence[bytes]) -> None:
        for value in stored:
            self._program.load("c", value)

    @property
    def figures(self) -> dict[str, float]:
        micros = {name: round(turns.micros, 2) for name, turns in self._turns.items()}
        return {
            **micros,
            "decide/decode": round(micros["decide"] / micros["decode"], 2),
            "bytes": round(sum(self._sizes.values()) / len(self._sizes)),
            "decisions": self._decisions,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    values = some_events(arguments.events)
    found: dict[int, dict[str, float]] = {}
    for triggers in (0, 10, 100, 1000):
        bench = Bench(values, a_ruleset(triggers))
        bench.run()
        found[triggers] = bench.figures
    if arguments.json:
        print(json.dumps(found))
        return
    print(f"{'triggers':>8}", *(f"{name:>13}" for name in found[0]))
    for triggers, figures in found.items():
        print(f"{triggers:>8}", *(f"{figure:>13}" for figure in figures.values()))


if __name__ == "__main__":
    main()
