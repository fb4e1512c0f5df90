"""Quiet hours: local time in which nobody is to be disturbed.

They are read as the condition ``time_of_day`` is, and by the same code: a night that began at the
first 23:30 goes on until its end, whatever clocks show again meanwhile.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from triggerstream.core.conditions.calendar import end_of_time_of_day, in_time_of_day
from triggerstream.core.model import QuietHours


def is_quiet(hours: QuietHours, at: int, zone: ZoneInfo) -> bool:
    """Return whether *at* is in local ``[start, end)`` (`in_time_of_day`)."""
    return in_time_of_day(at, hours.start, hours.end, zone)


def quiet_until(hours: QuietHours, at: int, zone: ZoneInfo) -> int | None:
    """Return the first instant after *at* that ends quiet hours and is not quiet, or ``None`` if
    they never end (`end_of_time_of_day`)."""
    return end_of_time_of_day(at, hours.start, hours.end, zone)
