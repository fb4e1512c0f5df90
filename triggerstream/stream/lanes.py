"""One topic being read: a lane for each partition, and how partitions come and go around them.

A lane is a task that takes the batches of its partition, one call at a time. Where one lane waits
for a broker, the others go on: a checkpoint of one partition holds up no other. Lanes live for a
generation: when partitions must be given away, the calls under way get some seconds to finish,
and are broken off then: that is a crash on purpose, harmless like any other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

from triggerstream.stream.handover import Batch, Handover
from triggerstream.stream.ports import Input
from triggerstream.stream.shutdown import Shutdown

_log = logging.getLogger(__name__)

LONGEST: Final = 1.0
"""Seconds of silence between two turns of a partition's housekeeping, whatever it asked for."""
PATIENCE: Final = 5.0
"""Seconds that calls under way get when their partitions are to be given away."""


class Process(Protocol):
    """What reads a topic, partition by partition.

    For each partition, one call at a time; calls for different partitions may overlap where they
    await.
    """

    async def open(self, number: int) -> None:
        """Take over a partition, whose store has been restored."""
        ...

    async def on_batch(self, number: int, records: Any) -> None:
        """Take the next records of a partition (`core.records.columns.Columns`)."""
        ...

    def pass_over(self, number: int, offset: int) -> None:
        """Count a partition as done up to *offset*: behind the records that it was given there is
        nothing that is one. After its every batch."""
        ...

    async def turn(self, number: int) -> float:
        """Do what time asks for in a partition; return how many seconds of silence may pass until
        it asks for something again (above 0).

        The next turn is then, after the next batch, after `TopicReader.look`, or after `LONGEST`:
        whichever is first.
        """
        ...

    def leave(self) -> None:
        """All partitions are about to be given away: let no call wait for long. Records of a batch
        may be left; whoever owns the partition next reads them again."""
        ...

    async def close(self, number: int) -> None:
        """Give a partition away: store what is known of it, and forget it."""
        ...

    def drop(self) -> None:
        """Forget all partitions without writing: they may be somebody else's by now."""
        ...


BuildProcess = Callable[[Input], Process]
"""Makes the process that reads a topic, given the topic's consuming side."""


class TopicReader:
    """Runs *process* over the batches of *topic* (full name).

    Attributes:
        handover: Where the consumer puts the batches.
    """

    def __init__(self, topic: str, process: Process, shutdown: Shutdown) -> None:
        self.topic = topic
        self.handover = Handover()
        self._process = process
        self._shutdown = shutdown
        # Opening and closing never meet.
        self._lock = asyncio.Lock()
        self._lanes: list[asyncio.Task[None]] = []

    async def open(self, generation: int, partitions: Iterable[int]) -> None:
        """Take over *partitions*, with the batches of *generation*."""
        async with self._lock:
            self.handover.clear()
            self.handover.generation = generation
            numbers = sorted(partitions)
            for number in numbers:
                await self._process.open(number)
            self._lanes = [asyncio.create_task(self._run(generation, each)) for each in numbers]

    def look(self) -> None:
        """Give each partition a turn that has none now: something has come that it asks for."""
        self.handover.wake()

    async def _run(self, generation: int, number: int) -> None:
        """Read partition *number* while *generation* is in force; a failure is the process's
        shutdown."""
        handover, process = self.handover, self._process
        silence = 0.0
        try:
            while handover.generation == generation and not self._shutdown.is_sealed:
                batch = await handover.get(number, min(silence, LONGEST))
                if batch is not None:
                    await self._take(batch)
                if handover.generation == generation:
                    silence = await process.turn(number)
                if batch is not None:  # a backlog starves nobody; silence has waited
                    await asyncio.sleep(0)
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the process
            self._shutdown.fail(error)

    async def _take(self, batch: Batch) -> None:
        if batch.records:
            await self._process.on_batch(batch.partition, batch.records)
        # A partition that is given away may stop within its batch; its generation has ended then.
        if self.handover.generation == batch.generation:
            self._process.pass_over(batch.partition, batch.following - 1)

    async def close(self, partitions: Iterable[int], *, are_lost: bool) -> None:
        """Give *partitions* away; without writing where they *are_lost* already."""
        self.handover.generation = -1
        self.handover.clear()
        self._process.leave()
        if are_lost or not await self._finish():
            await self._break_off()
            self._process.drop()
            return
        try:
            for number in sorted(partitions):
                await self._process.close(number)
        finally:
            self._lock.release()
            self._process.drop()

    async def _finish(self) -> bool:
        """Take the lock when the calls under way have ended; return whether they have, in time and
        without a failure."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._lock.acquire()
        except TimeoutError:
            _log.warning("%s: taking over did not end within %s s", self.topic, PATIENCE)
            return False
        if self._lanes:
            _, late = await asyncio.wait(self._lanes, timeout=PATIENCE)
            if late:
                self._lock.release()
                message = "%s: calls for %d partitions did not end within %s s"
                _log.warning(message, self.topic, len(late), PATIENCE)
                return False
        if self._shutdown.error is not None:  # what is in memory may be the reason for it
            self._lock.release()
            return False
        return True

    async def _break_off(self) -> None:
        lanes, self._lanes = self._lanes, []
        for lane in lanes:
            lane.cancel()
        if lanes:
            await asyncio.wait(lanes, timeout=PATIENCE)
