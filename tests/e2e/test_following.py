"""Following a real changelog: what comes arrives, and nothing arrives after the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer

from deploy.local_kafka.topics import Topic, create_topics
from triggerstream.core.keyed import header
from triggerstream.core.keyed.partition_record import (
    CUSTOMER_PREFIX,
    PARTITION_KEY,
    PartitionRecord,
)
from triggerstream.core.keyed.program import NEVER
from triggerstream.errors import StoreError, WorldChangedError
from triggerstream.stream.kafka.log import KafkaLog
from triggerstream.stream.kafka.restore import restore
from triggerstream.stream.kafka.standbys import Standbys
from triggerstream.stream.rocksdb.stores import Stores

pytestmark = pytest.mark.kafka


def state(fence: int) -> bytes:
    return header.pack(1, 0, NEVER, fence)


def named(customer: str) -> bytes:
    return CUSTOMER_PREFIX + customer.encode()


class Following:
    """Two followed partitions of a changelog, and what was told of them."""

    def __init__(self, bootstrap: str, name: str, stores: Stores) -> None:
        self.options: dict[str, Any] = {"bootstrap_servers": bootstrap}
        self.name = name
        self.stores = stores
        self.log = KafkaLog(self.options, topic_name=str, changelog=name)
        self.failures: list[BaseException] = []
        self.read = self.stale = 0
        self.left: Mapping[int, int] = {}
        self.standbys = Standbys(
            self.options, name, fail=self.failures.append, on_progress=self._hear
        )

    async def append(self, partition: int, *entries: tuple[bytes, bytes | None]) -> int:
        """Append *entries*, and return the offset of the last one."""
        last = (await self.log.append_changelog(partition, entries))[-1]
        return last.base_offset + last.count - 1

    def follow(self) -> None:
        self.standbys.follow({partition: self.stores.open(partition) for partition in (0, 1)})

    async def until(self, met: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not met():  # noqa: ASYNC110 - there is nothing to be told by
                await asyncio.sleep(0.05)

    async def reaches(self, partition: int, offset: int) -> None:
        await self.until(lambda: self.stores.open(partition).changelog_offset() == offset)

    def _hear(self, read: int, stale: int, left: Mapping[int, int]) -> None:
        self.read += read
        self.stale += stale
        self.left = left


@pytest.fixture(name="following")
async def _following(kafka: Any, tmp_path: Path) -> AsyncIterator[Following]:
    name = f"t{uuid4().hex[:8]}-states-changelog"
    await create_topics(kafka.bootstrap, [Topic(name, 2, {"cleanup.policy": "compact"})])
    stores = Stores(tmp_path, "detect")
    following = Following(kafka.bootstrap, name, stores)
    await following.log.start()
    yield following
    await following.standbys.stop()
    await following.log.stop()
    stores.close_others()


async def test_what_was_there_and_what_comes_arrives(following: Following) -> None:
    await following.append(0, (named("a"), state(1)), (named("b"), state(1)))
    following.follow()
    assert set(following.standbys.partitions) == {0, 1}
    await following.reaches(0, 1)

    record = PartitionRecord(offset=5).encode()
    await following.append(1, (named("c"), state(5)))
    last = await following.append(0, (named("a"), state(5)), (PARTITION_KEY, record))
    await following.reaches(0, last)
    await following.until(lambda: following.left == {0: 0, 1: 0})

    store = following.stores.open(0)
    assert (store.get(b"a"), store.get(b"b")) == (state(5), state(1))
    assert store.partition_record() == record
    assert following.stores.open(1).get(b"c") == state(5)
    assert (following.read, following.stale) == (5, 0)
    assert following.failures == []


async def test_a_stale_record_is_marked_until_its_owner_answers_it(following: Following) -> None:
    following.follow()
    last = await following.append(0, (named("a"), state(8)), (named("a"), state(3)))
    await following.reaches(0, last)
    store = following.stores.open(0)
    assert (store.get(b"a"), store.stale()) == (state(8), [b"a"])

    await following.reaches(0, await following.append(0, (named("a"), state(8))))

    assert (store.get(b"a"), store.stale()) == (state(8), [])
    await following.until(lambda: following.stale == 1)


async def test_what_a_transaction_took_back_is_not_followed_and_leaves_nobody_behind(
    following: Following,
) -> None:
    following.follow()
    await following.reaches(0, await following.append(0, (named("a"), state(1))))
    producer = AIOKafkaProducer(**following.options, transactional_id=following.name)
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(following.name, state(9), key=named("a"), partition=0)
        await producer.abort_transaction()
    finally:
        await producer.stop()

    last = await following.append(0, (named("b"), state(2)))
    await following.reaches(0, last)
    await following.until(lambda: following.left == {0: 0, 1: 0})

    store = following.stores.open(0)
    assert (store.get(b"a"), store.get(b"b")) == (state(1), state(2))
    assert (following.read, following.stale) == (2, 0)


async def test_after_a_stop_the_store_stands_still_and_a_restore_reads_the_tail(
    following: Following,
) -> None:
    following.follow()
    last = await following.append(0, *((named(f"c{n}"), state(n)) for n in range(100)))
    await following.reaches(0, last)

    await following.standbys.stop()
    end = await following.append(0, (named("c7"), state(200)), (named("new"), state(201)))

    assert not following.standbys.partitions
    assert following.left == {}
    store = following.stores.open(0)
    assert store.changelog_offset() == last
    read: list[int] = []
    async with asyncio.timeout(20):
        await restore(
            following.options,
            following.name,
            {0: store},
            on_progress=lambda count, *_: read.append(count),
        )
    assert sum(read) == 2
    assert store.changelog_offset() == end
    assert store.get(b"c7") == state(200)


async def test_a_store_is_followed_again_from_where_it_stands(following: Following) -> None:
    following.follow()
    await following.reaches(0, await following.append(0, (named("a"), state(1))))
    await following.standbys.stop()
    following.stores.close_others()

    following.follow()
    await following.reaches(0, await following.append(0, (named("b"), state(2))))

    assert following.stores.open(0).get(b"a") == state(1)
    await following.until(lambda: following.read == 2)


async def test_nothing_else_is_followed_before_a_stop(following: Following) -> None:
    following.follow()

    with pytest.raises(RuntimeError, match="a store has one owner"):
        following.follow()


async def test_nothing_to_follow_is_no_work(following: Following) -> None:
    following.standbys.follow({})

    assert following.standbys._task is None
    await following.standbys.stop()


async def test_a_broken_off_stop_can_be_called_again(following: Following) -> None:
    following.follow()
    await following.reaches(0, await following.append(0, (named("a"), state(1))))
    stopping = asyncio.create_task(following.standbys.stop())
    await asyncio.sleep(0)
    stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)

    await following.standbys.stop()

    assert not following.standbys.partitions
    following.follow()


async def test_a_changelog_that_was_made_anew_ends_the_process(following: Following) -> None:
    following.stores.open(1).write({}, partition_record=None, changelog_offset=7)

    following.follow()
    await following.until(lambda: bool(following.failures))

    assert isinstance(following.failures[0], WorldChangedError)


async def test_a_store_that_fails_ends_the_process(
    following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = following.stores.open(0)

    def fail(*_: Any, **__: Any) -> None:
        raise StoreError("on purpose")

    following.follow()
    monkeypatch.setattr(store, "write", fail)
    await following.append(0, (named("a"), state(1)))
    await following.until(lambda: bool(following.failures))

    assert [str(error) for error in following.failures] == ["on purpose"]


async def test_brokers_that_do_not_answer_are_asked_again(
    following: Following, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("triggerstream.stream.kafka.standbys.RETRY", 0.2)
    options = dict(following.options)
    following.options.clear()
    following.options["bootstrap_servers"] = "127.0.0.1:1"
    following.follow()
    await following.until(lambda: "standbys cannot be followed" in caplog.text)

    following.options.update(options)
    await following.reaches(0, await following.append(0, (named("a"), state(1))))

    assert following.failures == []
