"""A request's body, read within bounds: of size before and after inflating, of time, of memory."""

from __future__ import annotations

import asyncio
import zlib
from typing import Final

from aiohttp import web

from triggerstream.core.reasons import RejectReason
from triggerstream.core.records.record import Rejected
from triggerstream.ingest.limits import Limits, Memory

GZIP: Final = "gzip"
_WBITS: Final = 31
"""A window of any size, with gzip's header and checksum."""
_MEMBERS: Final = 64
"""Members of one body: each is looked for in a copy of what is left."""


class Refused(Exception):  # noqa: N818 - a request that is not taken, not an error of ours
    """The request is answered with *status*, and nothing of it is taken.

    Attributes:
        detail: What was required, and what was found.
        retry_after: Seconds, where it may be sent again.
    """

    def __init__(self, status: int, detail: str, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.retry_after = retry_after


async def read_body(request: web.Request, limits: Limits, memory: Memory, key: str) -> bytes:
    """Return the body of *request*, inflated.

    What has come counts as held for *key* until the body is whole.

    Raises:
        Refused: It is too large, came too slowly, is packed by something else, or there is no
            room for it.
        Rejected: It is no gzip although it says so.
    """
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {GZIP, "identity", ""}:
        raise Refused(415, f"Content-Encoding: gzip or none; found {encoding[:80]!r}")
    if (request.content_length or 0) > limits.body:
        raise _too_large(limits)
    held = 0
    chunks: list[bytes] = []
    try:
        async with asyncio.timeout(limits.reading):
            while chunk := await request.content.readany():
                if held + len(chunk) > limits.body:
                    raise _too_large(limits)
                if not memory.take(key, len(chunk)):
                    raise full()
                held += len(chunk)
                chunks.append(chunk)
    except TimeoutError as error:
        detail = f"the whole body within {limits.reading:g} s; found {held} bytes by then"
        raise Refused(408, detail) from error
    except (web.RequestPayloadError, ConnectionError) as error:
        raise Refused(400, "a whole body; found one that ends early, or is no HTTP") from error
    finally:
        memory.give(key, held)
    body = b"".join(chunks)
    return inflated(body, limits) if encoding == GZIP else body


def inflated(body: bytes, limits: Limits) -> bytes:
    """Return what *body* holds, which is gzip of one or more members.

    Never more than the limit is inflated, so that a bomb costs no more than an honest body.

    Raises:
        Refused: It holds more than the limit.
        Rejected: It is no gzip, or ends early.
    """
    found = bytearray()
    for _ in range(_MEMBERS):
        member = zlib.decompressobj(_WBITS)
        try:
            found += member.decompress(body, limits.body + 1 - len(found))
        except zlib.error as error:
            raise Rejected(RejectReason.BAD_ENCODING, f"gzip; found {error}"[:200]) from error
        if len(found) > limits.body:
            raise _too_large(limits)
        if not member.eof:
            raise Rejected(RejectReason.BAD_ENCODING, "gzip; found one that ends early")
        body = member.unused_data.lstrip(b"\0")  # some writers fill up a block
        if not body:
            return bytes(found)
    detail = f"gzip of at most {_MEMBERS} members; found more"
    raise Rejected(RejectReason.BAD_ENCODING, detail)


def full() -> Refused:
    """Return the answer where there is no room for more."""
    detail = "room for the request; found too much that the log has not acknowledged yet"
    return Refused(429, detail, retry_after=1)


def _too_large(limits: Limits) -> Refused:
    return Refused(413, f"a body of at most {limits.body} bytes when inflated; found a larger one")
