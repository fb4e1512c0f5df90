"""Asking an installation to forget customers, and waiting until detection has.

A record of kind erase goes to the inbox, as any other does: so it is in the order of the log, and a
crash loses nothing. The intake re-keys it, and it bears its place in the inbox; when detection is
done with that record of events, the customer is forgotten there, and sending is told.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

import msgspec

from triggerstream.core.records.record import (
    KIND,
    ORIGIN,
    Kind,
    Produce,
    Record,
    read_kind,
)
from triggerstream.installation.port import Detection, Installation
from triggerstream.stream.feed import feed
from triggerstream.stream.following import Follower, Start

INBOX: Final = "inbox"
EVENTS: Final = "events"


class Asked(msgspec.Struct, frozen=True):
    """That a customer be forgotten, and where it stands in the inbox."""

    customer: str
    partition: int
    offset: int

    @property
    def origin(self) -> bytes:
        """By what the re-keyed record names it."""
        return b"%d:%d" % (self.partition, self.offset)


async def erase(
    installation: Installation,
    customers: Sequence[str],
    on_asked: Callable[[Asked], None],
    wait: float | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Sequence[str]:
    """Ask *installation* to forget *customers*; return those of whom it is not known that detection
    has.

    Args:
        on_asked: Told of each, when it is durable in the log.
        wait: For so many seconds at most; ``None``: not at all.
        clock: A monotonic clock, in seconds.

    Raises:
        ProtocolError, UnreachableError: One could not be appended; those of which *on_asked* was
            told were.
    """
    asked: list[Asked] = []

    def note(customer: str, partition: int, offset: int) -> None:
        asked.append(Asked(customer, partition, offset))
        on_asked(asked[-1])

    async with AsyncExitStack() as stack:
        follower = None
        if wait is not None:
            follower = await stack.enter_async_context(installation.follow((EVENTS,), customers))
            await follower.begin(Start())
        async with installation.entrance() as entrance:
            await feed(entrance, partial(entrance.place, INBOX), customers, _record_of, note)
        if follower is None or wait is None:
            return customers
        detection = await stack.enter_async_context(installation.detection())
        open_ = {each.origin: each.customer for each in asked}
        until = clock() + wait
        async for origin in _forgotten(follower, detection, open_, lambda: clock() < until):
            del open_[origin]
        return list(open_.values())


def _record_of(customer: str) -> Produce:
    return Produce(INBOX, None, customer.encode(), None, ((KIND, Kind.ERASE),))


async def _forgotten(
    follower: Follower,
    detection: Detection,
    asked: dict[bytes, str],
    may_go_on: Callable[[], bool],
) -> AsyncIterator[bytes]:
    """Yield the origins among *asked* with which detection is done, until all are yielded."""
    places: dict[bytes, tuple[int, int]] = {}
    left = set(asked)
    while left and may_go_on():
        for _, record in await follower.coming():
            if (origin := _origin(record)) in left:
                places[origin] = record.partition, record.offset
        for origin, (partition, offset) in list(places.items()):
            if await detection.has_committed({partition: offset}):
                del places[origin]
                left.remove(origin)
                yield origin
        await asyncio.sleep(0)


def _origin(record: Record) -> bytes:
    if read_kind(record.headers) != Kind.ERASE:
        return b""
    return next((value for name, value in record.headers if name == ORIGIN and value), b"")
