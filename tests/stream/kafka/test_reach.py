"""Whoever stands at the address of the brokers, it is told within seconds what was found there."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from triggerstream.errors import UnreachableError
from triggerstream.stream.kafka import reach as module
from triggerstream.stream.kafka.reach import reach


@pytest.fixture(name="somebody")
async def _somebody() -> AsyncIterator[str]:
    """Who takes a connection, and answers as a web server does that understands nothing."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        while await reader.read(1000):
            pass
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    yield f"{host}:{port}"
    server.close()


async def why(address: str) -> str:
    with pytest.raises(UnreachableError) as unreachable:
        await reach({"bootstrap_servers": [address]})
    return str(unreachable.value)


async def test_where_nobody_listens_that_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"

    assert await why(address) == (
        "TRIGGERSTREAM_KAFKA__BOOTSTRAP: required are brokers that answer; "
        f"found {address} (nobody listens there)"
    )


async def test_a_host_that_is_none_is_named() -> None:
    assert "(there is no host 'nowhere.invalid')" in await why("nowhere.invalid:9092")


async def test_who_is_no_kafka_is_found_out_within_the_time(
    somebody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WITHIN", 0.2)

    async with asyncio.timeout(5):
        assert "has not answered as a Kafka does" in await why(somebody)
