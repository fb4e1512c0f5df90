"""Reading topics for people: what stands there, in the order of time, and then what comes.

No group is joined and nothing is committed: who looks on changes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, Self

import msgspec
from aiokafka import TopicPartition

from triggerstream.core.records.placement import partition_of
from triggerstream.core.records.record import Record
from triggerstream.stream.kafka.consumer import open_consumer

PATIENCE: Final = 200
"""Milliseconds for which a fetch waits before it is asked again."""

_WHEN = attrgetter("timestamp")


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


class Follower:
    """Reads some topics, or a customer's partitions of them. An asynchronous context manager.

    Args:
        options: How to reach the brokers (`client.client_options`).
        topics: Full names; they must be there.
        customers: Of topics with several partitions, read those of these customers; all, if
            ``None``.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        topics: Iterable[str],
        customers: Collection[str] | None = None,
    ) -> None:
        self._consumer = open_consumer(options, *topics)
        self._customers = customers
        self._partitions: list[TopicPartition] = []
        self._ends: dict[TopicPartition, int] = {}

    async def __aenter__(self) -> Self:
        try:
            await self._consumer.start()
            counts: dict[str, int] = {}
            for tp in self._consumer.assignment():
                counts[tp.topic] = counts.get(tp.topic, 0) + 1
            self._partitions = [
                TopicPartition(topic, number)
                for topic, count in sorted(counts.items())
                for number in self._numbers(count)
            ]
            self._consumer.unsubscribe()
            self._consumer.assign(self._partitions)
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    def _numbers(self, count: int) -> Iterable[int]:
        if self._customers is None or count == 1:
            return range(count)
        return sorted({partition_of(each.encode(), count) for each in self._customers})

    async def begin(self, start: Start) -> None:
        """Go to *start*; what is there now is what `history` reads."""
        consumer, partitions = self._consumer, self._partitions
        self._ends = dict(await consumer.end_offsets(partitions))
        first = await consumer.beginning_offsets(partitions)
        if start.since is not None:
            found = await consumer.offsets_for_times(dict.fromkeys(partitions, start.since))
        for tp, end in self._ends.items():
            if start.from_beginning:
                offset = first[tp]
            elif start.since is not None:
                offset = end if found[tp] is None else found[tp].offset
            else:
                offset = max(first[tp], end - start.last)
            consumer.seek(tp, offset)

    async def history(self) -> AsyncIterator[tuple[str, Record]]:
        """Yield (topic, record) of what was there at the beginning, ordered by time; the order
        within a partition stays.

        No more than one fetch of each partition is held.
        """
        held: dict[TopicPartition, deque[Record]] = {}
        left = [tp for tp in self._partitions if await self._is_left(tp)]
        while left or any(held.values()):
            wanted = [tp for tp in left if not held.get(tp)]
            if wanted:
                for tp, records in (await self._fetch(wanted)).items():
                    old = [record for record in records if record.offset < self._ends[tp]]
                    held.setdefault(tp, deque()).extend(old)
                    if len(old) < len(records):
                        self._consumer.seek(tp, self._ends[tp])
                left = [tp for tp in left if await self._is_left(tp)]
                continue
            tp = min((tp for tp in held if held[tp]), key=lambda tp: _WHEN(held[tp][0]))
            yield tp.topic, held[tp].popleft()

    async def coming(self) -> list[tuple[str, Record]]:
        """Return (topic, record) of what has come since, ordered by time, as soon as there is
        anything, and nothing after `PATIENCE`."""
        fetched = await self._fetch(())
        found = [(tp.topic, record) for tp, records in fetched.items() for record in records]
        return sorted(found, key=lambda each: _WHEN(each[1]))

    async def has_read_all(self) -> bool:
        """Return whether all that is there by now has been returned."""
        ends = await self._consumer.end_offsets(self._partitions)
        for tp, end in ends.items():
            if await self._consumer.position(tp) < end:
                return False
        return True

    async def _is_left(self, tp: TopicPartition) -> bool:
        return bool(await self._consumer.position(tp) < self._ends[tp])

    async def _fetch(
        self, partitions: Collection[TopicPartition]
    ) -> dict[TopicPartition, Sequence[Record]]:
        found: dict[TopicPartition, Sequence[Record]] = await self._consumer.getmany(
            *partitions, timeout_ms=PATIENCE
        )
        return found
