"""`TopicReader`: lanes wait for nobody else's, and never meet a partition's coming and going."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from math import inf
from typing import Any

import pytest

from triggerstream.errors import StoreError
from triggerstream.stream import lanes as module
from triggerstream.stream.handover import Batch, Fetch, Handover
from triggerstream.stream.lanes import LONGEST, TopicReader
from triggerstream.stream.shutdown import Shutdown


class Slow:
    """A process whose batches of partition 1 take until the test says so."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.turned: set[int] = set()
        self.passed: list[tuple[int, int]] = []
        self.entered = asyncio.Event()
        self.go_on = asyncio.Event()
        self.other = asyncio.Event()
        self.error: Exception | None = None
        self.leaves = False
        self.silence = inf

    async def open(self, number: int) -> None:
        self.calls.append(f"open {number}")

    async def on_batch(self, number: int, records: Sequence[Any]) -> None:
        if number == 1:
            self.entered.set()
            await self.go_on.wait()
        if self.error is not None:
            raise self.error
        self.calls.append(f"batch {number}")

    def pass_over(self, number: int, offset: int) -> None:
        self.passed.append((number, offset))

    async def turn(self, number: int) -> float:
        self.turned.add(number)
        if number != 1:
            self.other.set()
        return self.silence

    def leave(self) -> None:
        if self.leaves:
            self.go_on.set()

    async def close(self, number: int) -> None:
        self.calls.append(f"close {number}")

    def drop(self) -> None:
        self.calls.append("drop")


class Read:
    def __init__(self) -> None:
        self.process = Slow()
        self.shutdown = Shutdown()
        self.reading = TopicReader("events", self.process, self.shutdown)

    async def begin(self, generation: int, *others: int) -> None:
        """Open partition 1 (and *others*), and be in the middle of a batch of it."""
        await self.reading.open(generation, [1, *others])
        self.process.entered.clear()
        self.reading.handover.put(Batch(1, generation, ["a"], 1))
        await self.process.entered.wait()


@pytest.fixture(name="read")
async def _read() -> AsyncIterator[Read]:
    made = Read()
    yield made
    await made.reading.close([], are_lost=True)


async def test_a_call_that_takes_long_holds_up_no_other_partition(read: Read) -> None:
    await read.begin(1, 2)
    read.reading.handover.put(Batch(2, 1, ["b"], 1))

    await read.process.other.wait()

    assert read.process.calls == ["open 1", "open 2", "batch 2"]
    assert read.process.turned == {2}


class Silent(Handover):
    """Nothing comes, and time passes at once, twice for each partition; then only a look ends a
    wait. Notes how long the waits were to be."""

    def __init__(self) -> None:
        super().__init__()
        self.limits: dict[int, list[float]] = {}
        self.is_enough = asyncio.Event()

    async def get(self, partition: int, limit: float) -> Batch | None:
        limits = self.limits.setdefault(partition, [])
        limits.append(limit)
        if len(limits) < 3:
            return None
        waiting = asyncio.ensure_future(super().get(partition, 60))
        await asyncio.sleep(0)
        if len(self._waiters) == len(self.limits):
            self.is_enough.set()
        return await waiting


@pytest.mark.parametrize(
    ("asked", "waited"),
    [(0.003, 0.003), (LONGEST - 0.001, LONGEST - 0.001), (LONGEST, LONGEST), (inf, LONGEST)],
)
async def test_a_partition_is_turned_in_its_silence_when_it_asked_for_it_and_now_and_then(
    read: Read, asked: float, waited: float
) -> None:
    read.reading.handover = silent = Silent()
    read.process.silence = asked

    await read.reading.open(1, [2])
    await silent.is_enough.wait()

    # The first turn comes at once: nobody knows yet what time asks for.
    assert silent.limits == {2: [0, waited, waited]}
    assert read.process.turned == {2}


async def test_a_look_is_a_turn_of_every_partition_that_is_silent(read: Read) -> None:
    read.reading.handover = silent = Silent()
    await read.reading.open(1, [2, 3])
    await silent.is_enough.wait()
    read.process.turned.clear()
    silent.is_enough.clear()

    read.reading.look()
    await silent.is_enough.wait()

    assert read.process.turned == {2, 3}


async def test_a_backlog_starves_nobody(read: Read) -> None:
    await read.reading.open(1, [2])
    for _ in range(2):
        read.reading.handover.put(Batch(2, 1, ["b"], 1))

    await read.process.other.wait()

    assert read.process.calls == ["open 2", "batch 2"]


