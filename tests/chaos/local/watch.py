"""Watching an installation from outside: its deliveries, and how far its sender has come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from typing import Any

import orjson

from tests.chaos.local.installation import Installation
from triggerstream.core.records.deliveries import DELIVERIES, kind_of
from triggerstream.core.records.record import Kind
from triggerstream.stream.local.reader import LogReader

_POLL = 0.1
_MOST = 1000


class LocalWatch:
    """What `senders.watch.Watch` is, of a log on this machine.

    Attributes:
        deliveries: Every delivery on its topic so far: its append time in epoch milliseconds,
            and its value.
    """

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self.deliveries: list[tuple[int, dict[str, Any]]] = []
        self._ended: set[str] = set()
        self._following = 0

    async def read_all(self) -> None:
        """Take in everything that has been delivered by now."""
        with LogReader(self._installation.place.log) as log:
            end = log.end_offset(DELIVERIES)
            while self._following < end:
                records, self._following = log.read(DELIVERIES, self._following, _MOST)
                for record in records:
                    if kind_of(record) == Kind.DELIVERY:
                        delivery = orjson.loads(record.value or b"")
                        self.deliveries.append((record.timestamp, delivery))
                        self._ended.add(delivery["action_id"])

    async def until_ended(
        self,
        actions: Collection[str],
        seconds: float,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> set[str]:
        """Return which of *actions* have no end after so many seconds; none, as soon as all have.

        *meanwhile* is called again and again.
        """
        late = time.monotonic() + seconds
        while (left := set(actions) - self._ended) and time.monotonic() < late:
            meanwhile()
            await self.read_all()
            await asyncio.sleep(_POLL)
        return left

    async def until_contained(
        self,
        seconds: float,
        meanwhile: Callable[[], None] = lambda: None,
        since: float | None = None,
    ) -> float:
        """Return how long it took, since now or *since*, until all that stands in the log now was
        contained in durable checkpoints.

        Raises:
            TimeoutError: It was not after so many seconds.
        """
        began = time.monotonic() if since is None else since
        installation = self._installation
        late = time.monotonic() + seconds
        # What is asked for stands among the actions when all events are decided.
        for process, topic in (("detect", "events"), ("send", "actions")):
            end = installation.end_offset(topic)
            while (found := await asyncio.to_thread(installation.contained, process)) < end:
                meanwhile()
                if time.monotonic() > late:
                    raise TimeoutError(f"after {seconds:g} s {process} is at {found} of {end}")
                await asyncio.sleep(_POLL)
        return time.monotonic() - began
