"""Restoring from a real changelog: whole, empty, ahead, and one whose end was compacted away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from deploy.local_kafka.topics import Topic, create_topics
from triggerstream.core.keyed import header
from triggerstream.core.keyed.partition_record import (
    CUSTOMER_PREFIX,
    PARTITION_KEY,
    PartitionRecord,
)
from triggerstream.core.keyed.program import NEVER
from triggerstream.errors import WorldChangedError
from triggerstream.stream.kafka.consumer import open_consumer
from triggerstream.stream.kafka.log import KafkaLog
from triggerstream.stream.kafka.restore import restore
from triggerstream.stream.rocksdb.stores import Stores

pytestmark = pytest.mark.kafka


def state(fence: int) -> bytes:
    return header.pack(1, 0, NEVER, fence)


class Changelog:
    """One changelog topic of two partitions, and what restores from it."""

    def __init__(self, bootstrap: str, name: str, stores: Stores) -> None:
        self.options: dict[str, Any] = {"bootstrap_servers": bootstrap}
        self.name = name
        self.stores = stores
        self.log = KafkaLog(self.options, topic_name=str, changelog=name)
        self.told: list[tuple[int, int, int]] = []

    async def append(self, partition: int, *entries: tuple[bytes, bytes | None]) -> int:
        """Append *entries*, and return the offset after them."""
        last = (await self.log.append_changelog(partition, entries))[-1]
        return last.base_offset + last.count

    async def restore(self) -> None:
        async with asyncio.timeout(20):
            stores = {partition: self.stores.open(partition) for partition in (0, 1)}
            await restore(self.options, self.name, stores, on_progress=self._hear)

    async def stands_at(self, partition: int, end: int) -> None:
        """Return when all up to *end* can be read: the broker writes marks in its own time."""
        tp = TopicPartition(self.name, partition)
        consumer = open_consumer(self.options)
        await consumer.start()
        try:
            async with asyncio.timeout(20):
                while (await consumer.end_offsets([tp]))[tp] < end:  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.05)
        finally:
            await consumer.stop()

    def _hear(self, read: int, stale: int, left: int) -> None:
        self.told.append((read, stale, left))


@pytest.fixture(name="changelog")
async def _changelog(kafka: Any, tmp_path: Path) -> AsyncIterator[Changelog]:
    name = f"t{uuid4().hex[:8]}-states-changelog"
    await create_topics(kafka.bootstrap, [Topic(name, 2, {"cleanup.policy": "compact"})])
    stores = Stores(tmp_path, "detect")
    changelog = Changelog(kafka.bootstrap, name, stores)
    await changelog.log.start()
    yield changelog
    await changelog.log.stop()
    stores.close_others()


async def test_an_empty_changelog_is_restored_at_once(changelog: Changelog) -> None:
    await changelog.restore()

    assert changelog.stores.open(0).changelog_offset() is None
    assert changelog.told == [(0, 0, 0)]


async def test_of_every_customer_the_state_with_the_highest_fence_is_restored(
    changelog: Changelog,
) -> None:
    record = PartitionRecord(offset=9, clock=5)
    end = await changelog.append(
        0,
        (CUSTOMER_PREFIX + b"a", state(3)),
        (CUSTOMER_PREFIX + b"b", state(8)),
        (CUSTOMER_PREFIX + b"a", state(9)),
        (PARTITION_KEY, record.encode()),
        (CUSTOMER_PREFIX + b"b", state(2)),
    )
    await changelog.append(1, (CUSTOMER_PREFIX + b"c", state(1)))

    await changelog.restore()

    store = changelog.stores.open(0)
    assert store.get(b"a") == state(9)
    assert store.get(b"b") == state(8)
    assert store.stale() == [b"b"]
    assert store.partition_record() == record.encode()
    assert store.changelog_offset() == end - 1
    assert changelog.stores.open(1).get(b"c") == state(1)
    assert changelog.told[0] == (0, 0, 6)
    assert changelog.told[-1][2] == 0
    assert sum(read for read, _, _ in changelog.told) == 6
    assert sum(stale for _, stale, _ in changelog.told) == 1


async def test_a_second_restore_reads_on_where_the_first_ended(changelog: Changelog) -> None:
    await changelog.append(0, (CUSTOMER_PREFIX + b"a", state(1)))
    await changelog.restore()
    changelog.stores.close(0)
    end = await changelog.append(0, (CUSTOMER_PREFIX + b"b", state(2)))

    await changelog.restore()

    store = changelog.stores.open(0)
    assert (store.get(b"a"), store.get(b"b")) == (state(1), state(2))
    assert store.changelog_offset() == end - 1


async def test_a_store_ahead_of_its_changelog_stops_the_process(changelog: Changelog) -> None:
    changelog.stores.open(1).write({}, partition_record=None, changelog_offset=7)

    with pytest.raises(WorldChangedError, match=r"contains offset 7.* ends at 0"):
        await changelog.restore()


async def test_a_changelog_that_ends_in_a_deletion_is_restored_to_its_end(
    changelog: Changelog,
) -> None:
    end = await changelog.append(
        0,
        (CUSTOMER_PREFIX + b"a", state(1)),
        (CUSTOMER_PREFIX + b"gone", state(2)),
        (CUSTOMER_PREFIX + b"gone", None),
    )

    await changelog.restore()

    store = changelog.stores.open(0)
    assert store.get(b"a") == state(1)
    assert store.get(b"gone") is None
    assert store.changelog_offset() == end - 1


async def test_a_store_that_lost_its_tail_reads_it_again(changelog: Changelog) -> None:
    """What a killed process had not yet on disk is in the changelog, behind the store's offset."""
    await changelog.append(0, (CUSTOMER_PREFIX + b"a", state(1)))
    await changelog.restore()
    changelog.stores.open(0).write(
        {b"a": state(1)}, partition_record=None, changelog_offset=0, stale=()
    )
    await changelog.append(0, (CUSTOMER_PREFIX + b"a", state(5)))

    await changelog.restore()

    assert changelog.stores.open(0).get(b"a") == state(5)


