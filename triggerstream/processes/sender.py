"""The sender: gates, reserves, calls the channels, and records what became of every action."""

from __future__ import annotations

import time

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
from triggerstream.processes.runtime import Runtime, run
from triggerstream.stream.dispatch.calls import Calls
from triggerstream.stream.dispatch.room import Bounds

DRAIN = 15.0
"""Seconds that calls under way get at the end."""

_PLAYED = Bounds(patience=20.0, pause=0.0, stale=None, hold=None)
"""Where time is data, days pass in seconds: a decision's age means nothing, a pause by the clock
may never end, and history waits until its messages have gone out."""


def run_sender(settings: Settings) -> int:
    """Run a sender until it is told to stop; return its exit code."""

    async def main() -> int:
        channels = build_channels(channels_of(settings.sender), now=time.time)
        renderer = Processes()
        try:
            async with Runtime(
                settings,
                name="send",
                title="sender",
                input_topic="actions",
                channels=tuple(channels),
            ) as runtime:
                calls = Calls(
                    channels,
                    log=runtime.log,
                    rulesets=runtime.rulesets,
                    crash=runtime.shutdown.fail,
                    now=time.time,
                    observe=runtime.metrics.observe_attempt,
                    bounds=_PLAYED if runtime.header_clock else Bounds(),
                    renderer=renderer,
                )
                program = Send(deadline=settings.sender.attempt_timeout)
                code = await runtime.serve(runtime.build(program, marks=False, attempts=calls))
                await calls.drain(DRAIN)
                return code
        finally:
            await renderer.close()
            for channel in channels.values():
                await channel.close()

    return run(main)


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
