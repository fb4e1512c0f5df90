"""Handing a mail over, in real conversations with a mail server on loopback."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import SecretStr

from tests.channels.email.mail_server import Mailbox, channel, hang_up, send, serving
from tests.channels.harness import message
from triggerstream.channels.base import Answer
from triggerstream.errors import SettingsError

# ── what the server says ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("replies", "outcome", "reason"),
    [
        ({"rcpt": "451 4.7.1 greylisted, try again"}, "retry", "unavailable"),
        ({"rcpt": "550 5.1.1 no such user"}, "failed", "rejected"),
        ({"mail": "421 4.3.2 shutting down"}, "retry", "unavailable"),
        ({"mail": "553 5.1.8 sender refused"}, "failed", "rejected"),
        ({"data": "451 4.3.0 busy"}, "retry", "unavailable"),
        ({"data": "552 5.3.4 too big"}, "failed", "rejected"),
        ({"data": "421 4.3.2 shutting down"}, "retry", "unavailable"),
        ({"data": "drop"}, "unknown", "ambiguous"),
        # It says nothing about this message.
        ({"helo": "550 5.7.1 who are you"}, "retry", "unavailable"),
        ({"mail": "530 5.7.0 authentication required"}, "retry", "unavailable"),
        ({"rcpt": "538 5.7.11 encryption required"}, "retry", "unavailable"),
        # No replies of the protocol.
        ({"rcpt": "399 odd"}, "retry", "unavailable"),
        ({"rcpt": "600 odd"}, "retry", "unavailable"),
        ({"data": "399 odd"}, "unknown", "ambiguous"),
        ({"data": "600 odd"}, "unknown", "ambiguous"),
        ({"data": "what"}, "unknown", "ambiguous"),
        # The ends of what the protocol has.
        ({"data": "400 4.0.0 no"}, "retry", "unavailable"),
        ({"data": "499 4.0.0 no"}, "retry", "unavailable"),
        ({"data": "500 5.0.0 no"}, "failed", "rejected"),
        ({"data": "599 5.0.0 no"}, "failed", "rejected"),
    ],
)
async def test_what_the_server_says_decides(
    replies: dict[str, str], outcome: str, reason: str
) -> None:
    box = Mailbox(**replies)

    answer = await send(box)

    assert (answer.outcome, answer.reason) == (outcome, reason)
    assert box.accepted == []


async def test_a_server_that_stalls_after_the_final_dot_leaves_it_open() -> None:
    answer = await send(Mailbox(data="stall"), timeout=0.3)

    assert (answer.outcome, answer.reason) == ("unknown", "ambiguous")


@pytest.mark.covers("A12")
async def test_the_customers_address_stays_out_of_the_detail() -> None:
    answer = await send(Mailbox(rcpt="550 5.1.1 <{address}>: unknown"))

    assert answer.detail == "550 5.1.1 <<address>>: unknown"


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("550 no ADA@Mail.Example", "550 no <address>"),
        ("550 " + "x" * 190 + " ada@mail.example", "550 " + "x" * 190 + " <addr"),
        ("550 " + "x" * 195 + " ada@mail.example", "550 " + "x" * 195 + " "),
    ],
    ids=["in another case", "at the end of the detail", "behind it"],
)
async def test_nor_is_a_part_of_the_address_in_it(reply: str, told: str) -> None:
    answer = await send(Mailbox(rcpt=reply))

    assert answer.detail == told


async def test_what_is_said_of_an_accepted_message_is_told_without_the_address_too() -> None:
    answer = await send(Mailbox(data="250 2.0.0 queued for ada@mail.example"))

    assert (answer.outcome, answer.detail) == ("sent", "2.0.0 queued for <address>")


class Silent(asyncio.Protocol):
    """Accepts a connection, and says nothing."""


class Abrupt(asyncio.Protocol):
    """Says one line, and hangs up."""

    def __init__(self, line: bytes) -> None:
        self._line = line

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._line)
        transport.close()


@pytest.mark.parametrize(
    "line", [b"", b"554 5.7.1 go away\r\n", b"421 4.3.2 later\r\n", b"hello\r\n", b"220 hi\r\n"]
)
async def test_a_server_that_does_not_take_part_is_unavailable(line: bytes) -> None:
    async with serving(lambda: Abrupt(line)) as port:
        answer = await channel(port).send(message())

    assert (answer.outcome, answer.reason) == ("retry", "unavailable")


async def test_a_server_that_says_nothing_is_unavailable_within_the_time() -> None:
    async with serving(Silent) as port:
        answer = await channel(port, timeout=0.2).send(message())

    assert (answer.outcome, answer.reason) == ("retry", "unavailable")


async def test_a_refused_connection_is_unavailable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    answer = await channel(port).send(message())

    assert (answer.outcome, answer.reason) == ("retry", "unavailable")


class Dripping(asyncio.Protocol):
    """Says one line at a time, each in time and all of them too late."""

    def __init__(self) -> None:
        self._lines = [b"220 hi\r\n", *[b"250 ok\r\n"] * 3, b"354 go\r\n", b"250 ok\r\n"]
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.data_received(b"")

    def data_received(self, _: bytes) -> None:
        line = self._lines.pop(0)
        asyncio.get_running_loop().call_later(0.15, self._transport.write, line)

    def connection_lost(self, _: Exception | None) -> None:
        self.lost.set()


async def test_the_whole_conversation_has_the_time_of_one_attempt() -> None:
    server = Dripping()

    async with serving(lambda: server) as port:
        answer = await channel(port, timeout=0.4).send(message())
        await asyncio.wait_for(server.lost.wait(), 5)

    assert (answer.outcome, answer.reason) == ("retry", "unavailable")


async def test_we_say_goodbye() -> None:
    class Polite(SMTP):
        async def smtp_QUIT(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
            goodbyes.append(arg)
            await super().smtp_QUIT(arg)

    goodbyes: list[str] = []

    answer = await send(Mailbox(), kind=Polite)

    assert answer.outcome == "sent"
    assert len(goodbyes) == 1


async def test_a_farewell_that_fails_does_not_unsend() -> None:
    class Rude(SMTP):
        async def smtp_QUIT(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
            hang_up(self)

    box = Mailbox()
    async with serving(lambda: Rude(box, loop=asyncio.get_running_loop())) as port:
        answer = await channel(port).send(message())

    assert answer.outcome == "sent"


def test_a_mail_server_beyond_ascii_is_the_one_of_idna_2008() -> None:
    client = channel(1, host="mail.straße.example")._server._client()

    assert client.hostname == "mail.xn--strae-oqa.example"


async def test_we_greet_with_the_senders_domain() -> None:
    box = Mailbox()

    await send(box, from_address="news@straße.example")

    assert box.greetings == ["xn--strae-oqa.example"]


# ── TLS ─────────────────────────────────────────────────────────────────────────────────────

CERTIFICATE = Path(__file__).parents[1] / "localhost.pem"
"""Of ``localhost``, and of no address; it vouches for itself."""


@pytest.fixture
def tls() -> ssl.SSLContext:
    """What a server speaks TLS with."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)
    return context


