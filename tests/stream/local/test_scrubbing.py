"""Copies that SQLite leaves of rows that it has moved: cleared, with nothing else touched."""

from __future__ import annotations

import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.stream.local.logs import all_of, append, opened, record
from tests.stream.local.test_erasure import SECRET, bytes_of, erase_all
from triggerstream.errors import WorldChangedError
from triggerstream.stream.local.database import open_to_write, truncate_wal
from triggerstream.stream.local.log import LocalLog
from triggerstream.stream.local.retention import Sweep
from triggerstream.stream.local.scrubbing import scrub

TOPICS = ("actions", "deliveries", "events", "inbox")
SIZES = (10, 40, 100, 400, 900, 3000)
EVERYTHING = 1 << 62


async def fill(log: LocalLog, dice: random.Random, appends: int) -> dict[str, int]:
    """Append to all topics in turns, so that rows are moved; return how many others there are."""
    kept = dict.fromkeys(TOPICS, 0)
    for _ in range(appends):
        topic, size = dice.choice(TOPICS), dice.choice(SIZES)
        if dice.random() < 0.3:
            await append(log, record("erased", SECRET * (1 + size // 20), topic=topic))
        else:
            await append(log, record("stays", b"anybody's" * (1 + size // 9), topic=topic))
            kept[topic] += 1
    return kept


def pages_to_clear(path: Path) -> int:
    with closing(open_to_write(path)) as db:
        assert truncate_wal(db)
        return scrub(db)


@pytest.mark.parametrize("seed", range(3))
async def test_no_byte_is_left_where_rows_of_several_topics_were_moved(
    tmp_path: Path, seed: int
) -> None:
    path, dice = tmp_path / "log.db", random.Random(seed)
    async with opened(path) as log:
        kept = await fill(log, dice, 250)
        await log.work(Sweep({"deliveries": (EVERYTHING, 30)}).step)

        await erase_all(log, "erased")

        assert SECRET[:12] not in bytes_of(path)

        more = await fill(log, dice, 100)
        await erase_all(log, "erased")

        assert SECRET[:12] not in bytes_of(path)
        for topic in ("actions", "events", "inbox"):
            found = all_of(log, topic)
            assert [key for _, key in found] == [b"stays"] * (kept[topic] + more[topic])
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_what_is_clear_is_left_alone(tmp_path: Path) -> None:
    async with opened(tmp_path / "log.db") as log:
        await fill(log, random.Random(1), 300)

    assert pages_to_clear(tmp_path / "log.db") > 0
    assert pages_to_clear(tmp_path / "log.db") == 0


async def test_a_page_that_holds_no_records_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with opened(path) as log:
        await fill(log, random.Random(1), 300)
    with closing(open_to_write(path)) as db:
        [root] = db.execute("SELECT rootpage FROM sqlite_schema WHERE name='batches'").fetchone()
        os.pwrite(db.file(), b"\5", (root - 1) * 4096)

        with pytest.raises(WorldChangedError, match=f"damaged: page {root} "):
            scrub(db)


def test_the_file_is_closed_with_its_connection_and_not_before(tmp_path: Path) -> None:
    db = open_to_write(tmp_path / "log.db")
    file = db.file()

    assert db.file() == file
    os.fstat(file)
    db.close()

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file)
