"""The health server: a thread of its own, so that a loop that is stuck shows.

======================  ====================================================================
``/livez``              200 while the event loop beats; 503 when its last beat is too old
``/readyz``             200 when partitions are assigned, to own or to follow, and those owned are
                        recovered, and a ruleset is loaded
``/metrics``            the registry, in Prometheus' text format
``/version``            name, version, and whether the engine is ``compiled`` or ``python``
``/``                   the paths that are there
======================  ====================================================================

What else there is, is for the installation's owner (`ops.owner`). ``HEAD`` is answered as ``GET``
is, without the body.

Liveness does not fail because partitions recover: the limit is a long one then.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from triggerstream import __version__
from triggerstream.errors import SettingsError
from triggerstream.ops.answers import Answer, as_json, refusal
from triggerstream.ops.build import engine
from triggerstream.ops.owner import MOST, Owner

STOPS_WITHIN = 0.5
"""Seconds after which the server looks again whether it is to stop."""

PIECE: Final = 1 << 16
"""Bytes of a body that are passed over at a time."""

PATHS: Final = ("/livez", "/readyz", "/metrics", "/version")


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
        owner: Answers what only an owner may ask; nothing, where it is left out.

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
        owner: Owner | None = None,
    ) -> None:
        site = _Site(health, registry, owner or Owner())
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

    def __init__(self, health: Health, registry: CollectorRegistry, owner: Owner) -> None:
        self._health = health
        self._registry = registry
        self._owner = owner

    def get(self, path: str, authorization: str, host: str) -> Answer:
        """Return what a ``GET`` is answered."""
        match path:
            case "/livez":
                return _verdict(self._health.why_not_alive())
            case "/readyz":
                return _verdict(self._health.why_not_ready())
            case "/metrics":
                metrics = generate_latest(self._registry)
                return HTTPStatus.OK, CONTENT_TYPE_PLAIN_0_0_4, metrics
            case "/version":
                told = {"name": "triggerstream", "version": __version__, "engine": engine().kind}
                return as_json(HTTPStatus.OK, told)
            case "/":
                return as_json(HTTPStatus.OK, {"paths": self._paths})
            case _:
                return self._owner.get(path, authorization, host) or self._nothing()

    def may_post(self, path: str, authorization: str) -> bool:
        """Return whether the body of a ``POST`` is of any use."""
        return self._owner.may_post(path, authorization)

    def post(self, path: str, authorization: str, body: bytes) -> Answer:
        """Return what a ``POST`` is answered."""
        return self._owner.post(path, authorization, body) or self._nothing()

    @property
    def _paths(self) -> tuple[str, ...]:
        return (*PATHS, *self._owner.paths)

    def _nothing(self) -> Answer:
        told = {"error": "there is nothing at this path", "paths": self._paths}
        return as_json(HTTPStatus.NOT_FOUND, told)


def _verdict(why_not: str) -> Answer:
    if why_not:
        return as_json(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "not ok", "reason": why_not})
    return as_json(HTTPStatus.OK, {"status": "ok"})


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], site: _Site) -> None:
        self.site = site
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10

    def do_GET(self) -> None:
        self._answer(self._found)

    def do_HEAD(self) -> None:
        self._answer(self._found, with_body=False)

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            self._answer(refusal(HTTPStatus.LENGTH_REQUIRED, "required is a Content-Length"))
        elif len(length) > len(str(MOST)) or int(length) > MOST:
            error = f"required are at most {MOST} bytes; found {length[:20]}"
            self._answer(refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, error))
        else:
            body = self._body(int(length))
            self._answer(self._site.post(self._path, self._authorization, body))

    def _body(self, length: int) -> bytes:
        """Return the body; of who may not post, nothing: it is passed over, so that memory is held
        for nobody, and the answer can still be read."""
        if self._site.may_post(self._path, self._authorization):
            return self.rfile.read(length)
        while length > 0 and (piece := self.rfile.read(min(length, PIECE))):
            length -= len(piece)
        return b""

    @property
    def _found(self) -> Answer:
        return self._site.get(self._path, self._authorization, self.headers.get("Host", ""))

    @property
    def _site(self) -> _Site:
        return self.server.site

    @property
    def _path(self) -> str:
        return urlsplit(self.path).path

    @property
    def _authorization(self) -> str:
        return self.headers.get("Authorization", "")

    def _answer(self, answer: Answer, *, with_body: bool = True) -> None:
        status, content_type, body = answer
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing: a path may hold a customer's id."""
