"""What thousands of triggers cost: nothing where they do not look, and evenly where they do.

    python benchmarks/many.py [--events N] [--rounds N] [--no-live] [--json]

Two claims, each in the engine alone and in the live worker:

- **idle**: 100 triggers of which four look at each event cost the same as these 100 and 900, or
  4,900, more on types that never occur;
- **relevant**: with 1, 4, 16 and 40 triggers that look at each event (25 to 1,000 triggers of the
  same mix, see `load.py`), the cost is a line: so much for an event, and so much for each of them.

The engine is the keyed partition over a store in memory: decoding, deciding, and a cut of all
changed states every few thousand events. All rulesets take turns on the same events, some at a
time, and the quick tenth of the turns in the second half counts. The live worker is the real
process on Kafka, its CPU an event, medians of interleaved rounds. What loading so many triggers
takes is measured in a process of its own each: seconds of CPU, and megabytes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.bench import WARM_UP, Bench, measure_worker, open_broker
from benchmarks.load import Line, events, triggers
from benchmarks.rounds import (
    Found,
    quick,
    say,
    show,
    summary,
    surroundings,
    take_turns,
    told,
    without_collector,
)
from triggerstream.core.detection.detect import Detect
from triggerstream.core.keyed.memory_store import MemoryStore
from triggerstream.core.keyed.partition import Partition
from triggerstream.core.records.columns import in_columns
from triggerstream.core.rulesets.ruleset import Ruleset, load_ruleset

BASE = 100
IDLE = (0, 900, 4_900)
RELEVANT = (1, 4, 16, 40)
ALLOWED = 1.10
"""How much more than without them idle triggers may cost."""

_PER_RELEVANT = 25
"""Triggers of the mix for one that looks at each event."""
_TURN = 2_000
_END = 1_800_000_000_000


def with_idle(idle: int) -> str:
    """Return the 100 triggers and *idle* more, on types that never occur, as YAML."""
    more = triggers(idle).replace("type_", "never_").replace("bench-", "idle-") if idle else ""
    return "---\n".join(part for part in (triggers(BASE), more) if part)


def rulesets() -> dict[str, str]:
    """Return every ruleset that is compared, as YAML, by name."""
    idle = {f"idle {number}": with_idle(number) for number in IDLE}
    return idle | {f"relevant {number}": triggers(_PER_RELEVANT * number) for number in RELEVANT}


class Engine:
    """A partition in memory under one ruleset."""

    def __init__(self, ruleset: Ruleset, values: Sequence[bytes]) -> None:
        self._store = MemoryStore()
        self._partition: Partition[Any, Any] = Partition(
            Detect("events"), self._store, rulesets=lambda _: ruleset
        )
        first = _END - 10 * len(values)
        self._lines = [
            Line(number, first + 10 * number, value) for number, value in enumerate(values)
        ]
        self._next = 0

    def turn(self) -> int:
        """Decide the next events and cut; return how many they were."""
        lines = self._lines[self._next : self._next + _TURN]
        self._next += len(lines)
        partition = self._partition
        assert partition.apply(in_columns(lines)) == len(lines)
        partition.outcomes.clear()
        cut = partition.cut()
        self._store.write(cut.values, partition_record=cut.record, changelog_offset=cut.offset)
        partition.landed(cut)
        return len(lines)


def measure_engine(count: int) -> dict[str, float]:
    """Return microseconds an event by ruleset, in the engine alone."""
    values = [value for _, value in events(count, until=_END)]
    engines = {}
    for name, yaml in rulesets().items():
        say(f"loading {name}")
        engines[name] = Engine(load_ruleset({"bench.yaml": yaml}), values)
    with without_collector():
        works = {name: engine.turn for name, engine in engines.items()}
        found: Found = take_turns(works, count // _TURN)
    return {name: quick(all_[len(all_) // 2 :]) for name, all_ in found.items()}


def line_through(points: Mapping[int, float]) -> tuple[float, float, float]:
    """Return (start, slope, greatest miss) of the line nearest to *points* by least squares; the
    miss is a share of the figure that it misses."""
    slope, start = statistics.linear_regression(list(points), list(points.values()))
    miss = max(abs(start + slope * x - y) / y for x, y in points.items())
    return start, slope, miss


_LOADING = """
import sys, json, time, psutil
from triggerstream.core.rulesets.ruleset import build_ruleset, content_hash
from triggerstream.core.parsing.directory import parse_ruleset
text = sys.stdin.read()
process = psutil.Process()
before, started = process.memory_info().rss, time.process_time()
source = parse_ruleset({"bench.yaml": text})
parsed = time.process_time()
ruleset = build_ruleset(source)
built = time.process_time()
print(json.dumps({"parse_s": round(parsed - started, 3), "compile_s": round(built - parsed, 3),
                  "megabytes": round((process.memory_info().rss - before) / 1e6, 1)}))
