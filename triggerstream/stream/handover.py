"""Records in batches: what one fetch brought of one partition travels as one item.

The consumer puts what it has fetched into a `Handover`, as bytes, and the partition's lane takes
batches out: records are read when their turn has come, so that they are still near (in the
processor's caches) when they are decided. The handover bounds what waits: a partition that is
*full* is not fetched until its lane has caught up. What was fetched names the generation in which
it was, and what is of an earlier one is never handed out.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any, Final, Protocol

import msgspec

WAITING: Final = 2
"""Fetches of one partition that may wait; two keep its lane busy while the next is under way."""
MOST_RECORDS: Final = 2000
"""Records of a batch, at most: bounds how long deciding one keeps the loop."""


class Unread(Protocol):
    """What one fetch brought of one partition, and is to be read."""

    @property
    def next_fetch_offset(self) -> int:
        """The offset behind what has been taken."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether all has been taken."""
        ...

    def take(self, most: int) -> Sequence[Any]:
        """Return the next records, at most *most*."""
        ...


class Fetch(msgspec.Struct, frozen=True, gc=False):
    """What one fetch brought of one partition, as the consumer puts it in."""

    partition: int
    generation: int
    unread: Unread


class Batch(msgspec.Struct, frozen=True, gc=False):
    """The next records of one partition, in offset order, as its lane takes them out.

    Attributes:
        following: The offset behind them. It may lie further behind the last record, and there
            may be no record: marks of transactions have offsets, records that were taken back,
            and gaps of compaction.
    """

    partition: int
    generation: int
    records: Sequence[Any]
    following: int


class Handover:
    """Records of one topic on their way from the consumer to the lanes, on one event loop.

    Attributes:
        generation: The group generation in force; batches of another are dropped.
    """

    def __init__(self) -> None:
        self.generation = -1
        self._batches: defaultdict[int, deque[Batch | Fetch]] = defaultdict(deque)
        # By partition: who waits for its next batch.
        self._waiters: dict[int, asyncio.Future[None]] = {}

    def put(self, batch: Batch | Fetch) -> None:
        self._batches[batch.partition].append(batch)
        if (waiter := self._waiters.get(batch.partition)) is not None:
            _wake(waiter)

    def is_full(self, partition: int) -> bool:
        return len(self._batches[partition]) >= WAITING

    def clear(self) -> None:
        """Drop all that waits: it will be fetched again, here or elsewhere. Ends every wait."""
        self._batches.clear()
        self.wake()

    def wake(self) -> None:
        """End every wait, also without a batch."""
        for waiter in self._waiters.values():
            _wake(waiter)

    async def get(self, partition: int, limit: float) -> Batch | None:
        """Return the next batch of *partition*, or ``None`` after *limit* seconds without one, and
        after `wake`.

        Only one may wait for a partition at a time.

        Raises:
            Exception: Whatever reading it raises: it is damaged.
        """
        if (batch := self._take(partition)) is not None:
            return batch
        loop = asyncio.get_running_loop()
        # A future and a timer cost a fifth of `asyncio.timeout` around an event, and there is a
        # wait for every batch and in every silence.
        waiter = self._waiters[partition] = loop.create_future()
        timer = loop.call_later(limit, _wake, waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            del self._waiters[partition]
        return self._take(partition)

    def _take(self, partition: int) -> Batch | None:
        waiting = self._batches[partition]
        while waiting:
            first = waiting[0]
            if first.generation != self.generation:
                waiting.popleft()
            elif isinstance(first, Batch):
                waiting.popleft()
                return first
            else:
                unread = first.unread
                records = unread.take(MOST_RECORDS)
                if unread.is_over:
                    waiting.popleft()
                return Batch(partition, self.generation, records, unread.next_fetch_offset)
        return None


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
