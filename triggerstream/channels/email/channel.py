"""The ``email`` channel: what a message says as a mail, and to whom it goes."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import urlencode

import msgspec

from triggerstream.channels.base import Answer, Content, Message, shorten
from triggerstream.channels.config import EmailConfig
from triggerstream.channels.email.addresses import mailbox, named_mailbox
from triggerstream.channels.email.headers import LITERAL_HEADERS, Token, write_header
from triggerstream.channels.email.smtp import MailServer
from triggerstream.core.reasons import FailReason
from triggerstream.errors import SettingsError

_LINK = re.compile(r"https?://(?:(?![<>#])[!-~])+")
_ID = 32
"""Characters of an action's id."""


class EmailChannel:
    """Sends to the address in the profile's ``email``.

    Args:
        timeout: Seconds for the whole conversation.
        now: The time of day in epoch seconds, for the Date header.

    Raises:
        SettingsError: The sender's or the reply address is none, the link is not http(s) or
            cannot stand in a header, or the server's name is none.
    """

    def __init__(self, config: EmailConfig, *, timeout: float, now: Callable[[], float]) -> None:
        self._config = config
        self._now = now
        self._from = _address("From", config.from_address)
        self._reply_to = _address("Reply-To", config.reply_to) if config.reply_to else None
        self._server = MailServer(config, local_hostname=self._from.domain, timeout=timeout)
        if config.unsubscribe_url is not None:
            _require_link(config.unsubscribe_url)

    async def send(self, message: Message) -> Answer:
        to = mailbox(message.firing.profile.get("email"))
        if to is None:
            return Answer("failed", FailReason.NO_ADDRESS, "the profile's 'email' is no address")
        content = message.content
        if content is None or not content.subject:
            return Answer(
                "failed", FailReason.TEMPLATE, "an e-mail needs a template with a subject"
            )
        try:
            mail = self.compose(message, content, to).as_bytes()
        except ValueError as error:
            return Answer(
                "failed", FailReason.TEMPLATE, shorten(f"{type(error).__name__}: {error}")
            )
        answer = await self._server.hand_over(mail, sender=self._from.addr_spec, to=to)
        if answer.outcome == "sent":
            return msgspec.structs.replace(answer, provider_id=self._message_id(message))
        return answer

    async def close(self) -> None:
        """Nothing is held: each message has its own conversation."""

    def compose(self, message: Message, content: Content, to: str) -> EmailMessage:
        """Return the mail; a retry is the same mail, by its Message-ID."""
        mail = EmailMessage(policy=LITERAL_HEADERS)
        mail["From"] = self._from
        mail["To"] = Token(to)
        if self._reply_to is not None:
            mail["Reply-To"] = self._reply_to
        mail["Subject"] = content.subject
        mail["Date"] = format_datetime(datetime.fromtimestamp(self._now(), UTC))
        mail["Message-ID"] = Token(self._message_id(message))
        self._add_unsubscribe(mail, message)
        if content.text is not None:
            mail.set_content(content.text, cte="quoted-printable")
        if content.html is not None:
            if content.text is None:
                mail.set_content(content.html, subtype="html", cte="quoted-printable")
            else:
                mail.add_alternative(content.html, subtype="html", cte="quoted-printable")
        return mail

    def _message_id(self, message: Message) -> str:
        return f"<{message.action_id}@{self._from.domain}>"

    def _add_unsubscribe(self, mail: EmailMessage, message: Message) -> None:
        """Add the link of RFC 2369, and where it is https, the one-click promise of RFC 8058."""
        url = self._config.unsubscribe_url
        if url is None or message.firing.type == "transactional":
            return
        mail["List-Unsubscribe"] = _link(url, message.action_id)
        if url.startswith("https://"):
            mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"


def _address(header: str, found: str) -> Address:
    address = named_mailbox(found)
    if address is None:
        raise SettingsError(f"a mail's {header}: an e-mail address is required; found {found!r}")
    try:
        write_header(header, address)
    except ValueError as error:
        raise SettingsError(f"a mail's {error}") from error
    return address


def _link(url: str, action_id: str) -> Token:
    joint = "&" if "?" in url else "?"
    return Token(f"<{url}{joint}{urlencode({'id': action_id})}>")


def _require_link(url: str) -> None:
    """Refuse a link that would not reach the reader whole, or lose the id that is added to it."""
    if not _LINK.fullmatch(url):
        required = "an http(s) URL in ASCII without <, > and a fragment is required"
        raise SettingsError(f"the unsubscribe link: {required}; found {url!r}")
    try:
        write_header("List-Unsubscribe", _link(url, "0" * _ID))
    except ValueError as error:
        raise SettingsError(f"the unsubscribe link: {error}") from error
