"""Moments: epoch milliseconds, UTC, and their RFC 3339 text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

EARLIEST = 0
LATEST = (datetime(2101, 1, 1, tzinfo=UTC) - EPOCH) // MILLISECOND
"""Events happen in ``[EARLIEST, LATEST)``: the years 1970 to 2100, both inside (semantics 31)."""


def format_moment(ms: int) -> str:
    """Return *ms* as ``2026-03-01T10:00:00.000Z``.

    Raises:
        OverflowError: The moment is outside of the years 1 to 9999.
    """
    return f"{(EPOCH + ms * MILLISECOND).isoformat(timespec='milliseconds')[:-6]}Z"


def parse_moment(text: str) -> int:
    """Return the epoch milliseconds of an RFC 3339 moment; parts of one are cut off.

    Raises:
        ValueError: *text* is no such moment, or has no offset from UTC; the message says what is
            required and what was found.
    """
    try:
        moment = msgspec.convert(text, datetime)
    except msgspec.ValidationError as error:
        raise ValueError(_required(text)) from error
    if moment.tzinfo is None:
        raise ValueError(_required(text))
    return to_ms(moment)


def to_ms(moment: datetime) -> int:
    """Return the epoch milliseconds of an aware *moment*, rounded down."""
    return (moment - EPOCH) // MILLISECOND


def _required(found: str) -> str:
    return f"a moment with its offset from UTC, such as 2026-03-01T10:00:00Z; found {found[:80]!r}"
