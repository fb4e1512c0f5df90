"""Records in batches: what one fetch brought of one partition travels as one item.

The consumer puts batches into a `Handover`, and an agent takes them out. The handover bounds what
waits: a partition that is *full* is not fetched until its agent has caught up. A batch names the
generation in which it was fetched, and one of an earlier generation is never handed out.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import msgspec
from faust.types import TP

WAITING: Final = 2
"""Batches of one partition that may wait; two keep the agent busy while the next is fetched."""


class Batch(msgspec.Struct, frozen=True, gc=False):
    """What one fetch brought of one partition, in offset order, as aiokafka's own records."""

    tp: TP
    generation: int
    records: Sequence[Any]


class Handover:
    """Batches of one topic on their way from the consumer to its agent, on one event loop.

    Attributes:
        generation: The group generation in force; batches of another are dropped.
    """

    def __init__(self) -> None:
        self.generation = -1
        self._batches: deque[Batch] = deque()
        self._waiting: Counter[TP] = Counter()
        self._arrived = asyncio.Event()

    def put(self, batch: Batch) -> None:
        self._batches.append(batch)
        self._waiting[batch.tp] += 1
        self._arrived.set()

    def is_full(self, tp: TP) -> bool:
        return self._waiting[tp] >= WAITING

    def clear(self) -> None:
        """Drop all that waits: it will be fetched again, here or elsewhere."""
        self._batches.clear()
        self._waiting.clear()

    async def get(self, limit: float) -> Batch | None:
        """Return the next batch, or ``None`` after *limit* seconds without one."""
        if (batch := self._take()) is not None:
            return batch
        self._arrived.clear()
        try:
            async with asyncio.timeout(limit):
                await self._arrived.wait()
        except TimeoutError:
            return None
        return self._take()

    def _take(self) -> Batch | None:
        while self._batches:
            batch = self._batches.popleft()
            self._waiting[batch.tp] -= 1
            if batch.generation == self.generation:
                return batch
        return None


async def batches(handover: Handover, interval: float) -> AsyncIterator[Batch | None]:
    """Yield batches for ever, and ``None`` for each *interval* (seconds) without one.

    The loop turns between two batches, so that a backlog starves nobody.
    """
    while True:
        yield await handover.get(interval)
        await asyncio.sleep(0)
