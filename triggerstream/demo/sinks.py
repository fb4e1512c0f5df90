"""Where the demo's messages arrive: a mail server and a webhook receiver, on loopback ports."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP
from standardwebhooks import Webhook, WebhookVerificationError

HOST = "127.0.0.1"
SECRET = "whsec_" + base64.b64encode(hashlib.sha256(b"triggerstream demo").digest()).decode()
"""Signs the demo's webhooks. It guards nothing: the receiver ends with the demo."""

_LETTERS_KEPT = 200


class Mailbox:
    """Accepts every message.

    Attributes:
        count: Messages accepted.
        letters: The newest of them, oldest first.
    """

    def __init__(self) -> None:
        self.port = 0
        self.count = 0
        self.letters: list[EmailMessage] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.count += 1
        letter = message_from_bytes(envelope.content, policy=policy.default)
        self.letters = [*self.letters[1 - _LETTERS_KEPT :], letter]
        return "250 OK"


class Receiver:
    """Verifies each webhook's signature; answers 200, or 401 where it does not hold.

    Attributes:
        accepted: How often each ``webhook-id`` came with a valid signature.
        refused: Requests whose signature did not hold.
    """

    def __init__(self) -> None:
        self.port = 0
        self.accepted: Counter[str] = Counter()
        self.refused = 0
        self._verifier = Webhook(SECRET)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/hook"

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            self._verifier.verify(body, dict(request.headers))
        except WebhookVerificationError:
            self.refused += 1
            return web.Response(status=401)
        self.accepted[request.headers["webhook-id"]] += 1
        return web.Response()


@asynccontextmanager
async def open_mailbox() -> AsyncIterator[Mailbox]:
    """Listen for mail until the end of the block."""
    mailbox = Mailbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(mailbox, loop=loop), HOST, 0)
    mailbox.port = server.sockets[0].getsockname()[1]
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
