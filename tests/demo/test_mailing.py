"""A mail server beside an installation: where mails are led, and who asked for it."""

from __future__ import annotations

from email.message import EmailMessage

import aiohttp
import aiosmtplib
import pytest

from triggerstream.demo.mailing import Mailing
from triggerstream.errors import UsageError
from triggerstream.ops.settings import load_settings

SMTP = "TRIGGERSTREAM_SENDER__SMTP__"


async def test_a_mail_sent_by_the_settings_stands_on_the_page(
    capsys: pytest.CaptureFixture[str],
) -> None:
    mailing = Mailing()
    environ: dict[str, str] = {}
    mailing.lead_here(environ)
    smtp = load_settings(environ).sender.smtp
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = str(smtp.sender), "b@example.com", "Hello you"
    letter.set_content("text")

    async with mailing:
        await aiosmtplib.send(letter, hostname=smtp.host, port=smtp.port)
        url = capsys.readouterr().err.split()[-1]
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            shown = await answer.text()

    assert smtp.security == "none"
    assert "Hello you" in shown


async def test_a_mail_server_that_is_set_is_not_taken_out_of_use() -> None:
    environ = {f"{SMTP}HOST": "mail.example.com", f"{SMTP}SENDER": "a@example.com"}
    mailing = Mailing()

    async with mailing:
        with pytest.raises(UsageError, match=r"--mailbox: .*SMTP__HOST=mail\.example\.com"):
            mailing.lead_here(environ)

    assert environ[f"{SMTP}HOST"] == "mail.example.com"


async def test_the_sender_that_is_set_stays_and_what_opens_another_server_goes() -> None:
    environ = {
        f"{SMTP}SENDER": "a@example.com",
        f"{SMTP}USERNAME": "ada",
        f"{SMTP}PASSWORD": "secret",
        f"{SMTP}PORT": "587",
        f"{SMTP}SECURITY": "tls",
    }
    mailing = Mailing()

    async with mailing:
        mailing.lead_here(environ)

    smtp = load_settings(environ).sender.smtp
    assert (smtp.sender, smtp.username, smtp.security) == ("a@example.com", None, "none")
    assert smtp.port != 587
