"""Moments: epoch milliseconds, UTC, and their RFC 3339 text.

Whatever reads a moment, reads it here: what is below a millisecond is cut off, never rounded, so
that no moment is carried over the end of a window or a day. Digits of a second's fraction count
forward from the second, so cutting them off is rounding down, on both sides of 1970.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

EARLIEST = 0
LATEST = (datetime(2101, 1, 1, tzinfo=UTC) - EPOCH) // MILLISECOND
"""Events happen in ``[EARLIEST, LATEST)``: the years 1970 to 2100, both inside (semantics 31)."""

SECONDS_FROM: Final = 100_000_000
SECONDS_TO: Final = LATEST // 1000
"""Numbers in ``[SECONDS_FROM, SECONDS_TO)`` are epoch seconds of the years 1973 to 2100. As
milliseconds they would be moments between 2 January and 17 February 1970, before any log: they are
refused, and no honest moment with them."""

REQUIRED = "RFC 3339 with an offset, or epoch milliseconds"

_DAY: Final = 86_400_000
EXACT: Final = 27
"""Characters of ``2026-03-01T10:00:00.123456Z``. In a text that is not longer there is no room for
a seventh digit, from which on msgspec rounds."""
_FINE = re.compile(r"(\.[0-9]{3})[0-9]+")
_LEAP_SECOND = re.compile(r"(.{10}[Tt ][0-9]{2}:[0-9]{2}):60(?:\.[0-9]+)?([Zz]|[+-][0-9:]{4,5})")
_convert = msgspec.convert
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_SHOWN: Final = 80


def format_moment(ms: int) -> str:
    """Return *ms* as ``2026-03-01T10:00:00.000Z``.

    Raises:
        OverflowError: The moment is outside of the years 1 to 9999.
    """
    return f"{(EPOCH + ms * MILLISECOND).isoformat(timespec='milliseconds')[:-6]}Z"


def parse_moment(text: str) -> int:
    """Return the epoch milliseconds of an RFC 3339 moment; parts of one are cut off.

    A leap second (``23:59:60`` UTC) is the last millisecond of its day.

    Raises:
        ValueError: *text* is no such moment, or has no offset from UTC; the message says what is
            required and what was found.
    """
    try:
        return to_exact_ms(text)
    except (msgspec.ValidationError, TypeError) as error:
        leap = _leap_second(text)
        if leap is None:
            raise ValueError(_required(text)) from error
        return leap


def to_exact_ms(text: str) -> int:
    """Return what `parse_moment` returns, but for leap seconds, and quickly.

    Raises:
        msgspec.ValidationError: *text* is none.
        TypeError: It has no offset.
    """
    if len(text) > EXACT:
        text = _FINE.sub(r"\1", text, count=1)
    since = _convert(text, datetime) - EPOCH
    return since.days * _DAY + since.seconds * 1000 + since.microseconds // 1000


def read_moment(value: Any) -> int:
    """Return the epoch milliseconds that *value* says, as it was decoded from JSON.

    Raises:
        ValueError: It is no moment; the message says what is required and what was found, and
            what is to be done where the unit is the fault.
    """
    if type(value) is int:
        if SECONDS_FROM <= value < SECONDS_TO:
            raise ValueError(f"{REQUIRED}; found {value}, which reads as seconds: multiply by 1000")
        return value
    if type(value) is str:
        try:
            return parse_moment(value)
        except ValueError as error:
            raise ValueError(f"{REQUIRED}; found {_found(value)}") from error
    raise ValueError(f"{REQUIRED}; found {_found_number(value)}")


def to_ms(moment: datetime) -> int:
    """Return the epoch milliseconds of an aware *moment*, rounded down."""
    return (moment - EPOCH) // MILLISECOND


def unit_of(number: int) -> str:
    """Return what is to be done with a *number* beyond epoch milliseconds where it reads as a
    moment of a finer unit, else nothing."""
    for unit, divisor in (("microseconds", 1000), ("nanoseconds", 1_000_000)):
        if SECONDS_FROM * 1000 <= number // divisor < LATEST:
            return f"{number}, which reads as {unit}: divide by {divisor}"
    return ""


def _leap_second(text: str) -> int | None:
    """Return the last millisecond of the day whose leap second *text* is, or ``None``."""
    found = _LEAP_SECOND.fullmatch(text)
    if found is None:
        return None
    try:
        second = to_exact_ms(f"{found[1]}:59{found[2]}")
    except (msgspec.ValidationError, TypeError):
        return None
    return second + 999 if (second + 1000) % _DAY == 0 else None


def _found(text: str) -> str:
    if _NUMBER.fullmatch(text):
        return f"the text {text[:_SHOWN]!r}: a number is written without quotes{_seconds(text)}"
    try:
        naive = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        return repr(text[:_SHOWN])
    return f"{naive.isoformat()}, which has no offset"


def _found_number(value: Any) -> str:
    if type(value) is not float:
        return str(msgspec.json.encode(value)[:_SHOWN], errors="replace")
    return f"{value!r}: a whole number is required{_seconds(repr(value))}"


def _seconds(number: str) -> str:
    whole = number.partition(".")[0]
    is_seconds = whole.isdigit() and SECONDS_FROM <= int(whole[:20]) < SECONDS_TO
    return ", and this one reads as seconds: multiply by 1000" if is_seconds else ""


def _required(found: str) -> str:
    return (
        f"a moment with its offset from UTC, such as 2026-03-01T10:00:00Z; found {found[:_SHOWN]!r}"
    )
