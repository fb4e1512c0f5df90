"""The watchdog: a process that is not getting anywhere ends, for its supervisor to start again.

It renews the lease's half that says that the loop turns, and looks for what would otherwise be a
silent standstill: commits that do not go through, and records that are there and do not come.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn, cast

from faust.types import TP

from triggerstream.errors import LeaseExpiredError
from triggerstream.stream.kafka.faust.edge import EdgeApp
from triggerstream.stream.kafka.faust.transport import Consumer

_log = logging.getLogger(__name__)

PERIOD: Final = 0.5
COMMITS_WITHIN: Final = 60.0
"""Seconds within which what is done must have been committed."""
PROGRESS_WITHIN: Final = 120.0
"""Seconds within which records that are known to be there must come."""
HELD_FOR: Final = 60.0
"""Seconds that an open transaction may hold a partition up before that is said, each time anew.
Kafka itself ends a transaction after fifteen minutes at most, by its default."""


async def watch(
    app: EdgeApp, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> NoReturn:
    """Watch *app* until it is cancelled, and seal its shutdown where it stands still.

    The lease is renewed while it stops in order, too: what is stored then takes as long as the
    broker takes. After a failure nothing may be written, and it runs out.
    """
    progress = _Progress()
    while True:
        await sleep(PERIOD)
        if app.edge.shutdown.error is None:
            app.edge.lease.turned()
        if app.edge.shutdown.is_sealed or not app.edge.is_settled:
            progress.forget()
            continue
        consumer = cast("Consumer", app.consumer)
        problem = _commits(consumer) or progress.problem(consumer)
        if problem:
            app.edge.shutdown.fail(LeaseExpiredError(problem))


def _commits(consumer: Consumer) -> str | None:
    since = time.monotonic() - consumer.committed_at
    if since < COMMITS_WITHIN or not consumer.edge.offsets.pending():
        return None
    return f"no offset could be committed for {since:.0f} s"


class _Progress:
    """Where each partition's reading stands, and since when."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._stands: dict[TP, tuple[int, float]] = {}
        self._told: dict[TP, float] = {}

    def forget(self) -> None:
        self._stands.clear()
        self._told.clear()

    def problem(self, consumer: Consumer) -> str | None:
        now = self._monotonic()
        for tp in consumer.assignment():
            reading = consumer.edge.readings.get(tp.topic)
            if reading is None:
                continue
            position, stable, end = consumer.thread.stands_at(tp)
            before, since = self._stands.get(tp, (-1, now))
            if position != before or position >= end or reading.handover.is_full(tp.partition):
                self._stands[tp] = (position, now)
            elif position >= stable:
                self._held_up(tp, position, end, since, now)
            elif now - since > PROGRESS_WITHIN:
                return (
                    f"{tp.topic}/{tp.partition}: there are records from offset {position} to "
                    f"{stable}, and none has come for {now - since:.0f} s"
                )
        return None

    def _held_up(self, tp: TP, position: int, end: int, since: float, now: float) -> None:
        """Say now and then that what is there cannot be read: nothing of ours can change that."""
        if now - max(since, self._told.get(tp, since)) > HELD_FOR:
            self._told[tp] = now
            _log.warning(
                "%s/%d: a transaction that a producer has not ended holds up the records from "
                "offset %d to %d, for %.0f s by now: they are decided when it is committed or "
                "aborted (kafka-transactions.sh find-hanging)",
                tp.topic, tp.partition, position, end, now - since,
            )  # fmt: skip
