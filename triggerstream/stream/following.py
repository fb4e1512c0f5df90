"""Reading topics for people: what stands there, in the order of time, and then what comes.

Each world has its `Follower`. No group is joined and nothing is committed: who looks on changes
nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Protocol, Self, TypeVar

import msgspec

from triggerstream.core.records.record import Record

Place = TypeVar("Place")


class Start(msgspec.Struct, frozen=True):
    """Where to begin, in each partition; at its end where nothing is said.

    Attributes:
        since: With the first record appended at this moment (epoch milliseconds) or later.
        last: With so many records before the end.
        from_beginning: With the first that is there.
    """

    since: int | None = None
    last: int = 0
    from_beginning: bool = False


class Follower(Protocol):
    """Reads some topics. An asynchronous context manager; `begin` comes first."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...

    async def begin(self, start: Start) -> None:
        """Go to *start*; what is there now is what `history` reads."""
        ...

    def history(self) -> AsyncIterator[tuple[str, Record]]:
        """Yield (topic, record) of what was there at the beginning, ordered by time; the order
        within a partition stays."""
        ...

    async def coming(self) -> list[tuple[str, Record]]:
        """Return (topic, record) of what has come since, ordered by time, as soon as there is
        anything, and nothing after a fraction of a second."""
        ...

    async def has_read_all(self) -> bool:
        """Return whether all that is there by now has been returned."""
        ...


class Reading(Protocol[Place]):
    """Partitions that are read to an end, piece by piece."""

    async def read_on(self, places: Collection[Place]) -> Mapping[Place, Sequence[Record]]:
        """Return the next records of *places*, where there are any by now; none behind the end."""
        ...

    async def left(self, places: Collection[Place]) -> list[Place]:
        """Return those of *places* that have not been read to their end."""
        ...


async def by_time(
    reading: Reading[Place], places: Collection[Place]
) -> AsyncIterator[tuple[Place, Record]]:
    """Yield what *reading* has left, ordered by time; the order within a place stays.

    No more than one piece of each place is held.
    """
    held: dict[Place, deque[Record]] = {}
    left = await reading.left(places)
    while left or any(held.values()):
        wanted = [place for place in left if not held.get(place)]
        if wanted:
            for place, records in (await reading.read_on(wanted)).items():
                held.setdefault(place, deque()).extend(records)
            left = await reading.left(left)
            continue
        first = min((place for place in held if held[place]), key=lambda p: held[p][0].timestamp)
        yield first, held[first].popleft()
