"""What holds of the local log beyond the port's contract (`tests/stream/test_log_contract.py`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from triggerstream.core.records.record import Produce
from triggerstream.stream.handover import Handover
from triggerstream.stream.local.feed import Feed
from triggerstream.stream.local.log import LocalLog


def record(key: str, value: bytes | None = b"{}", topic: str = "events") -> Produce:
    return Produce(topic, None, key.encode(), value)


@asynccontextmanager
async def opened(path: Path, **options: Any) -> AsyncIterator[LocalLog]:
    log = LocalLog(path, now=options.pop("now", lambda: 1_700_000_000_000), **options)
    await log.start()
    try:
        yield log
    finally:
        await log.stop()


async def test_what_was_acknowledged_is_there_after_the_log_was_closed_and_opened(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path / "log.db") as log:
        await (await log.append([record("a"), record("b")]))

    async with opened(tmp_path / "log.db") as log:
        answers = await (await log.append([record("c")]))
        records, following = log.read("events", 0, 10)

    assert answers[0].base_offset == 2
    assert [each.key for each in records] == [b"a", b"b", b"c"]
    assert following == 3


async def test_appends_of_many_callers_share_a_transaction(tmp_path: Path) -> None:
    calls = 0

    def now() -> int:
        nonlocal calls
        calls += 1
        return 1_700_000_000_000

    async with opened(tmp_path / "log.db", now=now) as log:
        answers = await asyncio.gather(
            *[await log.append([record(f"{number}")]) for number in range(100)]
        )

    assert [answer[0].base_offset for answer in answers] == list(range(100))
    assert calls < 10


async def test_a_lane_takes_what_was_there_and_what_comes(tmp_path: Path) -> None:
    async with opened(tmp_path / "log.db") as log:
        handover = Handover()
        handover.generation = 1
        await (await log.append([record("a"), record("b")]))
        feed = Feed(log, "events", handover)
        feed.begin(1, 1)

        first = await handover.get(0, 10)
        waiting = asyncio.ensure_future(handover.get(0, 10))
        await (await log.append([record("c")]))
        second = await waiting

    assert first is not None
    assert second is not None
    assert [each.key for each in [*first.records, *second.records]] == [b"b", b"c"]
    assert second.following == 3
