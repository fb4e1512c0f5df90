"""Webhooks, in real conversations with HTTP servers on loopback."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import msgspec
import orjson
import pytest
from aiohttp import web
from msgspec.structs import replace
from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook

from tests.channels.harness import ACTION, CONTENT, EVENT, NOW, message
from triggerstream import __version__
from triggerstream.channels.base import Answer, Channel
from triggerstream.channels.config import Endpoint, WebhookConfig
from triggerstream.channels.http.webhook import WebhookChannel, _answer, body_of
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
        self.targets: list[str] = []
        self.leaving = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append(Received(headers, await request.read()))
        self.paths.append(request.path)
        self.targets.append(request.raw_path)
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
async def talking(said: bytes, *, hangs: bool = False) -> AsyncIterator[str]:
    """Serve whoever connects *said*, whatever was asked, and then hang up, or just hang."""
    leaving = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()
        if hangs:
            await leaving.wait()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        leaving.set()


@contextmanager
def silent() -> Iterator[str]:
    """Yield a URL where connections are made and nothing is said, so that no handshake ends."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"


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


@pytest.mark.covers("G6")
async def test_a_call_is_signed_and_carries_the_actions_id() -> None:
    receiver = Receiver()

    async with serving(receiver) as url, channel(url, SECRET) as opened:
        answer = await opened.send(message(endpoint="crm"))

    assert answer.outcome == "sent"
    (received,) = receiver.received
    assert received.headers["webhook-id"] == ACTION
    assert received.headers["webhook-timestamp"] == str(int(NOW))
    assert received.headers["content-type"] == "application/json"
    assert received.headers["accept-encoding"] == "identity"
    assert received.headers["user-agent"] == f"triggerstream/{__version__}"
    signature = Webhook(SECRET).sign(
        ACTION, datetime.fromtimestamp(NOW, UTC), received.body.decode()
    )
    assert received.headers["webhook-signature"] == signature


@pytest.mark.covers("G6")
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


@pytest.mark.covers("G18", "M7")
def test_the_body_says_what_fired() -> None:
    assert orjson.loads(body_of(message(endpoint="crm"))) == {
        "type": "triggerstream.firing.v1",
        "timestamp": "2026-03-01T12:00:00.000Z",
        "data": {
            "action_id": ACTION,
            "firing_id": "f" * 32,
            "trigger": "cart",
            "customer_id": "c1",
            "instance": None,
            "events": [orjson.loads(EVENT)],
            "event": orjson.loads(EVENT),
            "profile": {"email": "ada@mail.example"},
            "options": {"endpoint": "crm"},
            "content": {"subject": "Your cart", "text": CONTENT.text, "html": CONTENT.html},
        },
    }


@pytest.mark.parametrize(
    ("fields", "sent"),
    [(["email", "tier"], {"email": "ada@mail.example"}), (["tier"], {})],
)
def test_of_the_profile_the_body_has_what_the_action_names(
    fields: list[str], sent: dict[str, str]
) -> None:
    data = orjson.loads(body_of(message(endpoint="crm", fields=fields)))["data"]

    assert data["profile"] == sent


def test_all_of_the_profile_may_be_named_as_such() -> None:
    data = orjson.loads(body_of(message(endpoint="crm", fields="all")))["data"]

    assert data["profile"] == {"email": "ada@mail.example"}


def test_of_earlier_matched_events_the_body_has_the_ids() -> None:
    told = message(endpoint="crm")
    fired = replace(told.firing, events=("e0", "e1"))

    data = orjson.loads(body_of(replace(told, firing=fired)))["data"]

    assert data["events"] == [{"event_id": "e0"}, orjson.loads(EVENT)]


def test_without_an_event_the_body_has_the_ids_of_all() -> None:
    told = message(endpoint="crm")
    fired = replace(told.firing, events=("e0", "e1"), event=msgspec.Raw(b"null"))

    data = orjson.loads(body_of(replace(told, firing=fired)))["data"]

    assert data["events"] == [{"event_id": "e0"}, {"event_id": "e1"}]


def test_whatever_a_profile_holds_can_be_posted() -> None:
    body = body_of(message({"big": 2**70, "text": "\u2028 ä", "deep": [[{}]]}, endpoint="crm"))

    assert msgspec.json.decode(body)["data"]["profile"]["big"] == 2**70


def test_a_number_that_json_does_not_have_is_posted_as_null() -> None:
    body = body_of(message({"score": float("nan")}, endpoint="crm"))

    assert orjson.loads(body)["data"]["profile"]["score"] is None


# ── what the far side answers ───────────────────────────────────────────────────────────────


