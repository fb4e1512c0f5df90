"""Following the local log for people: where it begins, in which order, and what comes then."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from triggerstream.core.records.record import Produce
from triggerstream.errors import StoreError
from triggerstream.stream.following import Start
from triggerstream.stream.local.follow import LOOK, PIECE, LocalFollower
from triggerstream.stream.local.log import LocalLog

BEGINNING = Start(from_beginning=True)


class Clock:
    now = 0

    def __call__(self) -> int:
        return self.now


class Writing:
    """A log in a file, written to at moments that the test says."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = Clock()
        self.log = LocalLog(path, now=self.clock, passed=self.clock)

    async def append(self, *topics: str, at: int) -> None:
        """Append a record to each of *topics*."""
        self.clock.now = at
        await (await self.log.append([Produce(topic, 0, b"c", b"{}") for topic in topics]))

    def follow(
        self, *topics: str, pause: Callable[[float], Awaitable[None]] | None = None
    ) -> LocalFollower:
        async def nothing_comes(seconds: float) -> None:
            assert seconds == LOOK

        return LocalFollower(self.path, topics, pause=pause or nothing_comes)


@pytest.fixture(name="writing")
async def _writing(tmp_path: Path) -> AsyncIterator[Writing]:
    """a holds records of 10, 20 and 30, d of 5, 20 and 26."""
    writing = Writing(tmp_path / "log.db")
    await writing.log.start()
    for at, topics in ((5, "d"), (10, "a"), (20, "ad"), (26, "d"), (30, "a")):
        await writing.append(*topics, at=at)
    yield writing
    await writing.log.stop()


async def past(follower: LocalFollower, start: Start) -> str:
    async with follower:
        await follower.begin(start)
        told = [
            f"{topic}/{record.offset}@{record.timestamp}"
            async for topic, record in follower.history()
        ]
        return " ".join(told)


async def test_the_past_is_told_in_the_order_of_time(writing: Writing) -> None:
    told = await past(writing.follow("a", "d"), BEGINNING)

    assert told == "d/0@5 a/0@10 a/1@20 d/1@20 d/2@26 a/2@30"


@pytest.mark.parametrize(
    ("start", "told"),
    [
        (Start(since=26), "d/2@26 a/2@30"),
        (Start(since=27), "a/2@30"),
        (Start(since=31), ""),
        (Start(last=1), "d/2@26 a/2@30"),
        (Start(last=2), "a/1@20 d/1@20 d/2@26 a/2@30"),
        (Start(last=100), "d/0@5 a/0@10 a/1@20 d/1@20 d/2@26 a/2@30"),
        (Start(), ""),
    ],
    ids=["a moment", "a moment later", "a moment to come", "last", "last two", "all", "now"],
)
async def test_it_begins_where_it_is_told(writing: Writing, start: Start, told: str) -> None:
    assert await past(writing.follow("a", "d"), start) == told


async def test_a_topic_to_which_nothing_was_appended_is_empty(writing: Writing) -> None:
    assert await past(writing.follow("d", "never"), Start(last=1)) == "d/2@26"


@pytest.mark.parametrize("count", [PIECE, PIECE + 1])
async def test_what_is_longer_than_a_piece_is_read_whole(writing: Writing, count: int) -> None:
    await writing.append(*["long"] * count, at=40)

    told = await past(writing.follow("long"), BEGINNING)

    assert told == " ".join(f"long/{offset}@40" for offset in range(count))


async def test_what_comes_while_the_past_is_read_comes_behind_it(writing: Writing) -> None:
    async with writing.follow("a", "d") as follower:
        await follower.begin(BEGINNING)
        await writing.append("d", "a", at=40)
        seen = [topic async for topic, _ in follower.history()]
        assert not await follower.has_read_all()
        coming = [(topic, record.offset) for topic, record in await follower.coming()]

        assert len(seen) == 6
        assert coming == [("a", 3), ("d", 3)]
        assert await follower.has_read_all()
        assert await follower.coming() == []


async def test_who_waits_for_what_comes_looks_again_after_a_pause(writing: Writing) -> None:
    async def pause(_: float) -> None:
        await writing.append("d", at=50)

    async with writing.follow("a", "d", pause=pause) as follower:
        await follower.begin(Start())
        [(topic, record)] = await follower.coming()

    assert (topic, record.timestamp) == ("d", 50)


async def test_what_is_kept_no_longer_ends_the_past_and_not_the_reading(writing: Writing) -> None:
    async with writing.follow("a") as follower:
        await follower.begin(BEGINNING)
        await writing.log.work(lambda db: bool(db.execute("DELETE FROM batches")) and False)

        assert [record async for _, record in follower.history()] == []


async def test_without_a_log_there_is_nothing_to_follow(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        await past(LocalFollower(tmp_path / "log.db", ("a",)), BEGINNING)
