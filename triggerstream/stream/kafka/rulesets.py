"""The topic of the published rulesets on Kafka, read to its end and then followed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from triggerstream.core.rulesets.ruleset import Ruleset, load_ruleset
from triggerstream.errors import ProtocolError
from triggerstream.stream.kafka.consumer import open_consumer
from triggerstream.stream.kafka.topics import Topics
from triggerstream.stream.rulesets import CAUGHT_UP_WITHIN, PublishedRulesets

_log = logging.getLogger(__name__)

SILENCE_MS: Final = 5_000
"""Milliseconds for which the broker may hold a request for records that do not come."""


class KafkaRulesets(PublishedRulesets):
    """Reads the topic to its end, then on in the background.

    Use as an asynchronous context manager.

    Args:
        on_failure: Told of an error that ends the reading; the process must stop by it.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        topics: Topics,
        *,
        on_failure: Callable[[BaseException], None],
        load: Callable[..., Ruleset] = load_ruleset,
    ) -> None:
        super().__init__(load)
        self._options = options
        self._tp = TopicPartition(topics.name("rulesets"), 0)
        self._on_failure = on_failure
        self._consumer: AIOKafkaConsumer | None = None
        self._tail: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Return when the topic has been read to its present end.

        Raises:
            ProtocolError: It cannot be read.
            TriggerstreamError: The newest ruleset cannot be loaded by this version of the code.
        """
        consumer = self._consumer = open_consumer(
            self._options, auto_offset_reset="earliest", fetch_max_wait_ms=SILENCE_MS
        )
        await consumer.start()
        try:
            consumer.assign([self._tp])
            async with asyncio.timeout(CAUGHT_UP_WITHIN):
                end = (await consumer.end_offsets([self._tp]))[self._tp]
                while await consumer.position(self._tp) < end:
                    await self._read(consumer)
            await self.begin()
        except (KafkaError, TimeoutError) as error:
            await consumer.stop()
            message = f"{self._tp.topic}: cannot be read to its end: {error!r}"
            raise ProtocolError(message) from error
        except BaseException:
            await consumer.stop()
            raise
        self._tail = asyncio.create_task(self._follow(consumer))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._tail is not None:
            self._tail.cancel()
            with suppress(asyncio.CancelledError):
                await self._tail
        if self._consumer is not None:
            await self._consumer.stop()

    async def _read(self, consumer: AIOKafkaConsumer) -> int | None:
        """Read on; return the newest version that came, if one did."""
        fetched = await consumer.getmany(self._tp, timeout_ms=SILENCE_MS)
        return await self.take(fetched.get(self._tp, ()), await consumer.position(self._tp))

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        try:
            while True:
                try:
                    version = await self._read(consumer)
                except KafkaError as error:
                    # Rulesets in force stay in force; new ones come when the broker is back.
                    _log.warning("%s: cannot be read at the moment: %r", self._tp.topic, error)
                    await asyncio.sleep(1)
                    continue
                if version is not None:
                    await self.try_in_force(version)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the process
            self._on_failure(error)