@pytest.mark.covers("G6")
@pytest.mark.parametrize(
    ("status", "outcome", "reason"),
    [
        (200, "sent", None),
        (204, "sent", None),
        (301, "failed", "rejected"),
        (307, "failed", "rejected"),
        (400, "failed", "rejected"),
        (404, "retry", "unavailable"),
        (410, "failed", "gone"),
        (429, "retry", "unavailable"),
        (500, "retry", "unavailable"),
        (503, "retry", "unavailable"),
        (600, "unknown", "ambiguous"),
    ],
)
async def test_the_status_decides(status: int, outcome: str, reason: str | None) -> None:
    receiver = Receiver(status, {"Location": "/elsewhere"} if 300 < status < 400 else None)

    async with serving(receiver) as url:
        answer = await post(url)

    assert (answer.outcome, answer.reason) == (outcome, reason)
    assert receiver.paths == ["/hook"]


REJECTED = ("failed", "rejected")
LATER = ("retry", "unavailable")
OPEN = ("unknown", "ambiguous")
STATUSES = {
    **dict.fromkeys((100, 101, 199), OPEN),
    **dict.fromkeys((200, 201, 202, 204, 206, 299), ("sent", None)),
    **dict.fromkeys((300, 301, 302, 303, 304, 307, 308, 399), REJECTED),
    **dict.fromkeys((400, 411, 413, 414, 415, 417, 422, 431), REJECTED),
    **dict.fromkeys((401, 402, 403, 404, 405, 406, 407, 408, 409, 412, 416), LATER),
    **dict.fromkeys((418, 421, 423, 424, 425, 426, 428, 429, 430, 432, 451, 499), LATER),
    410: ("failed", "gone"),
    **dict.fromkeys((500, 501, 502, 503, 504, 511, 521, 599), LATER),
    **dict.fromkeys((0, 99, 600, 999), OPEN),
}


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_one_meaning(status: int) -> None:
    answer = _answer(status, {}, b"", NOW)

    assert (answer.outcome, answer.reason) == STATUSES[status]


async def test_a_status_that_has_come_decides_although_its_body_stalls() -> None:
    async with talking(b"HTTP/1.1 202 OK\r\nContent-Length: 9\r\n\r\n", hangs=True) as url:
        answer = await post(url, seconds=0.3)

    assert (answer.outcome, answer.detail) == ("sent", "HTTP 202")


async def test_a_status_that_has_come_decides_although_its_body_breaks_off() -> None:
    async with talking(b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n9") as url:
        answer = await post(url)

    assert (answer.outcome, answer.reason) == ("retry", "unavailable")


async def test_an_answer_that_is_none_leaves_it_open() -> None:
    async with talking(b"SSH-2.0-OpenSSH_9.2\r\n") as url:
        answer = await post(url)

    assert (answer.outcome, answer.reason) == ("unknown", "ambiguous")


async def test_a_redirect_is_told_with_where_it_leads() -> None:
    async with serving(Receiver(308, {"Location": "https://new.example/hook"})) as url:
        answer = await post(url)

    assert answer.detail == (
        "HTTP 308: redirects are not followed; found one to https://new.example/hook"
    )


@pytest.mark.parametrize("where", ["https://new.example/hook?key=t0ken", "/hook#t0ken", "?t0ken"])
async def test_of_where_a_redirect_leads_the_query_is_not_told(where: str) -> None:
    async with serving(Receiver(307, {"Location": where})) as url:
        answer = await post(url)

    assert answer.detail.startswith("HTTP 307: redirects are not followed; found one to")
    assert "t0ken" not in answer.detail


@pytest.mark.parametrize("secret", ["/t0ken", "/?key=t0ken", '/it\'s/t0ken?"t0ken"=ä'])
async def test_what_goes_wrong_is_told_without_what_may_be_secret_in_the_url(secret: str) -> None:
    async with talking(b"SSH-2.0-OpenSSH_9.2\r\n") as url:
        no_answer = await post(url.removesuffix("/").replace("//", "//ada:t0ken@") + secret)
    async with serving(Receiver()) as url:
        no_tls = await post(url.replace("http", "https").removesuffix("/hook") + secret)
    with silent() as url:
        no_connection = await post(url + secret, seconds=0.2)

    for answer in (no_answer, no_tls, no_connection):
        assert "127.0.0.1" in answer.detail
        assert "t0ken" not in answer.detail


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("7", "HTTP 503 busy"),
        ("soon", "HTTP 503 (Retry-After: seconds or an HTTP date is required; found 'soon') busy"),
        ("999999999", "HTTP 503 (Retry-After: held to 2592000 s) busy"),
    ],
)
async def test_a_retry_after_that_is_not_heeded_as_it_came_is_told(header: str, told: str) -> None:
    async with serving(Receiver(503, {"Retry-After": header}, body="busy")) as url:
        answer = await post(url)

    assert answer.detail == told


