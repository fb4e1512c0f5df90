"""Reading topics for people: where it begins, in which order, and what comes then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndTimestamp

from triggerstream.core.records.placement import partition_of
from triggerstream.stream.following import Start
from triggerstream.stream.kafka import follow
from triggerstream.stream.kafka.follow import KafkaFollower


class Line:
    """A record: its topic's first letter, its offset, and when it was appended."""

    def __init__(self, tp: TopicPartition, offset: int, timestamp: int) -> None:
        self.partition = tp.partition
        self._name = f"{tp.topic}{tp.partition}"
        self.offset = offset
        self.timestamp = timestamp

    def __repr__(self) -> str:
        return f"{self._name}/{self.offset}@{self.timestamp}"


class FakeConsumer:
    """Partitions in memory: by (topic, partition), times by offset from *first* on."""

    def __init__(self, partitions: Mapping[tuple[str, int], list[int]], first: int = 0) -> None:
        self.lines = {
            TopicPartition(*place): [
                Line(TopicPartition(*place), first + n, at) for n, at in enumerate(times)
            ]
            for place, times in partitions.items()
        }
        self.first = first
        self.at: dict[TopicPartition, int] = {}
        self.assigned: list[TopicPartition] = list(self.lines)
        self.most_held = 0
        self.stopped = False

    async def start(self) -> None: ...

    async def stop(self) -> None:
        self.stopped = True

    def assignment(self) -> set[TopicPartition]:
        return set(self.assigned)

    def unsubscribe(self) -> None: ...

    def assign(self, partitions: list[TopicPartition]) -> None:
        self.assigned = list(partitions)

    def append(self, topic: str, partition: int, timestamp: int) -> None:
        tp = TopicPartition(topic, partition)
        self.lines[tp].append(Line(tp, self.first + len(self.lines[tp]), timestamp))

    async def end_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        return {tp: self.first + len(self.lines[tp]) for tp in tps}

    async def beginning_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(tps, self.first)

    async def offsets_for_times(self, wanted: dict[TopicPartition, int]) -> dict[Any, Any]:
        found: dict[TopicPartition, OffsetAndTimestamp | None] = {}
        for tp, since in wanted.items():
            later = [line for line in self.lines[tp] if line.timestamp >= since]
            found[tp] = OffsetAndTimestamp(later[0].offset, later[0].timestamp) if later else None
        return found

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self.at[tp] = offset

    async def position(self, tp: TopicPartition) -> int:
        return self.at[tp]

    async def getmany(
        self, *tps: TopicPartition, timeout_ms: int
    ) -> dict[TopicPartition, list[Line]]:
        """Return two records at most of each partition, like a small fetch."""
        found: dict[TopicPartition, list[Line]] = {}
        for tp in tps or self.assigned:
            some = self.lines[tp][self.at[tp] - self.first :][:2]
            self.at[tp] += len(some)
            if some:
                found[tp] = some
        return found


THREE = {("a", 0): [10, 20, 30, 31], ("a", 1): [15, 25], ("d", 0): [5, 26, 27]}


async def read(
    monkeypatch: pytest.MonkeyPatch,
    consumer: FakeConsumer,
    start: Start,
    customers: tuple[str, ...] | None = None,
) -> str:
    """Return the history from *start* on."""
    monkeypatch.setattr(follow, "open_consumer", lambda *_: consumer)
    async with KafkaFollower({}, ("a", "d"), customers) as follower:
        await follower.begin(start)
        found = [repr(line) async for _, line in follower.history()]
    assert consumer.stopped
    return " ".join(found)


BEGINNING = Start(from_beginning=True)


async def test_the_past_is_told_in_the_order_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    told = await read(monkeypatch, FakeConsumer(THREE), BEGINNING)

    assert told == "d0/0@5 a0/0@10 a1/0@15 a0/1@20 a1/1@25 d0/1@26 d0/2@27 a0/2@30 a0/3@31"


async def test_a_partition_keeps_its_order_even_where_its_times_step_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    consumer = FakeConsumer({("a", 0): [10, 3, 12], ("a", 1): [11], ("d", 0): []})

    assert await read(monkeypatch, consumer, BEGINNING) == "a0/0@10 a0/1@3 a1/0@11 a0/2@12"


@pytest.mark.parametrize(
    ("start", "told"),
    [
        (Start(since=27), "d0/2@27 a0/2@30 a0/3@31"),
        (Start(since=28), "a0/2@30 a0/3@31"),
        (Start(since=32), ""),
        (Start(last=1), "a1/1@25 d0/2@27 a0/3@31"),
        (Start(last=3), "d0/0@5 a1/0@15 a0/1@20 a1/1@25 d0/1@26 d0/2@27 a0/2@30 a0/3@31"),
        (Start(), ""),
    ],
    ids=["a moment", "a moment later", "a moment to come", "the last", "the last three", "now"],
)
async def test_it_begins_where_it_is_told(
    monkeypatch: pytest.MonkeyPatch, start: Start, told: str
) -> None:
    assert await read(monkeypatch, FakeConsumer(THREE), start) == told


async def test_what_is_kept_no_longer_is_no_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    for start in (BEGINNING, Start(last=100)):
        consumer = FakeConsumer({("a", 0): [1, 2], ("a", 1): [], ("d", 0): []}, first=50)
        assert await read(monkeypatch, consumer, start) == "a0/50@1 a0/51@2"


async def test_of_one_customer_only_their_partitions_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    number = partition_of(b"ada", 2)

    told = await read(monkeypatch, FakeConsumer(THREE), BEGINNING, customers=("ada",))

    partitions = {line.split("/")[0] for line in told.split()}
    assert partitions == {f"a{number}", "d0"}, "a topic of one partition is everybody's"


async def test_what_comes_while_the_past_is_read_comes_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    consumer = FakeConsumer(THREE)
    monkeypatch.setattr(follow, "open_consumer", lambda *_: consumer)
    async with KafkaFollower({}, ("a", "d")) as follower:
        await follower.begin(BEGINNING)
        consumer.append("a", 1, 1)
        consumer.append("d", 0, 40)
        past = [repr(line) async for _, line in follower.history()]
        assert not await follower.has_read_all()
        coming = [repr(line) for _, line in await follower.coming()]

        assert len(past) == 9
        assert coming == ["a1/2@1", "d0/3@40"]
        assert await follower.has_read_all()
        assert await follower.coming() == []
