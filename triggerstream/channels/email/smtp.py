"""One SMTP conversation: handing a mail over, and what the server's answers mean.

A mail server takes responsibility for a message with its answer to the final dot. Whatever goes
wrong before that dot certainly did not send anything; a connection lost after it leaves the
question open for ever, since mail has no idempotency key. The library says DATA and the mail in
one call, so a connection that is lost between them counts as lost after the dot.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import suppress

import msgspec
from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)

from triggerstream.channels.base import Answer, shorten
from triggerstream.channels.config import EmailConfig
from triggerstream.channels.domains import ascii_host
from triggerstream.core.reasons import FailReason
from triggerstream.errors import SettingsError

_GOODBYE = 1.0
"""Seconds for the farewell after the message has been accepted; how it ends does not matter."""
_ACCOUNT = frozenset({530, 534, 535, 538})
"""Log in first, or otherwise (RFC 4954, 6)."""


class MailServer:
    """The server that takes our mails. It is connected to for each of them.

    Args:
        local_hostname: What we call ourselves in the greeting.
        timeout: Seconds for the whole conversation.

    Raises:
        SettingsError: The server's name is none, or none that a certificate can name.
    """

    def __init__(self, config: EmailConfig, *, local_hostname: str, timeout: float) -> None:
        self._config = config
        self._host = _host(config)
        self._local_hostname = local_hostname
        self._timeout = timeout
        self._tls = None if config.security == "none" else _tls_context()

    async def hand_over(self, mail: bytes, *, sender: str, to: str) -> Answer:
        """Return what the server answers. Its words are told without the customer's address."""
        answer = await self._converse(mail, sender, to)
        told = re.sub(re.escape(to), "<address>", answer.detail, flags=re.IGNORECASE)
        return msgspec.structs.replace(answer, detail=shorten(told))

    async def _converse(self, mail: bytes, sender: str, to: str) -> Answer:
        client = self._client()
        handing_over = False
        try:
            async with asyncio.timeout(self._timeout):
                await client.connect()
                await client.mail(sender)
                await client.rcpt(to)
                handing_over = True
                response = await client.data(mail)
            await _part(client)
        except (SMTPSenderRefused, SMTPRecipientRefused, SMTPDataError) as error:
            if 400 <= error.code < 600:
                return _refused(error)
            return _lost(error) if handing_over else _unavailable(error)
        except (SMTPException, OSError) as error:
            # Also a no to the greeting, to TLS or to the login, which is none to this message:
            # there is time to correct a password.
            return _lost(error) if handing_over else _unavailable(error)
        finally:
            client.close()
        return Answer("sent", detail=response.message)

    def _client(self) -> SMTP:
        config = self._config
        return SMTP(
            hostname=self._host,
            port=config.port,
            username=config.username,
            password=config.password.get_secret_value() if config.password else None,
            local_hostname=self._local_hostname,  # else it asks the DNS what this host is called
            use_tls=config.security == "tls",
            start_tls=config.security == "starttls",  # else it goes on without, if none is offered
            tls_context=self._tls,
            validate_certs=True,  # which the context says already
            timeout=self._timeout,  # of each step; that of the whole is ours
        )


def _tls_context() -> ssl.SSLContext:
    """Return what a server's certificate is held against: the system's authorities, its name.

    It is made once, since reading the authorities takes 20 ms of CPU, which is longer than a mail.
    """
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    context.check_hostname = True
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def _part(client: SMTP) -> None:
    with suppress(SMTPException, OSError):
        await client.quit(timeout=_GOODBYE)


def _refused(error: SMTPResponseException) -> Answer:
    """Return the server's no: 4xx is temporary, 5xx is final (RFC 5321, 4.2.1)."""
    if error.code < 500 or error.code in _ACCOUNT:
        return _unavailable(error)
    return Answer("failed", FailReason.REJECTED, _told(error))


def _unavailable(error: Exception) -> Answer:
    return Answer("retry", FailReason.UNAVAILABLE, _told(error))


def _lost(error: Exception) -> Answer:
    return Answer("unknown", FailReason.AMBIGUOUS, _told(error))


def _told(error: Exception) -> str:
    if isinstance(error, SMTPResponseException):
        return f"{error.code} {error.message}"
    return f"{type(error).__name__}: {error}"


def _host(config: EmailConfig) -> str:
    host = ascii_host(config.host)
    if host is None:
        raise SettingsError(f"the mail server: a host's name is required; found {config.host!r}")
    if config.security != "none" and host.endswith("."):
        required = "a host's name without a dot at its end, as certificates have it, is required"
        raise SettingsError(f"the mail server: {required}; found {config.host!r}")
    return host
