"""Series of days: what the value of a date says, and the days that follow from it (63, 64)."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from triggerstream.core.model import Feb29, Series
from triggerstream.core.timestamps import EPOCH, MILLISECOND, read_moment


class Base(NamedTuple):
    """What a value says: the same for two values that mean the same.

    Attributes:
        moment: Epoch milliseconds, where the value is a moment; ``None`` where it is a day.
        day: The day as the number ``yyyymmdd``, of a moment its local day; the year is 0 where the
            value has none.
    """

    moment: int | None
    day: int


_DAY = re.compile(r"(?:([0-9]{4})-)?([0-9]{2})-([0-9]{2})", re.ASCII)
_LEAP_YEAR: Final = 2000
"""A day without a year may be 29 February."""


def read_base(value: Any, series: Series, zone: ZoneInfo) -> Base | None:
    """Return what *value* says, or ``None`` where it is no date, which arms nothing.

    A date is ``1990-02-28``, ``02-28`` (not for ``once``), a moment as RFC 3339 text, or epoch
    milliseconds. The day of a moment is the one in *zone*.
    """
    if type(value) is str:
        found = _DAY.fullmatch(value)
        if found is not None:
            return _base(found[1], int(found[2]), int(found[3]), series)
    try:
        moment = read_moment(value)
        day = (EPOCH + moment * MILLISECOND).astimezone(zone).date()
    except (ValueError, OverflowError):
        return None
    return Base(moment, number_of(day))


def _base(year: str | None, month: int, day: int, series: Series) -> Base | None:
    if year is None and series.every == "once":
        return None
    try:
        date(_LEAP_YEAR if year is None else int(year), month, day)
    except ValueError:
        return None
    return Base(None, int(year or 0) * 10_000 + month * 100 + day)


def number_of(day: date) -> int:
    """Return *day* as the number ``yyyymmdd``."""
    return day.year * 10_000 + day.month * 100 + day.day


def day_of(number: int) -> date:
    """Return the day that *number*, which has a year, says."""
    return date(number // 10_000, number // 100 % 100, number % 100)


def days_of(base: int, series: Series, start: date) -> Iterator[date]:
    """Yield the days of *series* that follow from the day *base*, from *start* on, in order.

    A series begins at its base: a yearly one in the year after it, a monthly one with it. The days
    are not shifted.
    """
    if series.every == "once":
        days: Iterator[date] = iter((day_of(base),))
    elif series.every == "month":
        days = _months(base, start)
    else:
        days = _years(base, series.feb29, start)
    for day in days:
        if day >= start:
            yield day


def _years(base: int, feb29: Feb29, start: date) -> Iterator[date]:
    year, month, day = base // 10_000, base // 100 % 100, base % 100
    for each in range(max(year + 1, start.year), date.max.year + 1):
        if (month, day) == (2, 29) and monthrange(each, 2)[1] == 28:
            yield date(each, 2, 28) if feb29 == "feb28" else date(each, 3, 1)
        else:
            yield date(each, month, day)


def _months(base: int, start: date) -> Iterator[date]:
    begin = max(start, day_of(base)) if base >= 10_000 else start
    day = base % 100
    for number in range(begin.year * 12 + begin.month - 1, (date.max.year + 1) * 12):
        year, month = number // 12, number % 12 + 1
        yield date(year, month, min(day, monthrange(year, month)[1]))


def shifted(day: date, days: int) -> date | None:
    """Return *day* moved by *days*, or ``None`` where the calendar does not reach as far."""
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return None
