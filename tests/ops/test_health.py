"""The health server, asked over loopback."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from prometheus_client import CollectorRegistry, Counter

from triggerstream import __version__
from triggerstream.errors import SettingsError
from triggerstream.ops.build import engine
from triggerstream.ops.health import PATHS, Health, HealthServer
from triggerstream.ops.owner import Owner

TOKEN = "a token of enough characters"


class FakeClock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class FakeWorker:
    """Remembers one customer, and may be stuck or not own the partition."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.raises: Exception | None = None

    def __call__(self, customer_id: str) -> Any:
        self.asked.append(customer_id)
        if self.raises is not None:
            raise self.raises
        return {"customer_id": customer_id} if customer_id == "c/1 ü" else None


@pytest.fixture(name="clock")
def _clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(name="health")
def _health(clock: FakeClock) -> Health:
    return Health(limit=30, recovery_limit=900, clock=clock)


@pytest.fixture(name="worker")
def _worker() -> FakeWorker:
    return FakeWorker()


@pytest.fixture(name="registry")
def _registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture(name="server")
def _server(
    health: Health, worker: FakeWorker, registry: CollectorRegistry
) -> Iterator[HealthServer]:
    yield from serving(health, registry, inspect=worker, shows_customers=True)


def serving(health: Health, registry: CollectorRegistry, **options: Any) -> Iterator[HealthServer]:
    server = HealthServer(health, registry, host="127.0.0.1", port=0, owner=Owner(**options))
    server.start()
    yield server
    server.stop()


