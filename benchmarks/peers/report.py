"""How the costs are told: a table for people, an object for machines."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.peers.contest import OURS, Cost

Found = Mapping[str, Sequence[Cost]]


def show(found: Found) -> None:
    """Print medians of CPU time, their spread, and how many times triggerstream's they are."""
    figures = _figures(found)
    table = Table(box=None, pad_edge=False)
    table.add_column("measured", no_wrap=True)
    columns = ["us/event", "min-max", "events/s/core", f"x {OURS}", "min-max"]
    has_cold = any("cold_us" in each for each in figures.values())
    for column in [*columns, *(["cold us"] if has_cold else [])]:
        table.add_column(column, justify="right", no_wrap=True)
    for name, each in figures.items():
        least, most = each["us_range"]
        lower, upper = each["ratio_range"]
        row = [name, f"{each['us']:.1f}", f"{least:.1f}-{most:.1f}"]
        row += [
            f"{each['events_per_second']:,}",
            f"{each['ratio']:.2f}",
            f"{lower:.2f}-{upper:.2f}",
        ]
        table.add_row(*row, f"{each['cold_us']:.1f}" if "cold_us" in each else "")
    Console().print(table)


def as_json(found: Found, checked: int) -> bytes:
    """Return the figures as one JSON object; *checked* is how many firings were compared."""
    return orjson.dumps({"firings_compared": checked, "measured": _figures(found)})


def _figures(found: Found) -> dict[str, dict[str, Any]]:
    ours = [cost.warm for cost in found[OURS]]
    figures = {}
    for name, costs in found.items():
        warm = [cost.warm for cost in costs]
        middle = statistics.median(warm)
        ratios = [theirs / own for theirs, own in zip(warm, ours, strict=True)]
        figures[name] = {
            "us": round(middle, 2),
            "us_range": [round(min(warm), 2), round(max(warm), 2)],
            "events_per_second": round(1e6 / middle),
            "ratio": round(middle / statistics.median(ours), 2),
            "ratio_range": [round(min(ratios), 2), round(max(ratios), 2)],
        }
        cold = [cost.cold for cost in costs if cost.cold is not None]
        if cold:
            figures[name]["cold_us"] = round(statistics.median(cold), 2)
    return figures
