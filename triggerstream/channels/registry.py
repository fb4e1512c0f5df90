"""Which channels this sender has."""

from __future__ import annotations

from collections.abc import Callable

from triggerstream.channels.base import Channel
from triggerstream.channels.config import ChannelsConfig
from triggerstream.channels.email.channel import EmailChannel
from triggerstream.channels.http.webhook import WebhookChannel
from triggerstream.channels.log import LogChannel


def build_channels(config: ChannelsConfig, *, now: Callable[[], float]) -> dict[str, Channel]:
    """Return the channels that *config* sets up, by name; ``log`` is always there.

    Args:
        now: The time of day in epoch seconds.

    Raises:
        SettingsError: A channel cannot be built from its settings.
    """
    timeout = config.attempt_timeout
    channels: dict[str, Channel] = {"log": LogChannel()}
    if config.email is not None:
        channels["email"] = EmailChannel(config.email, timeout=timeout, now=now)
    if config.webhook is not None:
        channels["webhook"] = WebhookChannel(config.webhook, timeout=timeout, now=now)
    return channels
