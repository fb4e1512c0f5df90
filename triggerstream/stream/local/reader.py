"""Reading the log: by the process that writes it, and by any other on the machine.

A read is over when its call returns: whoever kept one open would keep what is erased in the log
beside the file.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from triggerstream.core.records.columns import Columns
from triggerstream.stream.local.batches import Batch, Gathering, Stored, unpack
from triggerstream.stream.local.database import (
    failure,
    first_base,
    last_row,
    open_to_read,
    topics,
)

AT_ONCE: Final = 4 << 20
"""Bytes of rows after which a read ends, though more records were asked for: who reads is on an
event loop, and records may be large."""
_EVERYTHING: Final = (1 << 63) - 1


class LogReader:
    """Reads the log in the file at *path*, also while a process writes to it. Not to be used from
    several threads. A context manager.

    Raises:
        StoreError: The file cannot be read, or there is none. From every method.
        WorldChangedError: It is damaged. From every method.
        StateFormatError: A newer release has written it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = open_to_read(path)
        # By topic: the row of which a part was read. Whoever reads on needs the rest.
        self._last: dict[str, tuple[Stored, Batch]] = {}

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def topics(self) -> list[str]:
        """Return the topics to which anything was ever appended."""
        try:
            return topics(self._db)
        except sqlite3.Error as error:
            raise failure(self._path, error) from error

    def start_offset(self, topic: str) -> int:
        """Return the offset at which *topic* begins: records below it are not there any more."""
        try:
            return first_base(self._db, topic) or 0
        except sqlite3.Error as error:
            raise failure(self._path, error) from error

    def end_offset(self, topic: str) -> int:
        """Return the offset of the next record to be committed."""
        try:
            row = last_row(self._db, topic)
        except sqlite3.Error as error:
            raise failure(self._path, error) from error
        return 0 if row is None else row[0] + row[1]

    def offset_at(self, topic: str, timestamp: int) -> int:
        """Return the offset of the first record of *topic* that arrived at *timestamp* (epoch
        milliseconds) or later; the end where none did."""
        low, high = self.start_offset(topic), self.end_offset(topic)
        try:
            while low < high:  # arrivals never go back
                row = last_row(self._db, topic, (low + high) // 2)
                if row is None or row[0] + row[1] <= low:  # nothing from low to the middle
                    low = (low + high) // 2 + 1
                elif row[2] < timestamp:
                    low = row[0] + row[1]
                else:
                    high = max(row[0], low)
        except sqlite3.Error as error:
            raise failure(self._path, error) from error
        return low

    def read(self, topic: str, offset: int, most: int) -> tuple[Columns, int]:
        """Return at most *most* records of *topic* with an offset >= *offset*, in order, and the
        offset behind what was looked at: where records were removed, there may be none. Fewer come
        before the end, too, where they take more than `AT_ONCE`."""
        return self.read_until(topic, offset, most, _EVERYTHING)

    def read_until(self, topic: str, offset: int, most: int, end: int) -> tuple[Columns, int]:
        """As `read`, of records with an offset < *end*, at which a row ends."""
        found, following = Gathering(), offset
        if (known := self._last.get(topic)) is not None:
            row, batch = known
            if row.base <= following < row.base + row.count:
                following = found.add(row, batch, following, most)
        if len(found) >= most or following >= end:
            return found.columns(), following
        try:
            with closing(
                self._db.execute(
                    "SELECT base, count, timestamp, blob FROM batches WHERE topic = ?1 AND base >="
                    " coalesce((SELECT max(base) FROM batches WHERE topic = ?1 AND base <= ?2), 0)"
                    " AND base < ?3 ORDER BY base",
                    (topic, following, end),
                )
            ) as rows:
                size = 0
                for columns in rows:
                    row = Stored(*columns)
                    size += len(row.blob)
                    if row.base + row.count <= following:
                        continue
                    batch = unpack(topic, row)
                    following = found.add(row, batch, following, most)
                    if len(found) >= most:
                        self._last[topic] = row, batch
                    if len(found) >= most or size >= AT_ONCE:
                        break
        except sqlite3.Error as error:
            raise failure(self._path, error) from error
        return found.columns(), following

    def id(self) -> str:
        """Return which log it is."""
        try:
            return str(self._db.execute("SELECT id FROM log").fetchone()[0])
        except sqlite3.Error as error:
            raise failure(self._path, error) from error

    def positions(self) -> dict[tuple[str, str], int]:
        """Return how far each reader has come, by its name and topic, as far as it is durable."""
        try:
            rows = self._db.execute("SELECT reader, topic, offset FROM positions").fetchall()
        except sqlite3.Error as error:
            raise failure(self._path, error) from error
        return {(reader, topic): offset for reader, topic, offset in rows}

    def forget(self) -> None:
        """Keep nothing of what was read: it may have been erased."""
        self._last.clear()
