"""Appending to the log of an installation from a command.

Only the installation's engine writes to its log. So records are handed to it; where none runs, the
command takes the lock, appends, and gives it back: an engine can start between any two appends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

from triggerstream.core.records.record import Produce, size_of
from triggerstream.errors import SettingsError, UnreachableError
from triggerstream.ops.health_client import NotAskedError, ask
from triggerstream.ops.owner import APPEND, pack
from triggerstream.stream.local.directory import Directory, Engine
from triggerstream.stream.local.log import LocalLog
from triggerstream.stream.ports import Acknowledged

REQUEST: Final = 8 << 20
"""Bytes of records in one request, if there are several."""
ANSWERS_WITHIN: Final = 30.0
"""Seconds that the engine has to make a request's records durable."""
READY_WITHIN: Final = 10.0
"""Seconds that whoever holds the lock has to become an engine that listens, or to give it back."""
AGAIN: Final = 0.1
"""Seconds between two looks at that."""


class LocalEntrance:
    """Appends to the log of *directory*, through its engine or in its place.

    Args:
        now: The machine's clock, epoch milliseconds.
        pause: Waits so many seconds.
        clock: A monotonic clock, in seconds.
    """

    def __init__(
        self,
        directory: Directory,
        *,
        now: Callable[[], int],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._now = now
        self._pause = pause
        self._clock = clock
        self._turn = asyncio.Lock()

    async def place(self, topic: str, key: bytes | None) -> int:
        return 0

    async def append(self, records: Sequence[Produce]) -> Awaitable[Sequence[Acknowledged]]:
        """Do what `Appending.append` does; the answers bear no time.

        Awaiting raises:
            UnreachableError: The engine is not there in time, or does not answer, or refuses. In
                the last two cases the records may have been appended.
            StoreError, WorldChangedError, ProtocolError: As `LocalLog` says.
        """
        appending = asyncio.create_task(self._append(records))
        # Read its error, so that one which nobody awaits any more makes no noise.
        appending.add_done_callback(lambda done: done.cancelled() or done.exception())
        return appending

    async def _append(self, records: Sequence[Produce]) -> Sequence[Acknowledged]:
        async with self._turn:  # in the order of the calls
            return [one for some in _requests(records) for one in await self._append_some(some)]

    async def _append_some(self, records: Sequence[Produce]) -> Sequence[Acknowledged]:
        until = self._clock() + READY_WITHIN
        while True:
            if (engine := self._directory.engine()) is not None:
                # Nobody has heard of it then: it can be said again, to whoever is next.
                with suppress(NotAskedError):
                    return await asyncio.to_thread(self._hand_over, engine, records)
            if self._claim(is_last_try=self._clock() >= until):
                try:
                    return await self._write(records)
                finally:
                    self._directory.release()
            await self._pause(AGAIN)

    def _claim(self, *, is_last_try: bool) -> bool:
        """Take the directory, if nobody has it.

        Raises:
            UnreachableError: It is the last try, and somebody has it who does not listen.
            SettingsError: Nobody has it, and this user may not.
        """
        owner = self._directory.owner()
        if owner is None:
            try:
                self._directory.claim()
            except SettingsError:
                if (owner := self._directory.owner()) is None:
                    raise
            else:
                return True
        if is_last_try:
            msg = (
                f"{self._directory.path}: required is an engine that listens, or none; found that "
                f"process {owner} has had the directory for {READY_WITHIN:g} s, and does not "
                "listen. Look at what it says, or stop it"
            )
            raise UnreachableError(msg)
        return False

    def _hand_over(self, engine: Engine, records: Sequence[Produce]) -> Sequence[Acknowledged]:
        name = f"the engine of {self._directory.path.parent} (process {engine.pid})"
        answer = ask(
            name,
            engine.health + APPEND,
            self._directory.token(),
            body=pack(records),
            timeout=ANSWERS_WITHIN,
        )
        if answer is None:
            msg = f"{name}: required is an engine that appends for others; found one that does not"
            raise UnreachableError(msg)
        return [_acknowledged(one) for one in answer["appended"]]

    async def _write(self, records: Sequence[Produce]) -> Sequence[Acknowledged]:
        log = LocalLog(self._directory.log, now=self._now)
        await log.start()
        try:
            return await (await log.append(records))
        finally:
            await log.stop()


def _acknowledged(answer: dict[str, Any]) -> Acknowledged:
    return Acknowledged(answer["base_offset"], answer["count"], timestamp=-1)


def _requests(records: Sequence[Produce]) -> Iterator[Sequence[Produce]]:
    """Yield *records* in order, in pieces that fit into a request; one piece, if there are none."""
    piece: list[Produce] = []
    size = 0
    for record in records:
        bytes_of_it = size_of(record.key, record.value, record.headers)
        if piece and size + bytes_of_it > REQUEST:
            yield piece
            piece, size = [], 0
        piece.append(record)
        size += bytes_of_it
    yield piece
