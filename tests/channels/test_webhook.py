"""Webhooks, in real conversations with HTTP servers on loopback."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import msgspec
import orjson
import pytest
from aiohttp import web
from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook

from tests.channels.harness import ACTION, EVENT, NOW, message
from triggerstream.channels.base import Answer, Channel
from triggerstream.channels.config import Endpoint, WebhookConfig
from triggerstream.channels.webhook import WebhookChannel, body_of, seconds_of
from triggerstream.errors import SettingsError

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
LOOPBACK = (ip_network("127.0.0.0/8"),)


class Received(msgspec.Struct):
    headers: dict[str, str]
    body: bytes


class Receiver:
    """An HTTP server that answers as it is told, and keeps what it received."""

    def __init__(
        self, status: int = 200, headers: dict[str, str] | None = None, body: str = ""
    ) -> None:
        self.status = status
        self.headers = headers or {}
        self.body = body
        self.received: list[Received] = []
        self.paths: list[str] = []
        self.leaving = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append(Received(headers, await request.read()))
        self.paths.append(request.path)
        if self.status == 0:
            assert request.transport is not None
            request.transport.abort()
        if self.status == 1:
            await self.leaving.wait()
        return web.Response(status=max(self.status, 200), headers=self.headers, text=self.body)


@asynccontextmanager
async def serving(receiver: Receiver) -> AsyncIterator[str]:
    """Serve *receiver*, and yield its URL."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}/hook"
    finally:
        receiver.leaving.set()
        await runner.cleanup()


@asynccontextmanager
async def channel(
    url: str, *secrets: str, allowed: Any = LOOPBACK, seconds: float = 5.0
) -> AsyncIterator[WebhookChannel]:
    endpoint = Endpoint(url, tuple(SecretStr(secret) for secret in secrets))
    config = WebhookConfig({"crm": endpoint}, allowed)
    opened = WebhookChannel(config, timeout=seconds, now=lambda: NOW)
    try:
        yield opened
    finally:
        await opened.close()


async def post(url: str, **settings: Any) -> Answer:
    async with channel(url, **settings) as opened:
        return await opened.send(message(endpoint="crm"))


# ── what is posted ──────────────────────────────────────────────────────────────────────────


async def test_a_call_is_signed_and_carries_the_actions_id() -> None:
    receiver = Receiver()

    async with serving(receiver) as url, channel(url, SECRET) as opened:
        answer = await opened.send(message(endpoint="crm"))

    assert answer.outcome == "sent"
    (received,) = receiver.received
    assert received.headers["webhook-id"] == ACTION
    assert received.headers["webhook-timestamp"] == str(int(NOW))
    assert received.headers["content-type"] == "application/json"
    signature = Webhook(SECRET).sign(
        ACTION, datetime.fromtimestamp(NOW, UTC), received.body.decode()
    )
    assert received.headers["webhook-signature"] == signature


async def test_a_retry_has_the_same_id_and_the_same_body() -> None:
    receiver = Receiver()

    async with serving(receiver) as url, channel(url, SECRET) as opened:
        await opened.send(message(endpoint="crm"))
        await opened.send(message(endpoint="crm", attempt=2))

    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


async def test_two_secrets_sign_while_they_are_changed() -> None:
    receiver = Receiver()
    other = "whsec_" + base64.b64encode(b"76543210fedcba9876543210").decode()

    async with serving(receiver) as url, channel(url, other, SECRET) as opened:
        await opened.send(message(endpoint="crm"))

    signatures = receiver.received[0].headers["webhook-signature"].split(" ")
    moment, body = datetime.fromtimestamp(NOW, UTC), receiver.received[0].body.decode()
    assert signatures == [Webhook(secret).sign(ACTION, moment, body) for secret in (other, SECRET)]


def test_the_body_says_what_fired() -> None:
    body = orjson.loads(body_of(message(endpoint="crm")))

    assert body["type"] == "triggerstream.firing.v1"
    assert body["timestamp"] == "2026-03-01T12:00:00.000Z"
    data = body["data"]
    assert (data["action_id"], data["trigger"], data["customer_id"]) == (ACTION, "cart", "c1")
    assert data["event"] == orjson.loads(EVENT)
    assert data["content"]["subject"] == "Your cart"


def test_whatever_a_profile_holds_can_be_posted() -> None:
    body = body_of(message({"big": 2**70, "text": "\u2028 ä", "deep": [[{}]]}, endpoint="crm"))

    assert msgspec.json.decode(body)["data"]["profile"]["big"] == 2**70


# ── what the far side answers ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "outcome", "reason"),
    [
        (200, "sent", None),
        (204, "sent", None),
        (301, "failed", "rejected"),
        (307, "failed", "rejected"),
        (400, "failed", "rejected"),
        (404, "failed", "rejected"),
        (410, "failed", "gone"),
        (429, "retry", "unavailable"),
        (500, "retry", "unavailable"),
        (503, "retry", "unavailable"),
    ],
)
async def test_the_status_decides(status: int, outcome: str, reason: str | None) -> None:
    receiver = Receiver(status, {"Location": "/elsewhere"} if 300 < status < 400 else None)

    async with serving(receiver) as url:
        answer = await post(url)

    assert (answer.outcome, answer.reason) == (outcome, reason)
    assert receiver.paths == ["/hook"]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Sun, 01 Mar 2026 12:01:30 GMT", 90.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("1e9", None),
        ("9" * 400, None),
        (None, None),
    ],
)
def test_retry_after_is_a_number_or_a_date(header: str | None, seconds: float | None) -> None:
    assert seconds_of(header, NOW) == seconds