def get(server: HealthServer, path: str, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


class TestLiveness:
    def test_a_loop_that_beat_just_now_is_alive(self, server: HealthServer) -> None:
        assert get(server, "/livez") == (200, b'{"status":"ok"}\n')

    @pytest.mark.parametrize(
        ("is_recovered", "silence", "status"),
        [
            pytest.param(True, 30, 200, id="up to the limit"),
            pytest.param(True, 30.1, 503, id="beyond the limit"),
            pytest.param(False, 900, 200, id="recovering, up to its limit"),
            pytest.param(False, 900.1, 503, id="recovering, beyond its limit"),
        ],
    )
    def test_a_loop_may_be_silent_for_some_time_and_longer_while_recovering(
        self,
        server: HealthServer,
        clock: FakeClock,
        health: Health,
        is_recovered: bool,
        silence: float,
        status: int,
    ) -> None:
        clock.now += 5000
        health.beat()
        health.is_recovered = is_recovered
        clock.now += silence

        assert get(server, "/livez")[0] == status

    def test_a_stuck_loop_is_told_with_its_silence(
        self, server: HealthServer, clock: FakeClock, health: Health
    ) -> None:
        health.is_recovered = True
        clock.now += 40

        assert b"has not turned for 40 s; at most 30 s" in get(server, "/livez")[1]


class TestReadiness:
    def test_what_is_missing_is_said(self, server: HealthServer, health: Health) -> None:
        health.is_assigned = True

        status, body = get(server, "/readyz")

        assert status == 503
        assert b"partitions are recovering; no ruleset is loaded" in body

    def test_assigned_recovered_and_with_a_ruleset_is_ready(
        self, server: HealthServer, health: Health
    ) -> None:
        health.is_assigned = health.is_recovered = health.has_ruleset = True

        assert get(server, "/readyz")[0] == 200


class TestInspecting:
    def test_a_customer_is_asked_for_by_the_id_as_it_is(
        self, server: HealthServer, worker: FakeWorker
    ) -> None:
        status, body = get(server, f"/customers/{quote('c/1 ü', safe='')}")

        assert (status, orjson.loads(body)) == (200, {"customer_id": "c/1 ü"})

    def test_an_unknown_customer_is_not_found(self, server: HealthServer) -> None:
        assert get(server, "/customers/c2")[0] == 404

    def test_whole_numbers_of_a_customer_keep_their_digits(
        self, health: Health, registry: CollectorRegistry
    ) -> None:
        def told(_: str) -> dict[str, Any]:
            return {"profile": {"iccid": 89014103211118510720}}

        for server in serving(health, registry, inspect=told, shows_customers=True):
            assert get(server, "/customers/c1") == (
                200,
                b'{"profile":{"iccid":89014103211118510720}}\n',
            )

    def test_a_customer_of_another_worker_is_misdirected(
        self, server: HealthServer, worker: FakeWorker
    ) -> None:
        worker.raises = LookupError("partition 3 is not owned here")

        assert get(server, "/customers/c2") == (
            421,
            b'{"error":"partition 3 is not owned here"}\n',
        )

    def test_a_loop_that_does_not_answer_is_unavailable(
        self, server: HealthServer, worker: FakeWorker
    ) -> None:
        worker.raises = TimeoutError()

        assert get(server, "/customers/c2")[0] == 503

    @pytest.mark.covers("N5")
    @pytest.mark.parametrize(
        ("authorization", "status"),
        [(f"Bearer {TOKEN}", 200), ("Bearer wrong", 401), ("", 401), (TOKEN, 401)],
    )
    def test_where_a_token_is_set_it_is_required(
        self,
        health: Health,
        registry: CollectorRegistry,
        worker: FakeWorker,
        authorization: str,
        status: int,
    ) -> None:
        for server in serving(health, registry, inspect=worker, token=TOKEN, shows_customers=True):
            path = f"/customers/{quote('c/1 ü', safe='')}"
            assert get(server, path, Authorization=authorization)[0] == status

    @pytest.mark.parametrize(
        ("host", "status"),
        [
            ("127.0.0.1:80", 200),
            ("[::1]:80", 200),
            ("localhost:80", 200),
            ("localhost", 200),
            ("page.example:80", 401),
            ("localhost.page.example", 401),
            ("127.0.0.1.page.example", 401),
            ("[", 401),
        ],
    )
    def test_a_page_whose_name_leads_here_is_shown_nothing(
        self, server: HealthServer, host: str, status: int
    ) -> None:
        """Without a token this machine is enough; a browser on it is asked by any site."""
        assert get(server, f"/customers/{quote('c/1 ü', safe='')}", Host=host)[0] == status

    def test_with_a_token_any_name_will_do(
        self, health: Health, registry: CollectorRegistry, worker: FakeWorker
    ) -> None:
        for server in serving(health, registry, inspect=worker, token=TOKEN):
            path = f"/customers/{quote('c/1 ü', safe='')}"
            asked = get(server, path, Host="shop.example", Authorization=f"Bearer {TOKEN}")
            assert asked[0] == 200

    def test_another_token_is_as_good(
        self, health: Health, registry: CollectorRegistry, worker: FakeWorker
    ) -> None:
        for server in serving(health, registry, inspect=worker, token=TOKEN, also="the other one"):
            path = f"/customers/{quote('c/1 ü', safe='')}"
            for token, status in ((TOKEN, 200), ("the other one", 200), ("none", 401)):
                assert get(server, path, Authorization=f"Bearer {token}")[0] == status

    def test_without_a_token_nothing_is_shown_beyond_this_machine(
        self, health: Health, registry: CollectorRegistry, worker: FakeWorker
    ) -> None:
        for server in serving(health, registry, inspect=worker, shows_customers=False):
            assert get(server, "/customers/c1")[0] == 401
        assert worker.asked == []


def test_metrics_are_served_in_the_text_format(
    server: HealthServer, registry: CollectorRegistry
) -> None:
    Counter("fires", "Fires.", registry=registry).inc(3)

    status, body = get(server, "/metrics")

    assert status == 200
    assert b"fires_total 3.0" in body


def test_the_version_is_told_and_which_engine_runs(server: HealthServer) -> None:
    status, body = get(server, "/version")

    expected = {"name": "triggerstream", "version": __version__, "engine": engine().kind}
    assert status == 200
    assert orjson.loads(body) == expected


def test_the_root_lists_what_there_is(server: HealthServer) -> None:
    status, body = get(server, "/")

    assert status == 200
    assert orjson.loads(body)["paths"] == [*PATHS, "/customers/<id>"]


@pytest.mark.parametrize("path", ["/livez", "/version", "/nothing"])
def test_a_head_is_a_get_without_its_body(server: HealthServer, path: str) -> None:
    answers = {}
    for method in ("GET", "HEAD"):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        connection.request(method, path)
        answer = connection.getresponse()
        answers[method] = (answer.status, answer.headers["Content-Type"], answer.read())
        connection.close()

    assert answers["HEAD"][:2] == answers["GET"][:2]
    assert answers["HEAD"][2] == b""
    assert answers["GET"][2]


@pytest.mark.parametrize("path", ["/customers/", "/customers/a/b", "/nothing"])
def test_other_paths_are_not_found(server: HealthServer, path: str) -> None:
    assert get(server, path)[0] == 404


def test_an_address_that_is_taken_is_an_error_of_the_settings(
    server: HealthServer, health: Health
) -> None:
    with pytest.raises(SettingsError, match=f"127.0.0.1:{server.port}"):
        HealthServer(health, CollectorRegistry(), host="127.0.0.1", port=server.port)
