"""What goes from the log of a directory: what is old, and what was erased.

Both wait for who still reads it. An erasure is a record of ``events``: when detection is done with
it, and sending with all that detection had told by then, nobody needs what stands before it, and
the customer's records are removed (`stream.local.erasure`). A customer who comes back in that
moment may lose what the log holds of that: what is decided and remembered stays.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any, Final

from triggerstream.core.records.record import ORIGIN, Kind, Record, read_kind
from triggerstream.ops.kept import FOREVER, Kept
from triggerstream.stream.local.erasure import Named, erase
from triggerstream.stream.local.log import LocalLog
from triggerstream.stream.local.retention import Retention, keep

_log = logging.getLogger(__name__)

READER: Final = "erase"
"""By what name the log keeps how far the erasures have come."""
LOOK: Final = 0.5
"""Seconds between two looks at how far the others have come, while an erasure waits for them."""
_EVENTS, _ACTIONS, _INBOX = "events", "actions", "inbox"
_MOST: Final = 2000


class Positions:
    """How far the readers of *log* have come.

    Args:
        reads: Pairs of reader and topic.
    """

    def __init__(self, log: LocalLog, reads: Iterable[tuple[str, str]]) -> None:
        self._log = log
        self._reads = (*reads, (READER, _EVENTS))

    def needed(self, topic: str) -> int:
        """Return the lowest offset of *topic* that one of its readers is not done with."""
        positions = [self._log.position(*each) for each in self._reads if each[1] == topic]
        return min(positions, default=self._log.end_offset(topic))

    def done(self, topic: str) -> int:
        """Return the same of those that decide."""
        positions = [
            self._log.position(reader, each)
            for reader, each in self._reads
            if each == topic and reader != READER
        ]
        return min(positions, default=self._log.end_offset(topic))


async def remove_old(
    log: LocalLog, positions: Positions, kept: Kept, *, now: Callable[[], int]
) -> None:
    """Remove what is older than *kept*, every hour, until cancelled."""
    if kept != FOREVER:
        await keep(log, Retention(age=int(kept)), positions.needed, now=now)


async def remove_erased(
    log: LocalLog,
    positions: Positions,
    *,
    sleep: Callable[[float], Any] = asyncio.sleep,
) -> None:
    """Remove what erasures ask for, one after the other, until cancelled."""
    grown = asyncio.Event()
    log.on_append(_EVENTS, grown.set)
    offset = max(log.position(READER, _EVENTS), log.start_offset(_EVENTS))
    while True:
        grown.clear()
        while offset < log.end_offset(_EVENTS):
            records, following = log.read(_EVENTS, offset, _MOST)
            for index, headers in records.headers.items():
                if read_kind(headers) == Kind.ERASE:
                    await _remove(log, positions, records[index], sleep)
            offset = following
            log.note_position(READER, _EVENTS, offset)
        await grown.wait()


async def _remove(
    log: LocalLog, positions: Positions, asked: Record, sleep: Callable[[float], Any]
) -> None:
    """Remove the records of the customer whom *asked* names."""
    if not asked.key:
        return  # a dead letter by now
    while positions.done(_EVENTS) <= asked.offset:
        await sleep(LOOK)
    told = log.end_offset(_ACTIONS)
    while positions.done(_ACTIONS) < told:
        await sleep(LOOK)
    until = {topic: log.end_offset(topic) for topic in log.topics() if topic != "rulesets"}
    until |= {_EVENTS: asked.offset, _ACTIONS: told, _INBOX: _origin(asked, positions)}
    found = await erase(
        log, Named(asked.key.decode(errors="replace")), until=until, needed=positions.done
    )
    _log.info("erased: %d records are gone from the log", found.removed)


def _origin(asked: Record, positions: Positions) -> int:
    """Return the offset of the inbox below which records came before *asked*."""
    for name, value in asked.headers:
        if name == ORIGIN and value is not None:
            _, _, offset = value.partition(b":")
            if offset.isdigit():
                return int(offset)
    return positions.done(_INBOX)
