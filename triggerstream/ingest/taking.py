"""A request comes in by its route, and goes through all that can be said against it.

In this order, so that what is refused costs little: the key, the page that it is used from, its
rate, what the body is; only then is the body read.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from triggerstream.core.records.dead_letters import DeadLetter, dead_letter
from triggerstream.core.records.record import Header, Produce, Rejected
from triggerstream.ingest import answers, items, openapi
from triggerstream.ingest.answers import Judged, Verdict
from triggerstream.ingest.door import Door
from triggerstream.ingest.gathering import Gather
from triggerstream.ingest.items import Item
from triggerstream.ingest.judging import EVENTS, Judge, is_repeat_safe
from triggerstream.ingest.keys import Key, secret_in
from triggerstream.ingest.limits import Rate
from triggerstream.ingest.reading import Refused, read_body
from triggerstream.ingest.routes import IDEMPOTENCY, USER, Route
from triggerstream.ingest.tokens import Proof

LETTERS: Final = f"{EVENTS}.dlq"
_NAMED_BY: Final = 200
"""Characters of an `Idempotency-Key`: with an index behind it, it is an event's id."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Ingest:
    """The requests of one app.

    Attributes:
        is_closing: Set by whoever runs it, when it is to end: then it is not ready any more.
        is_idle: Set while no request is under way.
    """

    def __init__(self, door: Door) -> None:
        self._door = door
        self._rates: dict[str, tuple[str, Rate, Rate, Rate]] = {}
        self._document = openapi.document()
        self.gather = Gather(door.log, limits=door.limits, clock=door.clock, heard=door.observer)
        self.is_closing = False
        self.is_idle = asyncio.Event()
        self.is_idle.set()
        self._under_way = 0

    def handler(self, route: Route) -> Handler:
        """Return what answers the requests of *route*."""

        async def handle(request: web.Request) -> web.StreamResponse:
            answer = await self._answer(request, route)
            self._door.observer.answered(route.path, answer.status)
            if self.is_closing:
                answer.force_close()
            return answer

        return handle

    async def preflight(self, request: web.Request) -> web.StreamResponse:
        """Answer a browser that asks, before it sends, whether a page may send at all."""
        origin = request.headers.get("Origin", "")
        if not self._door.keys.allows_origin(origin):
            return answers.of_refused(Refused(403, "a page that one of the keys names"))
        return answers.may_send(origin)

    def why_not_ready(self) -> str:
        if self.is_closing:
            return "the process ends"
        return self.gather.why_not_ready() or self._door.why_not_ready()

    # ── one request ─────────────────────────────────────────────────────────────────────────

    async def _answer(self, request: web.Request, route: Route) -> web.Response:
        if route.door == "told":
            return self._tell(route)
        origin = request.headers.get("Origin")
        may_read = False
        self._under_way += 1
        self.is_idle.clear()
        try:
            key = self._key(request, route)
            may_read = _is_allowed(key, origin)
            answer = await self._take(request, route, key)
        except Refused as refused:
            answer = answers.of_refused(refused, is_segment=route.door == "segment")
        finally:
            self._under_way -= 1
            if not self._under_way:
                self.is_idle.set()
        return answers.may_read(answer, origin) if may_read and origin else answer

    def _key(self, request: web.Request, route: Route) -> Key:
        if route.auth == "query":
            secret = request.query.get("k")
        else:
            secret = secret_in(request.headers.get("Authorization", ""))
        key = self._door.keys.find(secret)
        if key is None:
            where = "?k=" if route.auth == "query" else "the Authorization header"
            raise Refused(401, f"a key that is in force, in {where}")
        if route.auth == "query" and not key.is_public:
            raise Refused(403, "a browser key: a secret does not belong into an address")
        return key

    async def _take(self, request: web.Request, route: Route, key: Key) -> web.Response:
        door = self._door
        rate, letters, slowed = self._rates_of(key)
        if wait := rate.wait():
            raise _too_fast(key, wait)
        if self._is_behind and (wait := slowed.wait()):
            raise _behind(wait)
        names = request.headers.get(IDEMPOTENCY)
        if names is not None and not (1 <= len(names) <= _NAMED_BY and names.isprintable()):
            detail = f"an {IDEMPOTENCY} of 1 to {_NAMED_BY} characters; found {names[:80]!r}"
            raise Refused(400, detail)
        body, found = await self._items(request, route, key)
        number = 1 if isinstance(found, Rejected) else len(found)
        if self._is_behind and (wait := slowed.take(number)):
            raise _behind(wait)
        if wait := rate.take(number):
            raise _too_fast(key, wait)
        token = request.query.get("u") if route.auth == "query" else request.headers.get(USER)
        now = door.now()
        proof = Proof(door.user_secret, token, now // 1000)
        failures: Counter[tuple[str, str, str]] = Counter()
        judge = Judge(
            key,
            proof,
            door.schemas(),
            now,
            door.partitions,
            names,
            lambda *labels: failures.update((labels,)),
        )
        records, rejected, dead = _judge(judge, found, body)
        if failures:
            door.observer.schemas_failed(failures)
        door.observer.judged(key.name, len(records), [verdict.reason for verdict in rejected])
        judged = Judged(len(records), rejected, is_repeat_safe(records))
        kept = [letter for letter in dead if not letters.take(1)]
        if len(kept) < len(dead):
            door.observer.letters_dropped(key.name, len(dead) - len(kept))
        if route.auth == "query":
            self.gather.drop_off((*records, *kept), key.name)
            if not judged.accepted:
                return answers.of_judged(judged, is_segment=False)
            return answers.pixel() if route.door == "pixel" else answers.nothing()
        if records or kept:
            await self.gather.append((*records, *kept), key.name)
        return answers.of_judged(judged, is_segment=route.door == "segment")

    async def _items(
        self, request: web.Request, route: Route, key: Key
    ) -> tuple[bytes, list[Item] | Rejected]:
        """Return the body, and what it holds, or why it cannot be taken apart."""
        media = ""
        attributes: list[Header] = []
        said = request.headers.get("Content-Type")
        if route.door == "events":
            attributes = items.attributes_of(request.headers, said)
        if route.takes:
            media = items.check_type(said, route.takes, is_binary=bool(attributes))
        body = b""
        try:
            if route.takes:
                body = await read_body(request, self._door.limits, self.gather.memory, key.name)
            match route.door:
                case "segment":
                    found = items.calls_in(body, route.path.rpartition("/")[2])
                case "trigger":
                    found = items.trigger_in(body)
                case "pixel":
                    found = items.pixel_in(request.query)
                case _:
                    found = items.events_in(body, media, attributes)
        except Rejected as verdict:
            return body, verdict
        return body, found

    @property
    def _is_behind(self) -> bool:
        """Whether more has come in than is decided soon: then a key that floods is slowed down, and
        those that send little go on."""
        return self._door.behind() > self._door.limits.behind

    def _rates_of(self, key: Key) -> tuple[Rate, Rate, Rate]:
        """Return the rates of a key: of its events, of its dead letters, and of its events while
        too many are not decided yet."""
        known = self._rates.get(key.name)
        if known is None or known[0] != key.rate:
            clock = self._door.clock
            events = Rate(key.events_per_second, clock)
            known = self._rates[key.name] = (
                key.rate,
                events,
                Rate(self._door.limits.letters, clock),
                Rate(self._door.limits.slowed, clock),
            )
        return known[1], known[2], known[3]

    def _tell(self, route: Route) -> web.Response:
        if route.path == "/openapi.json":
            return answers.reply(200, self._document)
        why_not = self.why_not_ready() if route.path == "/readyz" else ""
        if why_not:
            return answers.reply(503, {"status": "not ok", "reason": why_not})
        return answers.reply(200, {"status": "ok"})


def _is_allowed(key: Key, origin: str | None) -> bool:
    """Return whether a page of *origin* may read the answer; false where no browser says any.

    Raises:
        Refused: It may not use the key.
    """
    if origin is None:
        return False
    if not key.allows_origin(origin):
        raise Refused(403, f"a page that the key {key.name} names; found {origin[:80]!r}")
    return True


def _judge(
    judge: Judge, found: list[Item] | Rejected, body: bytes
) -> tuple[list[Produce], list[Verdict], list[Produce]]:
    """Return the records, the verdicts, and the dead letters."""
    if isinstance(found, Rejected):
        verdict = Verdict(0, found.reason, found.detail)
        return [], [verdict], [_letter(judge, Item(body), verdict)]
    records: list[Produce] = []
    rejected: list[Verdict] = []
    dead: list[Produce] = []
    for index, item in enumerate(found):
        try:
            records.append(judge.record(item.value, item.headers, index))
        except Rejected as rejection:
            verdict = Verdict(index, rejection.reason, rejection.detail)
            rejected.append(verdict)
            dead.append(_letter(judge, item, verdict))
    return records, rejected, dead


def _letter(judge: Judge, item: Item, verdict: Verdict) -> Produce:
    """Return the dead letter of an event: its place is its index, its topic says by which key."""
    letter = DeadLetter(
        verdict.reason, verdict.detail, 0, verdict.index, judge.now, None, item.value, item.headers
    )
    return dead_letter(letter, to=LETTERS, topic=f"http:{judge.key.source}")


def _behind(wait: float) -> Refused:
    required = "less, until what came in is decided"
    return Refused(429, f"{required}; found too many events that wait", retry_after=wait)


def _too_fast(key: Key, wait: float) -> Refused:
    required = f"at most {key.events_per_second:g} events in a second by the key {key.name}"
    return Refused(429, f"{required}; found more", retry_after=wait)