async def test_retry_after_is_passed_on() -> None:
    async with serving(Receiver(429, {"Retry-After": "7"})) as url:
        answer = await post(url)

    assert answer.retry_after == 7.0


async def test_a_far_side_that_stalls_leaves_it_open_within_the_time() -> None:
    async with serving(Receiver(1)) as url:
        answer = await post(url, seconds=0.3)

    assert (answer.outcome, answer.reason) == ("unknown", "ambiguous")


async def test_a_connection_reset_after_the_request_leaves_it_open() -> None:
    async with serving(Receiver(0)) as url:
        answer = await post(url)

    assert (answer.outcome, answer.reason) == ("unknown", "ambiguous")


async def test_a_refused_connection_is_unavailable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    answer = await post(f"http://127.0.0.1:{port}/")

    assert (answer.outcome, answer.reason) == ("retry", "unavailable")


async def test_a_server_that_speaks_no_tls_is_unavailable() -> None:
    async with serving(Receiver()) as url:
        answer = await post(url.replace("http://", "https://"))

    assert (answer.outcome, answer.reason) == ("retry", "unavailable")


async def test_a_long_answer_is_cut_and_made_printable() -> None:
    async with serving(Receiver(400, body="no\x00\r\n" + "x" * 1_000_000)) as url:
        answer = await post(url)

    assert answer.detail.startswith("HTTP 400 no xxx")
    assert len(answer.detail) == 200


async def test_cookies_are_not_kept() -> None:
    receiver = Receiver(200, {"Set-Cookie": "a=b"})

    async with serving(receiver) as url, channel(url) as opened:
        await opened.send(message(endpoint="crm"))
        await opened.send(message(endpoint="crm"))

    assert all("cookie" not in received.headers for received in receiver.received)


# ── where it may go ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "0x7f.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "localhost",
        "0.0.0.0",  # noqa: S104 - not to be dialled
        "169.254.169.254",
        "10.0.0.1",
        "192.168.0.1",
        "[fd00:ec2::254]",
        "[64:ff9b::7f00:1]",
    ],
)
async def test_no_spelling_of_a_private_address_is_dialled(host: str) -> None:
    receiver = Receiver()

    async with serving(receiver) as url:
        port = url.split(":")[2].split("/")[0]
        answer = await post(f"http://{host}:{port}/hook", allowed=())

    assert (answer.outcome, answer.reason) == ("failed", "forbidden_address")
    assert receiver.received == []


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "0177.0.0.1"])
async def test_numbers_that_stand_for_addresses_go_nowhere(host: str) -> None:
    receiver = Receiver()

    async with serving(receiver) as url:
        port = url.split(":")[2].split("/")[0]
        answer = await post(f"http://{host}:{port}/hook", allowed=())

    assert answer.outcome == "failed"
    assert receiver.received == []


async def test_the_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    async with serving(Receiver()) as url:
        answer = await post(url)

    assert answer.outcome == "sent"


@pytest.mark.parametrize("options", [{}, {"endpoint": "erp"}, {"endpoint": ["crm"]}])
async def test_an_endpoint_that_is_not_set_up_fails(options: dict[str, Any]) -> None:
    async with channel("http://127.0.0.1:1/") as opened:
        answer = await opened.send(message(**options))

    assert (answer.outcome, answer.reason) == ("failed", "no_provider")
    assert "(crm)" in answer.detail


@pytest.mark.parametrize("secret", ["whsec_", "whsec_ä", ""])
def test_a_secret_that_is_none_is_told_when_it_is_built(secret: str) -> None:
    config = WebhookConfig({"crm": Endpoint("http://x/", (SecretStr(secret),))})

    with pytest.raises(SettingsError, match="webhook endpoint 'crm'"):
        WebhookChannel(config, timeout=1, now=lambda: NOW)


@pytest.mark.parametrize("url", ["ftp://a.example/", "a.example", "http:///hook", "http://[::1/"])
def test_an_address_that_is_not_http_is_told_when_it_is_built(url: str) -> None:
    with pytest.raises(SettingsError, match=r"an http\(s\) URL is required; found '"):
        WebhookChannel(WebhookConfig({"crm": Endpoint(url)}), timeout=1, now=lambda: NOW)


async def test_a_name_that_no_resolver_takes_fails() -> None:
    answer = await post(f"http://{'a' * 300}.example/")

    assert (answer.outcome, answer.reason) == ("failed", "rejected")


async def test_it_is_a_channel_that_can_be_closed_unused() -> None:
    kept: Channel = WebhookChannel(WebhookConfig({}), timeout=1, now=lambda: NOW)

    await kept.close()
