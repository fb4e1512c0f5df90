"""How long the log keeps what is in it, and how full it lets the disk become.

Batches go when they are older than their topic's age and every reader is done with them. The
topic of rulesets is kept whole: a state names the version that decided it, and whether a head was
accepted depends on what stood before it. Of segments the newest record of each key is kept, however
old it is (`compaction`).
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from triggerstream.core.records.segments import SEGMENTS
from triggerstream.errors import StoreError
from triggerstream.stream.local.batches import HOLLOW
from triggerstream.stream.local.clock import Milliseconds
from triggerstream.stream.local.database import last_row, shrink, truncate_wal
from triggerstream.stream.local.log import LocalLog

DAY: Final = 86_400_000
EVERY: Final = 3600.0
"""Seconds between two sweeps."""
SLICE: Final = 200
"""Rows that are removed at a time, before appends go on."""
SLICE_BYTES: Final = 2 << 20
"""Bytes of those rows, about: what is removed is overwritten, some 10 ms for a megabyte."""

LEAST_FREE: Final = 0.05
"""Share of the disk that stays free, where that is less than `LEAST_FREE_BYTES`."""
LEAST_FREE_BYTES: Final = 1 << 30
"""Bytes that stay free on a large disk: who removes what is old must be able to write."""

Needed = Callable[[str], int]
"""From a topic to the lowest offset that one of its readers is not done with."""


class Retention(msgspec.Struct, frozen=True):
    """For how many milliseconds the topics keep what is in them.

    Attributes:
        ages: By short name, of topics that differ.
        age: Of the others.
        kept: Topics that keep everything.
    """

    ages: Mapping[str, int] = {}
    age: int = 30 * DAY
    kept: frozenset[str] = frozenset({"rulesets", SEGMENTS})

    def oldest(self, topic: str, now: int) -> int | None:
        """Return the least arrival that *topic* keeps, or ``None`` where it keeps everything."""
        return None if topic in self.kept else now - self.ages.get(topic, self.age)


async def keep(
    log: LocalLog,
    retention: Retention,
    needed: Needed,
    *,
    now: Milliseconds,
    sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep,
) -> None:
    """Remove from *log* what is too old, now and every hour, until cancelled.

    Raises:
        StoreError, WorldChangedError: The log has failed.
    """
    while True:
        moment = now()
        oldest = {topic: retention.oldest(topic, moment) for topic in log.topics()}
        sweep = Sweep(
            {topic: (least, needed(topic)) for topic, least in oldest.items() if least is not None}
        )
        await log.work(sweep.step)
        await sleep(EVERY)


class Sweep:
    """Removes rows; `LocalLog.work` runs its `step`.

    Args:
        goes: By topic: rows go that arrived before the first, and hold offsets below the second.

    Attributes:
        removed: Rows, by now.
    """

    def __init__(self, goes: Mapping[str, tuple[int, int]]) -> None:
        self._goes = dict(goes)
        self.removed = 0

    def step(self, db: sqlite3.Connection) -> bool:
        while self._goes:
            topic, (oldest, needed) = next(iter(self._goes.items()))
            if self._remove_some(db, topic, oldest, needed):
                return True
            del self._goes[topic]
        if shrink(db):
            return True
        truncate_wal(db)  # or an hour later
        return False

    def _remove_some(self, db: sqlite3.Connection, topic: str, oldest: int, needed: int) -> bool:
        """Remove some rows from the beginning of *topic*; return whether others are to go, too."""
        last = last_row(db, topic)
        if last is None:
            return False
        rows = db.execute(
            "SELECT base, count, timestamp, length(blob) FROM batches"
            " WHERE topic = ? ORDER BY base LIMIT ?",
            (topic, SLICE),
        ).fetchall()
        end, size = -1, 0
        for base, count, timestamp, length in rows:
            if timestamp >= oldest or base + count > needed:
                break
            end = base
            size += length
            self.removed += 1
            if size >= SLICE_BYTES:
                break
        if end < 0:
            return False
        db.execute("BEGIN IMMEDIATE")
        db.execute(
            "DELETE FROM batches WHERE topic = ? AND base <= ? AND base < ?", (topic, end, last[0])
        )
        if end == last[0]:
            db.execute(
                "UPDATE batches SET blob = ? WHERE topic = ? AND base = ?", (HOLLOW, topic, end)
            )
        db.execute("COMMIT")
        return end < last[0]


class Room:
    """Refuses what would fill the disk: what removes old records must be able to write, and a
    database that meets a full disk stops in the middle of something.

    Args:
        path: The log's file.
        most: Bytes that the log may take; ``None`` for as many as there are.
        least_free: Bytes that stay free; by default `LEAST_FREE` of the disk, and no more than
            `LEAST_FREE_BYTES`.
    """

    def __init__(
        self, path: Path, *, most: int | None = None, least_free: int | None = None
    ) -> None:
        self._path = path
        self._files = (path, path.with_name(f"{path.name}-wal"))
        self._most = most
        self._least_free = least_free

    def check(self, added: int) -> None:
        """Return where there is room for *added* bytes more.

        Raises:
            StoreError: There is not.
        """
        disk = os.statvfs(self._path.parent)
        free = disk.f_bavail * disk.f_frsize
        least = self._least_free
        if least is None:
            least = min(int(disk.f_blocks * disk.f_frsize * LEAST_FREE), LEAST_FREE_BYTES)
        if free - added < least:
            raise StoreError(
                f"{self._path.parent}: required are {_told(least)} that stay free on the disk; "
                f"found {_told(free)}. Nothing more is appended: make room, or keep less "
                "(TRIGGERSTREAM_RETENTION__…), and start again"
            )
        if self._most is not None and (size := self._size() + added) > self._most:
            raise StoreError(
                f"{self._path}: required is a log of at most {_told(self._most)}; found "
                f"{_told(size)}. Nothing more is appended: allow it more, or keep less "
                "(TRIGGERSTREAM_RETENTION__…), and start again"
            )

    def _size(self) -> int:
        return sum(file.stat().st_size for file in self._files if file.exists())


def _told(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"
