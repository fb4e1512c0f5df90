"""One SMTP conversation: handing a mail over, and what the server's answers mean.

A mail server takes responsibility for a message with its answer to the final dot. Whatever goes
wrong before that dot certainly did not send anything; a connection lost after it leaves the
question open for ever, since mail has no idempotency key. `aiosmtplib` says DATA and the mail in
one call, so a connection that is lost between them counts as lost after it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import aiosmtplib
from aiosmtplib import SMTPException, SMTPResponseException

from triggerstream.channels.base import Answer, shorten
from triggerstream.channels.config import EmailConfig
from triggerstream.channels.domains import ascii_host
from triggerstream.core.reasons import FailReason
from triggerstream.errors import SettingsError

_GOODBYE = 1.0
"""Seconds for the farewell after the message has been accepted; how it ends does not matter."""


class MailServer:
    """The server that takes our mails. It is connected to for each of them.

    Args:
        local_hostname: What we call ourselves.
        timeout: Seconds for the whole conversation.

    Raises:
        SettingsError: The server's name is none.
    """

    def __init__(self, config: EmailConfig, *, local_hostname: str, timeout: float) -> None:
        self._config = config
        self._host = _host(config.host)
        self._local_hostname = local_hostname
        self._timeout = timeout

    async def hand_over(self, mail: bytes, *, sender: str, to: str) -> Answer:
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
            local_hostname=self._local_hostname,
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


def _host(found: str) -> str:
    host = ascii_host(found)
    if host is None:
        raise SettingsError(f"the mail server: a host's name is required; found {found!r}")
    return host
