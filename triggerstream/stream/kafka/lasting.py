"""A log that outlives its producer: for a process that must stay up while the brokers are away.

A worker ends when an append has failed, and decides again. Who has nothing to decide again, such as
the doors of HTTP, says no to those who ask meanwhile, and goes on with a producer that is made
anew: one that has lost a batch cannot be trusted with the next, since its numbers have a gap.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

from aiokafka.errors import KafkaError

from triggerstream.core.records.record import Produce
from triggerstream.errors import ProtocolError
from triggerstream.stream.kafka.log import KafkaLog
from triggerstream.stream.ports import Acknowledged

_log = logging.getLogger(__name__)

STOPS_WITHIN: Final = 5.0
"""Seconds that a producer which has failed gets to give up what it holds."""
AGAIN_AFTER: Final = 1.0
"""Seconds between two attempts to connect."""


class LastingLog:
    """Appends as `ports.Log` does. While it connects anew, what is appended waits.

    Args:
        build: Makes a log that is not started.
    """

    def __init__(self, build: Callable[[], KafkaLog]) -> None:
        self._build = build
        self._log = build()
        self._is_there = asyncio.Event()
        self._renewing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect.

        Raises:
            KafkaError: No broker answered.
        """
        await self._log.start()
        self._is_there.set()

    async def stop(self) -> None:
        """Wait for what is on its way, for a while, and disconnect. Idempotent."""
        if self._renewing is not None:
            self._renewing.cancel()
            with suppress(asyncio.CancelledError):
                await self._renewing
        await _stop(self._log)

    async def partitions(self, topic: str) -> int:
        """Return how many partitions the topic with this full name has."""
        return await self._log.partitions(topic)

    async def append(self, records: Sequence[Produce]) -> Awaitable[Sequence[Acknowledged]]:
        await self._is_there.wait()
        log = self._log
        try:
            written = await log.append(records)
        except ProtocolError:
            self._renew(log)
            raise
        return self._answers(log, written)

    async def _answers(
        self, log: KafkaLog, written: Awaitable[Sequence[Acknowledged]]
    ) -> Sequence[Acknowledged]:
        try:
            return await written
        except ProtocolError:
            self._renew(log)
            raise

    def _renew(self, failed: KafkaLog) -> None:
        """Connect anew instead of *failed*, unless that is done already."""
        if failed is self._log and self._is_there.is_set():
            self._is_there.clear()
            self._renewing = asyncio.get_running_loop().create_task(self._connect(failed))

    async def _connect(self, failed: KafkaLog) -> None:
        _log.warning("an append has failed: connecting anew")
        await _stop(failed)
        while True:
            log = self._build()
            try:
                await log.start()
            except (KafkaError, OSError) as error:
                _log.warning("the brokers do not answer: %r", error)
                await asyncio.sleep(AGAIN_AFTER)
            else:
                self._log = log
                self._is_there.set()
                _log.info("connected anew")
                return


async def _stop(log: KafkaLog) -> None:
    try:
        async with asyncio.timeout(STOPS_WITHIN):
            await log.stop()
    except (TimeoutError, KafkaError) as error:
        _log.warning("what was on its way is given up: %r", error)
