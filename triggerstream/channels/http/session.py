"""The HTTP client of channels, with each of aiohttp's defaults that matters said here.

Calls go to addresses that somebody typed in, and answers come from machines that are not ours: so
addresses are guarded, nothing of the environment is used, and whatever is read has a bound.
"""

from __future__ import annotations

from collections.abc import Sequence

import aiohttp

from triggerstream.channels.config import Network
from triggerstream.channels.http.guard import guarded_sockets

CONNECT_TIMEOUT = 2.0
"""Seconds for the name, the connection and the handshake: the rest is the far side's to think."""
KEEP_ALIVE = 4.0
"""Seconds for which an idle connection is kept: less than the 5 of common servers, so that a call
seldom goes out on a connection that its far side is just closing."""
NAMES_KEPT = 10
"""Seconds for which a resolved name is kept. The guard judges each address when it is dialled."""
LINE_LIMIT = 8 * 1024
"""Bytes of one line of an answer's head; a longer one is no answer."""
BUFFER = 64 * 1024
"""Bytes of an answer's body after which no more are taken from the socket until they are read,
which is where a far side is held that sends without an end; aiohttp takes twice as many."""


def open_session(*, timeout: float, allowed: Sequence[Network]) -> aiohttp.ClientSession:
    """Return a session whose calls end after *timeout* seconds; an event loop must run.

    It follows redirects only where a call says so, and a POST is never repeated by the library.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=0,  # calls are bounded where they are started
            limit_per_host=0,
            socket_factory=guarded_sockets(allowed),
            resolver=aiohttp.ThreadedResolver(),  # the default is another where aiodns is there
            ttl_dns_cache=NAMES_KEPT,
            keepalive_timeout=KEEP_ALIVE,
            ssl=True,  # certificates are verified
        ),
        timeout=aiohttp.ClientTimeout(
            total=timeout,
            connect=min(CONNECT_TIMEOUT, timeout),
            ceil_threshold=timeout,  # above it, which is 5 s by default, it rounds up to seconds
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # the bound on what is read holds for what was sent
        raise_for_status=False,  # each status has its answer
        read_bufsize=BUFFER,
        max_line_size=LINE_LIMIT,
        max_field_size=LINE_LIMIT,
        trust_env=False,  # neither proxies nor .netrc
    )
