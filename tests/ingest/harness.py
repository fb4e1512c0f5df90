"""A door on loopback before a log in memory, and what comes to it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from triggerstream.core.records.record import Produce
from triggerstream.core.schemas.schemas import Schemas
from triggerstream.core.timestamps import parse_moment
from triggerstream.errors import ProtocolError
from triggerstream.ingest.app import INGEST, build_app
from triggerstream.ingest.door import Door
from triggerstream.ingest.keys import Keys, hash_of
from triggerstream.ingest.limits import Limits
from triggerstream.ingest.server import Server
from triggerstream.ingest.taking import Ingest

SERVER, WEB, SLOW = "tsk_server", "tsk_web", "tsk_slow"
"""Keys: of a server, of a page, and of one that may send ten events a second."""
SHOP = "https://shop.example"
SECRET = b"a secret of the shop's server and ours"
NOW = parse_moment("2026-03-01T10:00:00Z")
SEEN = {"customer_id": "ada", "event_type": "seen"}
KEYS = f"""
- {{name: shop, kind: server, source: shop, hash: "{hash_of(SERVER)}"}}
- {{name: web, kind: browser, source: web, hash: "{hash_of(WEB)}",
   origins: ["{SHOP}"], traits: [plan, email, email_consent], rate: 100000/s}}
- {{name: slow, kind: server, hash: "{hash_of(SLOW)}", types: [seen], rate: 10/s}}
"""


class MemoryLog:
    """A log in memory that can be slow, silent and away.

    Attributes:
        appends: The records of each append, in order.
        is_open: Cleared, nothing is acknowledged until it is set.
        held: By partition of ``events``: the same of that one alone.
        error: What each append fails with.
    """

    def __init__(self) -> None:
        self.appends: list[list[Produce]] = []
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.held: dict[int, asyncio.Event] = {}
        self.error: str | None = None

    async def append(self, records: Sequence[Produce]) -> Awaitable[Sequence[Any]]:
        self.appends.append(list(records))
        return self._answer(self.held.get(records[0].partition or 0, self.is_open))

    async def _answer(self, is_open: asyncio.Event) -> Sequence[Any]:
        await is_open.wait()
        if self.error is not None:
            raise ProtocolError(self.error)
        return ()

    @property
    def records(self) -> list[Produce]:
        return [record for append in self.appends for record in append]

    def of(self, topic: str) -> list[Produce]:
        return [record for record in self.records if record.topic == topic]

    @property
    def events(self) -> list[dict[str, Any]]:
        """What the records of ``events`` say."""
        return [json.loads(record.value or b"") for record in self.of("events")]

    @property
    def letters(self) -> list[tuple[str, bytes | None]]:
        """The reason and the bytes of each dead letter."""
        found = self.of("events.dlq")
        return [
            ((dict(each.headers)["x-dlq-reason"] or b"").decode(), each.value) for each in found
        ]


class Seen:
    """Hears what the app tells."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, int]] = Counter()
        self.accepted: Counter[str] = Counter()
        self.rejected: Counter[tuple[str, str]] = Counter()
        self.lost: Counter[str] = Counter()
        self.letters: Counter[str] = Counter()
        self.failures: Counter[tuple[str, str, str]] = Counter()
        self.appended = 0
        self.most_held = 0
        self.held = 0

    def answered(self, route: str, status: int) -> None:
        self.answers[route, status] += 1

    def judged(self, key: str, accepted: int, reasons: Sequence[str]) -> None:
        self.accepted[key] += accepted
        for reason in reasons:
            self.rejected[key, reason] += 1

    def letters_dropped(self, key: str, letters: int) -> None:
        self.letters[key] += letters

    def schemas_failed(self, failures: Mapping[tuple[str, str, str], int]) -> None:
        self.failures.update(failures)

    def acknowledged(self, records: int, seconds: float) -> None:
        assert seconds >= 0
        self.appended += records

    def dropped(self, why: str, events: int) -> None:
        self.lost[why] += events

    def holds(self, size: int) -> None:
        self.held = size
        self.most_held = max(self.most_held, size)


class Clock:
    """A monotonic clock that stands still."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Answer(msgspec.Struct, frozen=True):
    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Opened:
    """A door that listens, and a client of it."""

    def __init__(
        self,
        port: int,
        session: aiohttp.ClientSession,
        log: MemoryLog,
        seen: Seen,
        clock: Clock,
        ingest: Ingest,
        server: Server,
    ) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.session = session
        self.log = log
        self.seen = seen
        self.clock = clock
        self.ingest = ingest
        self.server = server

    async def send(
        self,
        path: str = "/v1/events",
        body: Any = SEEN,
        *,
        key: str | None = SERVER,
        method: str = "POST",
        media: str | None = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send *body*, as JSON unless it is bytes; return what is answered."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = dict(headers or {})
        if media is not None:
            sent["Content-Type"] = media
        if key is not None:
            sent["Authorization"] = f"Bearer {key}"
        skip = ("Content-Type",) if media is None else ()
        async with self.session.request(
            method,
            self.url + path,
            data=BytesIO(data) if method != "GET" else None,
            headers=sent,
            skip_auto_headers=skip,
        ) as answer:
            return Answer(answer.status, await answer.read(), dict(answer.headers))


@asynccontextmanager
async def opened(
    directory: Path,
    *,
    limits: Limits = Limits(),  # noqa: B008 - it is frozen
    schemas: Schemas | None = None,
    keys: str | None = KEYS,
    partitions: int = 4,
    now: int = NOW,
    behind: Callable[[], int] = lambda: 0,
) -> AsyncIterator[Opened]:
    """Open a door: *keys* is what the file says, ``None`` for no file."""
    log, seen, clock = MemoryLog(), Seen(), Clock()
    path = None
    if keys is not None:
        path = directory / "keys.yaml"
        path.write_text(keys, encoding="utf-8")
    door = Door(
        log=log,
        keys=Keys(path, clock),
        now=lambda: now,
        observer=seen,
        schemas=lambda: schemas,
        limits=limits,
        partitions=partitions,
        behind=behind,
        user_secret=SECRET,
        clock=clock,
    )
    app = build_app(door)
    server = Server(app, host="127.0.0.1", port=0, limits=limits)
    await server.start()
    try:
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            yield Opened(server.port, session, log, seen, clock, app[INGEST], server)
    finally:
        log.is_open.set()
        await server.stop()
