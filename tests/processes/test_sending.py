"""The sender's channels are the ones that its settings ask for."""

from __future__ import annotations

from triggerstream.ops.settings import load_settings
from triggerstream.processes.sending import channels_of

SMTP = "TRIGGERSTREAM_SENDER__SMTP__"


def test_without_a_mail_server_there_is_no_email() -> None:
    assert channels_of(load_settings({}).sender).email is None


def test_every_setting_of_the_mail_server_reaches_the_channel() -> None:
    settings = load_settings(
        {
            f"{SMTP}HOST": "mail.example",
            f"{SMTP}PORT": "2525",
            f"{SMTP}SECURITY": "tls",
            f"{SMTP}USERNAME": "shop",
            f"{SMTP}PASSWORD": "secret",
            f"{SMTP}SENDER": "Shop <shop@example.com>",
            f"{SMTP}REPLY_TO": "help@example.com",
            f"{SMTP}UNSUBSCRIBE_URL": "https://example.com/unsubscribe?lang=en",
        }
    )

    email = channels_of(settings.sender).email

    assert email is not None
    assert (email.host, email.port, email.security) == ("mail.example", 2525, "tls")
    assert email.username == "shop"
    assert email.password is not None
    assert email.password.get_secret_value() == "secret"
    assert email.from_address == "Shop <shop@example.com>"
    assert email.reply_to == "help@example.com"
    assert email.unsubscribe_url == "https://example.com/unsubscribe?lang=en"
