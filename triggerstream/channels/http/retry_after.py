"""``Retry-After``: how long a far side asks us to wait (RFC 9110, 10.2.3 and 5.6.7).

The dates are read here and not by `email.utils`: that gives a date without a zone back as a naive
one, which `datetime.timestamp` takes for the local time of this host, and it has another rule for
years of two digits. An HTTP date is in UTC whatever the host's zone is.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

LONGEST = 30 * 86_400.0
"""Seconds. A far side that asks for more is taken to ask for this, which outlasts the usual
expiry (3 days) all the same, so the action ends."""

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_WEEKDAY = "[a-z]{3,9}"  # which says nothing that the date does not
_DAY = r"(?P<day>\d\d?)"
_MONTH = "(?P<month>[a-z]{3})"
_TIME = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>[0-5]\d|60)"
_ZONE = r"(?: (?:GMT|UTC|UT|Z|(?P<sign>[+-])(?P<hours>[01]\d|2[0-3])(?P<minutes>[0-5]\d)))?"
_DATES = tuple(
    re.compile(form, re.ASCII | re.IGNORECASE)
    for form in (
        # Sun, 01 Mar 2026 10:02:00 GMT
        rf"{_WEEKDAY}, {_DAY} {_MONTH} (?P<year>\d{{4}}) {_TIME}{_ZONE}",
        # Sunday, 01-Mar-26 10:02:00 GMT (RFC 850), or with the four digits that cookies gave it
        rf"{_WEEKDAY}, {_DAY}-{_MONTH}-(?P<year>\d{{4}}|\d\d) {_TIME}{_ZONE}",
        # Sun Mar  1 10:02:00 2026 (asctime)
        rf"{_WEEKDAY} {_MONTH} +{_DAY} {_TIME} (?P<year>\d{{4}}){_ZONE}",
    )
)


def seconds_of(retry_after: str | None, now: float) -> float | None:
    """Return the seconds in [0, `LONGEST`] that a Retry-After header asks for.

    Args:
        retry_after: Whole seconds, or a date in one of the three forms of HTTP.
        now: Epoch seconds.

    Returns:
        ``None`` where there is no header, or it is in no such form.
    """
    if retry_after is None:
        return None
    text = retry_after.strip(" \t")
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST)  # thousands of digits are infinity
    moment = _moment_of(text, now)
    return None if moment is None else min(max(moment - now, 0.0), LONGEST)


def _moment_of(text: str, now: float) -> float | None:
    """Return the epoch seconds of an HTTP date, or ``None`` if *text* is none."""
    found = next((match for form in _DATES if (match := form.fullmatch(text))), None)
    if found is None or found["month"].lower() not in _MONTHS:
        return None
    month = _MONTHS.index(found["month"].lower()) + 1
    year, day, hour, minute = (int(found[part]) for part in ("year", "day", "hour", "minute"))
    if len(found["year"]) == 2:
        year = _full_year(year, (month, day, hour, minute), now)
    try:
        moment = datetime(year, month, day, hour, minute, tzinfo=UTC)
    except ValueError:  # such as 30 February
        return None
    ahead = 0
    if found["sign"]:
        ahead = int(found["sign"] + "1") * (int(found["hours"]) * 60 + int(found["minutes"]))
    return moment.timestamp() + int(found["second"]) - 60 * ahead


def _full_year(digits: int, rest: tuple[int, int, int, int], now: float) -> int:
    """Return the year that two *digits* mean: the last one in which *rest*, the month to the
    minute, is at most 50 years ahead."""
    today = datetime.fromtimestamp(now, UTC)
    last = today.year + 50
    if rest > (today.month, today.day, today.hour, today.minute):
        last -= 1
    return last - (last - digits) % 100
