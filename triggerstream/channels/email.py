"""The ``email`` channel: one message over one SMTP conversation.

A mail server takes responsibility for a message with its answer to the final dot. Whatever goes
wrong before that dot certainly did not send anything; a connection lost after it leaves the
question open for ever, since mail has no idempotency key.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import urlencode

import aiosmtplib
from aiosmtplib import SMTPException, SMTPResponseException

from triggerstream.channels.addresses import mailbox, named_mailbox
from triggerstream.channels.base import Answer, Content, Message, shorten
from triggerstream.channels.config import EmailConfig
from triggerstream.channels.domains import ascii_host
from triggerstream.channels.headers import LITERAL_HEADERS, Token, write_header
from triggerstream.core.reasons import FailReason
from triggerstream.errors import SettingsError

_LINK = re.compile(r"https?://(?:(?![<>#])[!-~])+")
_ID = 32
"""Characters of an action's id."""
_GOODBYE = 1.0
"""Seconds for the farewell after the message has been accepted; how it ends does not matter."""


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
        self._timeout = timeout
        self._now = now
        self._from = _address("From", config.from_address)
        self._reply_to = _address("Reply-To", config.reply_to) if config.reply_to else None
        self._host = _host(config.host)
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
        except (ValueError, MessageError) as error:
            return Answer("failed", FailReason.TEMPLATE, _told(error))
        answer = await self._converse(mail, to)
        detail = answer.detail.replace(to, "<address>")  # servers like to repeat it
        name = self._message_id(message) if answer.outcome == "sent" else None
        return Answer(answer.outcome, answer.reason, detail, provider_id=name)

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

    # ── the conversation ────────────────────────────────────────────────────────────────────

    async def _converse(self, mail: bytes, to: str) -> Answer:
        client = self._client()
        handing_over = False
        try:
            async with asyncio.timeout(self._timeout):
                await client.connect()
                await client.mail(self._from.addr_spec)
                await client.rcpt(to)
                handing_over = True
                response = await client.data(mail)
            await _part(client)
        except aiosmtplib.SMTPConnectResponseError as error:
            return _unavailable(error)
        except aiosmtplib.SMTPAuthenticationError as error:
            # It says nothing about this message: there is time to correct the password.
            return _unavailable(error)
        except SMTPResponseException as error:
            if error.code >= 400:
                return _refused(error)
            # Not an answer of the protocol: at the final dot nobody can tell what it means.
            return _lost(error) if handing_over else _unavailable(error)
        except (SMTPException, OSError, TimeoutError) as error:
            return _lost(error) if handing_over else _unavailable(error)
        finally:
            client.close()
        return Answer("sent", detail=shorten(response.message))

    def _client(self) -> aiosmtplib.SMTP:
        config = self._config
        return aiosmtplib.SMTP(
            hostname=self._host,
            port=config.port,
            username=config.username,
            password=config.password.get_secret_value() if config.password else None,
            local_hostname=self._from.domain,
            use_tls=config.security == "tls",
            start_tls=config.security == "starttls",
            timeout=self._timeout,
        )


async def _part(client: aiosmtplib.SMTP) -> None:
    with suppress(SMTPException, OSError, TimeoutError):
        await client.quit(timeout=_GOODBYE)


def _refused(error: SMTPResponseException) -> Answer:
    """Return the server's no: 4xx is temporary, 5xx is final (RFC 5321, 4.2.1)."""
    if error.code >= 500:
        return Answer("failed", FailReason.REJECTED, _told(error))
    return _unavailable(error)


def _unavailable(error: Exception) -> Answer:
    return Answer("retry", FailReason.UNAVAILABLE, _told(error))


def _lost(error: Exception) -> Answer:
    return Answer("unknown", FailReason.AMBIGUOUS, _told(error))


def _told(error: Exception) -> str:
    if isinstance(error, SMTPResponseException):
        return shorten(f"{error.code} {error.message}")
    return shorten(f"{type(error).__name__}: {error}")


def _address(header: str, found: str) -> Address:
    address = named_mailbox(found)
    if address is None:
        raise SettingsError(f"a mail's {header}: an e-mail address is required; found {found!r}")
    try:
        write_header(header, address)
    except ValueError as error:
        raise SettingsError(f"a mail's {error}") from error
    return address


def _host(found: str) -> str:
    host = ascii_host(found)
    if host is None:
        raise SettingsError(f"the mail server: a host's name is required; found {found!r}")
    return host


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
