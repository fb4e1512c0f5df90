"""What every `Log` does, in whichever world."""

from __future__ import annotations

import asyncio
import gc
import secrets
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
from aiokafka import TopicPartition

from deploy.local_kafka.topics import Topic, create_topics
from triggerstream.core.records.record import Header, Produce
from triggerstream.errors import ProtocolError
from triggerstream.stream.kafka.consumer import UNCOMMITTED, open_consumer
from triggerstream.stream.kafka.log import KafkaLog
from triggerstream.stream.local.log import LocalLog
from triggerstream.stream.local.process import ProcessLog
from triggerstream.stream.ports import DEAD_LETTER_LIMIT, RECORD_LIMIT, Log

NOW = 1_700_000_000_000
ENVELOPE = 4096
Found = tuple[int, int, bytes | None, bytes | None, list[Header]]
"""Offset, timestamp, key, value, headers."""


class World(Protocol):
    """A log, and what stands in it."""

    log: Log

    async def close(self) -> None: ...
    async def records(self, topic: str, count: int) -> list[Found]: ...


class LocalWorld:
    def __init__(self, path: Path) -> None:
        self.local = LocalLog(path, now=lambda: NOW)
        self.log: Log = ProcessLog(self.local, lambda _: None, now=lambda: NOW)

    async def close(self) -> None:
        await self.local.stop()

    async def records(self, topic: str, count: int) -> list[Found]:
        found: list[Found] = []
        offset = 0
        while len(found) < count and offset < self.local.end_offset(topic):
            columns, offset = self.local.read(topic, offset, count - len(found))
            found += [(r.offset, r.timestamp, r.key, r.value, list(r.headers)) for r in columns]
        return found


class KafkaWorld:
    def __init__(self, bootstrap: str) -> None:
        self.options = {"bootstrap_servers": bootstrap}
        self.prefix = f"contract-{secrets.token_hex(4)}"
        self.kafka = KafkaLog(
            self.options, topic_name=self._name, changelog=f"{self.prefix}-changelog"
        )
        self.log: Log = self.kafka

    def _name(self, short: str) -> str:
        return f"{self.prefix}.{short}.v1"

    async def start(self) -> None:
        config = {
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": str(DEAD_LETTER_LIMIT),
        }
        names = [self._name(short) for short in ("events", "actions", "events.dlq")]
        await create_topics(
            self.options["bootstrap_servers"],
            [Topic(name, 1, config) for name in (*names, f"{self.prefix}-changelog")],
        )
        await self.kafka.start()

    async def close(self) -> None:
        await self.kafka.stop()

    async def records(self, topic: str, count: int) -> list[Found]:
        consumer = open_consumer(self.options, isolation=UNCOMMITTED, auto_offset_reset="earliest")
        await consumer.start()
        try:
            consumer.assign([TopicPartition(self._name(topic), 0)])
            found: list[Any] = []
            async with asyncio.timeout(30):
                while len(found) < count:
                    for some in (await consumer.getmany(timeout_ms=500)).values():
                        found += some
        finally:
            await consumer.stop()
        return [(r.offset, r.timestamp, r.key, r.value, list(r.headers)) for r in found]


@pytest.fixture(name="world", params=["local", pytest.param("kafka", marks=pytest.mark.kafka)])
async def _world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with _opened(request, tmp_path) as world:
        yield world