"""


def measure_loading() -> dict[str, dict[str, float]]:
    """Return what loading takes, by the number of triggers."""
    found = {}
    for number in (100, 1_000, 5_000):
        say(f"loading {number} triggers")
        done = subprocess.run(
            [sys.executable, "-c", _LOADING],
            input=triggers(number),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        found[str(number)] = json.loads(done.stdout)
    return found


def judge(cost: Mapping[str, float]) -> dict[str, Any]:
    """Return what *cost* says of the two claims."""
    base = cost["idle 0"]
    start, slope, miss = line_through({n: cost[f"relevant {n}"] for n in RELEVANT})
    return {
        "idle_ratio": {str(n): round(cost[f"idle {n}"] / base, 3) for n in IDLE},
        "idle_within_10_percent": all(cost[f"idle {n}"] <= ALLOWED * base for n in IDLE),
        "line": {
            "us_per_event": round(start, 2),
            "us_per_relevant_trigger": round(slope, 3),
            "greatest_miss": round(miss, 3),
        },
    }


async def measure_live(bench: Bench, count: int, rounds: int) -> Found:
    """Return microseconds of the worker's CPU an event by ruleset, one for each round."""
    found: Found = {}
    for number in range(rounds):
        for name, yaml in rulesets().items():
            figure = await measure_worker(bench, yaml, count)
            found.setdefault(name, []).append(figure)
            say(f"round {number + 1} of {rounds}: {name}: {figure:.1f} us/event")
    return found


def run_live(count: int, rounds: int) -> Found:
    load = events(WARM_UP + count, until=int(time.time() * 1000))
    with (
        open_broker() as bootstrap,
        tempfile.TemporaryDirectory(prefix="triggerstream-") as directory,
    ):
        return asyncio.run(measure_live(Bench(bootstrap, Path(directory), load), count, rounds))


def tell(engine: Mapping[str, float], live: Found, loading: Mapping[str, Any]) -> None:
    """Print what was found, for people."""
    base = engine["idle 0"]
    middle = {name: statistics.median(all_) for name, all_ in live.items()}
    rows = []
    for name, figure in engine.items():
        row = [name, f"{figure:.1f}", f"{figure / base:.2f}"]
        if live:
            row += [told(live[name]), f"{middle[name] / middle['idle 0']:.2f}"]
        rows.append(row)
    columns = ["triggers", "engine, us/event", "x"]
    show("what an event costs", [*columns, "worker, us/event", "x"] if live else columns, rows)
    for where, cost in (("engine", engine), ("worker", middle)):
        if cost:
            line = judge(cost)["line"]
            print(
                f"{where}: {line['us_per_event']} us an event and "
                f"{line['us_per_relevant_trigger']} us for each trigger that looks at it; "
                f"no point is further than {line['greatest_miss']:.0%} from that line"
            )
    show(
        "what loading takes",
        ("triggers", "parsing, s", "compiling, s", "MB"),
        [
            (n, f"{x['parse_s']}", f"{x['compile_s']}", f"{x['megabytes']}")
            for n, x in loading.items()
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3, help="of the live worker")
    parser.add_argument("--no-live", action="store_true", help="the engine alone, without Kafka")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    loading = measure_loading()
    engine = measure_engine(asked.events)
    live = {} if asked.no_live else run_live(asked.events, asked.rounds)
    if not asked.json:
        tell(engine, live, loading)
        return
    result: dict[str, Any] = {
        "engine_us": {name: round(figure, 2) for name, figure in engine.items()},
        "engine": judge(engine),
        "loading": loading,
        "with": surroundings("msgspec"),
    }
    if live:
        result["worker_us"] = {name: summary(all_) for name, all_ in live.items()}
        result["worker"] = judge({name: statistics.median(all_) for name, all_ in live.items()})
    print(json.dumps(result))


if __name__ == "__main__":
    main()
