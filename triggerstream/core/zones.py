"""Time zones: IANA names, and the way between instants and the clock on a customer's wall.

The rules of the zones come from the ``tzdata`` package and never from the machine, so that every
machine with the same version decides alike (`DATA_VERSION`). A local time that does not exist (a
gap, when clocks go forward) means the first instant after it; one that exists twice (an overlap)
means the first of the two.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

import tzdata

from triggerstream.core.timestamps import to_ms

DATA_VERSION: str = tzdata.IANA_VERSION
"""The version of the zone rules, such as ``2026a``; decisions in local time depend on it."""

_FIRST_MS = 0
_LAST_MS = 253_370_764_800_000
"""The start of the year 9999: later instants have no local time in every zone."""


@cache
def zone_names() -> frozenset[str]:
    """Return every IANA name that `zone` knows."""
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="ascii").split())


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo | None:
    """Return the zone *name*, or ``None`` if there is none; names come from customers too."""
    if name not in zone_names():
        return None
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as rules:
        return ZoneInfo.from_file(rules, key=name)


def customer_zone(profile: dict[str, object], default: ZoneInfo) -> ZoneInfo:
    """Return the zone that the profile's ``timezone`` names, or *default* if it names none."""
    name = profile.get("timezone")
    return (zone(name) or default) if type(name) is str else default


def local_time(at: int, zone: ZoneInfo) -> datetime:
    """Return the local time at *at*, to the second, ``fold`` telling the two of an overlap apart.

    Total: instants outside of the years 1970 to 9998 are moved to the nearest of them.
    """
    return datetime.fromtimestamp(min(max(at, _FIRST_MS), _LAST_MS) // 1000, zone)


def instant(local: datetime, zone: ZoneInfo) -> int:
    """Return the epoch milliseconds at which the naive *local* time is reached in *zone*."""
    first = local.replace(tzinfo=zone, fold=0)
    exists = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local
    return to_ms(first) if exists else _end_of_gap(first, zone)


def _end_of_gap(missing: datetime, zone: ZoneInfo) -> int:
    """Return the instant of the jump over *missing*, found by halving.

    In a gap, ``fold=1`` reads the local time with the offset after the jump and so gives an
    instant before it; ``fold=0`` the other way round.
    """
    before = int(missing.replace(fold=1).timestamp())
    after = int(missing.timestamp())
    offset_before = datetime.fromtimestamp(before, zone).utcoffset()
    while after - before > 1:
        middle = (before + after) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == offset_before:
            before = middle
        else:
            after = middle
    return after * 1000
