"""Following the changelogs of partitions that others own, so that taking over needs only the tail.

A standby's store is a store like any other: it names the last changelog offset that it contains,
and whoever owns the partition next restores it from there. Following is restoring without an end,
in small portions and with rests in between, so that the partitions that are owned are not held up.
It writes nothing anywhere but into these stores.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from triggerstream.core.keyed.program import Store
from triggerstream.stream.kafka.restore import ChangelogReader, begin, changelog_consumer

_log = logging.getLogger(__name__)

Followed = Callable[[int, int, Mapping[int, int]], None]
"""Told of standbys: records read since it was told last, how many of them were stale, and by
partition how many are left as far as is known. A partition that is left out is not followed."""

SHARE: Final = 0.25
"""The greatest share of the loop's time that storing what is read takes."""
MOST_RECORDS: Final = 500
"""Records stored in one go: some milliseconds, for which everything else waits."""
RETRY: Final = 5.0
"""Seconds until another try, where the brokers could not be read."""

# One fetch for what many checkpoints have written, a second late at most.
_FETCHING: Final = {
    "max_partition_fetch_bytes": 1 << 20,
    "fetch_min_bytes": 64 << 10,
    "fetch_max_wait_ms": 1000,
}


class Standbys:
    """Keeps stores up to date with *changelog* (its full name), in a task of its own.

    Args:
        options: How to reach the brokers (`client.client_options`).
        fail: Told of an error that must end the process: a store or a record that cannot be read,
            a changelog that was made anew. A broker that does not answer is asked again.
        on_progress: Told how far it is, about once a portion, and when following ends.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        changelog: str,
        *,
        fail: Callable[[BaseException], None],
        on_progress: Followed = lambda *_: None,
    ) -> None:
        self._options = options
        self._changelog = changelog
        self._fail = fail
        self._on_progress = on_progress
        self._readings: dict[int, ChangelogReader] = {}
        self._told = (0, 0)
        self._task: asyncio.Task[None] | None = None
        self._stopping: asyncio.Task[None] | None = None

    @property
    def partitions(self) -> Collection[int]:
        """The partitions that are followed now."""
        return self._readings.keys()

    def follow(self, stores: Mapping[int, Store]) -> None:
        """Follow the changelogs of *stores* (by partition), until `stop`: the stores are ours.

        Only when nothing is followed.
        """
        if self._task is not None:
            message = "stop following before following anything else: a store has one owner"
            raise RuntimeError(message)
        if not stores:
            return
        self._readings = {number: ChangelogReader(store) for number, store in stores.items()}
        self._told = (0, 0)
        self._task = asyncio.create_task(self._follow())
        self._task.add_done_callback(self._ended)
        _log.info("following %d partitions of others", len(stores))

    async def stop(self) -> None:
        """Return when nothing is written into the stores any more. Idempotent.

        May be cancelled, and called again.
        """
        task = self._task
        if task is None:
            return
        if self._stopping is not task:
            self._stopping = task
            task.cancel()
        await asyncio.wait({task})
        self._task = None
        self._tell({})  # what was read since it was told last, too
        self._readings = {}

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    async def _follow(self) -> None:
        while True:
            consumer = changelog_consumer(self._options, **_FETCHING)
            try:
                await consumer.start()
                await self._read(consumer)
            except KafkaError as error:
                _log.warning(
                    "%s: standbys cannot be followed, next try in %.0f s: %r",
                    self._changelog, RETRY, error,
                )  # fmt: skip
            finally:
                await consumer.stop()
            await asyncio.sleep(RETRY)

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        followed = await begin(consumer, self._changelog, self._readings)
        behind = set(followed)
        while True:
            for tp, reading in followed.items():
                reading.position = await consumer.position(tp)
                if tp in behind and reading.position >= reading.end:
                    behind.remove(tp)
                    reading.restore.finish(reading.end)
            self._tell(_left(consumer, followed))
            found = await consumer.getmany(timeout_ms=1000, max_records=MOST_RECORDS)
            began = time.perf_counter()
            for tp, records in found.items():
                followed[tp].apply(records)
            await asyncio.sleep((time.perf_counter() - began) * (1 / SHARE - 1))

    def _tell(self, left: Mapping[int, int]) -> None:
        restores = [reading.restore for reading in self._readings.values()]
        read = sum(restore.records for restore in restores)
        stale = sum(restore.dropped for restore in restores)
        self._on_progress(read - self._told[0], stale - self._told[1], left)
        self._told = read, stale


def _left(
    consumer: AIOKafkaConsumer, followed: Mapping[TopicPartition, ChangelogReader]
) -> dict[int, int]:
    """Return by partition how many records are left, as far as is known."""
    left: dict[int, int] = {}
    for tp, reading in followed.items():
        end = max(reading.end, consumer.highwater(tp) or 0)
        left[tp.partition] = max(0, end - reading.position)
    return left
