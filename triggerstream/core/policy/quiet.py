"""Quiet hours: local time in which nobody is to be disturbed."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from triggerstream.core.model import QuietHours
from triggerstream.core.zones import instant, local_time

_DAY = timedelta(days=1)


def is_quiet(hours: QuietHours, at: int, zone: ZoneInfo) -> bool:
    """Return whether the wall clock of *zone* stands in ``[start, end)`` at *at*.

    Where start >= end the hours wrap midnight; equal ends are the whole day.
    """
    local = local_time(at, zone)
    minute = local.hour * 60 + local.minute
    if hours.start < hours.end:
        return hours.start <= minute < hours.end
    return minute >= hours.start or minute < hours.end


def quiet_until(hours: QuietHours, at: int, zone: ZoneInfo) -> int | None:
    """Return the next end of the quiet hours after *at*, or ``None`` if they never end.

    An end that the clocks jump over is the first instant after the jump. An end that comes twice
    counts when it comes after *at* and is not quiet: the hours may go on in the repeated hour.
    """
    if hours.start == hours.end:
        return None
    local = local_time(at, zone).replace(tzinfo=None)
    end = local.replace(hour=0, minute=0, second=0) + timedelta(minutes=hours.end)
    for day in range(3):
        first = end + day * _DAY
        second = first.replace(tzinfo=zone, fold=1)
        for moment in (instant(first, zone), int(second.timestamp()) * 1000):
            if moment > at and not is_quiet(hours, moment, zone):
                return moment
    return None
