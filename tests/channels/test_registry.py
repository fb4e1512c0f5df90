"""Which channels a sender has."""

from __future__ import annotations

from tests.channels.harness import NOW, message
from triggerstream.channels.base import Channel, Message
from triggerstream.channels.config import ChannelsConfig, EmailConfig, WebhookConfig
from triggerstream.channels.email.channel import EmailChannel
from triggerstream.channels.http.webhook import WebhookChannel
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


async def test_each_call_has_the_attempts_time_and_says_the_time_of_day() -> None:
    email = EmailConfig("mail.example", "news@shop.example")
    config = ChannelsConfig(email=email, webhook=WebhookConfig({}), attempt_timeout=7.5)

    built = build_channels(config, now=lambda: NOW)

    mail, hook = built["email"], built["webhook"]
    assert isinstance(mail, EmailChannel)
    assert isinstance(hook, WebhookChannel)
    assert mail._server._client().timeout == hook._open().timeout.total == 7.5
    assert mail._now() == hook._now() == NOW
    await hook.close()


async def test_the_log_has_sent_what_it_wrote() -> None:
    written: list[Message] = []
    log: Channel = LogChannel(written.append)

    answer = await log.send(message())
    await log.close()

    assert answer.outcome == "sent"
    assert written == [message()]
