"""Appending for the owner: what is asked of the health server, over loopback."""

from __future__ import annotations

import http.client
import json
import tracemalloc
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from triggerstream.core.records.record import Produce
from triggerstream.errors import ProtocolError, TooLargeError
from triggerstream.ops import owner
from triggerstream.ops.health import Health, HealthServer
from triggerstream.ops.owner import APPEND, MOST, Owner, pack

TOKEN = "a token of enough characters"
ASKED = Produce("inbox", 0, b"c1", None, (("ts-kind", b"erase"), ("trace", None)))


class FakeLog:
    """Appends, and may fail."""

    def __init__(self) -> None:
        self.records: list[Produce] = []
        self.raises: Exception | None = None

    def __call__(self, records: Sequence[Produce]) -> Sequence[tuple[str, int, int]]:
        if self.raises is not None:
            raise self.raises
        start = len(self.records)
        self.records.extend(records)
        return [(records[0].topic, start, len(records))] if records else []


@pytest.fixture(name="log")
def _log() -> FakeLog:
    return FakeLog()


@pytest.fixture(name="server")
def _server(log: FakeLog) -> Iterator[HealthServer]:
    asked = Owner(append=log, token=TOKEN)
    server = HealthServer(Health(), CollectorRegistry(), host="127.0.0.1", port=0, owner=asked)
    server.start()
    yield server
    server.stop()


def post(
    server: HealthServer, body: bytes, path: str = APPEND, token: str = TOKEN, **headers: str
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        wanted = {"Authorization": f"Bearer {token}", **headers}
        connection.request("POST", path, body=body, headers=wanted)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_records_are_appended_as_they_were_asked_for(server: HealthServer, log: FakeLog) -> None:
    event = Produce("events", 0, b"c1", b"{}", ())

    first = post(server, pack([event, event]))
    second = post(server, pack([ASKED]))

    assert log.records == [event, event, ASKED]
    assert first == (200, {"appended": [{"topic": "events", "base_offset": 0, "count": 2}]})
    assert second == (200, {"appended": [{"topic": "inbox", "base_offset": 2, "count": 1}]})


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xc1", id="no MessagePack"),
        pytest.param(msgspec.msgpack.encode({"topic": "events"}), id="no list"),
        pytest.param(msgspec.msgpack.encode([["events"]]), id="too short"),
        pytest.param(msgspec.msgpack.encode([["events", None, None, [], 1]]), id="too long"),
        pytest.param(msgspec.msgpack.encode([["events", "c1", None, []]]), id="a key of text"),
        pytest.param(msgspec.msgpack.encode([["events", None, None, [["a"]]]]), id="half a header"),
        pytest.param(
            msgspec.msgpack.encode([["actions", None, None, []]]), id="not a topic of his"
        ),
    ],
)
def test_what_asks_for_something_else_is_refused_and_nothing_appended(
    server: HealthServer, log: FakeLog, body: bytes
) -> None:
    status, told = post(server, body)

    assert status == 400
    assert told["error"]
    assert log.records == []


@pytest.mark.parametrize("token", ["", TOKEN[:-1], TOKEN + "."])
def test_without_the_token_nothing_is_appended(
    server: HealthServer, log: FakeLog, token: str
) -> None:
    assert post(server, pack([ASKED]), token=token)[0] == 401
    assert log.records == []


@pytest.mark.parametrize(
    ("path", "token", "status"), [(APPEND, "wrong", 401), ("/v1/nothing", TOKEN, 404)]
)
def test_what_is_of_no_use_is_not_kept_in_memory_and_yet_answered(
    server: HealthServer, path: str, token: str, status: int
) -> None:
    """Any page of a browser on this machine may post: a simple request needs nobody's leave."""
    body = bytes(MOST - 1)
    tracemalloc.start()
    try:
        answer = post(server, body, path, token, **{"Content-Type": "text/plain"})
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert answer[0] == status
    assert most < MOST // 8


def test_where_no_token_is_set_nothing_is_appended_either(log: FakeLog) -> None:
    asked = Owner(append=log, shows_customers=True)

    answer = asked.post(APPEND, "Bearer None", pack([ASKED]))

    assert answer is not None
    assert answer[0] == 401


def test_a_process_that_is_not_the_only_writer_appends_for_nobody() -> None:
    assert Owner(token=TOKEN).post(APPEND, f"Bearer {TOKEN}", pack([ASKED])) is None
    assert APPEND not in "".join(Owner(token=TOKEN).paths)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ProtocolError("the log is closed"), 503),
        (TimeoutError(), 504),
        # Who repeats what was not appended would repeat this for ever.
        (TooLargeError("events/0: a record of at most 1048576 bytes is required"), 413),
    ],
)
def test_who_asks_is_told_that_it_is_not_known_to_be_durable(
    server: HealthServer, log: FakeLog, error: Exception, status: int
) -> None:
    log.raises = error

    assert post(server, pack([ASKED]))[0] == status


def test_a_body_has_a_length_and_not_too_great_a_one(
    server: HealthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = pack([ASKED])
    monkeypatch.setattr("triggerstream.ops.health.MOST", len(body))

    assert post(server, body)[0] == 200
    assert post(server, body + b" ")[0] == 413
    assert post(server, b"", **{"Content-Length": "9" * 5000})[0] == 413
    assert post(server, b"", **{"Content-Length": "-1"})[0] == 411


def test_there_is_nothing_to_post_elsewhere(server: HealthServer) -> None:
    status, told = post(server, b"", path="/livez")

    assert status == 404
    assert f"POST {APPEND}" in told["paths"]


def test_what_may_be_written_to_is_what_the_owner_says_and_not_what_programs_say() -> None:
    assert owner.WRITABLE == ("events", "inbox", "rulesets")
