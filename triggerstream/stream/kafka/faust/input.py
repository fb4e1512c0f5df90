"""The `Input` of one topic: what its process tells the consumer, and asks of it."""

from __future__ import annotations

from typing import cast

from faust.types import TP

from triggerstream.stream.kafka.faust.edge import EdgeApp
from triggerstream.stream.kafka.faust.transport import Consumer


class TopicInput:
    """Speaks for *topic* (full name) to the consumer of *app*."""

    def __init__(self, app: EdgeApp, topic: str) -> None:
        self._app = app
        self._topic = topic

    def done(self, partition: int, offset: int) -> None:
        self._app.edge.offsets.done(TP(self._topic, partition), offset)

    async def commit(self) -> None:
        await cast("Consumer", self._app.consumer).commit()

    def end_offset(self, partition: int) -> int | None:
        tp = TP(self._topic, partition)
        # Faust says int, and gives None until the first fetch was answered.
        heard: int | None = self._app.consumer.highwater(tp)
        known = self._app.edge.ends.get(tp)
        return max((end for end in (heard, known) if end is not None), default=None)

    def still_ours(self) -> bool:
        return self._app.edge.lease.is_valid
