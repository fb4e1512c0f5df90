"""What this checkout costs beside another one: the same work, in turn, of two versions.

    python benchmarks/against.py OTHER [--rounds N] [--turns N] [--json]

OTHER is the directory of another checkout, such as one that ``git worktree add`` has made of an
older commit. Each has a process of its own, under its own package, and both do the same turn of the
guard's work (`guard.py`) one after the other: decoding, deciding under 10, 100 and 1,000 triggers,
and dumping and loading the states that this has changed. None of the triggers uses anything of the
language that came after format 4 of the state, so what is told of a commit before it is what the
language costs those who do not use it.

A turn's CPU time is compared with that of the same turn of the other one, right beside it; the
median of these ratios is one round's. Each round begins with new processes, since where memory
lies differs by process, and is worth some hundredths; the median of the rounds is told with the
least and the greatest. For compiled engines, give ``--own`` and OTHER the two ``build/compiled``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.rounds import Found, say, show, summary, surroundings, told

TRIGGERS = (10, 100, 1_000)
WORKS = (
    "decode",
    *[f"{work} {number}" for number in TRIGGERS for work in ("decide", "dump", "load", "land")],
)
_UNTOLD = "land"
"""Done between a cut and the next, and not compared."""

# Runs under either package: of the benchmarks it takes what both versions of the guard have.
_CHILD = """
import gc, sys
from time import thread_time_ns
from benchmarks import guard
from benchmarks.load import Line, events

turns = int(sys.argv[1])
count = turns * guard._TURN
values = [
    value.replace(key, b"customer-%06d" % (int(key[-6:]) % guard._CUSTOMERS), 1)
    for key, value in events(count, until=guard._END)
]
first = guard._END - 10 * count
lines = [Line(number, first + 10 * number, value) for number, value in enumerate(values)]
read = guard.Detect("events").read
taken = 0

def decode():
    global taken
    some = lines[taken : taken + guard._TURN]
    taken += len(some)
    for line in some:
        read(line.value, line.timestamp, 0, line.offset, None, ())
    return len(some)

works = {"decode": decode}
for number in map(int, sys.argv[2:]):
    deciding = guard._Deciding(number, lines)
    for name in ("decide", "dump", "load", "land"):
        works[f"{name} {number}"] = getattr(deciding, name)
gc.collect(); gc.freeze(); gc.disable()
print("ready", flush=True)
for line in sys.stdin:
    work = works[line.strip()]
    started = thread_time_ns()
    pieces = work()
    print((thread_time_ns() - started) / 1000 / pieces, flush=True)
"""


class Checkout:
    """The process of one checkout, which does a turn of work when it is asked to."""

    def __init__(self, directory: Path, turns: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(turns), *map(str, TRIGGERS)],
            cwd=directory,
            env={**os.environ, "PYTHONPATH": str(directory), "PYTHONHASHSEED": "0"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait_until_ready(self) -> None:
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def turn(self, work: str) -> float:
        """Return the CPU microseconds of a piece of *work*."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{work}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def measure_round(own: Path, other: Path, turns: int) -> tuple[dict[str, float], dict[str, float]]:
    """Return by work how many times the *other*'s cost ours is, and the microseconds of ours."""
    sides = [Checkout(own, turns), Checkout(other, turns)]
    spent: dict[str, list[tuple[float, float]]] = {work: [] for work in WORKS}
    try:
        for side in sides:
            side.wait_until_ready()
        for number in range(turns):
            for work in WORKS:
                # Whoever is first finds the caches as the other has left them.
                order = (0, 1) if number % 2 else (1, 0)
                took = {side: sides[side].turn(work) for side in order}
                spent[work].append((took[0], took[1]))
    finally:
        for side in sides:
            side.end()
    # In the first half customers are new.
    settled = {work: all_[turns // 2 :] for work, all_ in spent.items() if _UNTOLD not in work}
    return (
        {work: statistics.median(a / b for a, b in all_) for work, all_ in settled.items()},
        {work: statistics.median(a for a, _ in all_) for work, all_ in settled.items()},
    )


def measure(own: Path, other: Path, rounds: int, turns: int) -> tuple[Found, Found]:
    """Return ratios and microseconds by work, one for each round."""
    ratios: Found = {}
    ours: Found = {}
    for number in range(rounds):
        for found, some in zip((ratios, ours), measure_round(own, other, turns), strict=True):
            for work, figure in some.items():
                found.setdefault(work, []).append(figure)
        say(f"round {number + 1} of {rounds}")
    return ratios, ours


def as_json(ratios: Found, ours: Mapping[str, list[float]]) -> dict[str, Any]:
    return {
        "times": {work: summary(all_) for work, all_ in ratios.items()},
        "ours_us": {work: summary(all_) for work, all_ in ours.items()},
        "with": surroundings("orjson", "msgspec"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("other", type=Path, help="the directory of another checkout")
    parser.add_argument("--own", type=Path, default=Path(__file__).parents[1])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--turns", type=int, default=100, help="of a hundred events, a round")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    ratios, ours = measure(asked.own.resolve(), asked.other.resolve(), asked.rounds, asked.turns)
    if asked.json:
        print(json.dumps(as_json(ratios, ours)))
        return
    show(
        "beside the other checkout",
        ("work, triggers", "times the other's", "ours, us a piece"),
        [(work, told(all_, 3), told(ours[work], 2)) for work, all_ in ratios.items()],
    )


if __name__ == "__main__":
    main()
