"""Reading `date`: a day of the profile that comes back, and when it is told."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Final, cast

from triggerstream.core.events.derived import DATE
from triggerstream.core.model import (
    AT,
    LONGEST_SHIFT,
    Attribute,
    DateOf,
    EventPattern,
    Every,
    Feb29,
    Series,
)
from triggerstream.core.parsing.conditions.conditions import name_of_value, where_of
from triggerstream.core.parsing.source import reader as read
from triggerstream.core.parsing.source.nodes import Node, Scalar
from triggerstream.core.parsing.source.reader import Fields, Reader

KEYS: Final = ("date", "every", "before", "after", "at", "feb29", "where")
EVERY: Final = ("year", "month", "once")
FEB29: Final = ("feb28", "mar1")

_DEFAULT = Series()
_DIGITS: Final = 16
_DAYS = re.compile(r"([1-9][0-9]{0,2})d", re.ASCII)


def date(fields: Fields) -> EventPattern:
    """Read a date that is waited for; it goes to `Reader.dates`."""
    reader = fields.reader
    name = fields.need("date", _name) or ""
    every = fields.read("every", read.choice(EVERY)) or _DEFAULT.every
    feb29 = fields.read("feb29", read.choice(FEB29)) or _DEFAULT.feb29
    at = fields.read("at", _clock)
    before, after = fields.read("before", _days), fields.read("after", _days)
    if "before" in fields and "after" in fields:
        reader.report(fields.key("after"), "date: 'before' or 'after'; found both")
    if "feb29" in fields and every != "year":
        required = "feb29: beside 'every: year', for no other has such days"
        reader.report(fields.key("feb29"), f"{required}; found every: {every}")
    series = Series(
        cast("Every", every),
        -before if before else after or 0,
        _DEFAULT.at if at is None else at,
        cast("Feb29", feb29),
    )
    found = DateOf(_named(name, series), name, series)
    reader.dates.append((found, fields.node))
    return EventPattern((DATE + found.name,), where_of(fields))


def _name(reader: Reader, node: Node, what: str) -> str | None:
    path = read.text(reader, node, what)
    return None if path is None else name_of_value(reader, node, what, path, "birthday")


def _clock(reader: Reader, node: Node, what: str) -> int | None:
    minutes = read.clock(reader, node, what)
    if minutes == 24 * 60:
        reader.report(node, f'{what}: "00:00" for midnight, of the day itself; found 24:00')
    return minutes


def _days(reader: Reader, node: Node, what: str) -> int | None:
    """Read whole days of the calendar, which are no durations: some have 23 hours."""
    found = _DAYS.fullmatch(node.text) if isinstance(node, Scalar) else None
    if found is not None and int(found[1]) <= LONGEST_SHIFT:
        return int(found[1])
    required = f"{what}: whole days from 1d to {LONGEST_SHIFT}d"
    reader.report(node, f"{required}; found {read.show(node)}")
    return None


def _named(name: str, series: Series) -> str:
    """Return the name of a date: what differs from the defaults adds a hash (32)."""
    said: dict[str, str] = {}
    if series.every != _DEFAULT.every:
        said["every"] = series.every
    if series.shift:
        said["before" if series.shift < 0 else "after"] = f"{abs(series.shift)}d"
    if series.at != _DEFAULT.at:
        said["at"] = f"{series.at // 60:02}:{series.at % 60:02}"
    if series.feb29 != _DEFAULT.feb29:
        said["feb29"] = series.feb29
    if not said:
        return name
    written = json.dumps(said, separators=(",", ":"))
    return f"{name}~{blake2b(written.encode(), digest_size=16).hexdigest()[:_DIGITS]}"


# ── over all files ──────────────────────────────────────────────────────────────────────────


def check_dates(readers: Sequence[Reader], declared: Mapping[str, Attribute]) -> None:
    """Check that what is waited for follows from a plain attribute, or from one that is a day or a
    moment which no time that passes takes away."""
    for reader in readers:
        for each, node in reader.dates:
            of = declared.get(each.attribute)
            if of is None or _has_day(of):
                continue
            required = "date: an attribute that no document declares, or 'first: at' or 'last: at'"
            message = (
                f"{required}, without 'within' and 'as: month'; found profile.{each.attribute}"
            )
            reader.refuse(node, message)


def _has_day(attribute: Attribute) -> bool:
    is_edge = attribute.head in {"first", "last"} and attribute.path == AT
    return is_edge and attribute.within is None and attribute.cut != "month"
