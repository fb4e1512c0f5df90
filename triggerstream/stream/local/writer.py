"""The one thread that writes to the log's file.

Appends that come within `GATHER` of each other, or while a commit is under way, share one
transaction: forcing it to the disk takes as long for a thousand as for one. Between transactions
the thread does a slice of other work, where there is any: removing what is old or erased.

The first failure is the last: all that waits fails by it, and nothing is taken any more. What was
not acknowledged may be in the log, each row whole, or not at all.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from triggerstream.errors import StoreError, TriggerstreamError
from triggerstream.stream.local.clock import ArrivalClock
from triggerstream.stream.local.database import Writing, failure, last_row, open_to_write, topics
from triggerstream.stream.ports import Acknowledged

GATHER: Final = 0.002
"""Seconds for which the first append after a silence waits for others."""
NOTED_WITHIN: Final = 0.2
"""Seconds within which a position is written where nothing is appended: whoever looks on sees by it
how far a reader has come."""


class Append(msgspec.Struct, eq=False):
    """Rows to be appended together, and who waits for them.

    Attributes:
        rows: Topic, number of records, bytes.
        future: Of the loop that the rows come from; whoever does the work does not touch it.
        answers: One for each row, in order, when they are committed.
    """

    rows: Sequence[tuple[str, int, bytes]]
    future: Any
    answers: list[Acknowledged] = []


class Work(msgspec.Struct, eq=False):
    """What is done to the file beside appending.

    Attributes:
        step: Does a slice, in a transaction of its own, and returns whether there is more to do.
        future: As of an `Append`.
    """

    step: Callable[[Writing], bool]
    future: Any


class Outcome(Protocol):
    """Told, in the writer's thread, what has come of what it was given."""

    def committed(self, appends: Sequence[Append]) -> None: ...

    def done(self, work: Work) -> None: ...

    def broken_off(self, work: Work) -> None:
        """Hear that *work* is not done, since the writer stops."""
        ...

    def failed(self, error: Exception, waiting: Sequence[Append | Work]) -> None:
        """Hear why nothing is done any more, and what was *waiting*: there is nothing more to
        hear."""
        ...


class Writer:
    """Writes to the file at *path*.

    Args:
        clock: Makes the arrivals, from the last one in the file.
        check: Raises where there is no room for so many bytes more.
    """

    def __init__(
        self,
        path: Path,
        outcome: Outcome,
        *,
        clock: Callable[[int], ArrivalClock],
        check: Callable[[int], None],
    ) -> None:
        self._path = path
        self._outcome = outcome
        self._clock_from = clock
        self._check = check
        self._ends: dict[str, int] = {}
        self._waiting: list[Append] = []
        self._work: deque[Work] = deque()
        self._positions: dict[tuple[str, str], int] = {}
        self._is_stopping = False
        self._error: Exception | None = None
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def start(self) -> dict[str, int]:
        """Open the file and begin; return the topics' ends. Blocks.

        Raises:
            TriggerstreamError: The file cannot be used, or the clock cannot be right.
        """
        self._db = open_to_write(self._path)
        try:
            last = -1
            for topic in topics(self._db):
                if (row := last_row(self._db, topic)) is not None:
                    self._ends[topic] = row[0] + row[1]
                    last = max(last, row[2])
            self._clock = self._clock_from(last)
        except BaseException as error:
            self._db.close()
            raise self._told(error) from error
        ends = dict(self._ends)
        self._thread = threading.Thread(target=self._run, name="local-log", daemon=True)
        self._thread.start()
        return ends

    def stop(self) -> None:
        """Write what waits, and close the file. Blocks, though not for other work, which is broken
        off between two slices and may have hours before it. Idempotent."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    # ── from any thread ─────────────────────────────────────────────────────────────────────

    def append(self, append: Append) -> None:
        """Take *append*; the order of calls is the order in the log.

        Raises:
            TriggerstreamError: The log has failed.
        """
        with self._changed:
            self._raise_failure()
            self._waiting.append(append)
            self._changed.notify()

    def do(self, work: Work) -> None:
        """Take *work*: it is done when what came before it is."""
        with self._changed:
            self._raise_failure()
            self._work.append(work)
            self._changed.notify()

    def note(self, positions: Mapping[tuple[str, str], int]) -> None:
        """Write *positions*, by reader and topic, with the next append, or `NOTED_WITHIN` later, or
        at the stop: whoever reads again what it is done with does no harm."""
        with self._changed:
            if not self._positions:
                self._changed.notify()
            self._positions.update(positions)

    def _raise_failure(self) -> None:
        if self._error is not None:
            raise self._error

    # ── in the writer's own ─────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        try:
            while self._wait():
                self._append(self._take())
                self._do_some()
            self._append([])  # the last positions
            for work in self._work:
                self._outcome.broken_off(work)
        except BaseException as error:  # noqa: BLE001 - told to all who wait, and to the process
            self._fail(error)
        finally:
            self._db.close()

    def _wait(self) -> bool:
        """Return when there is something to do, or, with ``False``, when all is done."""
        with self._changed:
            has_come = bool(self._waiting or self._work)  # during the last commit
            while not (self._waiting or self._work or self._is_stopping):
                if not self._changed.wait(NOTED_WITHIN if self._positions else None):
                    return True  # nothing has come that they could go with
            if self._is_stopping:
                return bool(self._waiting)
        if not has_come:
            time.sleep(GATHER)
        return True

    def _take(self) -> list[Append]:
        with self._changed:
            taken, self._waiting = self._waiting, []
        return taken

    def _append(self, appends: list[Append]) -> None:
        """Commit *appends*, and the positions noted meanwhile."""
        with self._changed:
            positions, self._positions = self._positions, {}
        if not appends and not positions:
            return
        try:
            self._db.execute("BEGIN IMMEDIATE")
            if appends:
                self._check(sum(len(row[2]) for append in appends for row in append.rows))
                arrival = self._clock.arrival()
                for append in appends:
                    append.answers = [self._insert(*row, arrival) for row in append.rows]
            self._db.executemany(
                "INSERT OR REPLACE INTO positions VALUES (?, ?, ?)",
                [(reader, topic, offset) for (reader, topic), offset in positions.items()],
            )
            self._db.execute("COMMIT")
        except BaseException:
            with self._changed:
                self._waiting[:0] = appends
            raise
        if appends:
            self._outcome.committed(appends)

    def _insert(self, topic: str, count: int, blob: bytes, arrival: int) -> Acknowledged:
        base = self._ends.get(topic, 0)
        self._db.execute(
            "INSERT INTO batches VALUES (?, ?, ?, ?, ?)", (topic, base, count, arrival, blob)
        )
        self._ends[topic] = base + count
        return Acknowledged(base, count, arrival)

    def _do_some(self) -> None:
        if self._work:
            work = self._work[0]
            if not work.step(self._db):
                with self._changed:
                    self._work.popleft()
                self._outcome.done(work)

    def _fail(self, error: BaseException) -> None:
        told = self._told(error)
        with self._changed:
            self._error = told
            waiting: list[Append | Work] = [*self._waiting, *self._work]
            self._waiting.clear()
            self._work.clear()
        self._outcome.failed(told, waiting)

    def _told(self, error: BaseException) -> Exception:
        if isinstance(error, sqlite3.Error):
            return failure(self._path, error)
        if isinstance(error, TriggerstreamError):
            return error
        return StoreError(f"{self._path}: {error!r}")
