"""Where messages end in the end-to-end tests: a webhook receiver and a mail server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP

SECRET = "whsec_" + "c2VjcmV0" * 6


class Sinks:
    """What arrived, in order of arrival, repeats included."""

    def __init__(self) -> None:
        self.webhooks: list[str] = []
        self.mails: list[str] = []
        self.settings: dict[str, str] = {}

    async def on_webhook(self, request: web.Request) -> web.Response:
        await request.read()
        self.webhooks.append(request.headers["webhook-id"])
        return web.Response()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.mails.append(str(message_from_bytes(envelope.content)["Message-ID"]))
        return "250 OK"


@asynccontextmanager
async def open_sinks() -> AsyncIterator[Sinks]:
    """Open both on free loopback ports; `settings` is what a sender needs to reach them."""
    sinks = Sinks()
    application = web.Application()
    application.router.add_post("/", sinks.on_webhook)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    loop = asyncio.get_running_loop()
    mail = await loop.create_server(lambda: SMTP(sinks, hostname="sink", loop=loop), "127.0.0.1", 0)
    try:
        web_port = runner.addresses[0][1]
        mail_port = mail.sockets[0].getsockname()[1]
        sinks.settings = {
            "TRIGGERSTREAM_SENDER__WEBHOOKS": (
                f'{{"crm": {{"url": "http://127.0.0.1:{web_port}/", "secrets": ["{SECRET}"]}}}}'
            ),
            "TRIGGERSTREAM_SENDER__ALLOW_NETWORKS": "127.0.0.0/8",
            "TRIGGERSTREAM_SENDER__SMTP__HOST": "127.0.0.1",
            "TRIGGERSTREAM_SENDER__SMTP__PORT": str(mail_port),
            "TRIGGERSTREAM_SENDER__SMTP__SECURITY": "none",
            "TRIGGERSTREAM_SENDER__SMTP__SENDER": "shop@example.com",
            "TRIGGERSTREAM_SENDER__ATTEMPT_TIMEOUT": "3",
        }
        yield sinks
    finally:
        mail.close()
        await mail.wait_closed()
        await runner.cleanup()
