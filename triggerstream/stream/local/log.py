"""The durable log of the world on one machine: SQLite, written by one thread of the process.

Topics have one partition, 0, and bear their short names. Appending and reading are done on the
event loop; the writer's thread (`writer`) commits, and only what is committed is acknowledged,
counted in `LocalLog.end_offset`, and read.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from triggerstream.core.records.columns import Columns
from triggerstream.core.records.record import Produce
from triggerstream.errors import ProtocolError
from triggerstream.stream.local.batches import rows_of
from triggerstream.stream.local.clock import ArrivalClock, Milliseconds, since_boot
from triggerstream.stream.local.database import Writing
from triggerstream.stream.local.reader import LogReader
from triggerstream.stream.local.writer import Append, Work, Writer
from triggerstream.stream.ports import Acknowledged


class LocalLog:
    """The log in the file at *path*.

    What a keyed process uses as its `Log` is a `process.ProcessLog` on it.

    Args:
        now: The machine's clock, epoch milliseconds. Called in the writer's thread.
        passed: Milliseconds on a clock that nobody sets; the same.
        accept_clock: Whether to follow *now* wherever it goes (`clock`).
        known, note: What earlier processes noted of the two clocks, and who notes it; the same.
        tells_time: Whether acknowledgements say when their records arrived: not where time is
            data, as with Kafka's ``CreateTime``.
        check: Called in the writer's thread before so many bytes are written; raises `StoreError`
            where there is no room for them (`retention.Room`).
        on_failure: Told on the loop, once, why nothing can be appended any more.

    Attributes:
        id: Which log it is, from the start on: another one in its place has another.
    """

    id: str

    def __init__(
        self,
        path: Path,
        *,
        now: Milliseconds,
        passed: Milliseconds = since_boot,
        accept_clock: bool = False,
        known: int | None = None,
        note: Callable[[int], None] = lambda _: None,
        tells_time: bool = True,
        check: Callable[[int], None] = lambda _: None,
        on_failure: Callable[[Exception], None] = lambda _: None,
    ) -> None:
        self._path = path
        self._tells_time = tells_time
        self._on_failure = on_failure
        self._writer = Writer(
            path,
            self,
            clock=lambda last: ArrivalClock(
                now, passed, last=last, accept=accept_clock, known=known, note=note
            ),
            check=check,
        )
        self._reader: LogReader | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ends: dict[str, int] = {}
        self._positions: dict[tuple[str, str], int] = {}
        self._callbacks: defaultdict[str, list[Callable[[], None]]] = defaultdict(list)

    async def start(self) -> None:
        """Open the file, made where there is none.

        Raises:
            StoreError: It cannot be opened.
            StateFormatError: A newer release has written it.
            WorldChangedError: It is damaged, or the machine's clock is far ahead of it.
        """
        self._loop = asyncio.get_running_loop()
        self._ends = await asyncio.to_thread(self._writer.start)
        self._reader = LogReader(self._path)
        self._positions = self._reader.positions()
        self.id = self._reader.id()

    async def stop(self) -> None:
        """Write what is on its way, and close the file. Idempotent."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()  # who closes last leaves one file
        await asyncio.to_thread(self._writer.stop)

    # ── appending ───────────────────────────────────────────────────────────────────────────

    async def append(self, records: Sequence[Produce]) -> Awaitable[Sequence[Acknowledged]]:
        """Hand *records* over to be appended together, in order per topic.

        Returns what to await for their being durable: one answer for each row of at most 500
        records, in order, the topics in the order of their first records.

        Raises:
            TooLargeError: One of them is too large; none is appended.
            ProtocolError: The log is closed.
            StoreError: The disk failed or is full; also from the awaited part. The process ends.
            WorldChangedError: The file is damaged, or the clock cannot be right; the same.
        """
        loop = self._running()
        by_topic: dict[str, list[Produce]] = {}
        for record in records:
            by_topic.setdefault(record.topic, []).append(record)
        rows = [
            (topic, count, blob)
            for topic, group in by_topic.items()
            for count, blob in rows_of(topic, group)
        ]
        future: asyncio.Future[Sequence[Acknowledged]] = loop.create_future()
        if not rows:
            future.set_result([])
            return future
        # Read its error, so that one which nobody awaits any more makes no noise.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._writer.append(Append(rows, future))
        return future

    async def work(self, step: Callable[[Writing], bool]) -> None:
        """Have *step* called in the writer's thread, between appends, until it returns that there
        is no more to do; return then. What was read before is read again.

        Raises:
            ProtocolError: The log was closed before it was done.
            StoreError, WorldChangedError: As `append` does; and whatever *step* raises ends the
                log.
        """
        future: asyncio.Future[None] = self._running().create_future()
        self._writer.do(Work(step, future))
        await future

    # ── reading ─────────────────────────────────────────────────────────────────────────────

    def topics(self) -> list[str]:
        """Return the topics to which anything was ever appended."""
        return list(self._ends)

    def start_offset(self, topic: str) -> int:
        """Return the offset at which *topic* begins: records below it are not there any more."""
        return self._open().start_offset(topic)

    def end_offset(self, topic: str) -> int:
        """Return the offset of the next record to be committed."""
        return self._ends.get(topic, 0)

    def read(self, topic: str, offset: int, most: int) -> tuple[Columns, int]:
        """Return at most *most* records of *topic* with an offset >= *offset*, in order, and the
        offset behind what was looked at: where records were removed, there may be none.

        Raises:
            StoreError, WorldChangedError: The disk failed, or the file is damaged.
        """
        return self._open().read_until(topic, offset, most, self.end_offset(topic))

    def on_append(self, topic: str, callback: Callable[[], None]) -> None:
        """Have *callback* called on the loop after each commit that added to *topic*."""
        self._callbacks[topic].append(callback)

    # ── positions ───────────────────────────────────────────────────────────────────────────

    def position(self, reader: str, topic: str) -> int:
        """Return the offset behind what *reader* is done with in *topic*; 0 before there was
        anything."""
        return self._positions.get((reader, topic), 0)

    def note_position(self, reader: str, topic: str, offset: int) -> None:
        """Note that *reader* is done with the records of *topic* below *offset*. It becomes durable
        soon (`writer`), and at the stop: after a crash a reader may begin earlier."""
        self._positions[reader, topic] = offset
        self._writer.note({(reader, topic): offset})

    # ── the writer's answers ────────────────────────────────────────────────────────────────

    def committed(self, appends: Sequence[Append]) -> None:
        self._on_loop(self._committed, appends)

    def done(self, work: Work) -> None:
        self._on_loop(self._done, work)

    def broken_off(self, work: Work) -> None:
        self._on_loop(self._broken_off, work)

    def failed(self, error: Exception, waiting: Sequence[Append | Work]) -> None:
        self._on_loop(self._failed, error, waiting)

    def _on_loop(self, call: Callable[..., None], *args: Any) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended: nobody waits any more
                self._loop.call_soon_threadsafe(call, *args)

    def _committed(self, appends: Sequence[Append]) -> None:
        grown: dict[str, None] = {}
        for append in appends:
            for (topic, _, _), answer in zip(append.rows, append.answers, strict=True):
                self._ends[topic] = answer.base_offset + answer.count
                grown[topic] = None
        for append in appends:
            if not append.future.done():
                append.future.set_result(self._told(append.answers))
        for topic in grown:
            for callback in self._callbacks[topic]:
                callback()

    def _told(self, answers: list[Acknowledged]) -> list[Acknowledged]:
        if self._tells_time:
            return answers
        return [Acknowledged(answer.base_offset, answer.count, -1) for answer in answers]

    def _done(self, work: Work) -> None:
        if self._reader is not None:
            self._reader.forget()
        if not work.future.done():
            work.future.set_result(None)

    def _broken_off(self, work: Work) -> None:
        if not work.future.done():
            work.future.set_exception(_closed("done"))

    def _failed(self, error: Exception, waiting: Sequence[Append | Work]) -> None:
        for one in waiting:
            if not one.future.done():
                one.future.set_exception(error)
        self._on_failure(error)

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._reader is None or self._loop is None:
            raise _closed("appended")
        return self._loop

    def _open(self) -> LogReader:
        if self._reader is None:
            raise _closed("read")
        return self._reader


def _closed(what: str) -> ProtocolError:
    return ProtocolError(f"the log is closed: nothing can be {what}")
