"""Records in batches: what one fetch brought of one partition travels as one item.

The consumer puts batches into a `Handover`, and the partition's lane takes them out. The handover
bounds what waits: a partition that is *full* is not fetched until its lane has caught up. A batch
names the generation in which it was fetched, and one of an earlier generation is never handed out.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any, Final

import msgspec

WAITING: Final = 2
"""Batches of one partition that may wait; two keep its lane busy while the next is fetched."""


class Batch(msgspec.Struct, frozen=True, gc=False):
    """What one fetch brought of one partition, in offset order.

    Attributes:
        following: The offset with which the next fetch begins. It may lie further behind the last
            record, and there may be no record: marks of transactions have offsets, records that
            were taken back, and gaps of compaction.
    """

    partition: int
    generation: int
    records: Sequence[Any]
    following: int


class Handover:
    """Batches of one topic on their way from the consumer to the lanes, on one event loop.

    Attributes:
        generation: The group generation in force; batches of another are dropped.
    """

    def __init__(self) -> None:
        self.generation = -1
        self._batches: defaultdict[int, deque[Batch]] = defaultdict(deque)
        # By partition: who waits for its next batch.
        self._waiters: dict[int, asyncio.Future[None]] = {}

    def put(self, batch: Batch) -> None:
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
            batch = waiting.popleft()
            if batch.generation == self.generation:
                return batch
        return None


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
