"""Removing what a customer left in the log: the records themselves, not only their meaning.

Rows that hold such records are written anew without them, and their offsets stay empty. SQLite
overwrites what was there; then the log beside the file is emptied, too, copies of rows that were
moved are cleared (`scrubbing`), and no byte of them is left. The record that asks for the erasure
stays: whoever reads the topic again must meet it.
"""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections.abc import Callable, Coroutine, Mapping
from contextlib import closing
from typing import Any, Final

import msgspec

from triggerstream.core.records.columns import Row
from triggerstream.core.records.record import ARRIVAL, ORIGIN, POSITION, Kind, read_kind
from triggerstream.core.records.segments import SEGMENTS
from triggerstream.stream.local.batches import HOLLOW, Batch, Stored, pack, unpack, without
from triggerstream.stream.local.database import Writing, last_row, truncate_wal
from triggerstream.stream.local.log import LocalLog
from triggerstream.stream.local.scrubbing import scrub

SLICE: Final = 2 << 20
"""Bytes of rows that are looked at before appends go on: some milliseconds."""

AGAIN: Final = 1.0
"""Seconds until the log beside the file is emptied again, where somebody was reading it."""

_OF_A_WORD: Final = rb"[0-9A-Za-z_\x80-\xff]"
_NUMBERS: Final = {
    *(ARRIVAL, ORIGIN, POSITION),
    *(f"x-dlq-{name}" for name in ("partition", "offset", "timestamp", "truncated")),
}
"""Headers of ours that hold numbers, which short ids would be found in."""

IsTheirs = Callable[[str, Row], bool]
"""Whether a record of a topic is the customer's."""


class Erased(msgspec.Struct):
    """What an erasure found.

    Attributes:
        removed: Records that are gone.
        left: Records that a reader is not done with: to be removed by another erasure, later.
    """

    removed: int = 0
    left: int = 0


async def erase(
    log: LocalLog,
    is_theirs: IsTheirs,
    *,
    until: Mapping[str, int],
    needed: Callable[[str], int],
    sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep,
) -> Erased:
    """Remove a customer's records from *log*; return when no byte of them is in its files.

    Args:
        until: By topic, the offset below which records are meant: a customer may come back. Topics
            that are not named keep everything.
        needed: From a topic to the lowest offset that one of its readers is not done with.

    Raises:
        StoreError, WorldChangedError: The log has failed; the erasure is to be repeated.
    """
    found = Erased()
    for topic, end in until.items():
        await log.work(Rewriting(topic, is_theirs, end, needed(topic), found).step)
    emptying = _Emptying()
    await log.work(emptying.step)
    while not emptying.is_done:
        await sleep(AGAIN)
        await log.work(emptying.step)
    return found


class _Emptying:
    """Empties the log beside the file, unless somebody reads it, and clears the file."""

    def __init__(self) -> None:
        self.is_done = False

    def step(self, db: Writing) -> bool:
        self.is_done = truncate_wal(db)
        if self.is_done:
            scrub(db)
        return False


class Rewriting:
    """Writes the rows of *topic* anew, as far as the offset *end*, without what *is_theirs*."""

    def __init__(
        self, topic: str, is_theirs: IsTheirs, end: int, needed: int, found: Erased
    ) -> None:
        self._topic = topic
        self._is_theirs = is_theirs
        self._end = end
        self._needed = needed
        self._found = found
        self._next = 0

    def step(self, db: sqlite3.Connection) -> bool:
        rows = self._some_rows(db)
        changed = [(row, batch) for row in rows if (batch := self._rest(row)) is not None]
        if changed:
            last = last_row(db, self._topic)
            db.execute("BEGIN IMMEDIATE")
            for row, batch in changed:
                self._write(db, row, batch, is_last=last is not None and last[0] == row.base)
            db.execute("COMMIT")
        return bool(rows)

    def _some_rows(self, db: sqlite3.Connection) -> list[Stored]:
        rows: list[Stored] = []
        size = 0
        with closing(
            db.execute(
                "SELECT base, count, timestamp, blob FROM batches"
                " WHERE topic = ? AND base >= ? AND base < ? ORDER BY base",
                (self._topic, self._next, self._end),
            )
        ) as found:
            for columns in found:
                row = Stored(*columns)
                rows.append(row)
                self._next = row.base + row.count
                size += len(row.blob)
                if size >= SLICE:
                    break
        return rows

    def _rest(self, row: Stored) -> Batch | None:
        """Return what stays of *row*, or ``None`` where all does."""
        return without(unpack(self._topic, row), row, self._goes)

    def _goes(self, record: Row) -> bool:
        if record.offset >= self._end or not self._is_theirs(self._topic, record):
            return False
        if read_kind(record.headers) == Kind.ERASE:
            return False
        if record.offset >= self._needed:
            self._found.left += 1
            return False
        self._found.removed += 1
        return True

    def _write(self, db: sqlite3.Connection, row: Stored, rest: Batch, *, is_last: bool) -> None:
        if rest.keys or is_last:
            blob = pack(rest) if rest.keys else HOLLOW
            db.execute(
                "UPDATE batches SET blob = ? WHERE topic = ? AND base = ?",
                (blob, self._topic, row.base),
            )
        else:
            db.execute("DELETE FROM batches WHERE topic = ? AND base = ?", (self._topic, row.base))


class Named:
    """Tells a customer's records by their key, and in some topics by what they say.

    A record that came with any key, or none, is taken for the customer's where its key, its value
    or a header has the id, as a word of its own. Another customer's may go with it: nobody decides
    by what stands in such topics any more.

    Args:
        by_content: Short names of the topics that are searched for the id, too.
    """

    def __init__(
        self,
        customer: str,
        *,
        by_content: frozenset[str] = frozenset({"inbox", "events.dlq", "actions.dlq"}),
    ) -> None:
        self._key = customer.encode()
        self._by_content = by_content
        written = {customer, json.dumps(customer, ensure_ascii=False)[1:-1]}
        written.add(json.dumps(customer)[1:-1])
        words = b"|".join(re.escape(form.encode()) for form in sorted(written))
        self._find = re.compile(b"(?<!%s)(?:%s)(?!%s)" % (_OF_A_WORD, words, _OF_A_WORD)).search

    def __call__(self, topic: str, record: Row) -> bool:
        if record.key == self._key:
            return True
        if topic == SEGMENTS:
            return record.key is not None and record.key.rpartition(b"/")[0] == self._key
        if topic not in self._by_content:
            return False
        said = [record.key, *(content for name, content in record.headers if name not in _NUMBERS)]
        return any(text is not None and self._find(text) for text in said) or self._is_in(
            record.value
        )

    def _is_in(self, value: bytes | None) -> bool:
        if value is None:
            return False
        if self._find(value):
            return True
        if b"\\" not in value:
            return False
        try:  # a text of JSON can be written in many ways; this is one that we know
            return bool(self._find(msgspec.json.encode(msgspec.json.decode(value))))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