async def test_what_a_transaction_took_back_is_not_restored_and_its_marks_count_as_read(
    changelog: Changelog,
) -> None:
    await changelog.append(0, (CUSTOMER_PREFIX + b"a", state(1)))
    async with transaction(changelog) as producer:
        for value in (state(9), None):
            await producer.send_and_wait(
                changelog.name, value, key=CUSTOMER_PREFIX + b"a", partition=0
            )
        await producer.abort_transaction()
    await changelog.stands_at(0, 4)

    await changelog.restore()

    store = changelog.stores.open(0)
    assert store.get(b"a") == state(1)
    assert store.changelog_offset() == 3, "of the four offsets the last one is the mark's"
    assert changelog.told[-1][2] == 0


async def test_what_stands_behind_a_strangers_open_transaction_is_waited_for(
    changelog: Changelog,
) -> None:
    """It is ours, and acknowledged: reservations of attempts, which others would make again."""
    async with transaction(changelog) as producer:
        await producer.send_and_wait(
            changelog.name, state(9), key=CUSTOMER_PREFIX + b"a", partition=0
        )
        end = await changelog.append(0, (CUSTOMER_PREFIX + b"b", state(2)))
        restoring = asyncio.create_task(changelog.restore())
        while not changelog.told:  # noqa: ASYNC110 - there is nothing to be told by
            await asyncio.sleep(0.05)
        assert changelog.told[-1] == (0, 0, end)
        rows = await changelog.log.read_changelog(0, 0, end)
        await producer.abort_transaction()
        await restoring

    store = changelog.stores.open(0)
    assert (store.get(b"a"), store.get(b"b")) == (None, state(2))
    assert [key for _, key, _ in rows] == [CUSTOMER_PREFIX + b"a", CUSTOMER_PREFIX + b"b"], (
        "whoever looks for what others wrote does not wait for them"
    )


@asynccontextmanager
async def transaction(changelog: Changelog) -> AsyncIterator[AIOKafkaProducer]:
    """A stranger's, which has begun."""
    producer = AIOKafkaProducer(**changelog.options, transactional_id=changelog.name)
    await producer.start()
    try:
        await producer.begin_transaction()
        yield producer
    finally:
        await producer.stop()


async def test_a_null_stands_directly_behind_its_grave_however_many_there_are(
    changelog: Changelog,
) -> None:
    """Between the two, another writer's state would pass for older than the null."""
    keys = [CUSTOMER_PREFIX + b"%06d" % number + b"c" * (number % 97) for number in range(20_000)]
    grave = header.pack(0, header.GRAVE, 5, 9)

    end = await changelog.append(0, *((key, value) for key in keys for value in (grave, None)))
    rows = await changelog.log.read_changelog(0, 0, end)

    assert [key for _, key, value in rows if value is None] == keys
    assert all(
        before[1:] == (key, grave)
        for before, (_, key, value) in pairwise(rows)
        if value is None
    )  # fmt: skip
    assert len(rows) > 2 * len(keys), "no batch was full between the two"