@pytest.fixture
def _trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this host trust the server's certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))


async def send_with(security: str, tls: ssl.SSLContext, box: Mailbox, host: str) -> Answer:
    if security == "tls":
        return await send(box, tls=tls, security=security, host=host)
    return await send(box, server={"tls_context": tls}, security=security, host=host)


@pytest.mark.covers("N4")
async def test_nothing_is_sent_in_the_clear_where_tls_is_wanted() -> None:
    box = Mailbox()

    answer = await send(box, security="starttls")

    assert (answer.outcome, answer.reason) == ("retry", "unavailable")
    assert box.accepted == []


@pytest.mark.usefixtures("_trusted")
@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_server_with_its_own_certificate_is_spoken_to(
    security: str, tls: ssl.SSLContext
) -> None:
    box = Mailbox()

    answer = await send_with(security, tls, box, "localhost")

    assert answer.outcome == "sent"
    assert len(box.accepted) == 1


@pytest.mark.usefixtures("_trusted")
@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_certificate_for_another_name_is_none(security: str, tls: ssl.SSLContext) -> None:
    box = Mailbox()

    answer = await send_with(security, tls, box, "127.0.0.1")

    assert (answer.outcome, answer.reason) == ("retry", "unavailable")
    assert "certificate is not valid for" in answer.detail
    assert box.accepted == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_certificate_that_nobody_vouches_for_is_none(
    security: str, tls: ssl.SSLContext
) -> None:
    box = Mailbox()

    answer = await send_with(security, tls, box, "localhost")

    assert (answer.outcome, answer.reason) == ("retry", "unavailable")
    assert "CERTIFICATE_VERIFY_FAILED" in answer.detail
    assert box.accepted == []