@pytest.mark.parametrize("status", [404, 408, 425, 429, 503])
async def test_retry_after_counts_with_every_temporary_no(status: int) -> None:
    headers = {"retry-after": "Sun Mar  1 12:02:00 2026"}

    async with serving(Receiver(status, headers)) as url:
        answer = await post(url)

    assert answer.retry_after == 120.0


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


async def test_a_connection_that_is_not_made_in_time_is_unavailable() -> None:
    with silent() as url:
        answer = await post(url, seconds=0.2)

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
        "[fec0::1]",
        "LOCALHOST",
        "ｌｏｃａｌｈｏｓｔ",  # noqa: RUF001 - wide letters
        "１２７.0.0.1",  # noqa: RUF001 - wide digits
    ],
)
async def test_no_spelling_of_a_private_address_is_dialled(host: str) -> None:
    receiver = Receiver()

    async with serving(receiver) as url:
        port = url.split(":")[2].split("/")[0]
        answer = await post(f"http://{host}:{port}/hook", allowed=())

    assert (answer.outcome, answer.reason) == ("failed", "forbidden_address")
    assert "TRIGGERSTREAM_SENDER__ALLOW_NETWORKS" in answer.detail
    assert receiver.received == []


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "127.1", "0177.0.0.1", "017700000001", "127.0.0.1."]
)
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


@pytest.mark.parametrize("secret", ["whsec_", "whsec_ä", "", "whsec_AAAA", SECRET[6:]])
def test_a_secret_that_is_none_is_told_when_it_is_built(secret: str) -> None:
    config = WebhookConfig({"crm": Endpoint("http://x/", (SecretStr(secret),))})

    with pytest.raises(SettingsError, match="webhook endpoint 'crm'"):
        WebhookChannel(config, timeout=1, now=lambda: NOW)


def test_all_that_is_wrong_with_endpoints_is_told_at_once_and_no_secret_is() -> None:
    private = "whsk_" + SECRET[6:]
    secrets = tuple(map(SecretStr, (SECRET, private, "hunter2")))
    endpoints = {
        "crm": Endpoint("https://ada:hunter2@crm.example:0/hunter2", secrets),
        "erp": Endpoint("https://erp.example/"),
        "old": Endpoint("gopher://old.example/hunter2"),
    }

    with pytest.raises(SettingsError) as refused:
        WebhookChannel(WebhookConfig(endpoints), timeout=1, now=lambda: NOW)

    url, port = "an http(s) URL is required", "its port is not from 1 to 65535"
    scheme = "it does not begin with http:// or https://"
    required = "'whsec_' and behind it the base64 of 24 to 64 bytes are required"
    assert str(refused.value).split("\n") == [
        f"webhook endpoint 'crm': {url}; found 'https://crm.example:0' ({port})",
        f"webhook endpoint 'crm', secret 2: {required}; found a key for 'whsk_'",
        f"webhook endpoint 'crm', secret 3: {required}; found no such prefix",
        f"webhook endpoint 'old': {url}; found 'gopher://old.example' ({scheme})",
    ]


async def test_the_url_is_asked_for_as_it_was_written() -> None:
    receiver = Receiver()

    async with serving(receiver) as url:
        await post(url.replace("/hook", "/a%2Fb/../c?sig=%2Bx%41+y"))

    assert receiver.targets == ["/a%2Fb/../c?sig=%2Bx%41+y"]


async def test_a_user_and_a_password_in_the_url_are_sent_as_such_only() -> None:
    receiver = Receiver()

    async with serving(receiver) as url:
        await post(url.replace("http://", "http://ada:p%40ss@"))

    headers = receiver.received[0].headers
    assert base64.b64decode(headers["authorization"].removeprefix("Basic ")) == b"ada:p@ss"
    assert "@" not in headers["host"]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/",
        "a.example",
        "http:///hook",
        "http://[::1/",
        f"http://{'a' * 64}.example/",
    ],
)
def test_an_address_that_is_not_http_is_told_when_it_is_built(url: str) -> None:
    with pytest.raises(SettingsError, match=r"an http\(s\) URL is required; found '"):
        WebhookChannel(WebhookConfig({"crm": Endpoint(url)}), timeout=1, now=lambda: NOW)


async def test_it_is_a_channel_that_can_be_closed_unused() -> None:
    kept: Channel = WebhookChannel(WebhookConfig({}), timeout=1, now=lambda: NOW)

    await kept.close()
