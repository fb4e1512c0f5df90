"""The watchdog: the loop's half of the lease."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from faust.types import TP

from triggerstream.errors import StoreError
from triggerstream.stream.kafka.faust.edge import Edge
from triggerstream.stream.kafka.faust.lease import Lease
from triggerstream.stream.kafka.faust.watchdog import (
    HELD_FOR,
    PROGRESS_WITHIN,
    _Progress,
    watch,
)
from triggerstream.stream.shutdown import Shutdown


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Watched:
    """A process that is watched for four turns, each of two thirds of what its lease bears."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.lease = Lease(10, self.clock)
        self.edge = Edge(Shutdown(), self.lease)
        self.was_valid: list[bool] = []

    async def run(self) -> None:
        await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await watch(cast("Any", SimpleNamespace(edge=self.edge)), self._turn)

    async def _turn(self, _: float) -> None:
        if len(self.was_valid) == 4:
            raise asyncio.CancelledError
        self.clock.now += 3.3
        self.lease.heard(self.clock.now)
        self.was_valid.append(self.lease.is_valid)


async def test_the_lease_is_renewed_for_as_long_as_the_loop_turns() -> None:
    watched = Watched()

    await watched.run()

    assert watched.was_valid == [True] * 4


async def test_the_lease_is_renewed_while_the_process_stops_and_nothing_else_is_looked_at() -> None:
    watched = Watched()
    watched.edge.is_settled = True  # who looks further asks for the consumer, which is not there
    watched.edge.shutdown.end()

    await watched.run()

    assert watched.edge.shutdown.is_sealed
    assert watched.was_valid == [True] * 4


async def test_after_a_failure_the_lease_runs_out() -> None:
    watched = Watched()
    watched.edge.shutdown.fail(StoreError("disk full"))

    await watched.run()

    assert watched.was_valid == [True, False, False, False]


TP_EVENTS = TP("events", 3)


class Standing:
    """A consumer of one partition that stands where the test says."""

    def __init__(self) -> None:
        self.stands = (0, 0, 0)
        handover = SimpleNamespace(is_full=lambda _: False)
        self.edge = SimpleNamespace(readings={"events": SimpleNamespace(handover=handover)})
        self.thread = SimpleNamespace(stands_at=lambda _: self.stands)

    def assignment(self) -> set[TP]:
        return {TP_EVENTS}


def look(consumer: Standing, clock: Clock, *seconds: float) -> list[str | None]:
    """Return what is wrong after each of *seconds*, one after the other."""
    progress, found = _Progress(clock), []
    for each in (0, *seconds):
        clock.now += each
        found.append(progress.problem(cast("Any", consumer)))
    return found[1:]


def test_records_that_could_be_read_and_do_not_come_are_a_standstill() -> None:
    consumer = Standing()
    consumer.stands = (5, 9, 12)

    found = look(consumer, Clock(), PROGRESS_WITHIN, 0.1)

    assert found[0] is None
    assert found[1] is not None
    assert "from offset 5 to 9" in found[1]


def test_an_open_transaction_is_no_standstill_and_is_told_now_and_then(
    caplog: pytest.LogCaptureFixture,
) -> None:
    consumer = Standing()
    consumer.stands = (9, 9, 12)

    found = look(consumer, Clock(), HELD_FOR, 0.1, HELD_FOR, 0.1, 10 * PROGRESS_WITHIN)

    assert found == [None] * 5
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 3
    assert all("events/3" in line and "offset 9 to 12" in line for line in told)


def test_a_partition_that_is_read_to_its_end_is_not_spoken_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    consumer = Standing()
    consumer.stands = (12, 12, 12)

    assert look(consumer, Clock(), 10 * PROGRESS_WITHIN) == [None]
    assert not caplog.records
