"""The header of every stored state: what the store and a restore read without the program.

======  ====  =====================================================================
offset  size  field
======  ====  =====================================================================
0       1     format of the whole value; a program's old formats decode for ever
1       1     flags: `GRAVE`, `PENDING`
2       8     wake-up, big-endian epoch milliseconds, `NEVER` for none; of a grave:
              the clock at which it was dug
10      8     fence, big-endian: the offset of the last input record contained
18      8     of a grave that was dug for somebody upstream: the erasure's position there
======  ====  =====================================================================
"""

from __future__ import annotations

import struct

from triggerstream.errors import StateFormatError

_HEADER = struct.Struct(">BBqq")

_FENCE = struct.Struct(">q").unpack_from
_FENCE_AT = 10
_POSITION = struct.Struct(">q")

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


def pack_grave(clock: int, fence: int, erased: int) -> bytes:
    """Return a grave that was dug at *clock*; *erased* is its position upstream, or -1."""
    grave = pack(0, GRAVE, clock, fence)
    return grave if erased < 0 else grave + _POSITION.pack(erased)


def with_fence(value: bytes, fence: int) -> bytes:
    """Return *value* with another fence; the rest stays byte for byte.

    Raises:
        StateFormatError: It is shorter than a header.
    """
    form, flags, wake, _ = unpack(value)
    return pack(form, flags, wake, fence) + value[SIZE:]


def erased_at(grave: bytes) -> int:
    """Return the position upstream of the erasure for which *grave* was dug, or -1."""
    return -1 if len(grave) == SIZE else int(_POSITION.unpack_from(grave, SIZE)[0])


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
