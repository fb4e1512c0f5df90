"""Where the demo plays: an installation of one of the two worlds, as the demo sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

import msgspec
import orjson

from triggerstream.core.records.record import Record
from triggerstream.demo.history import Played
from triggerstream.demo.sinks import HOST, SECRET, Mailbox, Receiver

ENDPOINTS = ("crm", "support")
"""Where the shop's triggers send webhooks: here, all to one receiver."""


class Progress(msgspec.Struct, frozen=True):
    """How far an installation has come.

    Attributes:
        decided: Records of the events topic that are decided, of *events*.
        sent: Records of the actions topic that are worked off, of *actions*.
    """

    decided: int
    events: int
    sent: int
    actions: int

    @property
    def behind(self) -> int:
        """How many records whoever is further behind has not read yet."""
        return max(self.events - self.decided, self.actions - self.sent)


class Stage(Protocol):
    """A running installation.

    Every method raises `ProcessEndedError` where a process of it has ended.
    """

    elsewhere: str
    """Says how to see the same in the other world; ``""`` where there is nothing to say."""

    async def wait_until_ready(self) -> None: ...

    async def append(self, records: Sequence[Played]) -> None:
        """Append *records* to the events topic, in order; return when they are durable."""
        ...

    async def progress(self) -> Progress: ...

    def read(self, topic: str) -> AsyncIterator[Record]:
        """Yield the records of the topic of this short name, up to its end as it is now."""
        ...

    async def metrics(self) -> str:
        """Return what who decides answers at ``/metrics``."""
        ...

    @property
    def places(self) -> Mapping[str, str]:
        """Where things are, for people: names and addresses or files."""
        ...


def delivering(mailbox: Mailbox, receiver: Receiver) -> dict[str, str]:
    """Return the settings of who sends to *mailbox* and *receiver*, without their prefix."""
    endpoints = {name: {"url": receiver.url, "secrets": [SECRET]} for name in ENDPOINTS}
    return {
        "SENDER__SMTP__HOST": HOST,
        "SENDER__SMTP__PORT": str(mailbox.port),
        "SENDER__SMTP__SECURITY": "none",
        "SENDER__SMTP__SENDER": "shop@example.com",
        "SENDER__WEBHOOKS": orjson.dumps(endpoints).decode(),
        "SENDER__ALLOW_NETWORKS": "127.0.0.0/8",
    }
