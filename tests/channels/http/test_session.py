"""The HTTP client, in conversations with servers that break the rules."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_network
from math import inf
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from triggerstream.channels.http.guard import ForbiddenAddressError
from triggerstream.channels.http.session import BUFFER, open_session

LOOPBACK = (ip_network("127.0.0.0/8"),)
CERTIFICATE = Path(__file__).parents[1] / "localhost.pem"
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Heard:
    """A server that talks as it is told; *heads* are the heads of the requests that came."""

    def __init__(self, *answers: bytes) -> None:
        self.heads: list[str] = []
        self._answers = list(answers)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Give one answer to each request, and hang up where there is none left."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head.decode())
                if b"content-length: 2" in head.lower():
                    await reader.readexactly(2)
                if not self._answers:
                    return
                writer.write(self._answers.pop(0))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(talk: Talk) -> AsyncIterator[str]:
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


@asynccontextmanager
async def session(seconds: float = 5.0, allowed: Any = LOOPBACK) -> AsyncIterator[Any]:
    async with open_session(timeout=seconds, allowed=allowed) as opened:
        yield opened


def answer(head: str = "", body: bytes = b"") -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body


async def test_a_post_that_is_cut_off_on_a_kept_connection_is_not_repeated_by_the_library() -> None:
    heard = Heard(answer())

    async with serving(heard.talk) as url, session() as opened:
        async with opened.post(url, data=b"{}") as response:
            assert response.status == 200
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await opened.post(url, data=b"{}")

    assert len(heard.heads) == 2


async def test_nothing_of_the_environment_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login ada password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    heard = Heard(answer())

    async with serving(heard.talk) as url, session() as opened, opened.post(url) as response:
        assert response.status == 200

    assert "authorization" not in heard.heads[0].lower()


async def test_an_answer_is_not_inflated() -> None:
    bomb = gzip.compress(b"\0" * 10_000_000)
    heard = Heard(answer("Content-Encoding: gzip\r\n", bomb))

    async with serving(heard.talk) as url, session() as opened, opened.post(url) as response:
        assert await response.read() == bomb


@pytest.mark.parametrize(("length", "is_read"), [(8_000, True), (9_000, False)])
async def test_a_line_of_an_answers_head_is_bounded(length: int, is_read: bool) -> None:
    heard = Heard(answer(f"X-Long: {'x' * length}\r\n"))

    async with serving(heard.talk) as url, session() as opened:
        if is_read:
            async with opened.post(url) as response:
                assert len(response.headers["X-Long"]) == length
        else:
            with pytest.raises(aiohttp.ClientResponseError):
                await opened.post(url)


@pytest.mark.parametrize(("length", "is_read"), [(8_000, True), (9_000, False)])
async def test_so_is_its_first_line(length: int, is_read: bool) -> None:
    heard = Heard(f"HTTP/1.1 200 {'x' * length}\r\nContent-Length: 0\r\n\r\n".encode())

    async with serving(heard.talk) as url, session() as opened:
        if is_read:
            async with opened.post(url) as response:
                assert response.status == 200
        else:
            with pytest.raises(aiohttp.ClientResponseError):
                await opened.post(url)


async def test_of_an_answer_without_an_end_no_more_is_taken_than_was_read() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer("", b"x" * 50_000_000))
        with suppress(ConnectionError):
            await writer.drain()
        writer.close()

    async with serving(talk) as url, session() as opened, opened.post(url) as response:
        for _ in range(100):
            await asyncio.sleep(0)  # the loop may read 100 times
        taken = response.content.total_bytes

    assert 0 < taken <= 2 * BUFFER + 256 * 1024  # asyncio takes so many bytes at once


async def test_an_answer_has_a_bounded_number_of_headers() -> None:
    heard = Heard(answer("".join(f"X-{n}: x\r\n" for n in range(10_000))))

    async with serving(heard.talk) as url, session() as opened:
        with pytest.raises(aiohttp.ClientResponseError):
            await opened.post(url)


async def test_a_certificate_that_nobody_vouches_for_is_none() -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(CERTIFICATE)
    heard = Heard(answer())

    server = await asyncio.start_server(heard.talk, "127.0.0.1", 0, ssl=tls)
    async with server, session() as opened:
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}/"
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await opened.post(url)

    assert heard.heads == []


async def test_each_status_is_an_answer_and_not_an_error() -> None:
    heard = Heard(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n")

    async with serving(heard.talk) as url, session() as opened, opened.post(url) as response:
        assert response.status == 500


async def test_what_depends_on_a_clock_or_on_what_is_installed_is_said() -> None:
    async with session(seconds=7.5) as opened:
        connector = opened.connector

        assert opened.timeout.total == opened.timeout.ceil_threshold == 7.5
        assert opened.timeout.connect == 2.0
        assert connector._keepalive_timeout == 4.0
        assert (connector.limit, connector.limit_per_host) == (0, 0)
        assert isinstance(connector._resolver, aiohttp.ThreadedResolver)
        assert connector._ssl is True


async def test_a_call_has_no_longer_to_connect_than_it_has_in_all() -> None:
    async with session(seconds=0.5) as opened:
        assert opened.timeout.connect == 0.5


class TestNames:
    """Names are resolved by the system; what they resolve to is judged when it is dialled."""

    @pytest.fixture(autouse=True)
    def _names(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.zone: dict[str, list[str]] = {}
        original = socket.getaddrinfo

        def resolve(host: Any, port: Any, *args: Any, **options: Any) -> Any:
            if host not in self.zone:
                return original(host, port, *args, **options)
            kind, protocol = socket.SOCK_STREAM, socket.IPPROTO_TCP
            return [
                (socket.AF_INET, kind, protocol, "", (address, port)) for address in self.zone[host]
            ]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)

    @pytest.mark.parametrize("name", ["inside.example", "inside.example."])
    async def test_a_name_for_a_private_address_is_not_dialled(self, name: str) -> None:
        self.zone[name] = ["127.0.0.1"]
        heard = Heard(answer())

        async with serving(heard.talk) as url, session(allowed=()) as opened:
            with pytest.raises(aiohttp.ClientConnectorError) as refused:
                await opened.post(url.replace("127.0.0.1", name))

        assert isinstance(refused.value.os_error, ForbiddenAddressError)
        assert heard.heads == []

    async def test_no_cookie_is_kept(self) -> None:
        self.zone["shop.example"] = ["127.0.0.1"]  # no library keeps the cookies of an address
        heard = Heard(answer("Set-Cookie: a=b\r\n"), answer())

        async with serving(heard.talk) as url, session() as opened:
            for _ in range(2):
                async with opened.post(url.replace("127.0.0.1", "shop.example")) as response:
                    assert response.status == 200

        assert "a=b" not in heard.heads[1]

    async def test_of_several_addresses_only_those_that_may_be_dialled_are(self) -> None:
        self.zone["mixed.example"] = ["127.0.0.2", "127.0.0.1"]
        heard = Heard(answer())
        allowed = (ip_network("127.0.0.1/32"),)

        async with serving(heard.talk) as url, session(allowed=allowed) as opened:
            there = url.replace("127.0.0.1", "mixed.example")
            async with opened.post(there) as response:
                assert response.status == 200

        assert len(heard.heads) == 1

    async def test_a_name_that_moves_to_a_private_address_is_judged_again(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.zone["moves.example"] = ["127.0.0.1"]
        heard = Heard(answer("Connection: close\r\n"), answer())
        allowed = (ip_network("127.0.0.1/32"),)

        async with serving(heard.talk) as url, session(allowed=allowed) as opened:
            there = url.replace("127.0.0.1", "moves.example")
            async with opened.post(there) as response:
                assert response.status == 200
            self.zone["moves.example"] = ["127.0.0.2"]
            monkeypatch.setattr("aiohttp.connector.monotonic", lambda: inf)  # it is looked up anew
            with pytest.raises(aiohttp.ClientConnectorError) as refused:
                await opened.post(there)

        assert isinstance(refused.value.os_error, ForbiddenAddressError)
        assert len(heard.heads) == 1
