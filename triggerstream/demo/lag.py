"""How far a consumer group is behind its topic."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition


class Lag:
    """Asks for one group's committed offsets without joining it."""

    def __init__(self, bootstrap: str, group: str, topic: str, partitions: int) -> None:
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False
        )
        self._partitions = [TopicPartition(topic, number) for number in range(partitions)]

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        self._consumer.assign(self._partitions)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._consumer.stop()

    async def read(self) -> tuple[int, int]:
        """Return (records committed, records in the topic)."""
        ends = await self._consumer.end_offsets(self._partitions)
        committed = [await self._consumer.committed(partition) for partition in self._partitions]
        return sum(offset or 0 for offset in committed), sum(ends.values())
