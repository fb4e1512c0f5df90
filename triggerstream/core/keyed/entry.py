"""One customer of a partition: in memory, and as the store holds it."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from triggerstream.core.keyed import header
from triggerstream.core.keyed.program import NEVER, Program
from triggerstream.errors import DecisionError

State = TypeVar("State")

KNOWN_FOR = 3_600_000
"""For how long it is known that, and where upstream, a customer was erased: in milliseconds of the
clock, so that it follows from the log. Their grave stays for as long, at least."""


class Entry(Generic[State]):
    """One customer in memory.

    Attributes:
        state: ``None`` in a grave.
        stored: The header of what the store holds of the customer; ``None`` for nothing.
        dirty: Whether it has changed since it was last cut off.
        queued: When the cache's queue tells of it, which is not after its wake-up; `NEVER` where it
            does not.
        dug: Of a grave: the clock at its erasure.
        erased: Of a grave: the erasure's position upstream, or -1.
    """

    __slots__ = ("dirty", "dug", "erased", "fence", "queued", "state", "stored", "wake")

    def __init__(
        self,
        state: State | None,
        fence: int,
        wake: int,
        stored: bytes | None = None,
        *,
        dug: int = 0,
        erased: int = -1,
    ) -> None:
        self.state = state
        self.fence: int = fence
        self.wake: int = wake
        self.queued: int = wake
        self.stored = stored
        self.dirty: bool = False
        self.dug: int = dug
        self.erased: int = erased

    def is_known(self, clock: int) -> bool:
        """Return whether the erasure of a grave is still known at *clock*."""
        return clock < self.dug + KNOWN_FOR


class EntryCodec(Generic[State]):
    """Turns entries into what the store holds, and back.

    Args:
        number: The partition's, for messages.
        max_value: Bytes of a stored state, at most.
    """

    def __init__(self, program: Program[State, Any], number: int, max_value: int) -> None:
        self._program = program
        self._number = number
        self._max_value = max_value

    def load(self, customer: str, value: bytes) -> Entry[State]:
        """Return the entry of a stored *value*.

        Raises:
            StateFormatError: It cannot be read; the process must stop.
        """
        _, flags, wake, fence = header.unpack(value)
        stored = value[: header.SIZE]
        if flags & header.GRAVE:
            return Entry(None, fence, NEVER, stored, dug=wake, erased=header.erased_at(value))
        return Entry(self._program.load(customer, value), fence, wake, stored)

    def dump(self, entry: Entry[State]) -> bytes:
        """Return what the store is to hold of *entry*.

        Raises:
            DecisionError: It is too long for the changelog; the process must stop.
        """
        if entry.state is None:
            return header.pack_grave(entry.dug, entry.fence, entry.erased)
        value = self._program.dump(entry.state, entry.fence)
        if len(value) > self._max_value:
            raise DecisionError(
                f"a stored state has at most {self._max_value} bytes, or the changelog would "
                f"refuse it; found {len(value)} in partition {self._number}: the program's budget "
                "failed"
            )
        return value
