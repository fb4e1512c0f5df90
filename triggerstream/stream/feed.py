"""Appending records from outside as they come, each acknowledged.

What is read may keep us waiting, such as a pipe, so it is read in a thread of its own; what has
come is on its way meanwhile.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, Generic, TypeVar

import msgspec

from triggerstream.core.records.record import Produce
from triggerstream.stream.ports import Acknowledged, Appending

BATCH: Final = 500
"""Records that are handed over at once, at most."""
AHEAD: Final = 2000
"""Records that are read before they are handed over, at most."""
OUTSTANDING: Final = 8
"""Batches whose acknowledgement is not awaited yet, at most."""

Item = TypeVar("Item")
RecordOf = Callable[[Item], Produce]
OnSent = Callable[[Item, int, int], None]
"""Told of each item that is acknowledged: with its partition, and its offset."""


class _Group(msgspec.Struct, Generic[Item]):
    """Items on their way to one partition, in one append."""

    partition: int
    items: list[Item]
    answer: Awaitable[Sequence[Acknowledged]]


async def feed(
    log: Appending,
    place: Callable[[bytes | None], Awaitable[int]],
    items: Iterable[Item],
    record_of: RecordOf[Item],
    on_sent: OnSent[Item],
) -> None:
    """Append the records of *items*, in their order for each partition; return when all are
    acknowledged.

    Args:
        place: Returns the partition of a key.
        items: Iterated in another thread.

    Raises:
        ProtocolError: A record was not acknowledged; what `on_sent` was told of was.
        Exception: Whatever *items* raises, when all before it is acknowledged.
    """
    under_way: deque[_Group[Item]] = deque()
    try:
        await _feed(log, place, _Coming(items), record_of, on_sent, under_way)
    except BaseException:
        # What else is on its way is not told of any more, but its end is waited for.
        await asyncio.gather(*(group.answer for group in under_way), return_exceptions=True)
        raise


async def _feed(
    log: Appending,
    place: Callable[[bytes | None], Awaitable[int]],
    coming: _Coming[Item],
    record_of: RecordOf[Item],
    on_sent: OnSent[Item],
    under_way: deque[_Group[Item]],
) -> None:
    while True:
        some = coming.at_once()
        if not some:
            # Nobody is in a hurry: what is under way comes first.
            while under_way:
                await _settle(under_way.popleft(), on_sent)
            some = await coming.take()
            if not some:
                return
        by_partition: dict[int, list[Item]] = {}
        for item in some:
            partition = await place(record_of(item).key)
            by_partition.setdefault(partition, []).append(item)
        for partition, group in by_partition.items():
            records = [
                msgspec.structs.replace(record_of(item), partition=partition) for item in group
            ]
            under_way.append(_Group(partition, group, await log.append(records)))
        while len(under_way) > OUTSTANDING * len(by_partition):
            await _settle(under_way.popleft(), on_sent)


async def _settle(group: _Group[Item], on_sent: OnSent[Item]) -> None:
    items = iter(group.items)
    for batch in await group.answer:
        for number in range(batch.count):
            on_sent(next(items), group.partition, batch.base_offset + number)


class _Coming(Generic[Item]):
    """Takes items in a thread, and gives what has come."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Any] = asyncio.Queue()
        self._room = threading.Semaphore(AHEAD)
        self._end: _End | None = None
        # A daemon: whoever breaks off does not wait for what may never come.
        threading.Thread(target=self._run, args=(items,), daemon=True).start()

    def _run(self, items: Iterable[Item]) -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile
            try:
                for item in items:
                    self._room.acquire()
                    self._loop.call_soon_threadsafe(self._queue.put_nowait, item)
            except Exception as error:  # noqa: BLE001 - theirs, who asked for the items
                self._loop.call_soon_threadsafe(self._queue.put_nowait, _End(error))
            else:
                self._loop.call_soon_threadsafe(self._queue.put_nowait, _End(None))

    def at_once(self) -> list[Item]:
        """Return what has come, perhaps nothing."""
        found: list[Item] = []
        while self._end is None and len(found) < BATCH and not self._queue.empty():
            self._put(self._queue.get_nowait(), found)
        return found

    async def take(self) -> list[Item]:
        """Return at least one item, or nothing at the end."""
        found: list[Item] = []
        while not found:
            if self._end is not None:
                if self._end.error is not None:
                    raise self._end.error
                return []
            self._put(await self._queue.get(), found)
        return found + self.at_once()

    def _put(self, item: Any, found: list[Item]) -> None:
        if isinstance(item, _End):
            self._end = item
        else:
            self._room.release()
            found.append(item)


class _End(msgspec.Struct):
    error: Exception | None
