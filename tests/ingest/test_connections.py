"""Whoever holds a connection without sending, sends half, or comes with ten thousand others."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import resource
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from tests.ingest.harness import NOW, SEEN, SERVER, Opened, opened
from triggerstream.ingest.connections import Connections
from triggerstream.ingest.limits import Limits

BODY = json.dumps(SEEN).encode()
QUICK = Limits(headers=0.2, reading=0.2, idle=0.4)


@pytest.fixture(name="door")
async def _door(tmp_path: Path) -> AsyncIterator[Opened]:
    async with opened(tmp_path, limits=QUICK) as door:
        yield door


def head(*lines: str, key: str = SERVER) -> bytes:
    said = ("POST /v1/events HTTP/1.1", "Host: x", f"Authorization: Bearer {key}")
    return "\r\n".join((*said, "Content-Type: application/json", *lines, "", "")).encode()


async def answer_to(door: Opened, *parts: bytes, pause: float = 0.0, eof: bool = False) -> bytes:
    """Send *parts*, and return all that comes until the other side closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    try:
        with contextlib.suppress(ConnectionError):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)
            if eof:
                writer.write_eof()
        async with asyncio.timeout(5):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def test_who_sends_nothing_is_closed(door: Opened) -> None:
    assert await answer_to(door) == b""


async def test_a_head_that_comes_drop_by_drop_is_closed(door: Opened) -> None:
    drops = [bytes([each]) for each in head("Content-Length: 5")[:60]]

    assert await answer_to(door, *drops, pause=0.03) == b""
    assert door.log.records == []


async def test_a_body_that_comes_drop_by_drop_is_answered_408(door: Opened) -> None:
    drops = [b" "] * 20

    found = await answer_to(door, head("Content-Length: 1000"), *drops, pause=0.03)

    assert found.startswith(b"HTTP/1.1 408 ")
    assert b"whole body within 0.2 s" in found
    assert door.seen.held == 0


async def test_half_a_request_leaves_nothing(door: Opened) -> None:
    await answer_to(door, head(f"Content-Length: {len(BODY)}"), BODY[:10], eof=True)

    assert door.log.records == []
    assert door.seen.held == 0


async def test_an_idle_connection_is_closed_but_not_at_once(door: Opened) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    for _ in range(2):
        writer.write(head(f"Content-Length: {len(BODY)}") + BODY)
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")
        await reader.readuntil(b"}")
        await asyncio.sleep(0.1)

    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    assert len(door.log.events) == 2


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /v1/p.gif?k=tsk_web&e=\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/p.gif?k=tsk_web&e=%ff&a=ada HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        head("Transfer-Encoding: chunked") + b"zz\r\n",
        b"tsk_web\r\n\r\n",
    ],
)
async def test_what_anybody_sends_is_not_in_the_logs(
    door: Opened, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], sent: bytes
) -> None:
    """A flood of it would fill a disk, and it holds keys and customers."""
    answered = await answer_to(door, sent)

    assert answered.startswith(b"HTTP/1.")
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


CHUNKED = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (BODY[:7], BODY[7:]))


@pytest.mark.parametrize(
    ("lines", "body", "status"),
    [
        pytest.param(("Transfer-Encoding: chunked",), CHUNKED + b"0\r\n\r\n", 200, id="chunks"),
        pytest.param(("Transfer-Encoding: chunked",), b"zz\r\n", 400, id="no chunk"),
        pytest.param(("Content-Length: 5", "Content-Length: 6"), BODY, 400, id="two lengths"),
        pytest.param(("Content-Length: -1",), b"", 400, id="a length below zero"),
        pytest.param(("Content-Length: 9999999999",), b"{", 413, id="a length of 10 GB"),
        pytest.param(
            ("Content-Length: 5", "Transfer-Encoding: chunked"), CHUNKED, 400, id="both framings"
        ),
        pytest.param((f"Content-Length: {len(BODY) - 1}",), BODY, 400, id="a byte short"),
        pytest.param(("X: " + "y" * 20_000, "Content-Length: 0"), b"", 400, id="a long header"),
        pytest.param(("Expect: 200-ok", "Content-Length: 0"), b"", 417, id="an expectation"),
    ],
)
async def test_bodies_are_framed_as_http_says(
    door: Opened, lines: tuple[str, ...], body: bytes, status: int
) -> None:
    found = await answer_to(door, head(*lines), body)

    # What aiohttp cannot read as HTTP, it answers itself, as HTTP/1.0.
    assert found[:12] in {b"HTTP/1.1 %d" % status, b"HTTP/1.0 %d" % status}, found[:200]
    assert len(door.log.events) == (status == 200)


