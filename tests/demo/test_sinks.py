"""The demo's receivers: what they take, and what they refuse."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage

import aiohttp
import aiosmtplib
from standardwebhooks import Webhook

from triggerstream.demo.sinks import HOST, SECRET, open_mailbox, open_receiver


async def test_a_mail_is_kept_as_it_came() -> None:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "a@example.com", "b@example.com", "Hello"
    letter.set_content("text")

    async with open_mailbox() as mailbox:
        await aiosmtplib.send(letter, hostname=HOST, port=mailbox.port)

    assert mailbox.letters.count == 1
    newest = mailbox.letters.newest
    assert newest is not None
    assert newest.header("Subject") == "Hello"
    assert newest.recipients == ("b@example.com",)


async def post(url: str, body: str, signed: str, message_id: str = "msg_1") -> int:
    now = datetime.now(UTC)
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(message_id, now, signed),
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=body, headers=headers) as got,
    ):
        return got.status


async def test_a_repeated_webhook_is_counted_under_its_id() -> None:
    async with open_receiver() as receiver:
        answers = [await post(receiver.url, "{}", "{}") for _ in range(2)]

    assert answers == [200, 200]
    assert receiver.accepted == {"msg_1": 2}
    assert [(hook.webhook_id, hook.is_valid) for hook in receiver.hooks] == [("msg_1", True)] * 2


async def test_a_body_that_was_not_signed_is_refused() -> None:
    async with open_receiver() as receiver:
        answer = await post(receiver.url, '{"amount": 2}', '{"amount": 1}')

    assert answer == 401
    assert (receiver.refused, len(receiver.accepted)) == (1, 0)
    assert not receiver.hooks[0].is_valid
