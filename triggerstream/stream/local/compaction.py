"""Topics that are tables: of a key the newest record counts, and the others go after a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from triggerstream.core.records.columns import Row
from triggerstream.stream.local.clock import Milliseconds
from triggerstream.stream.local.erasure import Erased, Rewriting
from triggerstream.stream.local.log import LocalLog
from triggerstream.stream.local.retention import DAY

EVERY: Final = 86_400.0
"""Seconds between two passes: each reads the whole table."""
LAG: Final = DAY
"""Milliseconds for which every record stays, as on Kafka (`stream.kafka.topics`)."""
DELETIONS: Final = 7 * DAY
"""The same of a null: who reads the table at least once a week hears of each."""
_MOST: Final = 2000


async def keep_newest(
    log: LocalLog,
    topic: str,
    *,
    now: Milliseconds,
    sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep,
) -> None:
    """Remove from *topic* what is not the newest of its key, now and once a day, until cancelled.

    Raises:
        StoreError, WorldChangedError: The log has failed.
    """
    while True:
        await compact(log, topic, now=now())
        await sleep(EVERY)


async def compact(log: LocalLog, topic: str, *, now: int) -> int:
    """Remove from *topic* once what is not the newest of its key; return how many records that
    were. Keys are held in memory meanwhile, one of each."""
    newest: dict[bytes | None, int] = {}
    end = log.end_offset(topic)
    offset = log.start_offset(topic)
    while offset < end:
        records, following = log.read(topic, offset, _MOST)
        newest.update(zip(records.keys, records.offsets, strict=True))
        if following == offset:
            break
        offset = following
        await asyncio.sleep(0)  # the engine goes on

    def goes(_: str, record: Row) -> bool:
        if record.timestamp >= now - LAG:
            return False
        is_deletion = record.value is None and record.timestamp < now - DELETIONS
        return is_deletion or record.offset < newest.get(record.key, -1)

    found = Erased()
    await log.work(Rewriting(topic, goes, end, end, found).step)
    return found.removed
