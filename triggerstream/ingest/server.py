"""Running the app on a loop: listening, and ending in order."""

from __future__ import annotations

import asyncio
import logging
import resource
import time
from contextlib import suppress
from typing import Final

import msgspec
import structlog
from aiohttp import web

from triggerstream.errors import SettingsError
from triggerstream.ingest.app import INGEST
from triggerstream.ingest.connections import Connections
from triggerstream.ingest.limits import Limits

BACKLOG: Final = 1024
"""Connections that the system holds until we come to them."""
_SPARE: Final = 256
"""Open files that are not connections of ours."""

_UNHEARD: Final = logging.getLogger("triggerstream.ingest.http")
"""aiohttp tells of each request that is no HTTP, with its bytes. Anybody may send such, and they
hold keys and customers. What is a mistake of ours is told by the app."""
_UNHEARD.setLevel(logging.CRITICAL + 1)

_log = structlog.get_logger(__name__)


class Server:
    """An app that listens. `stop` ends it; both are called on the loop that runs it."""

    def __init__(self, app: web.Application, *, host: str, port: int, limits: Limits) -> None:
        self._ingest = app[INGEST]
        self._host = host
        self._port = port
        self._limits = limits
        # Nobody logs requests: their addresses hold keys, and what is in them is a customer's.
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_UNHEARD,
            auto_decompress=False,  # `ingest.reading` does it, within bounds
            keepalive_timeout=limits.idle,
            lingering_time=1.0,
            shutdown_timeout=1.0,
        )
        self._server: asyncio.Server | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port that is listened on, also where any free one was asked for."""
        assert self._server is not None  # noqa: S101 - only after `start`
        return int(self._server.sockets[0].getsockname()[1])

    def why_not_ready(self) -> str:
        """Return why no requests should be sent here, or ``""``."""
        return self._ingest.why_not_ready()

    async def start(self) -> None:
        """Listen.

        Raises:
            SettingsError: The address cannot be listened on.
        """
        await self._runner.setup()
        build = self._runner.server
        assert build is not None  # noqa: S101 - it is there after `setup`
        limits = msgspec.structs.replace(
            self._limits, connections=_room_for(self._limits.connections)
        )
        connections = Connections(build, limits, time.monotonic)
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                connections, self._host, self._port, backlog=BACKLOG
            )
        except OSError as error:
            await self._runner.cleanup()
            msg = (
                "TRIGGERSTREAM_INGEST__HOST, TRIGGERSTREAM_INGEST__PORT: required is an address "
                f"that can be listened on; found {self._host}:{self._port} ({error.strerror})"
            )
            raise SettingsError(msg) from error
        self._watch = loop.create_task(connections.watch())

    async def stop(self) -> None:
        """Say that we are not ready, give requests under way their time, and close. Idempotent."""
        server, self._server = self._server, None
        if server is None:
            return
        self._ingest.is_closing = True
        began = time.monotonic()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ingest.is_idle.wait(), self._limits.finishing)
        server.close()
        left = self._limits.finishing - (time.monotonic() - began)
        await self._ingest.gather.finish(max(0.0, left))
        await self._runner.cleanup()
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch


def _room_for(connections: int) -> int:
    """Return for how many connections there are files, *connections* at most: the system's limit is
    raised where it can be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _SPARE
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    _log.warning("fewer connections than wished for: open files are bounded", files=soft)
    return max(1, soft - _SPARE)
