"""A gate between a sender and its broker: it can stop at one request, or at the answer to one.

It knows enough of Kafka's protocol to tell what a request is about, so that a test can say "when
the reservation is in the changelog and the sender has not been told so". What is stopped is never
passed on: the test kills the sender then, and calls `cut`.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from io import BytesIO
from typing import Literal, NamedTuple

from aiokafka.protocol.produce import ProduceRequest_v3

_HOST = b"127.0.0.1"
_PRODUCE, _METADATA, _COORDINATOR, OFFSET_COMMIT = 0, 3, 10, 8
_TELLS_ADDRESSES = frozenset({_METADATA, _COORDINATOR})


class Append(NamedTuple):
    """Records that a request appends to one partition, as bytes."""

    topic: str
    partition: int
    records: bytes


class Request(NamedTuple):
    api: int
    correlation: int
    appends: tuple[Append, ...]


Step = Callable[[Request], bool]
"""Whether a request is the one that is waited for."""


class Gate:
    """Passes everything on until the last of the steps is met, one after another.

    Attributes:
        reached: Set when the sender stands at the gate.
    """

    def __init__(self, broker: str) -> None:
        host, _, port = broker.rpartition(":")
        self._broker = (host, int(port))
        self.bootstrap = ""
        self.reached = asyncio.Event()
        self._steps: list[Step] = []
        self._at: Literal["request", "answer"] = "request"
        self._connections: set[asyncio.Task[None]] = set()

    def arm(self, steps: Sequence[Step], at: Literal["request", "answer"]) -> None:
        """Stop at the request that meets the last of *steps*, or at the answer to it."""
        self.reached.clear()
        self._steps, self._at = list(steps), at

    def cut(self) -> None:
        """Forget what is stopped, and end all connections."""
        self._steps = []
        for connection in self._connections:
            connection.cancel()

    async def on_connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            self._connections.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._broker)
        asked: dict[int, int] = {}
        withheld: set[int] = set()
        try:
            ways = (
                asyncio.ensure_future(self._pass_requests(reader, far_writer, asked, withheld)),
                asyncio.ensure_future(self._pass_answers(far_reader, writer, asked, withheld)),
            )
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            far_writer.close()

    async def _pass_requests(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        asked: dict[int, int],
        withheld: set[int],
    ) -> None:
        while True:
            frame = await _frame(reader)
            request = _read(frame)
            asked[request.correlation] = request.api
            if self._steps and self._steps[0](request):
                self._steps.pop(0)
                if not self._steps and self._at == "answer":
                    withheld.add(request.correlation)
                elif not self._steps:
                    await self._stop()
            writer.write(struct.pack(">i", len(frame)) + frame)
            await writer.drain()

    async def _pass_answers(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        asked: dict[int, int],
        withheld: set[int],
    ) -> None:
        while True:
            frame = await _frame(reader)
            (correlation,) = struct.unpack_from(">i", frame)
            if correlation in withheld:
                await self._stop()
            if asked.pop(correlation, None) in _TELLS_ADDRESSES:
                frame = frame.replace(self._address(self._broker[1]), self._address(self._port))
            writer.write(struct.pack(">i", len(frame)) + frame)
            await writer.drain()

    async def _stop(self) -> None:
        """Stand still until `cut`."""
        self.reached.set()
        await asyncio.Event().wait()

    @property
    def _port(self) -> int:
        return int(self.bootstrap.rpartition(":")[2])

    @staticmethod
    def _address(port: int) -> bytes:
        """Return how an address stands in an answer: a host, then its port."""
        return _HOST + struct.pack(">i", port)


@asynccontextmanager
async def open_gate(broker: str) -> AsyncIterator[Gate]:
    """Open one on a free loopback port: `bootstrap` is what a sender needs to go through it."""
    gate = Gate(broker)
    server = await asyncio.start_server(gate.on_connection, "127.0.0.1", 0)
    gate.bootstrap = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield gate
    finally:
        server.close()
        gate.cut()
        await server.wait_closed()


async def _frame(reader: asyncio.StreamReader) -> bytes:
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(size)


def _read(frame: bytes) -> Request:
    """Return what a request is about.

    Raises:
        AssertionError: It appends in a form that is not known here.
    """
    api, version, correlation, name = struct.unpack_from(">hhih", frame)
    if api != _PRODUCE:
        return Request(api, correlation, ())
    assert 3 <= version <= 8, f"a produce request of version 3 to 8 is required; found {version}"
    body = BytesIO(frame[10 + max(0, name) :])
    _, _, _, topics = ProduceRequest_v3.SCHEMA.decode(body)
    appends = tuple(Append(topic, n, data) for topic, found in topics for n, data in found)
    return Request(api, correlation, appends)
