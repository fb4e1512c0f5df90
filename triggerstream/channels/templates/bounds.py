"""How much a template may make, and how that is measured.

Everything is counted and nothing is timed, so that a template which goes over a bound does so on
every machine, at the same place. The unit is about a character of text.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

from liquid.exceptions import FilterArgumentError

SOURCE = 200_000
"""Characters of one part's source."""
OUTPUT = 200_000
"""Bytes that one part prints."""
ITERATIONS = 10_000
"""Of all loops of a part together."""
RANGE = 10_000
"""Numbers in a range, such as ``(1..10)``."""
VALUE = 1_000_000
"""The size of what one filter makes (`size_of`)."""
WORK = 10_000_000
"""The sizes of all that the filters of a part take and make, together."""
DIGITS = 600
"""Of a whole number; beyond some thousands Python refuses to print one."""

_ITEM = 16
"""What an item of a list counts for, beside the text in it."""
_BITS = DIGITS * 10 // 3


class BoundError(FilterArgumentError):
    """A template goes over a bound. Liquid adds the place."""

    def __init__(self, what: str, bound: int, found: object, *, token: Any = None) -> None:
        shown = f"{found:,}" if isinstance(found, int) else found
        super().__init__(f"{what} is limited to {bound:,}; found {shown}", token=token)


def size_of(value: object, most: int = WORK) -> int:
    """Return the size of *value*, or anything above *most* if it is bigger than that.

    The size of a text is its number of characters, that of anything else ``16``, with the sizes of
    all that is inside of it.
    """
    if isinstance(value, str):
        return len(value)
    if not isinstance(value, list | tuple | dict):
        return _ITEM
    total = 0
    pending: list[Iterable[object]] = [(value,)]
    while pending and total <= most:
        for each in pending.pop():
            total += _ITEM
            if isinstance(each, str):
                total += len(each)
            elif isinstance(each, dict):
                pending.append(chain.from_iterable(each.items()))
            elif isinstance(each, list | tuple):
                pending.append(each)
            if total > most:
                break
    return total


def require_size(size: int, what: str) -> None:
    """Refuse what a filter is about to make, or has made, if it is too big.

    Raises:
        BoundError: *size* is above `VALUE`.
    """
    if size > VALUE:
        raise BoundError(f"{what}: the size of what a filter makes", VALUE, size)


def require_digits(value: object, what: str) -> None:
    """Refuse a whole number that is too long to be printed.

    Raises:
        BoundError: It has more than `DIGITS` digits.
    """
    if isinstance(value, int) and value.bit_length() > _BITS:
        raise BoundError(f"{what}: the digits of a whole number", DIGITS, "more")
