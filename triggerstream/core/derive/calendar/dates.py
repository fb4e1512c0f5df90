"""Dates: the next day of a series that is to be told to a customer (63-65).

One occurrence is open at a time. It stands until it has happened or the value says something else:
a customer who travels hears of each day once, and of one that their journey has jumped over at once
instead of never. What was due before the value was known is not made up for.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from triggerstream.core.derive.calendar.series import (
    Base,
    day_of,
    days_of,
    number_of,
    read_base,
    shifted,
)
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.model import Series
from triggerstream.core.timestamps import EPOCH, LATEST, MILLISECOND
from triggerstream.core.zones import instant, local_time

NONE: Final = 0
"""No day: none is open, or none has happened."""

MOST_BYTES: Final = 40
"""What a date takes at most in a stored state, without its key and its arrival."""

_LAST_YEAR: Final = (EPOCH + LATEST * MILLISECOND).year


class Date(NamedTuple):
    """What is armed for one customer and series: a flat slot of at most `MOST_BYTES`.

    Attributes:
        moment: See `Base`.
        base: The day that the series follows from; of a moment its local day when it came.
        happened: The last day that has happened, which does not happen twice; or `NONE`.
        day: The day that is open, or `NONE` where none is left. Days are those of the series, not
            shifted, as numbers ``yyyymmdd``.
        due: When it happens, or `NEVER`.
    """

    moment: int | None
    base: int
    happened: int
    day: int
    due: int


def arm(value: Any, series: Series, zone: ZoneInfo, tau: int, armed: Date | None) -> Date | None:
    """Return what is armed after *value* or *zone* may have changed, or the ruleset, at *tau*.

    To ask again changes nothing. A value that says the same as before keeps the open day, and so
    the day of a moment is not cut again in another zone. It is due when *zone* reaches it, or where
    it has passed there already, a millisecond after *tau*: late rather than never. Another value
    opens the first day that is told after *tau* and is later than the one that has happened.

    Args:
        armed: What was armed before; ``None`` for nothing.

    Returns:
        ``None`` where *value* is no date: the slot is to be removed. Where a day has happened, that
        alone is kept, so that it does not happen twice when the value comes back.
    """
    base = read_base(value, series, zone)
    if base is None:
        if armed is None or armed.happened == NONE:
            return None
        return Date(None, NONE, armed.happened, NONE, NEVER)
    if armed is None or not _is_same(base, armed):
        return _open(base, NONE if armed is None else armed.happened, series, zone, tau)
    if armed.day == NONE:  # of another zone, perhaps, there is one
        return _open(Base(armed.moment, armed.base), armed.happened, series, zone, tau)
    if armed.due <= tau:  # it is about to be told
        return armed
    due = _instant(shifted(day_of(armed.day), series.shift), series, zone)
    return armed._replace(due=max(due, tau + 1))


def happen(
    attribute: str, series: Series, zone: ZoneInfo, armed: Date, tau: int
) -> tuple[dict[str, Any], Date]:
    """Return what the open day tells at *tau*, which is its due or later, and what is armed behind.

    Told are ``attribute``, ``date`` (the day of the series, not shifted), and ``years`` (from the
    year of the base to that of the day, or null where the value has none).

    Raises:
        ValueError: No day is open; the caller must not wait for one.
    """
    day = day_of(armed.day)
    year = armed.base // 10_000
    told = {
        "attribute": attribute,
        "date": day.isoformat(),
        "years": day.year - year if year else None,
    }
    base = Base(armed.moment, armed.base)
    return told, _open(base, armed.day, series, zone, tau)


def _is_same(base: Base, armed: Date) -> bool:
    if base.moment is not None:
        return base.moment == armed.moment
    return armed.moment is None and base.day == armed.base


def _open(base: Base, happened: int, series: Series, zone: ZoneInfo, tau: int) -> Date:
    """Return *base* with its first day that is told after *tau* and lies after *happened*."""
    # What the clock of the zone has shown by now was told by now, also where it is set back.
    earliest = local_time(tau, zone).date() - timedelta(days=series.shift)
    for day in days_of(base.day, series, earliest):
        if number_of(day) <= happened:
            continue
        due = _instant(shifted(day, series.shift), series, zone)
        if due == NEVER:
            break
        if due > tau:
            return Date(base.moment, base.day, happened, number_of(day), due)
    return Date(base.moment, base.day, happened, NONE, NEVER)


def _instant(day: date | None, series: Series, zone: ZoneInfo) -> int:
    """Return when *day* is told, or `NEVER` where that is later than any event can be."""
    if day is None or day.year > _LAST_YEAR:
        return NEVER
    return instant(datetime.combine(day, time()) + timedelta(minutes=series.at), zone)
