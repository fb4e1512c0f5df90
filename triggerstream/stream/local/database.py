"""The log's file: how it is opened, what is in it, and what its errors mean.

=============  =================================================================================
table          holds
=============  =================================================================================
``batches``    the records: up to 500 a row, keyed by topic and the offset of the first
``positions``  how far each reader of a topic has come: the offset behind what it is done with
``log``        one row: which log it is, by which another one in its place is told from it
=============  =================================================================================

What is committed stands in the file itself or in SQLite's log beside it (WAL), forced to the disk
before the commit is over (``synchronous=FULL``). What is removed is overwritten
(``secure_delete``).
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

from triggerstream.errors import StateFormatError, StoreError, TriggerstreamError, WorldChangedError

VERSION: Final = 1
"""The file's format, which it says itself (``user_version``)."""
PATIENCE: Final = 5.0
"""Seconds to wait for another process that holds the file's lock for a moment."""
_DAMAGE: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_WAL_PAGES: Final = 4_000
"""Pages that the log beside the file takes before they are moved into it: 16 MB."""
_PAGES: Final = 500
"""Pages that are given back to the disk at a time, before appends go on."""
_BUSY_MS: Final = 20
"""Milliseconds for which appends wait for a reader that is in the way of the log's truncation."""

_SCHEMA: Final = """
CREATE TABLE batches (
    topic TEXT NOT NULL,
    base INTEGER NOT NULL,
    count INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    blob BLOB NOT NULL,
    PRIMARY KEY (topic, base)
) WITHOUT ROWID;
CREATE TABLE positions (
    reader TEXT NOT NULL,
    topic TEXT NOT NULL,
    offset INTEGER NOT NULL,
    PRIMARY KEY (reader, topic)
) WITHOUT ROWID;
CREATE TABLE log (id TEXT NOT NULL);
INSERT INTO log VALUES (lower(hex(randomblob(16))));
"""


class Writing(sqlite3.Connection):
    """The connection of who writes."""

    _file: int | None = None

    def file(self) -> int:
        """Return a descriptor of the file itself. It stays open as long as the connection:
        whoever closes one gives up all locks that its process has on the file."""
        if self._file is None:
            [path] = [row[2] for row in self.execute("PRAGMA database_list") if row[1] == "main"]
            self._file = os.open(path, os.O_RDWR)
        return self._file

    def close(self) -> None:
        super().close()
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


def open_to_write(path: Path) -> Writing:
    """Open the file at *path*, made where there is none, for the one thread that writes: it need
    not be the one that opens.

    Raises:
        StoreError, WorldChangedError, StateFormatError: As `failure` says.
    """
    try:
        db = sqlite3.connect(
            path,
            timeout=PATIENCE,
            isolation_level=None,
            check_same_thread=False,
            factory=Writing,
        )
    except sqlite3.Error as error:
        raise failure(path, error) from error
    try:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # before there is a table
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA secure_delete = ON")
        db.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        if _version(db, path) == 0:
            db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
    except sqlite3.Error as error:
        db.close()
        raise failure(path, error) from error
    except BaseException:
        db.close()
        raise
    return db


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open the file at *path* for reading; it sees what is committed.

    Raises:
        StoreError, WorldChangedError, StateFormatError: As `failure` says; also where there is
            no file.
    """
    try:
        db = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=PATIENCE, isolation_level=None
        )
    except sqlite3.Error as error:
        raise failure(path, error) from error
    try:
        _version(db, path)
    except sqlite3.Error as error:
        db.close()
        raise failure(path, error) from error
    except BaseException:
        db.close()
        raise
    return db


def _version(db: sqlite3.Connection, path: Path) -> int:
    found = int(db.execute("PRAGMA user_version").fetchone()[0])
    if found > VERSION:
        raise StateFormatError(
            f"{path}: required is format {VERSION} or older; found {found}: a newer release has "
            "written it. Start that release again"
        )
    return found


def failure(path: Path, error: sqlite3.Error) -> TriggerstreamError:
    """Return what *error* means: the file is damaged, which starting again does not mend, or the
    disk failed or is full."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _DAMAGE:
        return WorldChangedError(
            f"{path} is damaged: {error}. Put the installation's directory back from a backup; "
            "starting again does not help"
        )
    return StoreError(f"{path}: {error}")


# ── what is in it ───────────────────────────────────────────────────────────────────────────


def topics(db: sqlite3.Connection) -> list[str]:
    """Return the topics that have rows, without reading all of these."""
    found: list[str] = []
    after = ""
    while True:
        row = db.execute("SELECT min(topic) FROM batches WHERE topic > ?", (after,)).fetchone()
        if row[0] is None:
            return found
        after = row[0]
        found.append(after)


def first_base(db: sqlite3.Connection, topic: str) -> int | None:
    """Return the offset at which *topic* begins, or ``None`` where it has no row."""
    row = db.execute("SELECT min(base) FROM batches WHERE topic = ?", (topic,)).fetchone()
    return None if row[0] is None else int(row[0])


def last_row(
    db: sqlite3.Connection, topic: str, until: int = (1 << 63) - 1
) -> tuple[int, int, int] | None:
    """Return (base, count, timestamp) of the last row of *topic* with base <= *until*."""
    found: tuple[int, int, int] | None = db.execute(
        "SELECT base, count, timestamp FROM batches WHERE topic = ? AND base <= ?"
        " ORDER BY base DESC LIMIT 1",
        (topic, until),
    ).fetchone()
    return found


# ── giving back what is free ────────────────────────────────────────────────────────────────


def shrink(db: sqlite3.Connection) -> bool:
    """Give some of the file's free pages back to the disk; return whether there are more."""
    # A row without columns comes after each page, for which `execute` would stop.
    db.executescript(f"PRAGMA incremental_vacuum({_PAGES})")
    return int(db.execute("PRAGMA freelist_count").fetchone()[0]) > 0


def truncate_wal(db: sqlite3.Connection) -> bool:
    """Move what is in the log beside the file into the file, and leave nothing there; return
    whether that is done. It is not while somebody reads: then it wants to be tried again."""
    db.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    try:
        is_busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        db.execute(f"PRAGMA busy_timeout = {int(PATIENCE * 1000)}")
    return not is_busy
