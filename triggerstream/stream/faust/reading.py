"""One topic being read: the agent's loop, and how its partitions come and go around it.

The loop and the group's callbacks run on one event loop and never touch the process at once: a
lock is between them. When partitions must be given away, the call under way gets some seconds to
finish, and is broken off then: that is a crash on purpose, harmless like any other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

from triggerstream.stream.faust.batches import Batch, Handover, batches
from triggerstream.stream.faust.fate import Fate

_log = logging.getLogger(__name__)

INTERVAL: Final = 0.05
"""Seconds of silence between two turns of housekeeping."""
PATIENCE: Final = 5.0
"""Seconds that a call under way gets when its partitions are to be given away."""


class Process(Protocol):
    """What reads a topic, partition by partition. One call at a time."""

    async def open(self, number: int) -> None:
        """Take over a partition, whose store has been restored."""
        ...

    async def on_batch(self, number: int, records: Sequence[Any]) -> None:
        """Take the next records of a partition, in offset order."""
        ...

    async def turn(self) -> None:
        """Do what time asks for. After every batch, and every `INTERVAL` of silence."""
        ...

    async def close(self, number: int) -> None:
        """Give a partition away: store what is known of it, and forget it."""
        ...

    def drop(self) -> None:
        """Forget all partitions without writing: they may be somebody else's by now."""
        ...


class Reading:
    """Runs *process* over the batches of *topic* (full name).

    Attributes:
        handover: Where the consumer puts the batches.
    """

    def __init__(self, topic: str, process: Process, fate: Fate) -> None:
        self.topic = topic
        self.handover = Handover()
        self._process = process
        self._fate = fate
        self._lock = asyncio.Lock()
        self._loop: asyncio.Task[Any] | None = None
        self._is_broken_off = False

    async def run(self) -> None:
        """Read for ever; a failure is the process's fate."""
        self._loop = asyncio.current_task()
        while not self._fate.is_sealed:
            try:
                async for batch in batches(self.handover, INTERVAL):
                    async with self._lock:
                        await self._take(batch)
            except asyncio.CancelledError:
                if self._loop is None or not self._is_broken_off:
                    raise
                self._is_broken_off = False
                self._loop.uncancel()
            except Exception as error:  # noqa: BLE001 - whatever it is, it ends the process
                self._fate.fail(error)
                return

    async def _take(self, batch: Batch | None) -> None:
        if batch is not None:
            await self._process.on_batch(batch.tp.partition, batch.records)
        await self._process.turn()

    async def open(self, generation: int, partitions: Iterable[int]) -> None:
        """Take over *partitions*, with the batches of *generation*."""
        async with self._lock:
            self.handover.clear()
            self.handover.generation = generation
            for partition in sorted(partitions):
                await self._process.open(partition)

    async def close(self, partitions: Iterable[int], *, are_lost: bool) -> None:
        """Give *partitions* away; without writing where they *are_lost* already."""
        self.handover.generation = -1
        self.handover.clear()
        if are_lost or not await self._finish():
            await self._break_off()
            self._process.drop()
            return
        try:
            for partition in sorted(partitions):
                await self._process.close(partition)
        finally:
            self._lock.release()
            self._process.drop()

    async def _finish(self) -> bool:
        """Take the lock when the call under way has ended; return whether it has, in time."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._lock.acquire()
        except TimeoutError:
            _log.warning("%s: the call under way did not end within %s s", self.topic, PATIENCE)
            return False
        return True

    async def _break_off(self) -> None:
        if self._loop is not None and self._lock.locked():
            self._is_broken_off = True
            self._loop.cancel()
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE), self._lock:
                    pass
