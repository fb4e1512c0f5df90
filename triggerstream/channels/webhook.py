"""The ``webhook`` channel: an HTTP POST, signed after Standard Webhooks.

``webhook-id`` is the action's id on every attempt. A receiver that remembers it can drop what it
has, and that is why an unanswered call may be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import aiohttp
import msgspec
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from triggerstream import __version__
from triggerstream.channels.base import Answer, Message, shorten
from triggerstream.channels.config import Endpoint, WebhookConfig
from triggerstream.channels.guard import ForbiddenAddressError, guarded_sockets
from triggerstream.core.reasons import FailReason
from triggerstream.core.timestamps import format_moment
from triggerstream.errors import SettingsError

TYPE = "triggerstream.firing.v1"
DEFAULT_ENDPOINT = "default"

_CONNECT_TIMEOUT = 2.0
_READ_LIMIT = 64 * 1024

_encode = msgspec.json.Encoder().encode

_NOT_CONNECTED = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientSSLError,
    aiohttp.ConnectionTimeoutError,
)
"""Nothing was sent: there was no connection to send it on."""


class WebhookChannel:
    """Posts to the endpoint that the action's option ``endpoint`` names (``default`` if none).

    Args:
        timeout: Seconds for a whole call.
        now: The time of day in epoch seconds, for the signature.

    Raises:
        SettingsError: An address is not http(s), or a secret is none.
    """

    def __init__(self, config: WebhookConfig, *, timeout: float, now: Callable[[], float]) -> None:
        self._config = config
        self._timeout = timeout
        self._now = now
        for name, endpoint in config.endpoints.items():
            _require_http(name, endpoint.url)
        self._signers = {name: _signers(name, e) for name, e in config.endpoints.items()}
        self._session: aiohttp.ClientSession | None = None

    async def send(self, message: Message) -> Answer:
        name = message.options.get("endpoint", DEFAULT_ENDPOINT)
        endpoint = self._config.endpoints.get(name) if isinstance(name, str) else None
        if endpoint is None:
            known = ", ".join(sorted(self._config.endpoints)) or "none"
            detail = f"an endpoint that is set up ({known}) is required; found {name!r}"
            return Answer("failed", FailReason.NO_PROVIDER, shorten(detail))
        body = body_of(message)
        headers = self._headers(message.action_id, body, self._signers[name])
        try:
            return await self._post(endpoint.url, body, headers)
        except _NOT_CONNECTED as error:
            if isinstance(cause := getattr(error, "os_error", None), ForbiddenAddressError):
                detail = shorten(f"{cause}; found {cause.host}")
                return Answer("failed", FailReason.FORBIDDEN_ADDRESS, detail)
            return Answer("retry", FailReason.UNAVAILABLE, _told(error))
        except (aiohttp.InvalidURL, UnicodeError) as error:
            return Answer("failed", FailReason.REJECTED, _told(error))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return Answer("unknown", FailReason.AMBIGUOUS, _told(error))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        async with self._open().post(
            url, data=body, headers=headers, allow_redirects=False
        ) as response:
            said = await response.content.read(_READ_LIMIT)
            return _answer(response.status, response.headers, said, self._now())

    def _open(self) -> aiohttp.ClientSession:
        """Return the session, which can only be made where an event loop runs."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0,  # calls are bounded where they are started
                    socket_factory=guarded_sockets(self._config.allow_networks),
                ),
                timeout=aiohttp.ClientTimeout(
                    total=self._timeout, connect=min(_CONNECT_TIMEOUT, self._timeout)
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # the bound on what is read holds for what is sent
                trust_env=False,
            )
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
    firing = message.firing
    data = {
        "action_id": message.action_id,
        "firing_id": firing.firing_id,
        "trigger": firing.trigger,
        "customer_id": firing.customer_id,
        "instance": firing.instance,
        "events": firing.events,
        "event": firing.event,
        "profile": firing.profile,
        "options": message.options,
    }
    if (content := message.content) is not None:
        data["content"] = {"subject": content.subject, "text": content.text, "html": content.html}
    return _encode({"type": TYPE, "timestamp": format_moment(firing.at), "data": data})


def _answer(status: int, headers: Mapping[str, str], said: bytes, now: float) -> Answer:
    detail = shorten(f"HTTP {status} {said.decode('utf-8', 'replace')}")
    if 200 <= status < 300:
        return Answer("sent", detail=f"HTTP {status}")
    if status == 429 or status >= 500:
        retry_after = seconds_of(headers.get("Retry-After"), now)
        return Answer("retry", FailReason.UNAVAILABLE, detail, retry_after)
    if status == 410:
        return Answer("failed", FailReason.GONE, detail)
    return Answer("failed", FailReason.REJECTED, detail)


def seconds_of(retry_after: str | None, now: float) -> float | None:
    """Return the seconds that a Retry-After header asks for: a number, or an HTTP date."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _require_http(name: str, url: str) -> None:
    try:
        parsed = urlsplit(url)
        sound = parsed.scheme in ("http", "https") and bool(parsed.hostname)
    except ValueError:
        sound = False
    if not sound:
        raise SettingsError(f"webhook endpoint {name!r}: an http(s) URL is required; found {url!r}")


def _signers(name: str, endpoint: Endpoint) -> list[Webhook]:
    try:
        return [Webhook(secret.get_secret_value()) for secret in endpoint.secrets]
    except (ValueError, EmptyWebhookSecretError) as error:
        required = "a secret is base64, with 'whsec_' before it"
        raise SettingsError(f"webhook endpoint {name!r}: {required}; found another text") from error


def _told(error: Exception) -> str:
    return shorten(f"{type(error).__name__}: {error}")
