"""Following topics on Kafka (`stream.following`)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, Self

from aiokafka import TopicPartition

from triggerstream.core.records.placement import partition_of
from triggerstream.core.records.record import Record
from triggerstream.stream.following import Start, by_time
from triggerstream.stream.kafka.consumer import open_consumer

PATIENCE: Final = 200
"""Milliseconds for which a fetch waits before it is asked again."""


class KafkaFollower:
    """Reads some topics, or a customer's partitions of them. An asynchronous context manager.

    Args:
        options: How to reach the brokers (`client.client_options`).
        topics: They must be there.
        customers: Of topics with several partitions, read those of these customers; all, if
            ``None``.
        topic_name: From a name in *topics*, by which records are told, to the full one.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        topics: Iterable[str],
        customers: Collection[str] | None = None,
        topic_name: Callable[[str], str] = str,
    ) -> None:
        self._names = {topic_name(topic): topic for topic in topics}
        self._consumer = open_consumer(options, *self._names)
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
        async for tp, record in by_time(self, self._partitions):
            yield self._names[tp.topic], record

    async def coming(self) -> list[tuple[str, Record]]:
        fetched = await self._fetch(())
        found = [
            (self._names[tp.topic], record) for tp, records in fetched.items() for record in records
        ]
        return sorted(found, key=lambda each: each[1].timestamp)

    async def has_read_all(self) -> bool:
        ends = await self._consumer.end_offsets(self._partitions)
        for tp, end in ends.items():
            if await self._consumer.position(tp) < end:
                return False
        return True

    # ── for `by_time` ───────────────────────────────────────────────────────────────────────

    async def read_on(
        self, places: Collection[TopicPartition]
    ) -> Mapping[TopicPartition, Sequence[Record]]:
        found: dict[TopicPartition, Sequence[Record]] = {}
        for tp, records in (await self._fetch(places)).items():
            found[tp] = [record for record in records if record.offset < self._ends[tp]]
            if len(found[tp]) < len(records):
                self._consumer.seek(tp, self._ends[tp])
        return found

    async def left(self, places: Collection[TopicPartition]) -> list[TopicPartition]:
        return [tp for tp in places if await self._consumer.position(tp) < self._ends[tp]]

    async def _fetch(
        self, partitions: Collection[TopicPartition]
    ) -> dict[TopicPartition, Sequence[Record]]:
        found: dict[TopicPartition, Sequence[Record]] = await self._consumer.getmany(
            *partitions, timeout_ms=PATIENCE
        )
        return found
