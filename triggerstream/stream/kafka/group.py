"""How far a consumer group has come, asked without joining it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError


class Group:
    """What the group *name* has committed of *topic* (full name). An asynchronous context
    manager."""

    def __init__(self, options: Mapping[str, Any], name: str, topic: str) -> None:
        self._admin = AIOKafkaAdminClient(**options)
        self._name = name
        self._topic = topic

    async def __aenter__(self) -> Self:
        try:
            await self._admin.start()
        except BaseException:
            await self._admin.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._admin.close()

    async def has_committed(self, offsets: Mapping[int, int]) -> bool:
        """Return whether the group has committed beyond *offsets*, by partition; ``False`` where
        nobody can tell now."""
        partitions = [TopicPartition(self._topic, number) for number in offsets]
        try:
            found = await self._admin.list_consumer_group_offsets(self._name, partitions=partitions)
        except KafkaError:  # there is no such group yet, or its coordinator moves
            return False
        return all(
            tp in found and found[tp].offset > offset
            for tp, offset in zip(partitions, offsets.values(), strict=True)
        )
