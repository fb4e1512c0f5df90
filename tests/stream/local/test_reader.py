"""Reading the log from other processes: while one writes it, when none does, and after a kill."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stream.local.logs import NOW, append, opened, record
from triggerstream.errors import StateFormatError, StoreError
from triggerstream.stream.local.reader import AT_ONCE, LogReader
from triggerstream.stream.local.retention import Sweep

_FOLLOW = """
import sys
from pathlib import Path
from triggerstream.stream.local.reader import LogReader
reader, following = LogReader(Path(sys.argv[1])), 0
while following < int(sys.argv[2]):
    columns, following = reader.read("events", following, 7)
    for each in columns:
        print(each.offset, each.key.decode())
"""
_WRITE_AND_DIE = """
import asyncio, os, signal, sys
from pathlib import Path
from triggerstream.core.records.record import Produce
from triggerstream.stream.local.log import LocalLog
async def main():
    log = LocalLog(Path(sys.argv[1]), now=lambda: 1)
    await log.start()
    await (await log.append([Produce("events", 0, b"a", b"b")]))
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""


def started(program: str, *arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


async def test_another_process_reads_while_the_log_is_written(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with opened(path) as log:
        await append(log, record("0"))
        with started(_FOLLOW, path, 300) as following:
            for number in range(1, 300):
                await append(log, record(f"{number}"))
            told, _ = following.communicate(timeout=60)

    assert following.returncode == 0
    assert told.decode().split("\n") == [*(f"{n} {n}" for n in range(300)), ""]


async def test_the_log_is_read_when_nobody_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with opened(path) as log:
        await append(log, record("a"), record("b"))
        log.note_position("intake", "inbox", 7)

    with LogReader(path) as reader:
        assert reader.topics() == ["events"]
        assert reader.read("events", 0, 10)[0].keys == [b"a", b"b"]
        assert (reader.start_offset("events"), reader.end_offset("events")) == (0, 2)
        assert (reader.start_offset("none"), reader.end_offset("none")) == (0, 0)
        assert reader.positions() == {("intake", "inbox"): 7}
    reader.close()


def test_the_log_is_read_after_its_process_was_killed(tmp_path: Path) -> None:
    with started(_WRITE_AND_DIE, tmp_path / "log.db") as died:
        assert died.wait() == -signal.SIGKILL

    with LogReader(tmp_path / "log.db") as reader:
        assert reader.read("events", 0, 10)[0].values == [b"b"]


async def test_a_reader_sees_what_was_committed_since_it_looked(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with opened(path) as log:
        await append(log, record("a"))
        with LogReader(path) as reader:
            assert reader.read("events", 0, 1)[1] == 1
            await append(log, record("b"))
            assert reader.end_offset("events") == 2
            assert reader.read("events", 1, 10)[0].keys == [b"b"]


async def test_large_records_are_read_in_pieces(tmp_path: Path) -> None:
    """Else two thousand of the largest would stand in memory, and hold up who reads them."""
    async with opened(tmp_path / "log.db") as log:
        large = record("a", b"x" * 500_000)
        for _ in range(20):
            await append(log, large)
        pieces: list[int] = []
        offset = 0
        while offset < log.end_offset("events"):
            records, offset = log.read("events", offset, 2000)
            pieces.append(len(records))

    assert pieces == [9, 9, 2]
    assert 8 * 500_000 < AT_ONCE <= 9 * 500_100


async def test_a_moment_is_where_the_first_record_came_then_or_later(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    clock = [NOW]
    async with opened(path, now=lambda: clock[0]) as log:
        for size, later in ((1, 0), (3, 10), (2, 0), (4, 10), (1, 5)):
            clock[0] += later
            await append(log, *[record("a")] * size)
        await log.work(Sweep({"events": (NOW + 1, 1)}).step)  # offset 0 goes

        with LogReader(path) as reader:
            found = {after: reader.offset_at("events", NOW + after) for after in range(-1, 27)}

            assert reader.offset_at("none", NOW) == 0

    expected = dict.fromkeys(range(-1, 11), 1)
    expected |= dict.fromkeys(range(11, 21), 6)
    expected |= dict.fromkeys(range(21, 26), 10) | {26: 11}
    assert found == expected


def test_a_log_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"log\.db: unable to open"):
        LogReader(tmp_path / "log.db")
    assert list(tmp_path.iterdir()) == []


def test_a_log_of_a_newer_release_is_not_read(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "log.db")
    db.execute("PRAGMA user_version = 2")
    db.close()

    with pytest.raises(StateFormatError, match="found 2"):
        LogReader(tmp_path / "log.db")
