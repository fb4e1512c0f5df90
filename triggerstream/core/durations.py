"""Durations as people write them: a positive whole number and a unit, such as ``30m``."""

from __future__ import annotations

import re

UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
"""Milliseconds by unit. A day is 24 hours, whatever the zone does."""

LONGEST = 36_500 * UNITS["d"]
"""About a hundred years: due times stay far inside of what a clock can hold."""

_DURATION = re.compile(r"([0-9]{1,15})(ms|s|m|h|d|w)", re.ASCII)


def parse_duration(text: str) -> int:
    """Return the milliseconds that *text* says.

    Raises:
        ValueError: It is no duration; the message says what is required and what was found.
    """
    parts = _DURATION.fullmatch(text)
    if parts is None:
        msg = (
            "a positive whole number and a unit (ms, s, m, h, d or w), such as 30m; "
            f"found {text[:80]!r}"
        )
        raise ValueError(msg)
    milliseconds = int(parts[1]) * UNITS[parts[2]]
    if not 0 < milliseconds <= LONGEST:
        msg = f"a duration above 0 and of at most {format_duration(LONGEST)}; found {text}"
        raise ValueError(msg)
    return milliseconds


def format_duration(milliseconds: int) -> str:
    """Return *milliseconds* in the greatest unit that divides them, such as ``90m``.

    Weeks are told as days: ``14d`` reads better than ``2w`` beside other numbers of days.
    """
    for unit in ("d", "h", "m", "s"):
        if milliseconds and milliseconds % UNITS[unit] == 0:
            return f"{milliseconds // UNITS[unit]}{unit}"
    return f"{milliseconds}ms" if milliseconds else "0s"
