"""Following topics of the log on one machine (`stream.following`), from any process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from triggerstream.core.records.columns import Columns
from triggerstream.core.records.record import Record
from triggerstream.stream.following import Start, by_time
from triggerstream.stream.local.reader import LogReader

PIECE: Final = 500
"""Records of a topic that are read at once, at most."""
LOOK: Final = 0.075
"""Seconds between two looks for what has come. Nobody tells another process of a commit."""


class LocalFollower:
    """Reads topics of the log in the file at *path*.

    Args:
        pause: Waits so many seconds.
    """

    def __init__(
        self,
        path: Path,
        topics: Collection[str],
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._path = path
        self._topics = sorted(set(topics))
        self._pause = pause
        self._at: dict[str, int] = {}
        self._ends: dict[str, int] = {}
        self._reader: LogReader | None = None

    async def __aenter__(self) -> Self:
        self._reader = LogReader(self._path)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._reader is not None:
            self._reader.close()

    async def begin(self, start: Start) -> None:
        for topic in self._topics:
            first, end = self._log.start_offset(topic), self._log.end_offset(topic)
            if start.from_beginning:
                offset = first
            elif start.since is not None:
                offset = self._log.offset_at(topic, start.since)
            else:
                offset = max(first, end - start.last)
            self._at[topic], self._ends[topic] = offset, end

    async def history(self) -> AsyncIterator[tuple[str, Record]]:
        async for topic, record in by_time(self, self._topics):
            yield topic, record

    async def coming(self) -> list[tuple[str, Record]]:
        found = self._new()
        if not found:
            await self._pause(LOOK)
            found = self._new()
        return found

    async def has_read_all(self) -> bool:
        return all(self._at[topic] >= self._log.end_offset(topic) for topic in self._topics)

    # ── for `by_time` ───────────────────────────────────────────────────────────────────────

    async def read_on(self, places: Collection[str]) -> Mapping[str, Sequence[Record]]:
        return {topic: self._read(topic, self._ends[topic]) for topic in places}

    async def left(self, places: Collection[str]) -> list[str]:
        return [topic for topic in places if self._at[topic] < self._ends[topic]]

    # ── reading ─────────────────────────────────────────────────────────────────────────────

    def _new(self) -> list[tuple[str, Record]]:
        found: list[tuple[str, Record]] = []
        for topic in self._topics:
            if self._at[topic] < (end := self._log.end_offset(topic)):
                found += ((topic, record) for record in self._read(topic, end))
        return sorted(found, key=lambda each: each[1].timestamp)

    def _read(self, topic: str, end: int) -> Columns:
        """Read on, to *end* at most, at which an append ended."""
        at = self._at[topic]
        records, self._at[topic] = self._log.read_until(topic, at, PIECE, end)
        if self._at[topic] == at:  # what was there is kept no longer
            self._at[topic] = end
        return records

    @property
    def _log(self) -> LogReader:
        assert self._reader is not None, "it is entered"  # noqa: S101 - for the types
        return self._reader