async def test_a_body_without_an_end_is_answered_as_soon_as_it_is_too_large(door: Opened) -> None:
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"

    found = await answer_to(door, head("Transfer-Encoding: chunked"), *[chunk] * 40)

    assert found.startswith(b"HTTP/1.1 413 ")
    assert (1 << 20) - 65536 * 4 < door.seen.most_held <= 1 << 20
    assert door.seen.held == 0


async def test_a_gzip_bomb_costs_no_more_than_an_honest_body(door: Opened) -> None:
    once = gzip.compress(b"\0" * (256 << 20), 1)[: 1 << 20]
    tracemalloc.start()
    answer = await door.send(body=once, headers={"Content-Encoding": "gzip"})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert answer.status == 413
    assert peak < 16 << 20


async def test_many_members_of_gzip_are_not_looked_for(door: Opened) -> None:
    many = gzip.compress(b"") * 50_000

    answer = await door.send(body=many, headers={"Content-Encoding": "gzip"})

    assert (answer.status, answer.json["rejected"][0]["reason"]) == (400, "bad_encoding")


async def test_the_connection_beyond_the_last_is_answered_503(tmp_path: Path) -> None:
    limits = msgspec.structs.replace(QUICK, connections=3, headers=5.0)
    async with opened(tmp_path, limits=limits) as door:
        held = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(3)]
        refused = await answer_to(door)
        for _, writer in held:
            writer.close()
            await writer.wait_closed()
        await asyncio.sleep(0.05)
        after = await door.send()

    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 1\r\n" in refused
    assert after.status == 200


@pytest.mark.long
async def test_ten_thousand_connections_are_served_and_the_next_is_told_so(tmp_path: Path) -> None:
    """As many as the system lets one process hold both ends of."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    number = min(10_000, (hard - 1000) // 2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    limits = Limits(connections=number, headers=60.0)
    async with opened(tmp_path, limits=limits, now=NOW) as door:
        held = [  # one is left for the client below
            await asyncio.open_connection("127.0.0.1", door.port) for _ in range(number - 1)
        ]
        answer = await door.send()
        refused = await answer_to(door)
        for _, writer in held:
            writer.close()

    assert number > 5000
    assert answer.status == 200
    assert refused.startswith(b"HTTP/1.1 503 ")


def test_a_deadline_begins_with_the_first_byte_of_each_request() -> None:
    now = [100.0]
    made: list[str] = []

    class Inner(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            made.append(data.decode())

    class Wire(asyncio.Transport):
        def close(self) -> None:
            made.append("closed")

    everyone = Connections(Inner, Limits(headers=10.0, idle=75.0), lambda: now[0])
    connection = everyone()
    connection.connection_made(Wire())
    assert connection.deadline == 110.0
    connection.begin()
    assert connection.deadline == float("inf")
    connection.end()
    assert connection.deadline == 175.0
    now[0] = 150.0
    connection.data_received(b"G")
    assert connection.deadline == 160.0
    now[0] = 159.9
    everyone.close_late()
    assert made == ["G"]
    now[0] = 160.0
    everyone.close_late()
    assert made == ["G", "closed"]
