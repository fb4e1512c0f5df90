"""What every row of senders stands on: an installation, its far sides, and a story."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import orjson

from tests.chaos.senders.mailserver import MailServer, open_mailserver
from tests.chaos.senders.receiver import SECRET, Receiver, open_receiver
from tests.chaos.senders.reckoning import Expect, Reckoning
from tests.chaos.senders.story import TRIGGERS, Story
from tests.chaos.senders.watch import Watch
from tests.chaos.stage import Stage
from tests.e2e.deployment import Deployment

TIMEOUT = 2.0
"""Seconds that a call may take."""


class Scene(NamedTuple):
    deployment: Deployment
    story: Story
    receiver: Receiver
    mail: MailServer
    watch: Watch
    settings: Mapping[str, str]

    async def until(self, met: Callable[[], bool], seconds: float = 30) -> None:
        """Return when the far sides have seen what is waited for.

        Raises:
            TimeoutError: They have not after so many seconds.
        """
        async with asyncio.timeout(seconds):
            while not met():  # noqa: ASYNC110 - it is a matter of many events, or of several
                await asyncio.sleep(0.02)

    def reckon(self, expect: Expect) -> Reckoning:
        return Reckoning(
            self.story.asked,
            (delivery for _, delivery in self.watch.deliveries),
            self.receiver,
            self.mail,
            expect,
        )


@asynccontextmanager
async def open_scene(
    stage: Stage,
    name: str = "deployment",
    *,
    senders: Iterable[str] = (),
    think: Callable[[], float] = lambda: 0.0,
    timeout: float = TIMEOUT,
    bootstrap: str | None = None,
) -> AsyncIterator[Scene]:
    """Open the far sides, and start a worker and *senders*; return when all of them read. The clock is the
    broker's, as in production: retries come when time has passed, by the senders' own ticks."""
    story = Story()
    async with (
        open_receiver(story.asked, think=think) as receiver,
        open_mailserver(think=think) as mail,
    ):
        settings = _settings(receiver, mail, timeout)
        with stage.deployment(
            name, triggers=TRIGGERS, settings=settings, bootstrap=bootstrap
        ) as deployment:
            deployment.worker()
            for each in senders:
                deployment.sender(each)
            for each in ("worker", *senders):
                await deployment.wait_until_reading(each)
            async with Watch(deployment) as watch:
                yield Scene(deployment, story, receiver, mail, watch, settings)


def _settings(receiver: Receiver, mail: MailServer, timeout: float) -> dict[str, str]:
    webhooks = {"shop": {"url": receiver.url, "secrets": [SECRET]}}
    return {
        "TRIGGERSTREAM_CLOCK": "broker",
        "TRIGGERSTREAM_SENDER__WEBHOOKS": orjson.dumps(webhooks).decode(),
        "TRIGGERSTREAM_SENDER__ALLOW_NETWORKS": "127.0.0.0/8",
        "TRIGGERSTREAM_SENDER__SMTP__HOST": "127.0.0.1",
        "TRIGGERSTREAM_SENDER__SMTP__PORT": str(mail.port),
        "TRIGGERSTREAM_SENDER__SMTP__SECURITY": "none",
        "TRIGGERSTREAM_SENDER__SMTP__SENDER": "shop@example.com",
        "TRIGGERSTREAM_SENDER__ATTEMPT_TIMEOUT": str(timeout),
    }
