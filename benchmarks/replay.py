"""How many events a second ``triggerstream replay`` decides, and what each of them is made of.

    python benchmarks/replay.py [--events N] [--triggers N] [--rounds N] [--jobs N] [--json]

The command runs as a process of its own over a file of 370-byte events (`load.py`), under ten
triggers. Told are its CPU time an event (user and system, with all of its own processes, less
what it takes for a file of one event), events a second and core, and events a second by the clock
on the wall: both cores at once are seen there only.

Beside it, in this process and in turn, the layers: orjson alone, the arrival, decoding, and the
whole driver. ``--profile`` adds where the driver's own time goes, function by function.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import orjson

from benchmarks.load import events, triggers
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
from triggerstream.core.events.decode import decode_event
from triggerstream.core.rulesets.ruleset import load_ruleset
from triggerstream.replay.driver import Replay
from triggerstream.replay.lines import read_arrival

TARGET = 300_000
"""Events a second and core that are asked of ten triggers."""

_TURN = 4_000
"""Events of one turn in this process."""
_END = 1_800_000_000_000


class Run(msgspec.Struct, frozen=True):
    """One run of the command: seconds of CPU and of the wall."""

    cpu: float
    wall: float


def run_command(rules: Path, log: Path, jobs: int) -> Run:
    """Replay *log* as anybody would, and wait for it."""
    command = [sys.executable, "-m", "triggerstream", "replay", "--jobs", str(jobs)]
    command += ["--triggers", str(rules), str(log)]
    started = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"replay ended with {process.returncode}; required is 0")
    return Run(used.ru_utime + used.ru_stime, time.monotonic() - started)


def measure_command(
    values: Sequence[bytes], yaml: str, rounds: int, jobs: int
) -> dict[str, list[float]]:
    """Return microseconds an event of *rounds* runs: by CPU and by the wall."""
    found: dict[str, list[float]] = {"cpu": [], "wall": []}
    with tempfile.TemporaryDirectory(prefix="triggerstream-") as directory:
        rules, log, short = (Path(directory) / name for name in ("rules", "log.jsonl", "one.jsonl"))
        rules.mkdir()
        (rules / "bench.yaml").write_text(yaml, encoding="utf-8")
        log.write_bytes(b"".join(value + b"\n" for value in values))
        short.write_bytes(values[0] + b"\n")
        for number in range(rounds):
            start, whole = run_command(rules, short, jobs), run_command(rules, log, jobs)
            found["cpu"].append((whole.cpu - start.cpu) / len(values) * 1e6)
            found["wall"].append((whole.wall - start.wall) / len(values) * 1e6)
            say(f"round {number + 1} of {rounds}: {found['cpu'][-1]:.1f} us/event")
    return found


def layers(values: Sequence[bytes], yaml: str) -> dict[str, float]:
    """Return what each layer costs in this process, microseconds an event."""
    ruleset = load_ruleset({"bench.yaml": yaml})
    replay = Replay(ruleset)
    position = 0

    def some() -> Sequence[bytes]:
        return values[position : position + _TURN]

    def each(call: Callable[[bytes], object]) -> int:
        for value in some():
            call(value)
        return len(some())

    def decode(value: bytes) -> None:
        decode_event(value, fallback_id="-", fallback_timestamp=0)

    def drive() -> int:
        nonlocal position
        done = sum(1 for _ in replay.decisions(some()))
        assert done >= 0
        position += _TURN
        return _TURN

    works = {
        "orjson.loads": lambda: each(orjson.loads),
        "arrival": lambda: each(read_arrival),
        "decode": lambda: each(decode),
        "whole driver": drive,
    }
    with without_collector():
        found: Found = take_turns(works, len(values) // _TURN, quiet=True)
    # At first every customer is new; the second half tells what goes on.
    return {name: quick(all_[len(all_) // 2 :]) for name, all_ in found.items()}


def profile(values: Sequence[bytes], yaml: str) -> list[tuple[str, float, int]]:
    """Return (function, share of the driver's own time, calls), the costliest first."""
    replay = Replay(load_ruleset({"bench.yaml": yaml}))
    profiler = cProfile.Profile()
    with without_collector():
        profiler.enable()
        for _ in replay.decisions(values):
            pass
        profiler.disable()
    stats = pstats.Stats(profiler)
    whole = stats.total_tt  # type: ignore[attr-defined] # the stub does not have it
    rows = [
        (f"{Path(file).name}:{name}" if line else name, own / whole, calls)
        for (file, line, name), (_, calls, own, _, _) in stats.stats.items()  # type: ignore[attr-defined]
    ]
    return sorted(rows, key=lambda row: -row[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--triggers", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1, help="processes of the command")
    parser.add_argument("--profile", action="store_true", help="where the driver's time goes")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    values = [value for _, value in events(asked.events, until=_END)]
    yaml = triggers(asked.triggers)
    command = measure_command(values, yaml, asked.rounds, asked.jobs)
    parts = layers(values, yaml)
    top = profile(values[:60_000], yaml)[:20] if asked.profile else []
    if asked.json:
        result = {
            "replay_us": {name: summary(all_) for name, all_ in command.items()},
            "events_per_second_and_core": round(1e6 / statistics.median(command["cpu"])),
            "target": TARGET,
            "layers_us": {name: round(figure, 3) for name, figure in parts.items()},
            "with": surroundings("orjson", "msgspec"),
        }
        if top:
            result["profile"] = [{"of": of, "share": round(s, 3)} for of, s, _ in top]
        print(json.dumps(result))
        return
    show(
        f"replay, {asked.triggers} triggers",
        ("measured", "us/event", "events/s", f"of {TARGET:,}"),
        [
            (
                f"command, {name}",
                told(all_),
                f"{1e6 / statistics.median(all_):,.0f}",
                f"{1e6 / statistics.median(all_) / TARGET:.2f}",
            )
            for name, all_ in command.items()
        ],
    )
    show(
        "in this process",
        ("layer", "us/event", "x orjson"),
        [(n, f"{f:.2f}", f"{f / parts['orjson.loads']:.1f}") for n, f in parts.items()],
    )
    if top:
        rows = [(of, f"{share:.1%}", f"{calls:,}") for of, share, calls in top]
        show("the driver, by its own time", ("function", "share", "calls"), rows)


if __name__ == "__main__":
    main()
