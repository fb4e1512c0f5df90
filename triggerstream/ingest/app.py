"""The app: the table of routes, each with what answers it."""

from __future__ import annotations

from typing import Final

import structlog
from aiohttp import web

from triggerstream.ingest import answers
from triggerstream.ingest.connections import Connection
from triggerstream.ingest.door import Door
from triggerstream.ingest.routes import ROUTES
from triggerstream.ingest.taking import Handler, Ingest

_log = structlog.get_logger(__name__)

INGEST: Final = web.AppKey("ingest", Ingest)
"""Where an app keeps its requests: whoever runs it asks there what is under way."""


def build_app(door: Door) -> web.Application:
    """Return the app; `ingest.server` runs it."""
    ingest = Ingest(door)
    app = web.Application(middlewares=[_in_our_words], client_max_size=0)
    app[INGEST] = ingest
    for route in ROUTES:
        handler = ingest.handler(route)
        if route.door == "told":
            app.router.add_get(route.path, handler)
        else:
            app.router.add_route(route.method, route.path, handler)
        if route.method == "POST":
            app.router.add_route("OPTIONS", route.path, ingest.preflight)
    return app


@web.middleware
async def _in_our_words(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Say what went wrong as JSON, and tell the connection that a request has begun and ended."""
    connection = request.transport and request.transport.get_protocol()
    if isinstance(connection, Connection):
        connection.begin()
    try:
        return await handler(request)
    except web.HTTPException as error:
        headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
        return answers.reply(error.status, {"error": error.reason}, headers)
    except Exception as error:  # noqa: BLE001 - whatever it is, the next one is answered
        _log.exception("a request failed", path=request.path, error=type(error).__name__)
        return answers.reply(500, {"error": "a mistake of ours"}, closes=True)
    finally:
        if isinstance(connection, Connection):
            connection.end()
