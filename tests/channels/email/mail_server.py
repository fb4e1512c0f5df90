"""A mail server on loopback, for tests of e-mail in real conversations."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.channels.harness import NOW, message
from triggerstream.channels.base import Answer, Message
from triggerstream.channels.config import EmailConfig
from triggerstream.channels.email.channel import EmailChannel

SENDER = "Shop <news@shop.example>"


class Mailbox:
    """A mail server's decisions: by default it accepts, and keeps what it accepted."""

    def __init__(self, **replies: str) -> None:
        self.replies = replies
        self.accepted: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []
        self.greetings: list[str] = []
        self.closed = asyncio.Event()

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, name: str, replies: list[str]
    ) -> list[str]:
        session.host_name = name
        self.greetings.append(name)
        return [self.replies["helo"]] if "helo" in self.replies else replies

    async def handle_HELO(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, name: str
    ) -> str:
        return self.replies["helo"]

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self.replies.get("mail", "250 OK")

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self.replies.get("rcpt", "250 OK").replace("{address}", address)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        reply = self.replies.get("data", "250 2.0.0 queued as 4711")
        if reply == "drop":
            hang_up(server)
            return "250 too late"
        if reply == "stall":
            await self.closed.wait()
        if reply.startswith("250"):
            assert isinstance(envelope.content, bytes)
            parsed = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(parsed, EmailMessage)
            self.accepted.append(parsed)
            self.envelopes.append(envelope)
        return reply


def hang_up(server: SMTP) -> None:
    assert isinstance(server.transport, asyncio.Transport)
    server.transport.abort()


@asynccontextmanager
async def serving(make: Callable[[], Any], tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve a protocol on a free loopback port, and yield the port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(make, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def channel(port: int, **settings: Any) -> EmailChannel:
    timeout = settings.pop("timeout", 5.0)
    settings.setdefault("security", "none")
    settings.setdefault("host", "127.0.0.1")
    settings.setdefault("from_address", SENDER)
    config = EmailConfig(port=port, **settings)
    return EmailChannel(config, timeout=timeout, now=lambda: NOW)


async def send(
    box: Mailbox,
    letter: Message | None = None,
    *,
    kind: type[SMTP] = SMTP,
    server: Mapping[str, Any] | None = None,
    tls: ssl.SSLContext | None = None,
    **settings: Any,
) -> Answer:
    """Send one message, or *letter*, to *box*.

    Args:
        server: What the server is besides, in aiosmtpd's words.
        tls: What it speaks TLS with from the beginning.
    """
    loop = asyncio.get_running_loop()
    words = {"hostname": "mail.example", "loop": loop, **(server or {})}
    async with serving(lambda: kind(box, **words), tls) as port:
        answer = await channel(port, **settings).send(letter or message())
        box.closed.set()
        return answer
