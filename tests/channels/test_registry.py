"""Which channels a sender has."""

from __future__ import annotations

from tests.channels.harness import NOW, message
from triggerstream.channels.base import Channel, Message
from triggerstream.channels.config import ChannelsConfig, EmailConfig, WebhookConfig
from triggerstream.channels.log import LogChannel
from triggerstream.channels.registry import build_channels


def names(config: ChannelsConfig) -> list[str]:
    return sorted(build_channels(config, now=lambda: NOW))


def test_what_is_not_set_up_is_not_there() -> None:
    assert names(ChannelsConfig()) == ["log"]


def test_every_channel_can_be_set_up() -> None:
    config = ChannelsConfig(
        email=EmailConfig("mail.example", "news@shop.example"), webhook=WebhookConfig({})
    )

    assert names(config) == ["email", "log", "webhook"]


async def test_the_log_has_sent_what_it_wrote() -> None:
    written: list[Message] = []
    log: Channel = LogChannel(written.append)

    answer = await log.send(message())
    await log.close()

    assert answer.outcome == "sent"
    assert written == [message()]
