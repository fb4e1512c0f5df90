"""The header of every stored state: what the store and a restore read without the program.

======  ====  =====================================================================
offset  size  field
======  ====  =====================================================================
0       1     format of the whole value; a program's old formats decode for ever
1       1     flags: `GRAVE`, `PENDING`
2       8     wake-up, big-endian epoch milliseconds, `NEVER` for none; of a grave:
              the clock at which it was dug
10      8     fence, big-endian: the offset of the last input record contained
======  ====  =====================================================================
"""

from __future__ import annotations

import struct

from triggerstream.errors import StateFormatError

_HEADER = struct.Struct(">BBqq")

_FENCE = struct.Struct(">q").unpack_from
_FENCE_AT = 10

SIZE = _HEADER.size
GRAVE = 1
"""The customer was deleted: no content follows."""
PENDING = 2
"""The sender has actions of this customer that have not ended."""

pack = _HEADER.pack
"""Return the header of (format, flags, wake-up, fence)."""


def unpack(value: bytes) -> tuple[int, int, int, int]:
    """Return (format, flags, wake-up, fence) of a stored value.

    Raises:
        StateFormatError: The value is shorter than a header; the process must stop.
    """
    if len(value) < SIZE:
        raise StateFormatError(f"a stored state has at least {SIZE} bytes; found {len(value)}")
    return _HEADER.unpack_from(value)


def fence_of(value: bytes) -> int:
    """Return the fence of a stored value alone.

    Raises:
        StateFormatError: The value is shorter than a header; the process must stop.
    """
    try:
        fence: int = _FENCE(value, _FENCE_AT)[0]
    except struct.error:
        unpack(value)
        raise
    return fence
