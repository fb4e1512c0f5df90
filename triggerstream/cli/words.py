"""Words of the command line that several commands read."""

from __future__ import annotations

from contextlib import suppress

from triggerstream.core.durations import parse_duration
from triggerstream.core.timestamps import parse_moment
from triggerstream.errors import UsageError


def moment(text: str, now: int, option: str) -> int:
    """Return the moment that *text* names, or that was so long before *now*: epoch milliseconds.

    Raises:
        UsageError: It is neither.
    """
    with suppress(ValueError):
        return now - parse_duration(text)
    with suppress(ValueError):
        return parse_moment(text)
    msg = (
        f"{option}: required is a moment with its offset from UTC, such as 2026-03-01T10:00:00Z, "
        f"or a time ago, such as 10m; found {text[:80]!r}"
    )
    raise UsageError(msg)


def duration(text: str, option: str) -> int:
    """Return the milliseconds that *text* says.

    Raises:
        UsageError: It is no duration.
    """
    try:
        return parse_duration(text)
    except ValueError as error:
        msg = f"{option}: required is {error}"
        raise UsageError(msg) from error
