"""No bytes make anything but a status that the document names, and no event that is none."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ingest.harness import SEEN, SERVER, WEB, Opened
from tests.ingest.running import running
from triggerstream.core.events.decode import decode_event
from triggerstream.ingest.routes import ROUTES

PATHS = {route.path: route for route in ROUTES if route.takes}
PATHS_OR_ANY = {path: route.takes[0].encode() for path, route in PATHS.items()}
STATUSES = {status for route in ROUTES for status in route.answers}

OWN = "a type that the route takes"

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
names = st.sampled_from(
    [
        *("customer_id", "event_type", "event_id", "timestamp", "event_data", "source", "metadata"),
        *("userId", "anonymousId", "event", "type", "batch", "events", "traits", "previousId"),
        *("specversion", "id", "subject", "data", "data_base64", "sentAt", "context"),
    ]
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=6)
)
customers = st.sampled_from(["ada", "anon_7", 7, 7.0, ""]) | scalars
nearly = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("customer_id", "userId", "anonymousId", "subject"), customers),
        **dict.fromkeys(("event_type", "event", "type"), st.sampled_from(["seen", "track", "$x"])),
        **dict.fromkeys(("event_data", "properties", "traits", "data", "metadata"), values),
        **dict.fromkeys(("event_id", "messageId", "id"), scalars),
        "timestamp": st.sampled_from(["2026-03-01T10:00:00Z", 1, "soon"]),
    },
)
bodies = (
    nearly.map(lambda value: json.dumps(value).encode())
    | nearly.map(lambda value: json.dumps([value, SEEN, {**SEEN, **value}]).encode())
    | nearly.map(lambda value: json.dumps({"batch": [value]}).encode())
    | st.binary(max_size=200)
    | values.map(lambda value: json.dumps(value).encode())
    | st.lists(values, max_size=4).map(
        lambda each: b"\n".join(json.dumps(x).encode() for x in each)
    )
    | st.binary(max_size=60).map(gzip.compress)
    | st.binary(max_size=20).map(lambda tail: gzip.compress(json.dumps(SEEN).encode()) + tail)
)
medias = st.sampled_from(
    [*sorted({media for route in ROUTES for media in route.takes}), "text/plain; charset=\xff", ""]
) | st.just(OWN)


@pytest.fixture(name="door", scope="module")
def _door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    with running(Path(tmp_path_factory.mktemp("door"))) as door:
        yield door


def exchange(door: Opened, sent: bytes, *, ends: bool = False) -> bytes:
    """Send bytes, end if it *ends*, and return all that comes back."""
    with socket.create_connection(("127.0.0.1", door.port), timeout=10) as wire:
        with suppress(ConnectionError):
            wire.sendall(sent)
            if ends:
                wire.shutdown(socket.SHUT_WR)
        found = b""
        with suppress(ConnectionError):
            while part := wire.recv(65536):
                found += part
        return found


def status_of(answer: bytes) -> int:
    assert answer.startswith((b"HTTP/1.1 ", b"HTTP/1.0 ")), answer[:100]
    return int(answer[9:12])


@settings(max_examples=600)
@given(
    path=st.just("/v1/events") | st.sampled_from(sorted(PATHS)),
    body=bodies,
    media=st.just(OWN) | medias,
    packed=st.sampled_from(["", "", "gzip", "not so"]),
    key=st.sampled_from([SERVER, WEB]),
)
def test_any_body_is_answered_as_the_document_says(
    door: Opened, path: str, body: bytes, media: str, packed: str, key: str
) -> None:
    if media == OWN:
        media = PATHS[path].takes[0]
    if packed == "gzip":
        body = gzip.compress(body)
    encoding = "Content-Encoding: gzip\r\n" if packed else ""
    head = (
        f"POST {path}?k={WEB} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: {media}\r\n{encoding}Content-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )

    status = status_of(exchange(door, head.encode("latin-1") + body))

    assert status in PATHS[path].answers
    assert status < 500


HEADERS = (
    *("Authorization", "Idempotency-Key", "X-Triggerstream-User", "Origin", "Content-Type"),
    *("Content-Encoding", "ce-specversion", "ce-id", "ce-subject", "ce-type", "Accept"),
)
line = st.binary(max_size=12).map(
    lambda value: value.translate(None, bytes([*range(9), *range(10, 32), 127]))
)


@settings(max_examples=400)
@given(
    given=st.dictionaries(st.sampled_from(HEADERS), line, max_size=4),
    query=st.dictionaries(st.sampled_from("keadu"), line, max_size=4),
    path=st.sampled_from([route.path for route in ROUTES if route.door != "told"]),
    is_known=st.booleans(),
)
def test_whatever_headers_and_query_say_is_answered_as_the_document_says(
    door: Opened, given: dict[str, bytes], query: dict[str, bytes], path: str, is_known: bool
) -> None:
    """Beside a key that is one, so that they are looked at, and raw: whatever bytes they are."""
    known = {"Authorization": f"Bearer {SERVER}".encode(), "Content-Type": PATHS_OR_ANY.get(path)}
    headers = {**known, **given} if is_known else {**given, **known}
    if is_known:
        query = {**query, "k": WEB.encode()}
    body = json.dumps({**SEEN, "event": "seen", "userId": "ada"}).encode()
    said = b"&".join(
        name.encode() + b"=" + value.replace(b" ", b"+").replace(b"\t", b"+").replace(b"#", b"")
        for name, value in query.items()
    )
    method = b"GET" if path.endswith(".gif") else b"POST"
    headers["Host"] = b"x"
    lines = [b"%b: %b" % (name.encode(), value) for name, value in headers.items() if value]
    sent = b"%b %b?%b HTTP/1.1\r\n%b\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (
        *(method, path.encode(), said, b"\r\n".join(lines), len(body), body),
    )

    status = status_of(exchange(door, sent))

    assert status in STATUSES
    assert status < 500


@settings(max_examples=300)
@given(
    sent=st.binary(max_size=120)
    | st.lists(
        st.sampled_from(
            [
                *(b"POST /v1/events HTTP/1.1\r\n", b"GET /livez HTTP/1.1\r\n", b"Host: x\r\n"),
                *(b"\r\n", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"3\r\n"),
                *(b"abc", b"0\r\n\r\n", b"\0", b"Upgrade: h2c\r\nConnection: upgrade\r\n", b"\xff"),
                f"Authorization: Bearer {SERVER}\r\n".encode(),
            ]
        ),
        max_size=12,
    ).map(b"".join)
)
def test_any_bytes_at_all_are_answered_or_closed(door: Opened, sent: bytes) -> None:
    answer = exchange(door, sent, ends=True)

    assert not answer or (status_of(answer) in STATUSES and status_of(answer) < 500)


def test_what_came_through_is_what_a_worker_reads(door: Opened) -> None:
    events = door.log.of("events")

    assert len(events) > 20
    for record in events:
        event = decode_event(record.value, fallback_id="x", fallback_timestamp=0)
        assert record.key == event.customer_id.encode()
        assert event.source in {"shop", "web"}
        assert event.source == "shop" or event.customer_id.startswith("anon_")
