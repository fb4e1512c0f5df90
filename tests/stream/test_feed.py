"""Feeding the log from outside: in order, acknowledged, and never held up by who is slow."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Iterator, Sequence
from queue import Queue

import pytest

from triggerstream.core.records.record import Produce
from triggerstream.errors import ProtocolError, UsageError
from triggerstream.stream.feed import AHEAD, BATCH, OUTSTANDING, _Coming, feed
from triggerstream.stream.ports import Acknowledged, Entry

PARTITIONS = 3


class MemoryLog:
    """A log that answers when it is asked for the answer, in batches of at most two records."""

    def __init__(self) -> None:
        self.lines: list[list[Produce]] = [[] for _ in range(PARTITIONS)]
        self.unanswered = self.most_unanswered = self.largest = 0
        self.fails_at = 1 << 30

    async def append(self, records: Sequence[Produce]) -> Awaitable[Sequence[Acknowledged]]:
        partition = records[0].partition
        assert partition is not None
        assert {record.partition for record in records} == {partition}
        base = len(self.lines[partition])
        self.lines[partition].extend(records)
        self.unanswered += 1
        self.most_unanswered = max(self.unanswered, self.most_unanswered)
        self.largest = max(len(records), self.largest)
        return self._answer(base, len(records))

    async def _answer(self, base: int, count: int) -> Sequence[Acknowledged]:
        self.unanswered -= 1
        if sum(map(len, self.lines)) > self.fails_at:
            raise ProtocolError("not acknowledged")
        return [
            Acknowledged(base + at, min(2, count - at), timestamp=-1) for at in range(0, count, 2)
        ]

    async def append_changelog(
        self, partition: int, entries: Sequence[Entry]
    ) -> Sequence[Acknowledged]:
        raise AssertionError("nobody feeds a changelog")

    async def read_changelog(
        self, partition: int, start: int, end: int
    ) -> list[tuple[int, bytes, bytes | None]]:
        raise AssertionError("nobody feeds a changelog")


async def place(key: bytes | None) -> int:
    return int(key or b"0") % PARTITIONS


def record_of(item: int) -> Produce:
    return Produce("events", None, b"%d" % item, b"value %d" % item)


async def fed(log: MemoryLog, items: Iterator[int]) -> list[tuple[int, int, int]]:
    """Return (item, partition, offset) of all that was acknowledged."""
    sent: list[tuple[int, int, int]] = []
    await feed(log, place, items, record_of, lambda *told: sent.append(told))
    return sent


async def test_everything_is_appended_in_order_and_told_where_it_lies() -> None:
    log = MemoryLog()

    sent = await fed(log, iter(range(2000)))

    for partition, lines in enumerate(log.lines):
        items = range(partition, 2000, PARTITIONS)
        assert [line.value for line in lines] == [b"value %d" % item for item in items]
    assert sorted(sent) == [(item, item % PARTITIONS, item // PARTITIONS) for item in range(2000)]


async def test_what_is_on_its_way_has_a_bound() -> None:
    log = MemoryLog()

    sent = await fed(log, iter(range(20_000)))

    assert len(sent) == 20_000
    assert log.largest <= BATCH
    assert log.most_unanswered <= (OUTSTANDING + 1) * PARTITIONS


async def test_no_more_is_read_ahead_than_memory_is_meant_for() -> None:
    is_full, is_beyond, is_read = threading.Event(), threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        yield from range(AHEAD)
        is_full.set()
        yield AHEAD
        is_beyond.set()
        yield AHEAD + 1
        is_read.set()

    coming = _Coming(items())
    await asyncio.to_thread(is_full.wait)
    assert not await asyncio.to_thread(is_beyond.wait, 0.1), "it waits for room"

    assert (await coming.take())[0] == 0
    assert await asyncio.to_thread(is_read.wait, 10), "there is room again"


async def test_who_is_slow_holds_nothing_up() -> None:
    """What has come is acknowledged before the next is there."""
    coming: Queue[int] = Queue()
    told: asyncio.Queue[int] = asyncio.Queue()
    running = asyncio.create_task(
        feed(MemoryLog(), place, iter(coming.get, -1), record_of, lambda i, *_: told.put_nowait(i))
    )

    for item in range(3):
        coming.put(item)
        assert await told.get() == item
    coming.put(-1)
    await running


async def test_what_cannot_be_read_is_raised_when_all_before_it_is_acknowledged() -> None:
    def items() -> Iterator[int]:
        yield from range(700)
        raise UsageError("a damaged file")

    sent: list[int] = []
    with pytest.raises(UsageError, match="a damaged file"):
        await feed(MemoryLog(), place, items(), record_of, lambda item, *_: sent.append(item))

    assert sorted(sent) == list(range(700))


async def test_an_append_that_fails_is_raised_and_not_told_as_sent() -> None:
    log = MemoryLog()
    log.fails_at = 0

    sent: list[int] = []
    with pytest.raises(ProtocolError):
        await feed(log, place, iter(range(5)), record_of, lambda item, *_: sent.append(item))

    assert sent == []


async def test_nothing_is_fed_where_there_is_nothing() -> None:
    assert await fed(MemoryLog(), iter(())) == []


async def test_who_breaks_off_does_not_wait_for_what_may_never_come() -> None:
    coming: Queue[int] = Queue()
    running = asyncio.create_task(fed(MemoryLog(), iter(coming.get, -1)))
    await asyncio.sleep(0)

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    coming.put(-1)
