"""Connections: so many at most, and none that holds its place without sending.

aiohttp bounds neither how many there are nor how long a request's head may take. So each of its
protocols stands behind one of ours, which counts them and keeps a deadline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, cast

import orjson

from triggerstream.ingest.limits import Limits

LOOK: Final = 1.0
"""Seconds between two looks at the deadlines."""


def _full() -> bytes:
    body = orjson.dumps({"error": "required is room for a connection; found none"})
    head = (
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


_FULL: Final = _full()


class Connections:
    """All that are open.

    Args:
        build: Makes aiohttp's protocol of one connection.
        clock: Monotonic, in seconds.
    """

    def __init__(
        self,
        build: Callable[[], asyncio.Protocol],
        limits: Limits,
        clock: Callable[[], float],
    ) -> None:
        self.build = build
        self.limits = limits
        self.clock = clock
        self.open: set[Connection] = set()

    def __call__(self) -> Connection:
        return Connection(self)

    async def watch(self) -> None:
        """Close those whose deadline has passed, until cancelled."""
        while True:
            await asyncio.sleep(LOOK)
            self.close_late()

    def close_late(self) -> None:
        """Close those whose deadline has passed."""
        now = self.clock()
        for connection in [each for each in self.open if each.deadline <= now]:
            connection.close()


class Connection(asyncio.Protocol):
    """One of them.

    Attributes:
        deadline: When it is closed, unless a request's head is whole by then.
    """

    def __init__(self, all_: Connections) -> None:
        self._all = all_
        self._inner: asyncio.Protocol | None = None
        self._transport: asyncio.Transport | None = None
        self._is_idle = False
        self._under_way = 0
        self.deadline = 0.0

    # ── the requests ────────────────────────────────────────────────────────────────────────

    def begin(self) -> None:
        """A request's head is whole: from here on the request keeps its own time."""
        self._under_way += 1
        self._is_idle = False
        self.deadline = float("inf")

    def end(self) -> None:
        """A request has been answered."""
        self._under_way -= 1
        if not self._under_way:
            self._is_idle = True
            self.deadline = self._all.clock() + self._all.limits.idle

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    # ── the transport ───────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if len(self._all.open) >= self._all.limits.connections:
            self._transport.write(_FULL)
            self._transport.close()
            return
        self._all.open.add(self)
        self.deadline = self._all.clock() + self._all.limits.headers
        self._inner = self._all.build()
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._inner is None:
            return
        if self._is_idle:
            self._is_idle = False
            self.deadline = self._all.clock() + self._all.limits.headers
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._inner is not None else None

    def connection_lost(self, exc: Exception | None) -> None:
        self._all.open.discard(self)
        if self._inner is not None:
            self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner is not None:
            self._inner.resume_writing()