async def test_a_no_to_tls_is_no_answer_to_the_message(tls: ssl.SSLContext) -> None:
    class Unable(SMTP):
        async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
            await self.push("554 5.7.3 no TLS today")

    answer = await send(
        Mailbox(), kind=Unable, server={"tls_context": tls}, security="starttls", host="localhost"
    )

    assert (answer.outcome, answer.reason) == ("retry", "unavailable")


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_no_certificate_has_a_dot_at_its_end(security: str) -> None:
    channel(1, security="none", host="mail.example.")
    with pytest.raises(SettingsError, match=r"the mail server: .* without a dot at its end"):
        channel(1, security=security, host="mail.example.")


def test_what_the_library_would_decide_is_decided_here() -> None:
    def client(security: str) -> aiosmtplib.SMTP:
        return channel(1, security=security, timeout=7.5)._server._client()

    assert (client("none").use_tls, client("none")._start_tls_on_connect) == (False, False)
    assert (client("starttls").use_tls, client("starttls")._start_tls_on_connect) == (False, True)
    assert (client("tls").use_tls, client("tls")._start_tls_on_connect) == (True, False)
    assert client("tls").timeout == 7.5
    assert client("tls").validate_certs is True
    assert client("none").tls_context is None
    context = client("tls").tls_context
    assert context is not None
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


# ── the login ───────────────────────────────────────────────────────────────────────────────


def only_ada(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
) -> AuthResult:
    return AuthResult(success=data == LoginPassword(b"ada", b"hunter2"), handled=False)


async def log_in(box: Mailbox, tls: ssl.SSLContext, **credentials: Any) -> Answer:
    server = {"tls_context": tls, "authenticator": only_ada, "auth_required": True}
    return await send(box, server=server, security="starttls", host="localhost", **credentials)


@pytest.mark.usefixtures("_trusted")
async def test_who_has_a_password_logs_in(tls: ssl.SSLContext) -> None:
    box = Mailbox()

    answer = await log_in(box, tls, username="ada", password=SecretStr("hunter2"))

    assert answer.outcome == "sent"
    assert len(box.accepted) == 1


@pytest.mark.usefixtures("_trusted")
@pytest.mark.parametrize(
    ("credentials", "code"),
    [({}, "530"), ({"username": "ada", "password": SecretStr("hunter3")}, "535")],
)
async def test_a_login_that_fails_is_no_answer_to_the_message(
    credentials: dict[str, Any], code: str, tls: ssl.SSLContext
) -> None:
    box = Mailbox()

    answer = await log_in(box, tls, **credentials)

    assert (answer.outcome, answer.reason) == ("retry", "unavailable")
    assert answer.detail.startswith(code)
    assert "hunter" not in answer.detail
    assert box.accepted == []
