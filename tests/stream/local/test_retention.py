"""What the log keeps, for how long, and how full it lets the disk become."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.stream.local.logs import NOW, all_of, append, opened, record
from triggerstream.errors import StoreError
from triggerstream.stream.local.log import LocalLog
from triggerstream.stream.local.reader import LogReader
from triggerstream.stream.local.retention import DAY, EVERY, Needed, Retention, Room, Sweep, keep

EVERYTHING = 1 << 62


async def log_of_days(log: LocalLog, clock: list[int], topics: Sequence[str], days: int) -> None:
    """Append a record to each of *topics* on each of so many *days*."""
    for _ in range(days):
        for topic in topics:
            await append(log, record("a", topic=topic))
        clock[0] += DAY


async def sweep_once(
    log: LocalLog, retention: Retention, needed: Needed = lambda _: EVERYTHING, *, now: int
) -> None:
    async def once(seconds: float) -> None:
        assert seconds == EVERY
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await keep(log, retention, needed, now=lambda: now, sleep=once)


def offsets(log: LocalLog, topic: str = "events") -> list[int]:
    return [offset for offset, _ in all_of(log, topic)]


async def test_what_is_older_than_thirty_days_goes(tmp_path: Path) -> None:
    clock = [NOW]
    async with opened(tmp_path / "log.db", now=lambda: clock[0], accept_clock=True) as log:
        await log_of_days(log, clock, ["events"], 40)

        await sweep_once(log, Retention(), now=NOW + 35 * DAY)

        assert offsets(log) == list(range(5, 40))  # exactly thirty days old is kept
        assert log.start_offset("events") == 5


async def test_each_topic_has_its_own_age(tmp_path: Path) -> None:
    clock = [NOW]
    topics = ("events", "inbox", "rulesets")
    async with opened(tmp_path / "log.db", now=lambda: clock[0], accept_clock=True) as log:
        await log_of_days(log, clock, topics, 10)

        await sweep_once(log, Retention({"inbox": 3 * DAY}, age=5 * DAY), now=NOW + 9 * DAY)

        assert offsets(log) == [4, 5, 6, 7, 8, 9]
        assert offsets(log, "inbox") == [6, 7, 8, 9]
        assert offsets(log, "rulesets") == list(range(10))


async def test_nothing_goes_that_a_reader_is_not_done_with(tmp_path: Path) -> None:
    async with opened(tmp_path / "log.db") as log:
        for size in (2, 3, 2):
            await append(log, *[record("a")] * size)

        await sweep_once(log, Retention(age=1), lambda _: 4, now=NOW + DAY)
        assert log.start_offset("events") == 2  # the batch of 2, 3 and 4 is needed whole

        await sweep_once(log, Retention(age=1), lambda _: 5, now=NOW + DAY)
        assert log.start_offset("events") == 5


async def test_a_topic_of_which_all_is_gone_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with opened(path) as log:
        await append(log, record("a", b"the content"))
        await append(log, record("a", b"the content"))
        await sweep_once(log, Retention(age=1), now=NOW + DAY)
        assert all_of(log) == []
        await sweep_once(log, Retention(age=1), now=NOW + DAY)
    async with opened(path) as log:
        await append(log, record("b"))

        assert all_of(log) == [(2, b"b")]
    assert b"the content" not in path.read_bytes()


async def test_more_rows_than_are_removed_at_a_time_go(tmp_path: Path) -> None:
    async with opened(tmp_path / "log.db") as log:
        await asyncio.gather(*[append(log, record("a")) for _ in range(500)])
        sweep = Sweep({"events": (NOW + 1, 499)})

        await log.work(sweep.step)

        assert sweep.removed == 499
        assert offsets(log) == [499]


async def test_the_room_of_what_went_is_given_back_to_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with opened(path) as log:
        for _ in range(20):
            await append(log, record("a", b"x" * 200_000))
        full = path.stat().st_size + (tmp_path / "log.db-wal").stat().st_size
        sweep, steps = Sweep({"events": (NOW + 1, EVERYTHING)}), 0

        def step(db: sqlite3.Connection) -> bool:
            nonlocal steps
            steps += 1
            return sweep.step(db)

        await log.work(step)

        assert full > 4_000_000
        assert steps == 3  # of 2 MiB and of 500 pages, between which appends go on
        assert path.stat().st_size < 100_000
        assert (tmp_path / "log.db-wal").stat().st_size == 0


async def test_a_lane_that_was_behind_reads_on_over_what_went(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with opened(path) as log:
        await append(log, record("a"))
        await append(log, record("b"))
        with LogReader(path) as reader:
            await sweep_once(log, Retention(age=1), lambda _: 1, now=NOW + DAY)

            records, following = reader.read("events", 0, 10)

    assert (records.keys, following) == ([b"b"], 2)


# ── room ────────────────────────────────────────────────────────────────────────────────────


def free(path: Path) -> int:
    disk = os.statvfs(path)
    return disk.f_bavail * disk.f_frsize


def test_there_is_room_while_enough_stays_free(tmp_path: Path) -> None:
    megabyte = 1 << 20
    Room(tmp_path / "log.db", least_free=free(tmp_path) - 100 * megabyte).check(10 * megabyte)

    with pytest.raises(StoreError, match=r"stay free on the disk; found .* start again"):
        Room(tmp_path / "log.db", least_free=free(tmp_path) - 100 * megabyte).check(300 * megabyte)


def test_by_default_a_twentieth_of_the_disk_stays_free_or_a_gibibyte(tmp_path: Path) -> None:
    room = Room(tmp_path / "log.db")
    disk = os.statvfs(tmp_path)
    least = min(disk.f_blocks * disk.f_frsize // 20, 1 << 30)
    spare = 1 << 28  # what others write meanwhile

    room.check(max(0, free(tmp_path) - least - spare))
    with pytest.raises(StoreError, match="stay free"):
        room.check(free(tmp_path) - least + spare)


def test_a_log_of_its_greatest_size_takes_nothing_more(tmp_path: Path) -> None:
    (tmp_path / "log.db").write_bytes(b"x" * 60)
    (tmp_path / "log.db-wal").write_bytes(b"x" * 30)
    room = Room(tmp_path / "log.db", most=100, least_free=0)

    room.check(10)
    with pytest.raises(StoreError, match=r"log\.db: required is a log of at most .* keep less"):
        room.check(11)


async def test_a_log_without_room_stops_before_the_disk_is_full(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    told: list[Exception] = []
    room = Room(path, most=400_000, least_free=0)
    async with opened(path, check=room.check, on_failure=told.append) as log:
        await append(log, record("a", b"x" * 100_000))

        with pytest.raises(StoreError, match="Nothing more is appended") as refused:
            await append(log, record("b", b"x" * 300_000))
        with pytest.raises(StoreError, match="Nothing more is appended"):
            await append(log, record("c", b"x"))

        assert told == [refused.value]
        assert refused.value.exit_code == 74
        assert all_of(log)[0] == (0, b"a")
