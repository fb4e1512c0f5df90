"""Reading conditions on the calendar: time of day, day of week, date range."""

from __future__ import annotations

from collections.abc import Callable

from triggerstream.core.conditions.calendar import CUSTOMER, DAYS
from triggerstream.core.model import Condition, DateRange, DayOfWeek, TimeOfDay
from triggerstream.core.parsing.source import reader as read
from triggerstream.core.parsing.source.nodes import Node, Scalar
from triggerstream.core.parsing.source.reader import Fields, Reader


def _zone(fields: Fields) -> str:
    return fields.read("zone", read.customer_or_zone) or CUSTOMER


def time_span(reader: Reader, node: Node, what: str) -> TimeOfDay | None:
    """Read ``{from, to, zone}``, times of day."""
    fields = reader.mapping(node, what, ("from", "to", "zone"))
    start, end = fields.need("from", read.clock), fields.need("to", read.clock)
    if start == 24 * 60:
        reader.report(fields["from"], f'{what}: "00:00" for midnight at the start; found 24:00')
    return TimeOfDay(start or 0, end or 0, _zone(fields))


def _day_of_week(reader: Reader, node: Node, what: str) -> DayOfWeek | None:
    fields = reader.mapping(node, what, ("in", "zone"))
    names = fields.need("in", _days) or ()
    return DayOfWeek(tuple(sorted({DAYS.index(name) for name in names})), _zone(fields))


def _days(reader: Reader, node: Node, what: str) -> list[str]:
    days = reader.items(node, what, f"days ({', '.join(DAYS)})")
    found = [_day(reader, day, what) for day in days]
    return [day for day in found if day is not None]


def _day(reader: Reader, node: Node, what: str) -> str | None:
    word = node.text if isinstance(node, Scalar) else ""
    if word in DAYS:
        return word
    short = word[:3].lower()
    hint = f": did you mean {short!r}?" if short in DAYS else ""
    reader.report(node, f"{what}: {read.one_of(DAYS)}; found {read.show(node)}{hint}")
    return None


def _date_range(reader: Reader, node: Node, what: str) -> DateRange | None:
    fields = reader.mapping(node, what, ("from", "to", "zone"))
    first, last = fields.read("from", read.day_or_date), fields.read("to", read.day_or_date)
    if "from" not in fields and "to" not in fields:
        reader.report(node, f"{what}: 'from', 'to' or both; found neither")
    else:
        _check_ends(reader, fields, first, last)
    return DateRange(first, last, _zone(fields))


def _check_ends(reader: Reader, fields: Fields, first: str | None, last: str | None) -> None:
    """Check that the ends are of one kind and in order; days of every year may wrap."""
    what = "date_range"
    days = [day for day in (first, last) if day is not None]
    kinds = {len(day) for day in days}
    if len(kinds) > 1:
        required = f"{what}: two dates, or two days of every year"
        reader.report(fields["to"], f"{required}; found {first} to {last}")
    elif kinds == {_EVERY_YEAR} and not ("from" in fields and "to" in fields):
        required = f"{what}: 'from' and 'to', for a range of every year"
        reader.report(fields.node, f"{required}; found {days[0]} alone")
    elif kinds == {_WITH_YEAR} and first is not None and last is not None and first > last:
        reader.report(fields["to"], f"{what}: 'to' not before 'from'; found {first} to {last}")


_EVERY_YEAR, _WITH_YEAR = len("12-24"), len("2026-12-24")

READINGS: dict[str, Callable[[Reader, Node, str], Condition | None]] = {
    "time_of_day": time_span,
    "day_of_week": _day_of_week,
    "date_range": _date_range,
}
"""By the condition's name."""
