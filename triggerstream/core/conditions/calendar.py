"""Conditions on the calendar: time of day, day of week, date range, in a zone.

Each is a test of (profile, moment), because the zone may be the customer's own.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from triggerstream.core import zones
from triggerstream.core.conditions.unnamed import tests_of
from triggerstream.core.model import Condition, DateRange, DayOfWeek, TimeOfDay

CalendarTest = Callable[[dict[str, Any], int], bool]
"""Takes the profile and epoch milliseconds."""

CalendarCondition = TimeOfDay | DayOfWeek | DateRange

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""The days of the week as trigger files name them, Monday first."""

CUSTOMER = "customer"
"""The customer's own zone: the one found for them, which stands at `ZONE` in the profile; where
nobody has looked for it, that of the profile's ``timezone``, where it names one, else the
policy's."""

ZONE = "~zone"
"""The name in the profile under which tests of the calendar find the customer's zone."""

_DAY = timedelta(days=1)
_EVERY_YEAR = len("12-01")


def in_time_of_day(at: int, start: int, end: int, zone: ZoneInfo) -> bool:
    """Return whether *at* is in local ``[start, end)``, minutes from midnight.

    It wraps midnight where start >= end. An end that the clock skips (a gap) is the first instant
    after it; one that the clock shows twice (an overlap) is the first of the two, so that the
    second pass lies behind it.
    """
    local = zones.local_time(at, zone)
    if local.fold:
        return _in_second_pass(at, local.date(), start, end, zone)
    minutes = local.hour * 60 + local.minute
    if start < end:
        return start <= minutes < end
    return minutes >= start or minutes < end


def _in_second_pass(at: int, today: date, start: int, end: int, zone: ZoneInfo) -> bool:
    """Decide by instants, where the clock shows an hour for the second time."""
    length = end - start if start < end else end - start + 24 * 60
    for day in (today - _DAY, today):
        opens = datetime.combine(day, time()) + timedelta(minutes=start)
        closes = opens + timedelta(minutes=length)
        if zones.instant(opens, zone) <= at < zones.instant(closes, zone):
            return True
    return False


def end_of_time_of_day(at: int, start: int, end: int, zone: ZoneInfo) -> int | None:
    """Return the first instant after *at* at which local ``[start, end)`` ends and does not begin
    again at once; ``None`` where it is the whole day, which never ends.

    For an *at* inside it is the first instant that is not.
    """
    if start == end:
        return None
    today = zones.local_time(at, zone).date()
    for days in range(4):
        local = datetime.combine(today, time()) + days * _DAY + timedelta(minutes=end)
        closes = zones.instant(local, zone)
        if closes > at and not in_time_of_day(closes, start, end, zone):
            return closes
    return None


def in_every_year(today: date, first: str, last: str) -> bool:
    """Return whether *today* is in ``[first, last]``, each a month and a day such as ``02-29``,
    which in other years lies between the 28th and March. It wraps the year where first > last."""
    day = today.isoformat()[-_EVERY_YEAR:]
    if first <= last:
        return first <= day <= last
    return day >= first or day <= last


def compile_calendar(condition: CalendarCondition, default_zone: str) -> CalendarTest:
    """Return the test of *condition*; *default_zone* is the zone of customers who name none."""
    zone_of = _zone_getter(condition.zone, default_zone)
    if isinstance(condition, TimeOfDay):
        start, end = condition.start, condition.end
        return lambda profile, at: in_time_of_day(at, start, end, zone_of(profile))
    if isinstance(condition, DayOfWeek):
        days = frozenset(condition.days)
        return lambda profile, at: zones.local_time(at, zone_of(profile)).weekday() in days
    if condition.first is not None and len(condition.first) == _EVERY_YEAR:
        first_day, last_day = condition.first, condition.last or condition.first
        return lambda profile, at: in_every_year(
            zones.local_time(at, zone_of(profile)).date(), first_day, last_day
        )
    first = date.fromisoformat(condition.first) if condition.first else date.min
    last = date.fromisoformat(condition.last) if condition.last else date.max
    return lambda profile, at: first <= zones.local_time(at, zone_of(profile)).date() <= last


def describe_calendar(condition: CalendarCondition) -> str:
    """Return *condition* in one line, for people."""
    if isinstance(condition, TimeOfDay):
        what = f"time_of_day {_clock(condition.start)} to {_clock(condition.end)}"
    elif isinstance(condition, DayOfWeek):
        what = f"day_of_week {', '.join(DAYS[day] for day in condition.days)}"
    else:
        what = f"date_range {condition.first or 'ever'} to {condition.last or 'ever'}"
    return f"{what} in {condition.zone}"


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _zone_getter(name: str, default_zone: str) -> Callable[[dict[str, Any]], ZoneInfo]:
    default = _known_zone(default_zone)
    if name == CUSTOMER:
        return lambda profile: _found_zone(profile, default)
    fixed = _known_zone(name)
    return lambda _profile: fixed


def _found_zone(profile: dict[str, Any], default: ZoneInfo) -> ZoneInfo:
    found = profile.get(ZONE)
    if found is None:
        return zones.customer_zone(profile, default)
    return zones.zone(found) or default


def asks_zone(condition: Condition | None) -> bool:
    """Return whether *condition* asks for the customer's own zone."""
    return any(
        isinstance(test, TimeOfDay | DayOfWeek | DateRange) and test.zone == CUSTOMER
        for test in tests_of(condition)
    )


def _known_zone(name: str) -> ZoneInfo:
    found = zones.zone(name)
    if found is None:
        msg = f"an IANA time zone, such as Europe/Berlin; found {name!r}"
        raise ValueError(msg)
    return found
