"""Times in templates: the filters ``date`` and ``in_zone``.

Both are ours and not Liquid's, whose ``date`` takes numbers for local time of the machine, fills in
what a text leaves out from today's date, knows ``now``, and prints by the C library's idea of the
language. Here a time is read as UTC and printed in UTC, or in the zone that ``in_zone`` gives it,
and the names of months and days are English.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from zoneinfo import ZoneInfo

from liquid.exceptions import FilterArgumentError

from triggerstream.core.timestamps import EPOCH, parse_moment
from triggerstream.core.zones import zone, zone_names

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip

_READ = "an RFC 3339 time (without an offset: UTC), a date, or epoch seconds"
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)


def read_time(value: object) -> datetime:
    """Return the instant that *value* says, aware, to the millisecond where it is a text.

    Raises:
        FilterArgumentError: It is none of the years 1970 to 9998.
    """
    if isinstance(value, datetime):
        return value
    try:
        moment = _from_epoch(value)
        if EPOCH <= moment < _LATEST:
            return moment
    except (ValueError, OverflowError):
        pass  # told below, like a time out of range
    hint = "; the moment of the firing is firing.at" if value in ("now", "today") else ""
    found = f"{str(value)[:40]!r}{hint}"
    raise FilterArgumentError(f"a time is {_READ}; found {found}", token=None)


def _from_epoch(value: object) -> datetime:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return EPOCH + timedelta(seconds=value)
    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004 - whatever is no time is told in one place
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) < 16:
        return EPOCH + timedelta(seconds=int(text))
    return EPOCH + timedelta(milliseconds=_from_text(text))


def _from_text(text: str) -> int:
    for end in ("", "Z", "T00:00:00Z"):
        try:
            return parse_moment(text + end)
        except ValueError:
            continue
    raise ValueError


def in_zone(moment: datetime, wanted: object, fallback: ZoneInfo) -> datetime:
    """Return *moment* as the clocks of the zone *wanted* show it, or of *fallback* if it is none.

    An instant has one local time in a zone, also where clocks go back or forward.
    """
    found = zone(wanted) if isinstance(wanted, str) else None
    return moment.astimezone(found or fallback)


def zone_problem(name: str) -> str | None:
    """Return what is wrong with a zone that a template's author names, or ``None``."""
    if name in zone_names():
        return None
    near = get_close_matches(name, zone_names(), n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return f"in_zone: an IANA time zone such as 'Europe/Berlin'; found {name[:40]!r}{hint}"


# ── printing ────────────────────────────────────────────────────────────────────────────────

_DIRECTIVE = re.compile(r"%([-_0^]?)(:?)(.?)", re.DOTALL)

_NUMBERS: dict[str, tuple[Callable[[datetime], int], int, str]] = {
    "Y": (lambda t: t.year, 4, "0"),
    "C": (lambda t: t.year // 100, 2, "0"),
    "y": (lambda t: t.year % 100, 2, "0"),
    "G": (lambda t: t.isocalendar().year, 4, "0"),
    "g": (lambda t: t.isocalendar().year % 100, 2, "0"),
    "m": (lambda t: t.month, 2, "0"),
    "V": (lambda t: t.isocalendar().week, 2, "0"),
    "U": (lambda t: (t.timetuple().tm_yday + 6 - t.isoweekday() % 7) // 7, 2, "0"),
    "W": (lambda t: (t.timetuple().tm_yday + 6 - t.weekday()) // 7, 2, "0"),
    "j": (lambda t: t.timetuple().tm_yday, 3, "0"),
    "d": (lambda t: t.day, 2, "0"),
    "e": (lambda t: t.day, 2, " "),
    "u": (lambda t: t.isoweekday(), 1, "0"),
    "w": (lambda t: t.isoweekday() % 7, 1, "0"),
    "H": (lambda t: t.hour, 2, "0"),
    "k": (lambda t: t.hour, 2, " "),
    "I": (lambda t: (t.hour - 1) % 12 + 1, 2, "0"),
    "l": (lambda t: (t.hour - 1) % 12 + 1, 2, " "),
    "M": (lambda t: t.minute, 2, "0"),
    "S": (lambda t: t.second, 2, "0"),
    "L": (lambda t: t.microsecond // 1000, 3, "0"),
    "f": (lambda t: t.microsecond, 6, "0"),
    "s": (lambda t: (t - EPOCH) // timedelta(seconds=1), 1, "0"),
}
"""By directive: the number, how wide it is printed, and what fills it up."""

_TEXTS: dict[str, Callable[[datetime], str]] = {
    "A": lambda t: DAYS[t.weekday()],
    "a": lambda t: DAYS[t.weekday()][:3],
    "B": lambda t: MONTHS[t.month - 1],
    "b": lambda t: MONTHS[t.month - 1][:3],
    "h": lambda t: MONTHS[t.month - 1][:3],
    "p": lambda t: "PM" if t.hour > 11 else "AM",
    "P": lambda t: "pm" if t.hour > 11 else "am",
    "Z": lambda t: t.tzname() or "",
    "z": lambda t: f"{t:%z}",
    "n": lambda _: "\n",
    "t": lambda _: "\t",
    "%": lambda _: "%",
}

_SHORT = {
    "c": "%a %b %e %H:%M:%S %Y",
    "D": "%m/%d/%y",
    "F": "%Y-%m-%d",
    "R": "%H:%M",
    "r": "%I:%M:%S %p",
    "T": "%H:%M:%S",
    "v": "%e-%^b-%Y",
    "X": "%H:%M:%S",
    "x": "%m/%d/%y",
}
"""Directives that stand for several others."""

_PADS = {"-": "", "_": " ", "0": "0"}


def print_time(moment: datetime, form: str) -> str:
    """Return *moment* in the form that the directives of *form* describe.

    Raises:
        FilterArgumentError: There is no such directive.
    """
    if (problem := form_problem(form)) is not None:
        raise FilterArgumentError(problem, token=None)
    return _DIRECTIVE.sub(lambda found: _printed(moment, *found.groups()), form)


def form_problem(form: str) -> str | None:
    """Return what is wrong with a form of ``date``, or ``None``."""
    for directive in _unknown(form):
        known = " ".join(sorted({*_NUMBERS, *_TEXTS, *_SHORT}, key=lambda c: (c.lower(), c)))
        return f"date: one of the directives {known} after '%'; found {directive!r}"
    return None


def _unknown(form: str) -> Iterator[str]:
    for found in _DIRECTIVE.finditer(form):
        _, colon, name = found.groups()
        known = name == "z" if colon else name in _NUMBERS or name in _TEXTS or name in _SHORT
        if not (name and known):
            yield found.group()


def _printed(moment: datetime, flag: str, colon: str, name: str) -> str:
    if name in _NUMBERS:
        number, width, pad = _NUMBERS[name]
        pad = _PADS.get(flag, pad)
        return str(number(moment)).rjust(width, pad) if pad else str(number(moment))
    text = print_time(moment, _SHORT[name]) if name in _SHORT else _TEXTS[name](moment)
    if colon:
        text = f"{text[:3]}:{text[3:]}"
    return text.upper() if flag == "^" else text
