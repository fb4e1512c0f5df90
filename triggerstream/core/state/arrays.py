"""Arrays in slots: numbers of 8 bytes in a row, which are stored as these bytes."""

from __future__ import annotations

import sys
from array import array
from typing import Any, Final

_IS_BIG_ENDIAN: Final = sys.byteorder == "big"


def pack(part: object) -> bytes:
    """Return an array as it is stored: little-endian, whatever the machine is.

    Raises:
        TypeError: *part* is none, and nothing else that is stored wants packing.
    """
    if not isinstance(part, array):
        raise TypeError(f"an array; found {type(part).__name__}")
    if _IS_BIG_ENDIAN:
        part = part[:]
        part.byteswap()
    return part.tobytes()


def unpack(kind: str, stored: bytes) -> array[Any]:
    """Return the array of *kind* that is stored as *stored*."""
    found: array[Any] = array(kind, stored)
    if _IS_BIG_ENDIAN:
        found.byteswap()
    return found
