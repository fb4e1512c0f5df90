"""The health server: a thread of its own, so that a loop that is stuck shows.

======================  ====================================================================
``/livez``              200 while the event loop beats; 503 when its last beat is too old
``/readyz``             200 when partitions are assigned, to own or to follow, and those owned are
                        recovered, and a ruleset is loaded
``/metrics``            the registry, in Prometheus' text format
``/version``            name, version, and whether the engine is ``compiled`` or ``python``
``/customers/<id>``     what is remembered of one customer: asked of the event loop
``/``                   these paths
======================  ====================================================================

``HEAD`` is answered as ``GET`` is, without the body.

Liveness does not fail because partitions recover: the limit is a long one then. Customers' data
is given to who has the admin token, or, where none is set, to this machine only.
"""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from triggerstream import __version__
from triggerstream.errors import SettingsError
from triggerstream.ops.build import engine

STOPS_WITHIN = 0.5
"""Seconds after which the server looks again whether it is to stop."""

PATHS = ("/livez", "/readyz", "/metrics", "/version", "/customers/<id>")

Inspect = Callable[[str], Any]
"""Return what is remembered of a customer, as JSON-able data, or ``None`` for nothing.

Called in the server's threads: it must hand the question to the event loop and wait, and raise
`TimeoutError` when the loop does not answer, `LookupError` when this process does not own the
customer's partition.
"""


class Health:
    """What the process says of itself; written by the event loop, read by the server's threads.

    Args:
        limit: Seconds without a beat after which the process counts as stuck.
        recovery_limit: The same while partitions recover, which may hold the loop for long.
        clock: A monotonic clock, in seconds.
    """

    def __init__(
        self,
        limit: float = 30.0,
        recovery_limit: float = 900.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._recovery_limit = recovery_limit
        self._clock = clock
        self._last_beat = clock()
        self.is_assigned = False
        self.is_recovered = False
        self.has_ruleset = False

    def beat(self) -> None:
        """The event loop turns. Call it about once a second."""
        self._last_beat = self._clock()

    def why_not_alive(self) -> str:
        """Return why the process should be started again, or ``""``."""
        limit = self._limit if self.is_recovered else self._recovery_limit
        silence = self._clock() - self._last_beat
        if silence <= limit:
            return ""
        return f"the event loop has not turned for {silence:.0f} s; at most {limit:.0f} s"

    def why_not_ready(self) -> str:
        """Return what is still missing, or ``""``."""
        wanted = {
            "no partition is assigned": self.is_assigned,
            "partitions are recovering": self.is_recovered,
            "no ruleset is loaded": self.has_ruleset,
        }
        return "; ".join(missing for missing, is_met in wanted.items() if not is_met)


class HealthServer:
    """Serves `Health` and the metrics over HTTP until `stop`.

    Args:
        inspect: Asks for one customer; ``None`` where the process has none to show.
        token: The admin token, without which customers are not shown.
        shows_customers: Whether customers may be shown without a token.

    Raises:
        SettingsError: The address cannot be listened on.
    """

    def __init__(
        self,
        health: Health,
        registry: CollectorRegistry,
        *,
        host: str,
        port: int,
        inspect: Inspect | None = None,
        token: str | None = None,
        shows_customers: bool = False,
    ) -> None:
        site = _Site(health, registry, inspect, token, shows_customers)
        try:
            self._server = _Server((host, port), site)
        except OSError as error:
            msg = (
                f"TRIGGERSTREAM_HTTP__HOST, TRIGGERSTREAM_HTTP__PORT: required is an address that "
                f"can be listened on; found {host}:{port} ({error.strerror})"
            )
            raise SettingsError(msg) from error
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            name="health",
            daemon=True,
            kwargs={"poll_interval": STOPS_WITHIN},
        )

    @property
    def port(self) -> int:
        """The port that is listened on, also where any free one was asked for."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, and wait for the thread. Only after `start`."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Site:
    """What is answered to a path."""

    def __init__(
        self,
        health: Health,
        registry: CollectorRegistry,
        inspect: Inspect | None,
        token: str | None,
        shows_customers: bool,
    ) -> None:
        self._health = health
        self._registry = registry
        self._inspect = inspect
        self._token = token
        self._shows_customers = shows_customers

    def answer(self, path: str, authorization: str) -> tuple[HTTPStatus, str, bytes]:
        """Return (status, content type, body)."""
        match path.split("/")[1:]:
            case ["livez"]:
                found = _verdict(self._health.why_not_alive())
            case ["readyz"]:
                found = _verdict(self._health.why_not_ready())
            case ["metrics"]:
                found = HTTPStatus.OK, CONTENT_TYPE_PLAIN_0_0_4, generate_latest(self._registry)
            case ["version"]:
                told = {"name": "triggerstream", "version": __version__, "engine": engine().kind}
                found = _json(HTTPStatus.OK, told)
            case ["customers", name] if name and self._inspect is not None:
                found = self._customer(self._inspect, unquote(name), authorization)
            case [""]:
                found = _json(HTTPStatus.OK, {"paths": PATHS})
            case _:
                error = "there is nothing at this path"
                found = _json(HTTPStatus.NOT_FOUND, {"error": error, "paths": PATHS})
        return found

    def _customer(
        self, inspect: Inspect, customer_id: str, authorization: str
    ) -> tuple[HTTPStatus, str, bytes]:
        if not self._may_see_customers(authorization):
            return _json(
                HTTPStatus.UNAUTHORIZED,
                {"error": "required is the admin token (TRIGGERSTREAM_HTTP__ADMIN_TOKEN)"},
            )
        try:
            found = inspect(customer_id)
        except LookupError as error:
            return _json(HTTPStatus.MISDIRECTED_REQUEST, {"error": str(error)})
        except TimeoutError:
            return _json(
                HTTPStatus.SERVICE_UNAVAILABLE, {"error": "the event loop did not answer in time"}
            )
        if found is None:
            return _json(HTTPStatus.NOT_FOUND, {"error": "nothing is remembered of this customer"})
        return _json(HTTPStatus.OK, found)

    def _may_see_customers(self, authorization: str) -> bool:
        if self._token is None:
            return self._shows_customers
        return hmac.compare_digest(authorization.encode(), f"Bearer {self._token}".encode())


def _verdict(why_not: str) -> tuple[HTTPStatus, str, bytes]:
    if why_not:
        return _json(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "not ok", "reason": why_not})
    return _json(HTTPStatus.OK, {"status": "ok"})


def _json(status: HTTPStatus, body: Any) -> tuple[HTTPStatus, str, bytes]:
    return status, "application/json", msgspec.json.encode(body) + b"\n"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], site: _Site) -> None:
        self.site = site
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        status, content_type, body = self.server.site.answer(
            urlsplit(self.path).path, self.headers.get("Authorization", "")
        )
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing: a path may hold a customer's id."""
