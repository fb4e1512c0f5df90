"""``python -m tests.simulation``: many schedules, or one with its trace.

stdout is the result, stderr the progress. The exit code is 0 where every invariant held, 1 where
one did not: each such seed is named, and ``--seed`` shows what happened.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tests.simulation.campaign import Found, run, schedule_of


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation", description="Run seeded schedules of the keyed process."
    )
    parser.add_argument("--schedules", type=int, default=10_000, metavar="N")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="SEED")
    parser.add_argument("--processes", type=int, metavar="P", help="at a time (one a core)")
    parser.add_argument("--json", action="store_true", help="the result as one line of JSON")
    parser.add_argument("--seed", type=int, help="run this one, and print what happens")
    options = parser.parse_args(arguments)
    if options.seed is not None:
        return show(options.seed)
    started = time.monotonic()
    found = _run(options.first, options.schedules, options.processes)
    tell = _tell_json if options.json else _tell
    tell(found, time.monotonic() - started)
    return 1 if found.failures else 0


def show(seed: int) -> int:
    """Run the schedule of *seed*, print its trace, and return the exit code."""
    schedule = schedule_of(seed, traced=True)
    failure = None
    try:
        schedule.run()
    except Exception as error:  # noqa: BLE001 - told after the trace, whatever it is
        failure = f"{type(error).__name__}: {error}"
    _say(*(schedule.world.trace or []), failure or f"seed {seed}: every invariant holds")
    return 1 if failure else 0


def _run(first: int, count: int, processes: int | None) -> Found:
    console = Console(stderr=True)
    columns = (TextColumn("schedules"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("schedules", total=count)
        advance: Callable[[int], None] = lambda more: progress.advance(task, more)  # noqa: E731
        return run(first, count, processes=processes, on_progress=advance)


def _say(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _tell_json(found: Found, seconds: float) -> None:
    _say(
        json.dumps(
            {
                "schedules": dict(found.schedules),
                "seconds": round(seconds, 1),
                "reached": dict(sorted(found.reached.items())),
                "failures": {str(seed): found.failures[seed] for seed in sorted(found.failures)},
            }
        )
    )


def _tell(found: Found, seconds: float) -> None:
    table = Table("what was reached", "times", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    for what, times in sorted(found.reached.items()):
        table.add_row(what, f"{times:,}")
    console = Console(markup=False, highlight=False)
    console.print(table)
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(found.schedules.items()))
    console.print(f"{kinds} in {seconds:.0f} s; {len(found.failures)} failed")
    for seed in sorted(found.failures):
        console.print(f"{found.failures[seed][:500]}\n  python -m tests.simulation --seed {seed}")


if __name__ == "__main__":
    sys.exit(main())
