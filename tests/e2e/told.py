"""What an installation has told, whatever world it is in, as tests compare it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from triggerstream.core.records.deliveries import DELIVERIES, kind_of
from triggerstream.core.records.record import KIND, Kind
from triggerstream.core.timestamps import parse_moment

LATENESS = 10_000
SHOWN = ("firing_id", "trigger", "customer_id", "at", "instance", "events", "actions")
"""What `replay` prints of a firing."""


class Told(ABC):
    """What can be read of an installation's topics."""

    @abstractmethod
    async def read(self, short: str) -> list[Any]:
        """Return all records of a topic, by partition, in log order."""

    async def firings(self) -> list[dict[str, Any]]:
        """Return the firings in the actions topic, repeats included."""
        return [
            orjson.loads(record.value)
            for record in await self.read("actions")
            if dict(record.headers).get(KIND) == Kind.FIRING
        ]

    async def deliveries(self) -> list[dict[str, Any]]:
        """Return the ends of actions in their topic, repeats included."""
        return await self._delivered(Kind.DELIVERY)

    async def suppressed(self) -> list[dict[str, Any]]:
        """Return the matches that did not fire in the topic of deliveries, repeats included."""
        return await self._delivered(Kind.SUPPRESSED)

    async def _delivered(self, kind: bytes) -> list[dict[str, Any]]:
        records = await self.read(DELIVERIES)
        return [orjson.loads(record.value) for record in records if kind_of(record) == kind]


def arrival_of(event: bytes) -> tuple[bytes, int]:
    """Return an event's key, and its own time, at which it arrives where time is data."""
    read = orjson.loads(event)
    arrival = parse_moment(read.get("received_at") or read["timestamp"])
    return read["customer_id"].encode(), arrival


def decided(firings: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return firings by id, reduced to what `replay` prints of them.

    Raises:
        AssertionError: Two with one id differ.
    """
    found: dict[str, dict[str, Any]] = {}
    for firing in firings:
        line = orjson.loads(orjson.dumps({key: firing[key] for key in SHOWN}))
        assert found.setdefault(line["firing_id"], line) == line, "one id, two payloads"
    return found
