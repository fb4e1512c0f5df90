"""How long something is kept: a duration as people write it, or for ever."""

from __future__ import annotations

from typing import Final

from triggerstream.core.durations import format_duration, parse_duration

FOREVER: Final = -1
"""What Kafka writes for no end, in milliseconds and in bytes alike."""


class Kept(int):
    """Milliseconds for which something is kept, or `FOREVER`; told as people write it."""

    def __str__(self) -> str:
        return "forever" if self == FOREVER else format_duration(int(self))

    def reaches(self, least: int) -> bool:
        """Return whether this is at least *least* milliseconds; `FOREVER` is more than any."""
        if FOREVER in (self, least):
            return self == FOREVER
        return self >= least


def parse_kept(value: object) -> Kept:
    """Return what *value* says: ``14d``, ``forever``, or ``-1``, which means the same.

    Raises:
        ValueError: It says none of them; the message says what is required.
    """
    if isinstance(value, Kept):
        return value
    text = str(value).strip()
    if text in ("forever", str(FOREVER)):
        return Kept(FOREVER)
    try:
        return Kept(parse_duration(text))
    except ValueError as error:
        required, _, _ = str(error).partition("; found")
        raise ValueError(required) from error
