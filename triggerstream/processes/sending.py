"""The keyed process that sends: gates, reserves, calls the channels, and records the ends."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from triggerstream.channels.base import Channel
from triggerstream.channels.config import (
    ChannelsConfig,
    EmailConfig,
    Endpoint,
    WebhookConfig,
)
from triggerstream.channels.registry import build_channels
from triggerstream.channels.templates.processes import Processes
from triggerstream.core.sending.send import Send
from triggerstream.ops.settings import Sender, Settings
from triggerstream.processes.keyed import Keyed, Role
from triggerstream.stream.dispatch.calls import Calls
from triggerstream.stream.dispatch.room import Bounds

DRAIN: Final = 15.0
"""Seconds that calls under way get at the end."""

_PLAYED: Final = Bounds(patience=20.0, pause=0.0, stale=None, hold=None)
"""Where time is data, days pass in seconds: a decision's age means nothing, a pause by the clock
may never end, and history waits until its messages have gone out."""


class Sending:
    """The channels of a sender, and what they render with.

    Attributes:
        role: Its role, with the channels that it has.
    """

    def __init__(
        self, settings: Settings, channels: Mapping[str, Channel], renderer: Processes
    ) -> None:
        self.role = Role("send", "sender", "actions", channels=tuple(channels))
        self._settings = settings
        self._channels = channels
        self._renderer = renderer

    def send(self, keyed: Keyed) -> Calls:
        """Have *keyed*, whose role is ours, send; return its calls, to be drained at the end."""
        world = keyed.world
        calls = Calls(
            self._channels,
            log=keyed.log,
            rulesets=world.rulesets,
            crash=world.shutdown.fail,
            now=time.time,
            observe=keyed.metrics.observe_attempt,
            bounds=_PLAYED if keyed.header_clock else Bounds(),
            renderer=self._renderer,
        )
        program = Send(deadline=self._settings.sender.attempt_timeout)
        keyed.decide_with(program, marks=False, attempts=calls)
        return calls


@asynccontextmanager
async def open_sending(settings: Settings) -> AsyncIterator[Sending]:
    """Build the channels that *settings* ask for; close them at the end."""
    channels = build_channels(channels_of(settings.sender), now=time.time)
    renderer = Processes()
    try:
        yield Sending(settings, channels, renderer)
    finally:
        await renderer.close()
        for channel in channels.values():
            await channel.close()


def channels_of(sender: Sender) -> ChannelsConfig:
    """Return the channels that the settings ask for."""
    smtp = sender.smtp
    email = None
    if smtp.host is not None and smtp.sender is not None:
        email = EmailConfig(
            host=smtp.host,
            from_address=smtp.sender,
            port=smtp.port,
            security=smtp.security,
            username=smtp.username,
            password=smtp.password,
            reply_to=smtp.reply_to,
            unsubscribe_url=smtp.unsubscribe_url,
        )
    webhook = None
    if sender.webhooks:
        webhook = WebhookConfig(
            endpoints={
                name: Endpoint(endpoint.url, endpoint.secrets)
                for name, endpoint in sender.webhooks.items()
            },
            allow_networks=sender.allow_networks,
        )
    return ChannelsConfig(email=email, webhook=webhook, attempt_timeout=sender.attempt_timeout)
