"""A log for a test, and records for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from triggerstream.core.records.record import Header, Produce
from triggerstream.stream.local.log import LocalLog

NOW = 1_700_000_000_000


def record(
    key: str | None,
    value: bytes | None = b"{}",
    *headers: Header,
    topic: str = "events",
) -> Produce:
    return Produce(topic, None, None if key is None else key.encode(), value, headers)


@asynccontextmanager
async def opened(path: Path, **options: Any) -> AsyncIterator[LocalLog]:
    log = LocalLog(path, **{"now": lambda: NOW, "passed": lambda: 0, **options})
    await log.start()
    try:
        yield log
    finally:
        await log.stop()


async def append(log: LocalLog, *records: Produce) -> None:
    await (await log.append(records))


def all_of(log: LocalLog, topic: str = "events") -> list[tuple[int, bytes | None]]:
    """Return (offset, key) of all records of *topic*."""
    found: list[tuple[int, bytes | None]] = []
    following = log.start_offset(topic)
    while following < log.end_offset(topic):
        records, following = log.read(topic, following, 3)
        found += zip(records.offsets, records.keys, strict=True)
    return found
