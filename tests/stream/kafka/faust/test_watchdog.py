"""The watchdog: the loop's half of the lease."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from triggerstream.errors import StoreError
from triggerstream.stream.kafka.faust.edge import Edge
from triggerstream.stream.kafka.faust.lease import Lease
from triggerstream.stream.kafka.faust.watchdog import watch
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
