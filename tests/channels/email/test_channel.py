"""E-mail, in real conversations with a mail server on loopback."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from tests.channels.email.mail_server import SENDER, Mailbox, channel, send
from tests.channels.harness import ACTION, CONTENT, NOW, action, firing, message
from triggerstream.channels.base import Channel, Content
from triggerstream.channels.config import EmailConfig
from triggerstream.channels.email.channel import EmailChannel
from triggerstream.channels.templates import Templates
from triggerstream.errors import SettingsError

HEADERS = [
    "Content-Transfer-Encoding",
    "Content-Type",
    "Date",
    "From",
    "MIME-Version",
    "Message-ID",
    "Subject",
    "To",
]


# ── conversations ───────────────────────────────────────────────────────────────────────────


@pytest.mark.covers("G1")
async def test_an_accepted_message_is_sent_whole() -> None:
    box = Mailbox()

    answer = await send(box)

    assert (answer.outcome, answer.detail) == ("sent", "2.0.0 queued as 4711")
    assert answer.provider_id == f"<{ACTION}@shop.example>"
    (mail,) = box.accepted
    assert mail["From"] == SENDER
    assert mail["To"] == "ada@mail.example"
    assert mail["Message-ID"] == answer.provider_id
    assert mail["Date"] == "Sun, 01 Mar 2026 12:00:00 +0000"
    assert mail["Subject"] == "Your cart"
    text, html = mail.iter_parts()
    assert isinstance(text, EmailMessage)
    assert isinstance(html, EmailMessage)
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert text.get_content().split() == ["Grüße,", "Ada", ".", "bye"]
    assert html.get_content().strip() == "<p>Grüße</p>"


FORGED = "Lamp =?utf-8?q?=0d=0aBcc:_all@victim.example=0d=0a=0d=0a<h1>hi</h1>?="


@pytest.mark.parametrize(
    "subject",
    [
        FORGED,
        "=?utf-8?q?caf=C3=A9?= blend",
        "Ваша корзина ждёт вас, и в ней ещё три товара, которые скоро закончатся " * 3,
        "word " * 60 + "end",
        "a" * 300,
    ],
)
async def test_whatever_the_subject_says_it_is_the_subject(subject: str) -> None:
    box = Mailbox()

    await send(box, message(content=Content(subject, "Hello")))

    (mail,) = box.accepted
    assert sorted(mail.keys()) == HEADERS
    assert mail["Subject"] == subject
    assert mail.get_content().strip() == "Hello"


@pytest.mark.parametrize(
    "product",
    [
        FORGED,
        "=?utf-8?q?caf=C3=A9?= blend",
        "=?iso-8859-1?b?QmNjOiBh?= x",
        "a =?utf-8?q?b?= =?utf-8?q?c?= d",
    ],
)
async def test_what_a_customer_wrote_is_no_header_and_no_body(product: str) -> None:
    parts = {"subject": "{{ profile.product }} is waiting", "text": "Hello"}
    content = Templates({"t": parts}).render("t", firing({"product": product}), action())
    box = Mailbox()

    await send(box, message(content=content))

    (mail,) = box.accepted
    assert sorted(mail.keys()) == HEADERS
    assert mail["Subject"] == f"{product} is waiting"
    assert mail.get_content().strip() == "Hello"


async def test_a_link_of_any_length_reaches_the_reader_whole() -> None:
    link = "https://click.mailing.shop.example/" + "u/" * 400 + "x?a=1"
    box = Mailbox()

    await send(box, unsubscribe_url=link)

    (envelope,) = box.envelopes
    assert isinstance(envelope.content, bytes)
    lines = envelope.content.decode("ascii").split("\r\n")
    assert f"List-Unsubscribe: <{link}&id={ACTION}>" in lines
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in lines


async def test_names_and_domains_reach_the_server_in_ascii() -> None:
    box = Mailbox()

    answer = await send(
        box,
        message({"email": "kunde@straße.example"}),
        from_address="Möbel, Straße & Söhne <news@straße.example>",
        reply_to='"Help =?utf-8?q?x?=" <help@faß.example>',
    )

    (envelope,) = box.envelopes
    (mail,) = box.accepted
    assert envelope.rcpt_tos == ["kunde@xn--strae-oqa.example"]
    assert envelope.mail_from == "news@xn--strae-oqa.example"
    assert answer.provider_id == mail["Message-ID"] == f"<{ACTION}@xn--strae-oqa.example>"
    written = [one for name in ("From", "To", "Reply-To") for one in mail[name].addresses]
    assert [(one.display_name, one.addr_spec) for one in written] == [
        ("Möbel, Straße & Söhne", "news@xn--strae-oqa.example"),
        ("", "kunde@xn--strae-oqa.example"),
        ("Help =?utf-8?q?x?=", "help@xn--fa-hia.example"),
    ]


async def test_dots_and_bare_line_ends_in_a_body_end_nothing() -> None:
    text = "a\r\n.\r\nMAIL FROM:<x@evil.example>\r\nDATA\r\n.\r\nb\n.\nc\r.\rd\n..e\n"
    box = Mailbox()

    await send(box, message(content=Content("s", text)))

    (mail,) = box.accepted
    (envelope,) = box.envelopes
    assert envelope.rcpt_tos == ["ada@mail.example"]
    assert mail.get_content().splitlines() == [
        *["a", ".", "MAIL FROM:<x@evil.example>", "DATA", ".", "b", ".", "c", ".", "d", "..e"]
    ]


# ── what is refused before any conversation ─────────────────────────────────────────────────


@pytest.mark.covers("G1")
@pytest.mark.parametrize(
    "profile",
    [
        {},
        {"email": "nobody"},
        {"email": "a@b.c\nBcc: d@e.f"},
        {"email": "ada@☃.example"},
        {"email": "ädä@mail.example"},
    ],
)
async def test_without_an_address_it_fails(profile: dict[str, Any]) -> None:
    answer = await channel(1).send(message(profile))

    assert (answer.outcome, answer.reason) == ("failed", "no_address")


@pytest.mark.parametrize("content", [None, Content(None, "text"), Content("", "text")])
async def test_without_a_subject_it_fails(content: Content | None) -> None:
    answer = await channel(1).send(message(content=content))

    assert (answer.outcome, answer.reason) == ("failed", "template")


@pytest.mark.parametrize(
    "content",
    [
        *(
            Content(f"a{one}b", "x")
            for one in ("\r\nBcc: b@mail.example", "\x00", "\x9b", "\ud800")
        ),
        Content("a", "\ud800"),
        Content("a", "x", "\ud800"),
        Content("a" * 999, "x"),
        Content("ж" * 200_000, "x"),
    ],
    ids=range(8),
)
async def test_a_message_that_cannot_be_written_fails_alone(content: Content) -> None:
    answer = await channel(1).send(message(content=content))

    assert (answer.outcome, answer.reason) == ("failed", "template")


async def test_a_subject_of_998_characters_is_sent_whole_and_a_longer_one_is_told() -> None:
    box = Mailbox()

    sent = await send(box, message(content=Content("ж" * 998, "x")))
    refused = await send(box, message(content=Content("ж" * 999, "x")))

    (mail,) = box.accepted
    assert (sent.outcome, mail["Subject"]) == ("sent", "ж" * 998)
    assert refused.detail == (
        "ValueError: Subject: text of at most 998 characters is required; found 999"
    )


# ── the message ─────────────────────────────────────────────────────────────────────────────


def composed(
    type_: str = "behavioral", content: Content = CONTENT, **settings: Any
) -> EmailMessage:
    return channel(1, **settings).compose(message(type=type_), content, "ada@mail.example")


def test_marketing_can_be_left_with_one_click() -> None:
    mail = composed(unsubscribe_url="https://shop.example/bye")

    assert mail["List-Unsubscribe"] == f"<https://shop.example/bye?id={ACTION}>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_one_click_is_promised_over_https_only() -> None:
    mail = composed(unsubscribe_url="http://shop.example/bye?l=1")

    assert mail["List-Unsubscribe"] == f"<http://shop.example/bye?l=1&id={ACTION}>"
    assert mail["List-Unsubscribe-Post"] is None


def test_nobody_unsubscribes_from_receipts() -> None:
    mail = composed("transactional", unsubscribe_url="https://shop.example/bye")

    assert mail["List-Unsubscribe"] is None


def test_the_reply_goes_where_it_is_wanted() -> None:
    assert composed(reply_to="help@shop.example")["Reply-To"] == "help@shop.example"


def test_long_addresses_and_ids_are_never_encoded() -> None:
    domain = ".".join(["d" * 60] * 3)
    to = f"{'a' * 64}@{domain}"

    written = channel(1, from_address=f"news@{domain}").compose(message(), CONTENT, to).as_bytes()

    lines = written.decode("ascii").split("\r\n")
    assert f"To: {to}" in lines
    assert f"Message-ID: <{ACTION}@{domain}>" in lines


def test_html_alone_is_a_whole_message() -> None:
    mail = composed(content=Content("s", html="<p>x</p>"))

    assert mail.get_content_type() == "text/html"


def test_a_header_cannot_hold_a_line_break() -> None:
    with pytest.raises(ValueError, match=r"Subject: .* control characters .* found '\\r'"):
        composed(content=Content("a\r\nBcc: all@mail.example", "x"))


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1), st.text())
def test_whatever_a_template_makes_can_be_sent(subject: str, text: str) -> None:
    content = render_as_one_line(subject, text)
    if not 0 < len(content.subject or "") <= 998:
        return

    parsed = message_from_bytes(composed(content=content).as_bytes(), policy=policy.default)

    assert sorted(parsed.keys()) == HEADERS
    assert parsed["Subject"] == content.subject


@given(st.text())
def test_no_line_of_a_body_is_longer_than_76_characters(text: str) -> None:
    lines = composed(content=Content("s", text * 20, text * 20)).as_bytes().split(b"\r\n")

    assert max(map(len, lines)) <= 76


def render_as_one_line(subject: str, text: str) -> Content:
    """Return what `Templates` makes of two values."""
    parts = {"subject": "{{ profile.subject }}", "text": "{{ profile.text }}."}
    fired = firing({"subject": subject, "text": text})
    return Templates({"t": parts}).render("t", fired, action())


def test_the_password_is_not_shown() -> None:
    config = EmailConfig("h", SENDER, username="u", password=SecretStr("hunter2"))

    assert "hunter2" not in repr(config)


@pytest.mark.parametrize(
    "settings",
    [
        {"from_address": "nobody"},
        {"from_address": SENDER, "reply_to": "nobody"},
        {"from_address": SENDER, "unsubscribe_url": "javascript:alert(1)"},
        {"from_address": SENDER, "unsubscribe_url": "https://x/\nBcc: y"},
        {"from_address": SENDER, "unsubscribe_url": "https://x/ä"},
        {"from_address": SENDER, "unsubscribe_url": "https://straße.example/"},
        {"from_address": SENDER, "unsubscribe_url": "https://x/?a=<b>"},
        {"from_address": SENDER, "unsubscribe_url": "https://x/#bye"},
        {"from_address": SENDER, "unsubscribe_url": "https://x/?a=?utf-8?q?b?="},
        {"from_address": SENDER, "unsubscribe_url": "https://x/" + "u" * 950},
        {"from_address": "Shop\t <news@shop.example>"},
        {"from_address": "S" * 999 + " <news@shop.example>"},
        {"from_address": "Shop <news@☃.example>"},
        {"from_address": SENDER, "host": "☃.example"},
        {"from_address": SENDER, "host": "mail..example"},  # which sockets take for no error of I/O
        {"from_address": SENDER, "host": "m" * 64},
        {"from_address": SENDER, "host": "mail server"},
        {"from_address": SENDER, "host": ""},
    ],
)
def test_wrong_settings_are_told_when_it_is_built(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="required"):
        EmailChannel(EmailConfig(**{"host": "h", **settings}), timeout=1, now=lambda: NOW)


def test_the_longest_link_is_one_that_fits_a_line() -> None:
    def link(length: int) -> str:
        return "https://x/" + "u" * (length - len("https://x/"))

    longest = 998 - len(f"List-Unsubscribe: <?id={ACTION}>")
    lines = composed(unsubscribe_url=link(longest)).as_bytes().split(b"\r\n")

    assert max(map(len, lines)) == 998
    with pytest.raises(SettingsError, match=r"unsubscribe link: .* at most 998 characters"):
        channel(1, unsubscribe_url=link(longest + 1))


async def test_it_is_a_channel_that_can_be_closed_unused() -> None:
    kept: Channel = channel(1)

    await kept.close()
