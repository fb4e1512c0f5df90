"""What every row of senders stands on: an installation, its far sides, and a story."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, NamedTuple

import orjson

from tests.chaos.senders.mailserver import MailServer, open_mailserver
from tests.chaos.senders.receiver import SECRET, Receiver, open_receiver
from tests.chaos.senders.reckoning import Expect, Reckoning
from tests.chaos.senders.story import TRIGGERS, Story
from tests.chaos.stage import Stage

TIMEOUT = 2.0
"""Seconds that a call may take."""


class Scene(NamedTuple):
    """The installation, and the watch on it, are those of the stage's world."""

    deployment: Any
    story: Story
    receiver: Receiver
    mail: MailServer
    watch: Any

    async def until(self, met: Callable[[], bool], seconds: float = 30) -> None:
        """Return when the far sides have seen what is waited for.

        Raises:
            TimeoutError: They have not after so many seconds.
        """
        async with asyncio.timeout(seconds):
            while not met():  # noqa: ASYNC110 - it is a matter of many events, or of several
                await asyncio.sleep(0.02)

    async def end(self, seconds: float, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Wait until all that was asked for has an end, and read what was told of it."""
        await self.watch.until_ended(self.story.asked, seconds, meanwhile)
        await self.watch.until_contained(seconds, meanwhile)
        await self.watch.read_all()

    def reckon(self, expect: Expect, wrong: Iterable[str] = ()) -> Reckoning:
        """Return what became of everything; *wrong* is what the row has found wrong by itself."""
        reckoning = Reckoning(
            self.story.asked,
            (delivery for _, delivery in self.watch.deliveries),
            self.receiver,
            self.mail,
            expect,
        )
        reckoning.wrong += wrong
        return reckoning


@asynccontextmanager
async def open_scene(
    stage: Stage,
    name: str = "deployment",
    *,
    senders: Sequence[str] = (),
    think: Callable[[], float] = lambda: 0.0,
    call_timeout: float = TIMEOUT,
    clock: Literal["broker", "header"] = "broker",
    **options: Any,
) -> AsyncIterator[Scene]:
    """Open the far sides, start a worker and *senders*, and go on when all of them read.

    The clock is the broker's, unless asked otherwise, as in production: retries come when time has
    passed, by the senders' own ticks.

    Args:
        think: Seconds before a far side answers.
        call_timeout: Seconds that a call may take.
        clock: What tells the time; by the headers of records, history is played.
        options: Of the stage's world (`Stage.sending`).
    """
    story = Story()
    async with (
        open_receiver(story.asked, think=think) as receiver,
        open_mailserver(think=think) as mail,
    ):
        settings = _settings(receiver, mail, call_timeout, clock)
        async with stage.sending(name, TRIGGERS, settings, senders, **options) as (
            deployment,
            watch,
        ):
            yield Scene(deployment, story, receiver, mail, watch)


def _settings(receiver: Receiver, mail: MailServer, timeout: float, clock: str) -> dict[str, str]:
    webhooks = {"shop": {"url": receiver.url, "secrets": [SECRET]}}
    return {
        "TRIGGERSTREAM_CLOCK": clock,
        "TRIGGERSTREAM_SENDER__WEBHOOKS": orjson.dumps(webhooks).decode(),
        "TRIGGERSTREAM_SENDER__ALLOW_NETWORKS": "127.0.0.0/8",
        "TRIGGERSTREAM_SENDER__SMTP__HOST": "127.0.0.1",
        "TRIGGERSTREAM_SENDER__SMTP__PORT": str(mail.port),
        "TRIGGERSTREAM_SENDER__SMTP__SECURITY": "none",
        "TRIGGERSTREAM_SENDER__SMTP__SENDER": "shop@example.com",
        "TRIGGERSTREAM_SENDER__ATTEMPT_TIMEOUT": str(timeout),
    }
