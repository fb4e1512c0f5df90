"""A TCP proxy in front of a broker, which can stall, delay, cut and swallow what it carries.

The broker advertises the proxy's address, so that every connection goes through it. Of each it
reads the requests' headers (api key, client id), which tell whose connection it is, and whether it
is the one to the group's coordinator.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

_HEADER: Final = struct.Struct(">hhih")  # api key, version, correlation id, length of client id
_GROUP_APIS: Final = frozenset({8, 9, 11, 12, 13, 14})
"""OffsetCommit, OffsetFetch, JoinGroup, Heartbeat, LeaveGroup, SyncGroup."""
_CHUNK: Final = 64 << 10


class Link:
    """One client's connection.

    Attributes:
        client: What the client calls itself; "" before its first request.
        is_group: Whether it has asked the group's coordinator for anything.
        is_swallowed: Whether nothing gets through any more, in either direction.
    """

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.client = ""
        self.is_group = False
        self.is_swallowed = False
        self._ends = (near, far)

    def meet(self, frame: bytes) -> None:
        """Learn from a request."""
        if len(frame) >= _HEADER.size:
            api, _, _, length = _HEADER.unpack_from(frame)
            self.client = frame[_HEADER.size : _HEADER.size + max(0, length)].decode()
            self.is_group = self.is_group or api in _GROUP_APIS

    def cut(self) -> None:
        """Reset it, at both ends."""
        for writer in self._ends:
            writer.transport.abort()


Chosen = Callable[[Link], bool]


def nobody(_: Link) -> bool:
    return False


class Proxy:
    """Carries between a port of its own and a broker. An asynchronous context manager.

    Attributes:
        links: The connections that are open.
        delayed: Which are carried a fifth of a second late, chunk by chunk.
        target: The broker's port, known only after the proxy's is.
    """

    DELAY: Final = 0.2

    def __init__(self) -> None:
        self.links: set[Link] = set()
        self.delayed: Chosen = nobody
        self.target = 0
        self.port = 0
        self._server: asyncio.Server | None = None
        self._stalled: Chosen = nobody
        self._released = asyncio.Event()
        self._carrying: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
        self.cut(lambda _: True)
        await asyncio.gather(*self._carrying, return_exceptions=True)

    def stall(self, chosen: Chosen) -> None:
        """Carry nothing of the *chosen*, nor of those to come, until `release`."""
        self._released.clear()
        self._stalled = chosen

    def release(self) -> None:
        """Carry again, what has come meanwhile first."""
        self._stalled = nobody
        self._released.set()

    def cut(self, chosen: Chosen) -> int:
        """Reset the connections that are *chosen*; return how many."""
        found = [link for link in self.links if chosen(link)]
        for link in found:
            link.cut()
        return len(found)

    def swallow(self, chosen: Chosen) -> int:
        """Leave the *chosen* half-open: they stay, and nothing comes through; return how many."""
        found = [link for link in self.links if chosen(link)]
        for link in found:
            link.is_swallowed = True
        return len(found)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        link = Link(writer, far_writer)
        self.links.add(link)
        ways = {
            asyncio.create_task(self._carry(link, _frames(link, reader), far_writer)),
            asyncio.create_task(self._carry(link, lambda: far_reader.read(_CHUNK), writer)),
        }
        self._carrying |= ways
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            link.cut()
            for way in ways:
                way.cancel()
            self._carrying -= ways
            self.links.discard(link)

    async def _carry(
        self, link: Link, read: Callable[[], Awaitable[bytes]], writer: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while data := await read():
                if self.delayed(link):
                    await asyncio.sleep(self.DELAY)
                while self._stalled(link):
                    await self._released.wait()
                if not link.is_swallowed:
                    writer.write(data)
                    await writer.drain()


def _frames(link: Link, reader: asyncio.StreamReader) -> Callable[[], Awaitable[bytes]]:
    async def read() -> bytes:
        size = await reader.readexactly(4)
        frame = await reader.readexactly(int.from_bytes(size, "big"))
        link.meet(frame)
        return size + frame

    return read