async def test_giving_away_waits_for_the_call_under_way(read: Read) -> None:
    await read.begin(1)
    asyncio.get_running_loop().call_soon(read.process.go_on.set)

    await read.reading.close([1], are_lost=False)

    assert read.process.calls == ["open 1", "batch 1", "close 1", "drop"]


async def test_a_call_that_waits_is_told_that_its_partition_is_to_be_given_away(read: Read) -> None:
    read.process.leaves = True
    await read.begin(1)

    await read.reading.close([1], are_lost=False)

    assert read.process.calls == ["open 1", "batch 1", "close 1", "drop"]


async def test_a_call_that_does_not_end_is_broken_off_and_nothing_written(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    await read.begin(1)

    await read.reading.close([1], are_lost=False)

    assert read.process.calls == ["open 1", "drop"]
    assert not read.shutdown.is_sealed


async def test_after_a_call_was_broken_off_reading_goes_on(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    await read.begin(1)
    await read.reading.close([1], are_lost=False)

    await read.begin(2)
    read.process.go_on.set()
    monkeypatch.setattr(module, "PATIENCE", 5)
    await read.reading.close([1], are_lost=False)

    assert read.process.calls[2:] == ["open 1", "batch 1", "close 1", "drop"]


async def test_partitions_that_are_lost_are_dropped_at_once(read: Read) -> None:
    await read.begin(1)

    await read.reading.close([1], are_lost=True)

    assert read.process.calls == ["open 1", "drop"]


async def test_a_batch_without_records_only_moves_what_is_done(read: Read) -> None:
    await read.reading.open(1, [2])
    read.reading.handover.put(Batch(2, 1, [], 7))

    await read.process.other.wait()

    assert read.process.passed == [(2, 6)]
    assert read.process.calls == ["open 2"]


async def test_what_follows_a_batch_is_passed_over_when_it_is_decided_and_the_partition_ours(
    read: Read,
) -> None:
    await read.begin(1, 2)
    read.reading.handover.put(Batch(2, 1, ["b"], 9))
    await read.process.other.wait()
    asyncio.get_running_loop().call_soon(read.process.go_on.set)

    await read.reading.close([1, 2], are_lost=False)

    assert "batch 1" in read.process.calls
    assert read.process.passed == [(2, 8)]


async def test_batches_that_wait_are_dropped_when_partitions_go(read: Read) -> None:
    await read.begin(1)
    read.reading.handover.put(Batch(1, 1, ["b"], 1))
    asyncio.get_running_loop().call_soon(read.process.go_on.set)

    await read.reading.close([1], are_lost=False)
    await read.reading.open(2, [1])

    assert read.process.calls.count("batch 1") == 1


async def test_a_failure_is_the_fate_of_the_process(read: Read) -> None:
    await read.begin(1)
    read.process.error = StoreError("disk full")
    read.process.go_on.set()

    await read.shutdown.wait()

    assert read.shutdown.error is read.process.error
    assert read.shutdown.exit_code == StoreError.exit_code


class Damaged:
    """What a fetch brought, and nobody can read."""

    next_fetch_offset, is_over = 0, False
    error = ValueError("a checksum")

    def take(self, most: int) -> list[Any]:
        raise self.error


async def test_what_cannot_be_read_is_the_fate_of_the_process(read: Read) -> None:
    await read.reading.open(1, [2])
    read.reading.handover.put(Fetch(2, 1, Damaged()))

    await read.shutdown.wait()

    assert read.shutdown.error is Damaged.error


async def test_after_a_failure_nothing_is_written_when_partitions_go(read: Read) -> None:
    await read.begin(1)
    read.process.error = StoreError("disk full")
    asyncio.get_running_loop().call_soon(read.process.go_on.set)

    await read.reading.close([1], are_lost=False)

    assert read.process.calls == ["open 1", "drop"]


async def test_only_the_first_failure_counts() -> None:
    shutdown = Shutdown()

    shutdown.fail(StoreError("first"))
    shutdown.fail(ValueError("second"))

    await shutdown.wait()
    assert shutdown.exit_code == StoreError.exit_code


async def test_an_unforeseen_failure_has_a_code_of_its_own() -> None:
    shutdown = Shutdown()

    shutdown.fail(ValueError("a defect"))

    assert shutdown.exit_code == 1


async def test_an_end_on_request_is_no_failure() -> None:
    shutdown = Shutdown()

    shutdown.end()

    await shutdown.wait()
    assert shutdown.exit_code == 0
