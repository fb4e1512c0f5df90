"""The ``webhook`` channel: an HTTP POST, signed after Standard Webhooks.

``webhook-id`` is the action's id on every attempt. A receiver that remembers it can drop what it
has, and that is why an unanswered call may be repeated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import aiohttp
import msgspec
from standardwebhooks.webhooks import Webhook
from yarl import URL

from triggerstream import __version__
from triggerstream.channels.base import Answer, Message, shorten
from triggerstream.channels.config import Endpoint, WebhookConfig
from triggerstream.channels.http.endpoints import key_of, shown, url_of
from triggerstream.channels.http.guard import ForbiddenAddressError
from triggerstream.channels.http.retry_after import LONGEST, seconds_of
from triggerstream.channels.http.session import open_session
from triggerstream.channels.templates.values import matched_events
from triggerstream.core.reasons import FailReason
from triggerstream.core.timestamps import format_moment
from triggerstream.errors import SettingsError

TYPE = "triggerstream.firing.v1"
DEFAULT_ENDPOINT = "default"

_READ_LIMIT = 64 * 1024

_NONE = msgspec.Raw(b"null")

_encode = msgspec.json.Encoder().encode

_NOT_CONNECTED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
"""Nothing was sent: there was no connection to send it on."""


class WebhookChannel:
    """Posts to the endpoint that the action's option ``endpoint`` names (``default`` if none).

    Args:
        timeout: Seconds for a whole call.
        now: The time of day in epoch seconds, for the signature.

    Raises:
        SettingsError: A URL cannot be dialled, or a secret is none: all of them are named, and no
            secret is repeated.
    """

    def __init__(self, config: WebhookConfig, *, timeout: float, now: Callable[[], float]) -> None:
        self._config = config
        self._timeout = timeout
        self._now = now
        self._urls: dict[str, URL] = {}
        self._signers: dict[str, list[Webhook]] = {}
        problems: list[str] = []
        for name, endpoint in config.endpoints.items():
            try:
                self._urls[name] = _url(name, endpoint)
            except SettingsError as error:
                problems.append(str(error))
            try:
                self._signers[name] = _signers(name, endpoint)
            except SettingsError as error:
                problems.append(str(error))
        if problems:
            raise SettingsError("\n".join(problems))
        self._session: aiohttp.ClientSession | None = None

    async def send(self, message: Message) -> Answer:
        name = message.options.get("endpoint", DEFAULT_ENDPOINT)
        url = self._urls.get(name) if isinstance(name, str) else None
        if url is None:
            known = ", ".join(sorted(self._urls)) or "none"
            detail = f"an endpoint that is set up ({known}) is required; found {name!r}"
            return Answer("failed", FailReason.NO_PROVIDER, shorten(detail))
        body = body_of(message)
        headers = self._headers(message.action_id, body, self._signers[name])
        try:
            return await self._post(url, body, headers)
        except _NOT_CONNECTED as error:
            if isinstance(cause := getattr(error, "os_error", None), ForbiddenAddressError):
                detail = shorten(f"{cause}; found {cause.host}")
                return Answer("failed", FailReason.FORBIDDEN_ADDRESS, detail)
            return Answer("retry", FailReason.UNAVAILABLE, _told(error, url))
        except aiohttp.InvalidURL as error:  # '127.1': a number that stands for an address
            return Answer("failed", FailReason.REJECTED, _told(error, url))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return Answer("unknown", FailReason.AMBIGUOUS, _told(error, url))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(self, url: URL, body: bytes, headers: Mapping[str, str]) -> Answer:
        async with self._open().post(
            url, data=body, headers=headers, allow_redirects=False
        ) as response:
            try:
                said = await response.content.read(_READ_LIMIT)
            except (aiohttp.ClientError, OSError, TimeoutError):
                said = b""  # the status has come, and it decides
            return _answer(response.status, response.headers, said, self._now())

    def _open(self) -> aiohttp.ClientSession:
        """Return the session, which can only be made where an event loop runs."""
        if self._session is None:
            self._session = open_session(timeout=self._timeout, allowed=self._config.allow_networks)
        return self._session

    def _headers(self, action_id: str, body: bytes, signers: list[Webhook]) -> dict[str, str]:
        moment = datetime.fromtimestamp(int(self._now()), UTC)
        headers = {
            "content-type": "application/json",
            "accept-encoding": "identity",
            "user-agent": f"triggerstream/{__version__}",
            "webhook-id": action_id,
            "webhook-timestamp": str(int(moment.timestamp())),
        }
        if signers:
            text = body.decode()
            headers["webhook-signature"] = " ".join(
                signer.sign(action_id, moment, text) for signer in signers
            )
        return headers


def body_of(message: Message) -> bytes:
    """Return what is posted: ``{type, timestamp, data}``, the same on every attempt."""
    firing, event = message.firing, message.firing.event
    data = {
        "action_id": message.action_id,
        "firing_id": firing.firing_id,
        "trigger": firing.trigger,
        "customer_id": firing.customer_id,
        "instance": firing.instance,
        "events": matched_events(firing, None if event == _NONE else event),
        "event": event,
        "profile": _sent_of(firing.profile, message.options.get("fields")),
        "options": message.options,
    }
    if (content := message.content) is not None:
        data["content"] = {"subject": content.subject, "text": content.text, "html": content.html}
    return _encode({"type": TYPE, "timestamp": format_moment(firing.at), "data": data})


def _sent_of(profile: Mapping[str, Any], fields: Any) -> Mapping[str, Any]:
    """Return what goes along of a profile: the attributes that the action names, or all."""
    if not isinstance(fields, list):
        return profile
    return {name: profile[name] for name in fields if name in profile}


_NO_TO_THESE_BYTES = frozenset({400, 411, 413, 414, 415, 417, 422, 431})
"""The request itself is what the receiver will not have, and every attempt is the same request."""


def _answer(status: int, headers: Mapping[str, str], said: bytes, now: float) -> Answer:
    """Return what a status means; the reasons are in docs/decisions/0009-webhooks.md."""
    text = said.decode("utf-8", "replace")
    detail = shorten(f"HTTP {status} {text}")
    if 200 <= status < 300:
        return Answer("sent", detail=f"HTTP {status}")
    if 300 <= status < 400:
        # Without the query, since the one of our own URL comes back here, and may be a secret.
        where = re.split("[?#]", headers.get("Location", "nowhere"))[0]
        detail = shorten(f"HTTP {status}: redirects are not followed; found one to {where}")
        return Answer("failed", FailReason.REJECTED, detail)
    if status == 410:
        return Answer("failed", FailReason.GONE, detail)
    if status in _NO_TO_THESE_BYTES:
        return Answer("failed", FailReason.REJECTED, detail)
    if 400 <= status < 600:
        asked = headers.get("Retry-After")
        seconds = seconds_of(asked, now)
        detail = shorten(f"HTTP {status}{_note(asked, seconds)} {text}")
        return Answer("retry", FailReason.UNAVAILABLE, detail, seconds)
    return Answer("unknown", FailReason.AMBIGUOUS, detail)  # no status of HTTP's says anything


def _note(asked: str | None, seconds: float | None) -> str:
    """Return what to say of a Retry-After that was not taken as it came."""
    if asked is not None and seconds is None:
        return f" (Retry-After: seconds or an HTTP date is required; found {asked[:40]!r})"
    return f" (Retry-After: held to {LONGEST:.0f} s)" if seconds == LONGEST else ""


def _url(name: str, endpoint: Endpoint) -> URL:
    try:
        return url_of(endpoint.url)
    except ValueError as error:
        found = shown(endpoint.url)
        raise SettingsError(
            f"webhook endpoint {name!r}: an http(s) URL is required; found {found!r} ({error})"
        ) from None


def _signers(name: str, endpoint: Endpoint) -> list[Webhook]:
    signers, problems = [], []
    for number, secret in enumerate(endpoint.secrets, 1):
        try:
            signers.append(Webhook(key_of(secret.get_secret_value())))
        except ValueError as error:
            problems.append(
                f"webhook endpoint {name!r}, secret {number}: 'whsec_' and behind it the base64 of "
                f"24 to 64 bytes are required; found {error}"
            )
    if problems:
        raise SettingsError("\n".join(problems))
    return signers


def _told(error: Exception, url: URL) -> str:
    """Return what went wrong, without what may be secret in the URL that aiohttp repeats."""
    text = f"{type(error).__name__}: {error}"
    return shorten(text if url.raw_path_qs == "/" else text.replace(url.raw_path_qs, "/…"))
