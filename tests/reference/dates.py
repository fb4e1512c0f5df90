"""Dates (63-65) and the customer's zone (85): the calendar is walked day by day."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from importlib.resources import files
from typing import Any

import msgspec

from tests.reference.attributes import moment_of
from tests.reference.conditions import EPOCH
from tests.reference.seen import Spec

SOME_DAY = timedelta(days=1)
YEARS_AHEAD = 9
"""A 29 February may be eight years off."""


class Base(msgspec.Struct, frozen=True):
    """What a value says: month and day, of a year or of none."""

    month: int
    day: int
    year: int | None = None


def base_of(value: Any, zone: tzinfo) -> Base | None:
    """``1990-02-28``, ``02-28``, or a moment: its local day. Anything else is none (63)."""
    if isinstance(value, str):
        for text, has_year in ((value, True), (f"2000-{value}", False)):
            try:
                day = date.fromisoformat(text) if len(text) == len("1990-02-28") else None
            except ValueError:
                continue
            if day:
                return Base(day.month, day.day, day.year if has_year else None)
    moment = moment_of(value)
    if moment is None:
        return None
    day = (EPOCH + timedelta(milliseconds=moment)).astimezone(zone).date()
    return Base(day.month, day.day, day.year)


def days(base: Base, spec: Spec, around: date) -> Iterator[date]:
    """The series around *around*, not shifted: monthly from the base on, yearly behind its year."""
    every = spec.get("every", "year")
    if every == "once":
        if base.year is not None:
            yield date(base.year, base.month, base.day)
        return
    for year in range(around.year - 2, around.year + YEARS_AHEAD):
        if every == "month":
            for month in range(1, 13):
                day = date(year, month, min(base.day, calendar.monthrange(year, month)[1]))
                if base.year is None or day >= date(base.year, base.month, base.day):
                    yield day
        elif base.year is None or year > base.year:  # never the base year itself
            if (base.month, base.day) == (2, 29) and not calendar.isleap(year):
                yield (
                    date(year, 2, 28) if spec.get("feb29", "feb28") == "feb28" else date(year, 3, 1)
                )
            else:
                yield date(year, base.month, base.day)


def shift_of(spec: Spec) -> timedelta:
    """From the day of the series to the one at which it is told."""
    if "before" in spec:
        return -timedelta(days=int(spec["before"].rstrip("d")))
    return timedelta(days=int(spec.get("after", "0d").rstrip("d")))


def occurrence(
    base: Base, spec: Spec, zone: tzinfo, after: int, happened: date | None
) -> tuple[date, int] | None:
    """The first day of the series, not shifted, whose instant is behind *after* (64), and that
    instant."""
    shift = shift_of(spec)
    around = (EPOCH + timedelta(milliseconds=after)).date()
    for day in days(base, spec, around - shift):
        due = instant(day + shift, spec.get("at", "09:00"), zone)
        if due > after and day != happened:
            return day, due
    return None


def instant(day: date, at: str, zone: tzinfo) -> int:
    """The first instant at which a clock there shows that time of that day, or a later one."""
    local = datetime.combine(day, time.fromisoformat(at), UTC)
    before, behind = (
        (local + step).astimezone(zone).utcoffset() or timedelta(0)
        for step in (-SOME_DAY, SOME_DAY)
    )
    found = local - before
    if before != behind:
        change = _change(local - SOME_DAY, local + SOME_DAY, zone)
        if found >= change:
            found = max(local - behind, change)
    return (found - EPOCH) // timedelta(milliseconds=1)


def _change(low: datetime, high: datetime, zone: tzinfo) -> datetime:
    """When the offset changes between the two, to the second."""
    offset = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high


def only_zone(country: Any) -> str | None:
    """The zone of a country that has one (85)."""
    lines = files("tzdata").joinpath("zoneinfo", "zone1970.tab").read_text().splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    zones = [row[2] for row in rows if country in row[0].split(",")]
    return zones[0] if len(zones) == 1 else None
