"""A topic's records come to its lane: each once, in order, and nothing runs when none comes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.stream.local.logs import append, opened, record
from triggerstream.errors import WorldChangedError
from triggerstream.stream.handover import MOST_RECORDS, Batch, Handover
from triggerstream.stream.local.feed import Feed
from triggerstream.stream.local.log import LocalLog
from triggerstream.stream.local.retention import Sweep

LONG = 10.0


def begun(log: LocalLog, handover: Handover, offset: int = 0, *, generation: int = 1) -> Feed:
    feed = Feed(log, "events", handover)
    handover.generation = generation
    feed.begin(generation, offset)
    return feed


async def next_of(handover: Handover) -> Batch:
    batch = await handover.get(0, LONG)
    assert batch is not None
    return batch


async def test_a_lane_takes_what_is_there_and_waits_for_what_comes(tmp_path: Path) -> None:
    async with opened(tmp_path / "log.db") as log:
        handover = Handover()
        await append(log, record("a"), record("b"))
        begun(log, handover, 1)

        first = await next_of(handover)
        waiting = asyncio.ensure_future(next_of(handover))
        await append(log, record("c"))
        second = await waiting

    assert [each.key for each in [*first.records, *second.records]] == [b"b", b"c"]
    assert (first.following, second.following) == (2, 3)
    assert (first.partition, first.generation) == (0, 1)


async def test_at_the_end_nothing_waits_for_the_lane(tmp_path: Path) -> None:
    async with opened(tmp_path / "log.db") as log:
        handover = Handover()
        await append(log, record("a"))
        begun(log, handover, 1)
        assert await handover.get(0, 0) is None

        await append(log, record("x", topic="actions"))

        assert await handover.get(0, 0) is None


async def test_a_long_log_comes_in_batches_and_one_fetch_waits_at_most(tmp_path: Path) -> None:
    async with opened(tmp_path / "log.db") as log:
        handover = Handover()
        begun(log, handover)
        for _ in range(3):
            await append(log, *[record("a")] * MOST_RECORDS)
            assert len(handover._batches[0]) == 1

        sizes = []
        while batch := await handover.get(0, 0):
            sizes.append(len(batch.records))

    assert sizes == [MOST_RECORDS] * 3


async def test_what_is_appended_while_the_lane_is_busy_follows(tmp_path: Path) -> None:
    async with opened(tmp_path / "log.db") as log:
        handover = Handover()
        begun(log, handover)
        found: list[int] = []
        for number in range(5):
            await append(log, record(f"{number}"))
            if number % 2:
                found += (await next_of(handover)).records.offsets  # type: ignore[attr-defined]
        found += (await next_of(handover)).records.offsets  # type: ignore[attr-defined]

    assert found == [0, 1, 2, 3, 4]


async def test_another_generation_begins_where_it_is_told(tmp_path: Path) -> None:
    async with opened(tmp_path / "log.db") as log:
        handover = Handover()
        await append(log, *[record(f"{number}") for number in range(4)])
        feed = begun(log, handover)

        feed.end()
        handover.clear()
        await append(log, record("4"))
        assert await handover.get(0, 0) is None
        handover.generation = 2
        feed.begin(2, 3)

        batch = await next_of(handover)

    assert (batch.generation, [each.offset for each in batch.records]) == (2, [3, 4])


async def test_where_records_were_removed_the_lane_hears_how_far_it_is(tmp_path: Path) -> None:
    async with opened(tmp_path / "log.db") as log:
        handover = Handover()
        await append(log, record("a"))
        begun(log, handover)
        await log.work(Sweep({"events": (1 << 62, 1)}).step)

        batch = await next_of(handover)

    assert (list(batch.records), batch.following) == ([], 1)


@pytest.mark.parametrize("offset", [0, 4])
async def test_an_offset_outside_the_log_is_another_world(tmp_path: Path, offset: int) -> None:
    async with opened(tmp_path / "log.db") as log:
        handover = Handover()
        await append(log, record("a"))
        await append(log, record("b"), record("c"))
        await log.work(Sweep({"events": (1 << 62, 1)}).step)
        begun(log, handover, 1)
        begun(log, handover, 3)

        with pytest.raises(WorldChangedError, match=r"from offset \d on; found a log from 1 to 3"):
            begun(log, handover, offset)
