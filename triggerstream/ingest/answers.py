"""What a request is answered: statuses, bodies, and the headers that let a page read them."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any, Final

import msgspec
import orjson
from aiohttp import web

from triggerstream.core.reasons import RejectReason
from triggerstream.ingest.reading import Refused
from triggerstream.ingest.routes import IDEMPOTENCY, USER

GIF: Final = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""One transparent pixel."""
_SERVER: Final = {"Server": "triggerstream"}
_MAY_SEND: Final = f"authorization, content-type, content-encoding, {IDEMPOTENCY}, {USER}".lower()


class Verdict(msgspec.Struct, frozen=True):
    """An event that was rejected: which one of the request, from 0, and why."""

    index: int
    reason: str
    detail: str


class Judged(msgspec.Struct, frozen=True):
    """What became of the events of one request; *repeat_safe* as the answer says it."""

    accepted: int
    rejected: Sequence[Verdict]
    repeat_safe: bool = True

    @property
    def status(self) -> int:
        """200 where any was accepted, 413 where all were too large, else 400."""
        if self.accepted:
            return 200
        is_large = all(verdict.reason == RejectReason.TOO_LARGE for verdict in self.rejected)
        return 413 if is_large else 400


def reply(
    status: int, said: Any, headers: Mapping[str, str] | None = None, *, closes: bool = False
) -> web.Response:
    """Return *said* as JSON."""
    answer = web.Response(
        status=status,
        body=said if isinstance(said, bytes) else orjson.dumps(said),
        content_type="application/json",
        headers={**_SERVER, **(headers or {})},
    )
    if closes:
        answer.force_close()
    return answer


def of_judged(judged: Judged, *, is_segment: bool) -> web.Response:
    """Return the answer to a request of which something was judged."""
    said: dict[str, Any] = {
        "accepted": judged.accepted,
        "rejected": [msgspec.structs.asdict(verdict) for verdict in judged.rejected],
    }
    if not judged.repeat_safe:
        said["repeat_safe"] = False
    if is_segment:
        if judged.accepted and not judged.rejected and judged.repeat_safe:
            said = {}
        said["success"] = judged.accepted > 0
        if not judged.accepted and judged.rejected:
            said |= {"code": judged.rejected[0].reason, "message": judged.rejected[0].detail}
    return reply(judged.status, said)


def of_refused(refused: Refused, *, is_segment: bool = False) -> web.Response:
    """Return the answer to a request that is not taken.

    Where its body has not been read to its end, aiohttp reads on for a moment, then closes.
    """
    headers: dict[str, str] = {}
    if refused.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="triggerstream"'
    if refused.retry_after is not None:
        headers["Retry-After"] = str(max(1, ceil(refused.retry_after)))
    said: dict[str, Any] = {"error": f"required is {refused.detail}"}
    if is_segment:
        said |= {"success": False, "code": str(refused.status), "message": refused.detail}
    return reply(refused.status, said, headers)


def pixel() -> web.Response:
    headers = {**_SERVER, "Cache-Control": "no-store"}
    return web.Response(body=GIF, content_type="image/gif", headers=headers)


def nothing() -> web.Response:
    return web.Response(status=204, headers=_SERVER)


def may_send(origin: str) -> web.Response:
    """Return the answer to a preflight from a page that may send."""
    answer = web.Response(status=204, headers=_SERVER)
    answer.headers["Access-Control-Allow-Methods"] = "POST"
    answer.headers["Access-Control-Allow-Headers"] = _MAY_SEND
    answer.headers["Access-Control-Max-Age"] = "600"
    return may_read(answer, origin)


def may_read(answer: web.Response, origin: str) -> web.Response:
    """Return *answer*, which a page of *origin* may read."""
    answer.headers["Access-Control-Allow-Origin"] = origin
    answer.headers["Access-Control-Expose-Headers"] = "retry-after"
    answer.headers["Vary"] = "Origin"
    return answer
