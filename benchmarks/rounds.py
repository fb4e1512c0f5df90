"""Works that take turns: what disturbs the machine disturbs all of them alike.

A figure is CPU time a piece of work, in microseconds. Where processes are measured, its median
and its spread are told; where it is code of this process, the quick tenth of many short turns,
which is what it costs where nobody disturbs.
"""

from __future__ import annotations

import gc
import math
import platform
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from time import process_time_ns
from typing import Any

from rich.console import Console
from rich.table import Table

Work = Callable[[], int]
"""Does its work once; returns of how many pieces it was."""

Found = dict[str, list[float]]
"""Microseconds a piece, by what was measured, one for each round."""


def say(line: str) -> None:
    """Tell how far the run is, on stderr: stdout is for the result."""
    print(line, file=sys.stderr, flush=True)


def take_turns(
    works: Mapping[str, Work],
    rounds: int,
    *,
    quiet: bool = False,
    clock: Callable[[], int] = process_time_ns,
) -> Found:
    """Do each of *works* once a round; return the CPU microseconds a piece of all rounds.

    *clock* tells nanoseconds: of all threads, if nothing else is said.
    """
    found: Found = {name: [] for name in works}
    for number in range(rounds):
        for name, work in works.items():
            started = clock()
            pieces = work()
            found[name].append((clock() - started) / 1000 / pieces)
        if not quiet:
            say(f"round {number + 1} of {rounds}")
    return found


@contextmanager
def without_collector() -> Iterator[None]:
    """Keep the collector of cycles out of what is measured, as a worker keeps it seldom."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def quick(values: Sequence[float]) -> float:
    """Return what a tenth of *values* do not exceed: nobody disturbed those."""
    return sorted(values)[max(0, math.ceil(len(values) / 10) - 1)]


def summary(values: Sequence[float]) -> dict[str, float]:
    """Return median, least and greatest of *values*."""
    return {
        "median": round(statistics.median(values), 3),
        "min": round(min(values), 3),
        "max": round(max(values), 3),
    }


def told(values: Sequence[float], digits: int = 1) -> str:
    """Return median and spread of *values* for people."""
    middle = statistics.median(values)
    return f"{middle:,.{digits}f} ({min(values):,.{digits}f}-{max(values):,.{digits}f})"


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on stdout; every column but the first is of figures."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for position, column in enumerate(columns):
        table.add_column(column, justify="right" if position else "left")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def surroundings(*packages: str) -> dict[str, Any]:
    """Return what a figure depends on: the interpreter and the versions of *packages*."""
    return {
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
    }
