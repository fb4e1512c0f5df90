"""The watchdog: the loop's half of the lease."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from triggerstream.stream.faust.edge import Edge
from triggerstream.stream.faust.fate import Fate
from triggerstream.stream.faust.lease import Lease
from triggerstream.stream.faust.watchdog import watch


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("stops", [False, True])
def test_the_lease_is_renewed_for_as_long_as_the_loop_turns_also_while_the_process_stops(
    stops: bool,
) -> None:
    clock = Clock()
    lease = Lease(10, clock)

    async def turn(_: float) -> None:
        """Take two thirds of what the lease bears, in each of four turns."""
        if clock.now > 1010:
            raise asyncio.CancelledError
        clock.now += 3.3
        lease.heard(clock.now)
        assert lease.is_valid

    async def run() -> None:
        edge = Edge(Fate(), lease)
        if stops:
            edge.fate.end()
            await asyncio.sleep(0)
            assert edge.fate.is_sealed
        with pytest.raises(asyncio.CancelledError):
            await watch(cast("Any", SimpleNamespace(edge=edge)), turn)

    asyncio.run(run())
    assert clock.now > 1010
