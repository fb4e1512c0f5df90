"""Records on their way into the log, as many at a time as have come.

An append of one record costs a batch, a request and an acknowledgement, which is many times what
judging it costs. So while an append of a partition is not acknowledged, what comes for the same
partition gathers, and goes with the next. Nothing waits for company: the first record after a
silence leaves at once. `stream.dispatch.results` does the same for answers of channels.

A request waits until all of its records are acknowledged, or an append that it waits for has been
unanswered for too long: then nobody knows whether they are in the log, and its sender repeats it.
Beacons and pixels wait for nobody, and stay until the log answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

import msgspec
import structlog

from triggerstream.core.records.record import Produce, size_of
from triggerstream.ingest.limits import Limits, Memory
from triggerstream.ingest.reading import Refused, full

RETRY_AFTER: Final = 2.0
"""Seconds after which a request that the log did not take may be sent again."""
_ENVELOPE: Final = 200
"""Bytes of memory that a record takes beside what it says."""

_log = structlog.get_logger(__name__)


class Append(Protocol):
    """The part of `stream.ports.Log` that is used here."""

    async def append(self, records: Sequence[Produce]) -> Awaitable[Sequence[Any]]:
        """Hand *records* over, in order per partition; return what to await for the
        acknowledgement of them all. Either part raises where they cannot be appended."""
        ...


class Heard(Protocol):
    """Told of what becomes of appends."""

    def acknowledged(self, records: int, seconds: float) -> None: ...
    def dropped(self, why: str, events: int) -> None: ...
    def holds(self, size: int) -> None: ...


class _Ticket:
    """A request whose records are on their way; without *told*, nobody waits for them."""

    __slots__ = ("key", "left", "told")

    def __init__(self, key: str, left: int, told: asyncio.Future[None] | None) -> None:
        self.key = key
        self.left = left
        self.told = told

    def arrived(self) -> None:
        self.left -= 1
        if not self.left and self.told is not None and not self.told.done():
            self.told.set_result(None)

    def fail(self, error: Exception) -> None:
        if self.told is not None and not self.told.done():
            self.told.set_exception(error)


class _Entry(msgspec.Struct, frozen=True):
    record: Produce
    size: int
    ticket: _Ticket


class _Lane:
    """What waits for one partition, and whether its append has been unanswered for too long."""

    __slots__ = ("gathered", "is_busy", "is_silent")

    def __init__(self) -> None:
        self.gathered: list[_Entry] = []
        self.is_busy = False
        self.is_silent = False


class Gather:
    """Appends records, gathered by partition.

    Args:
        log: The log.
        clock: Monotonic, in seconds.
    """

    def __init__(
        self,
        log: Append,
        *,
        limits: Limits,
        clock: Callable[[], float],
        heard: Heard,
    ) -> None:
        self._log = log
        self._limits = limits
        self._clock = clock
        self._heard = heard
        self._lanes: dict[tuple[str, int], _Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._unanswered = 0
        self._is_mute = False
        self._failed_at: float | None = None
        self.memory = Memory(limits, heard.holds)

    async def append(self, records: Sequence[Produce], key: str) -> None:
        """Append *records*, each with its partition; return when all are acknowledged.

        Args:
            key: The name of the key for which the memory is held.

        Raises:
            Refused: There is no room (429), or the log does not answer (503).
        """
        lanes = [self._lane(record) for record in records]
        if any(lane.is_silent for lane in lanes):
            raise _silent()
        told = asyncio.get_running_loop().create_future()
        if not self._take(records, lanes, _Ticket(key, len(records), told)):
            raise full()
        await told

    def drop_off(self, records: Sequence[Produce], key: str) -> None:
        """Append *records* without waiting; what there is no room for is dropped, and counted."""
        ticket = _Ticket(key, len(records), None)
        lanes = [self._lane(record) for record in records]
        if self._unanswered + len(records) > self._limits.unanswered or not self._take(
            records, lanes, ticket
        ):
            self._heard.dropped("full", len(records))
        else:
            self._unanswered += len(records)

    def why_not_ready(self) -> str:
        """Return why no request should be sent here, or ``""``: nothing has been answered for too
        long, although something waits. One partition alone that is silent is none."""
        most = self._limits.silence
        if self._is_mute and any(lane.is_silent for lane in self._lanes.values()):
            return f"the log has not answered for {most:g} s"
        if self._failed_at is not None and self._clock() - self._failed_at < most:
            return "the last append failed"  # for a while: who is sent nothing never finds out more
        return ""

    async def finish(self, seconds: float) -> None:
        """Wait until nothing is on its way any more, for so many seconds at most."""
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=seconds)

    # ── lanes ───────────────────────────────────────────────────────────────────────────────

    def _lane(self, record: Produce) -> _Lane:
        place = (record.topic, record.partition or 0)
        lane = self._lanes.get(place)
        if lane is None:
            lane = self._lanes[place] = _Lane()
        return lane

    def _take(self, records: Sequence[Produce], lanes: Sequence[_Lane], ticket: _Ticket) -> bool:
        sizes = [_ENVELOPE + size_of(each.key, each.value, each.headers) for each in records]
        if not self.memory.take(ticket.key, sum(sizes)):
            return False
        for record, lane, size in zip(records, lanes, sizes, strict=True):
            lane.gathered.append(_Entry(record, size, ticket))
            if not lane.is_busy:
                lane.is_busy = True
                task = asyncio.get_running_loop().create_task(self._run(lane))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        return True

    async def _run(self, lane: _Lane) -> None:
        while lane.gathered:
            under_way, lane.gathered = lane.gathered, []
            began = self._clock()
            loop = asyncio.get_running_loop()
            silent = loop.call_later(self._limits.silence, self._fall_silent, lane, under_way)
            try:
                await (await self._log.append([entry.record for entry in under_way]))
            except Exception as error:  # noqa: BLE001 - theirs, who wait for it: the door stays open
                self._fail(under_way, error)
            else:
                self._arrive(under_way, self._clock() - began)
            finally:
                silent.cancel()
                lane.is_silent = False
        lane.is_busy = False

    def _arrive(self, entries: list[_Entry], seconds: float) -> None:
        self._is_mute = False
        if self._failed_at is not None:
            self._failed_at = None
            _log.info("the log takes records again")
        self._heard.acknowledged(len(entries), seconds)
        self._let_go(entries)
        for entry in entries:
            entry.ticket.arrived()

    def _fail(self, entries: list[_Entry], error: Exception) -> None:
        if self._failed_at is None:
            _log.error("the log does not take records", error=str(error))
        self._failed_at = self._clock()
        self._let_go(entries)
        for entry in entries:
            entry.ticket.fail(_silent())
        lost = sum(entry.ticket.told is None for entry in entries)
        if lost:
            self._heard.dropped("failed", lost)

    def _fall_silent(self, lane: _Lane, under_way: list[_Entry]) -> None:
        """Tell who waits for *lane* that nobody knows; what has not left yet does not leave."""
        lane.is_silent = self._is_mute = True
        waiting = lane.gathered
        lane.gathered = [entry for entry in waiting if entry.ticket.told is None]
        left = [entry for entry in waiting if entry.ticket.told is not None]
        self._let_go(left)
        for entry in (*under_way, *left):
            entry.ticket.fail(_silent())

    def _let_go(self, entries: list[_Entry]) -> None:
        held: dict[str, int] = {}
        for entry in entries:
            held[entry.ticket.key] = held.get(entry.ticket.key, 0) + entry.size
            if entry.ticket.told is None:
                self._unanswered -= 1
        for key, size in held.items():
            self.memory.give(key, size)


def _silent() -> Refused:
    detail = "a log that answers; found none: whether the events were taken is not known"
    return Refused(503, detail, retry_after=RETRY_AFTER)
