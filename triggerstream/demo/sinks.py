"""Where messages arrive that nobody is to get: a mail server and a webhook receiver, on loopback
ports."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket
import time
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
from aiohttp import web
from aiosmtpd.smtp import SMTP
from standardwebhooks import Webhook, WebhookVerificationError

from triggerstream.demo.letters import Letters

HOST: Final = "127.0.0.1"
SECRET: Final = "whsec_" + base64.b64encode(hashlib.sha256(b"triggerstream demo").digest()).decode()
"""Signs the demo's webhooks. It guards nothing: the receiver ends with the demo."""

_HOOKS_KEPT: Final = 200
_BODY_KEPT: Final = 16 << 10
"""Bytes of a webhook's body that are kept to be shown."""


class Hook(msgspec.Struct, frozen=True):
    """A webhook that came.

    Attributes:
        at: When, epoch milliseconds.
        webhook_id: What it says that its id is.
        is_valid: Whether its signature holds.
        body: The beginning of its body.
    """

    at: int
    webhook_id: str
    is_valid: bool
    body: bytes


class Mailbox:
    """A mail server that takes every mail, and passes none on.

    Attributes:
        port: Where it listens, on `HOST`.
        letters: What came.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.letters = Letters()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.letters.add(_now(), tuple(envelope.rcpt_tos), bytes(envelope.content))
        return "250 OK"


class Receiver:
    """Verifies each webhook's signature; answers 200, or 401 where it does not hold.

    Attributes:
        accepted: How often each ``webhook-id`` came with a valid signature.
        refused: Requests whose signature did not hold.
        hooks: The newest of both, the newest last.
    """

    def __init__(self) -> None:
        self.port = 0
        self.accepted: Counter[str] = Counter()
        self.refused = 0
        self.hooks: deque[Hook] = deque(maxlen=_HOOKS_KEPT)
        self._verifier = Webhook(SECRET)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/hook"

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        webhook_id = request.headers.get("webhook-id", "")
        is_valid = self._holds(body, request)
        self.hooks.append(Hook(_now(), webhook_id, is_valid, body[:_BODY_KEPT]))
        if not is_valid:
            self.refused += 1
            return web.Response(status=401)
        self.accepted[webhook_id] += 1
        return web.Response()

    def _holds(self, body: bytes, request: web.Request) -> bool:
        try:
            self._verifier.verify(body, dict(request.headers))
        except WebhookVerificationError:
            return False
        return True


@asynccontextmanager
async def open_mailbox(listening: socket.socket | None = None) -> AsyncIterator[Mailbox]:
    """Listen for mail until the end of the block.

    Args:
        listening: Where; on a free port if left out.
    """
    listening = listening or socket.create_server((HOST, 0))
    mailbox = Mailbox(listening.getsockname()[1])
    loop = asyncio.get_running_loop()

    def session() -> SMTP:
        # Its own name for itself would be asked of the DNS.
        return SMTP(mailbox, hostname="localhost", enable_SMTPUTF8=True, loop=loop)

    server = await loop.create_server(session, sock=listening)
    try:
        yield mailbox
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def open_receiver() -> AsyncIterator[Receiver]:
    """Listen for webhooks until the end of the block."""
    receiver = Receiver()
    application = web.Application()
    application.router.add_post("/hook", receiver.receive)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        receiver.port = runner.addresses[0][1]
        yield receiver
    finally:
        await runner.cleanup()


def _now() -> int:
    return time.time_ns() // 1_000_000
