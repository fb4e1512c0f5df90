"""The intake: what came with any key, or none, goes to where its customer belongs.

Records of the inbox are decoded as far as their customer, and appended to ``events`` under
murmur2 of the customer's id. Each is stamped once, so that a repeat after a crash is the same
record: its id and timestamp where it brought none, and its place in the inbox, by which the owner
of the target partition drops repeats. What names no customer is dead-lettered. A record without a
time of its own gives its event none: then ``events`` says when it came, by its append.

It is a door (`core.schemas.admit`): what the newest ruleset asks of events is asked here, once.
What is refused is dead-lettered, too.

A batch (`core.events.batches`) is taken apart, in order, one record an event; an item that is none
is a dead letter of its own, and the others go on. The items of a batch share one place in the
inbox, so they do not bear it: where a crash repeats them, they are known by their ids.

Nothing is kept: an inbox offset is acknowledged when all that came of it is.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import inf
from typing import Any, Final

import msgspec

from triggerstream.core.events.batches import split
from triggerstream.core.events.cloudevents import without_attributes
from triggerstream.core.events.decode import LATER, decode_event
from triggerstream.core.events.event import Event
from triggerstream.core.events.stamping import stamped
from triggerstream.core.reasons import RejectReason
from triggerstream.core.records.columns import Row
from triggerstream.core.records.dead_letters import DeadLetter, dead_letter
from triggerstream.core.records.record import (
    ORIGIN,
    Kind,
    Produce,
    Record,
    Rejected,
    read_kind,
    size_of,
)
from triggerstream.core.schemas.admit import CHECKED, admit
from triggerstream.core.schemas.schemas import Schemas
from triggerstream.core.timestamps import EARLIEST
from triggerstream.stream.ports import RECORD_LIMIT, Appending, Input

LARGEST: Final = RECORD_LIMIT - 65_536
"""Bytes of a record with its key and headers that ``events`` takes for sure."""
SPREAD: Final = 16 * LARGEST
"""Bytes that the headers of a batch may take on all of its events: each bears them."""
OUTSTANDING: Final = 16
"""Batches of a partition that may be on their way before the next one waits."""
LOOK: Final = 0.05
"""Seconds of silence between two looks at whether they have arrived."""


class _Brought(msgspec.Struct, gc=False):
    """What an event brings of what it is stamped with."""

    event_id: Any = None
    timestamp: Any = None


LetIn = Callable[[Event], bytes]
"""Takes an event; returns the body that goes into ``events``, or raises `Rejected`."""

_decode_brought = msgspec.json.Decoder(_Brought).decode


class Intake:
    """Reads the inbox.

    Args:
        inbox: The inbox's full name: part of the ids that are given to events without one.
        count: Told, once a batch, how many records were rejected, by reason.
        schemas: Returns what is asked of events, asked once a batch; ``None`` where nothing is.
        count_failed: Told, once a batch, how many events were not what was asked, rejected ones
            and flagged ones, by source, type and reason (`core.schemas.admit.Failed`).
    """

    def __init__(
        self,
        log: Appending,
        consumer: Input,
        *,
        inbox: str,
        count: Callable[[Mapping[str, int]], None] = lambda _: None,
        schemas: Callable[[], Schemas | None] = lambda: None,
        count_failed: Callable[[Mapping[tuple[str, str, str], int]], None] = lambda _: None,
    ) -> None:
        self._log = log
        self._input = consumer
        self._inbox = inbox
        self._count = count
        self._schemas = schemas
        self._count_failed = count_failed
        # By partition, in order: up to which offset a batch goes, with those behind it that have no
        # record, and what came of it.
        self._on_their_way: dict[int, list[tuple[int, asyncio.Future[Any]]]] = {}

    async def open(self, number: int) -> None:
        self._on_their_way[number] = []

    async def on_batch(self, number: int, records: Sequence[Record]) -> None:
        waiting = self._on_their_way.get(number)
        if waiting is None or not records:
            return
        rejected: dict[str, int] = {}
        failed: Counter[tuple[str, str, str]] = Counter()
        let_in = partial(admit, schemas=self._schemas(), failed=lambda *why: failed.update([why]))
        placed = [one for record in records for one in place(record, self._inbox, rejected, let_in)]
        acknowledgement = asyncio.ensure_future(await self._log.append(placed))
        waiting.append((records[-1].offset, acknowledgement))
        if rejected:
            self._count(rejected)
        if failed:
            self._count_failed(failed)
        if len(waiting) > OUTSTANDING:
            await self._acknowledge(number, 1)

    def pass_over(self, number: int, offset: int) -> None:
        waiting = self._on_their_way.get(number)
        if waiting is None:
            return
        if waiting:  # done with what stands before it
            last, acknowledgement = waiting[-1]
            waiting[-1] = (max(last, offset), acknowledgement)
        else:
            self._input.done(number, offset)

    async def turn(self, number: int) -> float:
        """Acknowledge what has arrived of a partition, without waiting; return after how many
        seconds of silence to look again."""
        waiting = self._on_their_way.get(number, [])
        arrived = 0
        while arrived < len(waiting) and waiting[arrived][1].done():
            arrived += 1
        await self._acknowledge(number, arrived)
        return LOOK if waiting else inf

    async def close(self, number: int) -> None:
        """Wait until all that was taken has arrived, and forget the partition."""
        await self._acknowledge(number, len(self._on_their_way.get(number, ())))
        self._on_their_way.pop(number, None)

    def leave(self) -> None:
        """No call waits for more than acknowledgements."""

    def drop(self) -> None:
        self._on_their_way.clear()

    async def _acknowledge(self, number: int, count: int) -> None:
        """Wait for the first *count* batches of a partition, in order."""
        for _ in range(count):
            waiting = self._on_their_way.get(number)
            if not waiting:
                return
            await waiting[0][1]
            offset, _ = waiting.pop(0)
            self._input.done(number, offset)


def as_it_is(event: Event) -> bytes:
    """Let *event* in as it came."""
    return event.raw


def place(
    record: Record, inbox: str, rejected: dict[str, int], let_in: LetIn = as_it_is
) -> list[Produce]:
    """Return what *record* becomes: a record of ``events``, or one for each item of the batch that
    it is. What is no event, or is not let in, becomes a dead letter, counted in *rejected*."""
    name = f"{inbox}/{record.partition}/{record.offset}"
    try:
        return [_placed(record, name, let_in, origin=True)]
    except Rejected as verdict:
        found = verdict
    items = None
    if read_kind(record.headers) is None and found.reason not in CHECKED:
        try:
            items = split(record.value)
        except Rejected as verdict:
            found = verdict
    if items is None:
        return [_letter(record, found.reason, found.detail, inbox, rejected)]
    headers = without_attributes(record.headers)
    if (size := size_of(None, None, headers)) * len(items) > SPREAD:
        detail = f"a batch of {len(items)} events: headers of {SPREAD // len(items)} bytes at most"
        detail = f"{detail}; found {size}"
        return [_letter(record, RejectReason.TOO_LARGE, detail, inbox, rejected)]
    placed: list[Produce] = []
    for number, value in enumerate(items, 1):
        item = Row(record.partition, record.offset, record.timestamp, record.key, value, headers)
        try:
            placed.append(_placed(item, f"{name}/{number}", let_in, origin=False))
        except Rejected as verdict:
            detail = f"item {number} of a batch: {verdict.detail}"
            placed.append(_letter(item, verdict.reason, detail, inbox, rejected))
    return placed


def _placed(record: Record, name: str, let_in: LetIn, *, origin: bool) -> Produce:
    """Return *record* as a record of ``events``.

    Args:
        name: Its event's id, where that brings none.
        origin: Whether it bears its place in the inbox.
    """
    own = tuple((header, content) for header, content in record.headers if header != ORIGIN)
    key, value = _customer(record, name, let_in)
    if value != record.value:
        own = without_attributes(own)
    place_of = ((ORIGIN, b"%d:%d" % (record.partition, record.offset)),) if origin else ()
    headers = (*own, *place_of)
    _check_size(size_of(key, value, headers))
    return Produce("events", None, key, value, headers)


def _letter(
    record: Record, reason: str, detail: str, inbox: str, rejected: dict[str, int]
) -> Produce:
    rejected[reason] = rejected.get(reason, 0) + 1
    letter = DeadLetter(
        reason,
        detail,
        record.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value,
        tuple(record.headers),
    )
    return dead_letter(letter, to="events.dlq", topic=inbox)


def _customer(record: Record, name: str, let_in: LetIn) -> tuple[bytes, bytes | None]:
    """Return whose record it is, and its value, stamped."""
    kind = read_kind(record.headers)
    if kind == Kind.ERASE:
        if not record.key:
            raise Rejected(RejectReason.MISSING_FIELD, "a key: whom to erase; found none")
        return record.key, None
    if kind is not None:
        found = kind[:40].decode(errors="replace")
        detail = f"an event, or a record of kind erase; found kind {found}"
        raise Rejected(RejectReason.UNKNOWN_KIND, detail)
    event = decode_event(
        record.value,
        fallback_id=name,
        fallback_timestamp=record.timestamp if record.timestamp >= EARLIEST else LATER,
        headers=record.headers,
    )
    body = let_in(event)
    return event.customer_id.encode(), _stamped(event, body, has_time=record.timestamp >= EARLIEST)


def _check_size(size: int) -> None:
    if size > LARGEST:
        detail = f"at most {LARGEST} bytes with headers; found {size}"
        raise Rejected(RejectReason.TOO_LARGE, detail)


def _stamped(event: Event, body: bytes, *, has_time: bool) -> bytes:
    """Return the event's *body*, with its id in it, and its timestamp where it *has_time*.

    Raises:
        Rejected: So it is longer than the owner of its partition reads.
    """
    brought = _decode_brought(body)
    wants_time = brought.timestamp is None and has_time
    if brought.event_id is not None and not wants_time:
        return body
    said: dict[str, Any] = {"event_id": event.event_id}
    if wants_time:
        said["timestamp"] = event.timestamp
    return stamped(body, said, "its id and timestamp")
