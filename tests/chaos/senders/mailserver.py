"""A mail server that misbehaves, and remembers what it accepted.

It *accepts* a message when it has read the final dot and means to keep it; whether its reply is
heard is another matter.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes
from typing import Any

from aiosmtpd.smtp import SMTP

from tests.chaos.senders.story import kind_of

GREY = 4.0
"""Seconds for which a greylisted recipient is put off."""
_OK = "250 OK"


class MailServer:
    """Treats the first conversation for a customer as their name says, and later ones well.

    At RCPT: ``greylist`` (451 until `GREY` seconds have passed), ``busy`` (421), ``refused`` (550),
    ``gone`` (drops the connection), ``hold`` (tells `reached`, and never answers). After the final
    dot: ``full`` (452), ``closing`` (421), ``spam`` (554), ``lost`` (accepts, then drops the
    connection), ``mute`` (accepts, then says nothing). All others are accepted at once.

    Args:
        think: Seconds before the reply to the final dot.

    Attributes:
        tried: Conversations that named a customer, by customer.
        accepted: Action ids of accepted messages, in order, repeats included.
    """

    def __init__(self, *, think: Callable[[], float]) -> None:
        self._think = think
        self.port = 0
        self.tried: Counter[str] = Counter()
        self.accepted: list[str] = []
        self.reached: dict[str, asyncio.Event] = {}
        self.under_way = 0
        self._first: dict[str, float] = {}

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        customer = address.partition("@")[0]
        self.tried[customer] += 1
        now = time.monotonic()
        since = now - self._first.setdefault(customer, now)
        kind = kind_of(customer) if self.tried[customer] == 1 else ""
        if kind_of(customer) == "greylist" and since < GREY:
            return "451 4.7.1 Greylisted, please try again later"
        match kind:
            case "busy":
                return "421 4.3.2 Too busy"
            case "refused":
                return f"550 5.1.1 <{address}> is not known here"
            case "gone":
                server.transport.abort()
            case "hold":
                self.reached.setdefault(customer, asyncio.Event()).set()
                await asyncio.Event().wait()  # until the caller hangs up, which cancels this
        envelope.rcpt_tos.append(address)
        return _OK

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.under_way += 1
        try:
            return await self._take(server, envelope)
        finally:
            self.under_way -= 1

    async def _take(self, server: Any, envelope: Any) -> str:
        customer = envelope.rcpt_tos[0].partition("@")[0]
        kind = kind_of(customer) if self.tried[customer] == 1 else ""
        refused = {
            "full": "452 4.3.1 Insufficient storage",
            "closing": "421 4.3.2 Closing",
            "spam": "554 5.7.1 We do not want this",
        }
        if kind in refused:
            return refused[kind]
        await asyncio.sleep(self._think())
        name = str(message_from_bytes(envelope.content)["Message-ID"])
        self.accepted.append(name.strip("<>").partition("@")[0])
        if kind == "lost":
            server.transport.abort()
        elif kind == "mute":
            await asyncio.Event().wait()  # until the caller hangs up, which cancels this
        return _OK


@asynccontextmanager
async def open_mailserver(*, think: Callable[[], float] = lambda: 0.0) -> AsyncIterator[MailServer]:
    """Open one on a free loopback port."""
    mail = MailServer(think=think)
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(
        lambda: SMTP(mail, hostname="mail", loop=loop), "127.0.0.1", 0
    )
    try:
        mail.port = listening.sockets[0].getsockname()[1]
        yield mail
    finally:
        listening.close()
        await listening.wait_closed()