@asynccontextmanager
async def _opened(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    world: LocalWorld | KafkaWorld
    if request.param == "local":
        world = LocalWorld(tmp_path / "log.db")
        await world.local.start()
    else:
        world = KafkaWorld(request.getfixturevalue("kafka").bootstrap)
        await world.start()
    try:
        yield world
    finally:
        await world.close()


def record(key: str, value: bytes | None = b"{}", topic: str = "events") -> Produce:
    return Produce(topic, None, key.encode(), value)


@pytest.mark.covers("A3")
async def test_what_was_acknowledged_is_in_the_log_as_it_was_given(world: World) -> None:
    given = [
        Produce("events", None, b"key", b"value", (("name", b"content"), ("name", None))),
        Produce("events", 0, None, None),
        Produce("events", None, b"", b"", (("", b""), ("Zoë", b"\xff"))),
    ]

    (answer,) = await (await world.log.append(given))

    assert (answer.base_offset, answer.count) == (0, 3)
    assert await world.records("events", 3) == [
        (number, answer.timestamp, each.key, each.value, list(each.headers))
        for number, each in enumerate(given)
    ]


async def test_the_order_of_calls_is_the_order_in_the_log(world: World) -> None:
    acknowledgements = [await world.log.append([record(f"{number}")]) for number in range(50)]

    answers = [batch for each in acknowledgements for batch in await each]

    assert [answer.base_offset for answer in answers] == list(range(50))
    assert [key for _, _, key, _, _ in await world.records("events", 50)] == [
        b"%d" % number for number in range(50)
    ]


async def test_a_long_append_is_answered_in_batches_that_follow_each_other(world: World) -> None:
    given = [record(f"{number}", b"x" * 1000) for number in range(2000)]

    answers = await (await world.log.append(given))

    assert len(answers) > 1
    assert sum(answer.count for answer in answers) == 2000
    expected = 0
    for answer in answers:
        assert answer.base_offset == expected
        expected += answer.count
    found = await world.records("events", 2000)
    assert [key for _, _, key, _, _ in found] == [each.key for each in given]


async def test_each_topic_has_offsets_of_its_own(world: World) -> None:
    given = [record("a"), record("b", topic="actions"), record("c")]

    answers = await (await world.log.append(given))

    assert [(answer.base_offset, answer.count) for answer in answers] == [(0, 2), (0, 1)]
    assert [row[2] for row in await world.records("events", 2)] == [b"a", b"c"]
    assert [row[2] for row in await world.records("actions", 1)] == [b"b"]


async def test_to_append_nothing_is_acknowledged(world: World) -> None:
    assert list(await (await world.log.append([]))) == []
    assert list(await world.log.append_changelog(0, [])) == []


async def test_arrivals_do_not_go_back(world: World) -> None:
    answers = [(await (await world.log.append([record("a")])))[0] for _ in range(5)]

    times = [answer.timestamp for answer in answers]
    assert times == sorted(times)
    assert times[0] > 0


@pytest.mark.parametrize(
    ("topic", "limit"), [("events", RECORD_LIMIT), ("events.dlq", DEAD_LETTER_LIMIT)]
)
async def test_the_largest_record_is_taken_and_a_larger_one_refused(
    world: World, topic: str, limit: int
) -> None:
    largest = limit - ENVELOPE - len(b"key")

    await (await world.log.append([record("key", b"x" * largest, topic)]))
    with pytest.raises(
        ProtocolError, match=f"at most {limit} bytes is required; found {limit + 1}"
    ):
        await world.log.append([record("key", b"x" * (largest + 1), topic)])

    await (await world.log.append([record("after", topic=topic)]))
    assert [row[2] for row in await world.records(topic, 2)] == [b"key", b"after"]


async def test_nobody_is_warned_of_an_acknowledgement_that_is_not_waited_for(world: World) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        await world.log.append([record("a")])
        await world.close()
        gc.collect()

    assert [each for each in told if "never" in str(each.message)] == []


async def test_a_caller_who_does_not_wait_any_longer_takes_nothing_back(world: World) -> None:
    acknowledgement = await world.log.append([record("a")])
    waiting = asyncio.ensure_future(acknowledgement)
    waiting.cancel()

    await (await world.log.append([record("b")]))

    assert [row[2] for row in await world.records("events", 2)] == [b"a", b"b"]


async def test_what_is_on_its_way_is_written_before_the_log_is_closed(world: World) -> None:
    acknowledgement = await world.log.append([record("a")])

    await world.close()

    assert [answer.base_offset for answer in await acknowledgement] == [0]


async def test_a_closed_log_takes_nothing_and_is_closed_twice(world: World) -> None:
    await world.close()
    await world.close()

    with pytest.raises(ProtocolError, match="the log is closed"):
        await world.log.append([record("a")])


async def test_changelog_offsets_follow_each_other(world: World) -> None:
    first = await world.log.append_changelog(0, [(b"ca", b"1"), (b"cb", b"2")])
    second = await world.log.append_changelog(0, [(b"r", b"3")])

    assert [(batch.base_offset, batch.count) for batch in (*first, *second)] == [(0, 2), (2, 1)]
    assert all(batch.timestamp > 0 for batch in (*first, *second))
