"""A receiver of webhooks that misbehaves, and remembers what it was sent.

It *accepts* a message when it has read the whole body and means to keep it; what it answers then,
or whether it can, is another matter.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import cast

import msgspec
import orjson
from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.chaos.senders.story import Asked, kind_of

SECRET = "whsec_" + "c2VjcmV0" * 6
RETRY_AFTER = 7
"""Seconds, longer than the sender's own first pause."""
BEYOND = 10**6
"""Seconds, beyond any action's expiry."""


class Call(msgspec.Struct):
    """One request. Times are monotonic seconds; *left* is when the receiver was done with it."""

    action_id: str
    began: float
    left: float = 0.0
    body: bytes = b""


class Receiver:
    """Treats the first call for an action as its customer's name says, and later ones well.

    ``500``, ``429`` (with Retry-After), ``beyond`` (with one beyond the expiry), ``410``, ``stall``
    (no answer), ``reset`` (accepts, then resets the connection), ``shut`` (closes it with the body
    unread), ``hold`` (tells `reached`, and never answers); all others are accepted at once.

    Args:
        asked: What was asked for, by action id; the story adds to it.
        think: Seconds before an answer.

    Attributes:
        calls: Every request, in order.
        accepted: Ids of accepted messages, in order, repeats included.
        wrong: What no receiver may be sent.
    """

    def __init__(self, asked: Mapping[str, Asked], *, think: Callable[[], float]) -> None:
        self._asked = asked
        self._think = think
        self.url = ""
        self.calls: list[Call] = []
        self.accepted: list[str] = []
        self.wrong: list[str] = []
        self.reached: dict[str, asyncio.Event] = {}
        self.under_way = 0
        self._tried: Counter[str] = Counter()
        self._bodies: dict[str, bytes] = {}

    async def on_post(self, request: web.Request) -> web.StreamResponse:
        action_id = request.headers.get("webhook-id", "")
        call = Call(action_id, time.monotonic())
        self.calls.append(call)
        self.under_way += 1
        try:
            return await self._treat(request, call)
        finally:
            call.left = time.monotonic()
            self.under_way -= 1

    async def _treat(self, request: web.Request, call: Call) -> web.StreamResponse:
        asked = self._asked.get(call.action_id)
        if asked is None:
            self.wrong.append(f"a webhook with the id {call.action_id!r}, which nobody asked for")
            return web.Response(status=400)
        self._tried[call.action_id] += 1
        kind = kind_of(asked.customer_id) if self._tried[call.action_id] == 1 else ""
        if kind == "shut":
            return _reset(request)
        call.body = await request.read()
        self._inspect(request, call, asked)
        return await self._answer(request, call, kind)

    async def _answer(self, request: web.Request, call: Call, kind: str) -> web.StreamResponse:
        match kind:
            case "500":
                return web.Response(status=500)
            case "410":
                return web.Response(status=410)
            case "429":
                return web.Response(status=429, headers={"Retry-After": str(RETRY_AFTER)})
            case "beyond":
                return web.Response(status=429, headers={"Retry-After": str(BEYOND)})
            case "stall" | "hold":
                self.reached.setdefault(call.action_id, asyncio.Event()).set()
                await asyncio.Event().wait()  # until the caller hangs up, which cancels this
        await asyncio.sleep(self._think())
        self.accepted.append(call.action_id)
        return _reset(request) if kind == "reset" else web.Response()

    def _inspect(self, request: web.Request, call: Call, asked: Asked) -> None:
        """Note what a receiver would stumble over."""
        try:
            Webhook(SECRET).verify(call.body, dict(request.headers))
        except WebhookVerificationError as error:
            self.wrong.append(f"webhook {call.action_id}: its signature: {error}")
        data = orjson.loads(call.body)["data"]
        if (data["action_id"], data["customer_id"]) != (call.action_id, asked.customer_id):
            self.wrong.append(f"webhook {call.action_id}: the body of {data['action_id']}")
        if self._bodies.setdefault(call.action_id, call.body) != call.body:
            self.wrong.append(f"webhook {call.action_id}: a repeat with another body")


def _reset(request: web.Request) -> web.Response:
    """Reset the connection, whatever is still to be read or written."""
    transport = cast("asyncio.Transport", request.transport)
    found: socket.socket = transport.get_extra_info("socket")
    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    return web.Response()  # which has nowhere to go


@asynccontextmanager
async def open_receiver(
    asked: Mapping[str, Asked], *, think: Callable[[], float] = lambda: 0.0
) -> AsyncIterator[Receiver]:
    """Open one on a free loopback port."""
    receiver = Receiver(asked, think=think)
    application = web.Application()
    application.router.add_post("/", receiver.on_post)
    runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        yield receiver
    finally:
        await runner.cleanup()
