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


def show(found: Found, versions: str) -> None:
    """Print medians of CPU time, their spread, and how many times triggerstream's they are.

    The last column is what an event of the warm-up cost.
    """
    table = Table(box=None, pad_edge=False, caption=versions, caption_justify="left")
    table.add_column("measured", no_wrap=True)
    for column in ("us/event", "min-max", "events/s/core", "x ours", "warm-up us"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, each in _figures(found).items():
        least, most = each["us_range"]
        row = [name, f"{each['us']:.1f}", f"{least:.1f}-{most:.1f}"]
        row += [f"{each['events_per_second']:,}", f"{each['ratio']:.2f}"]
        table.add_row(*row, f"{each['warm_up_us']:.1f}" if "warm_up_us" in each else "")
    Console().print(table)


def as_json(found: Found, versions: str, checked: int) -> bytes:
    """Return the figures as one JSON object; *checked* is how many firings were compared."""
    told = {"versions": versions, "firings_compared": checked, "measured": _figures(found)}
    return orjson.dumps(told)


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
            figures[name]["warm_up_us"] = round(statistics.median(cold), 2)
    return figures
