"""Customers who go on asking for things while senders come, go, and stand still."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from random import Random
from types import TracebackType
from typing import Any, Self

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from tests.chaos.senders.reckoning import CAPPED, SENT, UNKNOWN
from tests.chaos.senders.scene import Scene
from tests.chaos.senders.story import Asked

EVERY = 0.4
"""Seconds between two groups of customers."""
_GROUP: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("plain", "plain", "plain", "greylist", "busy", "lost"), ("letter", "reminder")),
    (("plain", "plain", "500", "reset"), ("order",)),
    (("plain",), ("note",)),
)
"""Of each group one customer: of one of these kinds, who does these things."""


class Load:
    """An asynchronous context manager: at the end of its block nothing more is asked for.

    Every mail has a rival under the cap. Some of the far sides' first answers are temporary noes,
    so that retries are under way all the time; and some lose the answer after they accepted.
    """

    def __init__(self, scene: Scene, random: Random) -> None:
        self._scene = scene
        self._random = random
        self._stopped = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._go_on())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        if error is not None:
            self._task.cancel()  # it would wait for a broker that may be gone for good
        with suppress(asyncio.CancelledError):
            await self._task

    async def under_way(self, seconds: float = 30) -> None:
        """Return when a far side is in the middle of a call."""
        scene = self._scene
        await scene.until(lambda: bool(scene.receiver.under_way + scene.mail.under_way), seconds)

    async def _go_on(self) -> None:
        deployment = self._scene.deployment
        producer = AIOKafkaProducer(bootstrap_servers=deployment.bootstrap, enable_idempotence=True)
        await producer.start()
        try:
            while not self._stopped.is_set():
                told = [
                    self._scene.story.tell(self._random.choice(kinds), *types)
                    for kinds, types in _GROUP
                ]
                for events, _ in told:
                    for event in events:
                        await self._append(producer, deployment.topic("events"), event)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopped.wait(), EVERY)
        finally:
            await producer.stop()

    async def _append(self, producer: AIOKafkaProducer, topic: str, event: bytes) -> None:
        key = orjson.loads(event)["customer_id"].encode()
        while True:
            try:
                await producer.send_and_wait(topic, event, key=key)
            except KafkaError:
                continue  # a repeat is known by its event id
            return


def expected(asked: Asked, end: Mapping[str, Any]) -> list[str]:
    """Return how an action of the load must end where every answer is heard."""
    if asked.trigger == "reminder":
        return [CAPPED]
    if asked.channel == "email" and (asked.kind == "lost" or "imeout" in end["detail"]):
        return [UNKNOWN]  # also where the machine was so busy that the call took too long
    return [SENT]
