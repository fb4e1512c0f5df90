"""A log that outlives its producer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, cast

import pytest
from aiokafka.errors import KafkaConnectionError

from triggerstream.core.records.record import Produce
from triggerstream.errors import ProtocolError
from triggerstream.stream.kafka import lasting
from triggerstream.stream.kafka.lasting import LastingLog
from triggerstream.stream.kafka.log import KafkaLog

RECORD = Produce("events", 0, b"k", b"v")


class FakeLog:
    """One producer's life: it starts at the *starts*-th attempt of all, and fails as it is told."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.fails_at = ""
        self.is_stopped = False

    async def start(self) -> None:
        self.world.starts += 1
        if self.world.starts in self.world.refused:
            raise KafkaConnectionError("nobody listens")

    async def stop(self) -> None:
        self.is_stopped = True
        if self.fails_at == "stop":
            await asyncio.Event().wait()

    async def append(self, records: Sequence[Produce]) -> Awaitable[Any]:
        if self.fails_at == "append":
            raise ProtocolError("could not be appended to")
        return self._answer()

    async def _answer(self) -> str:
        if self.fails_at in {"answer", "stop"}:
            raise ProtocolError("was not acknowledged")
        return f"by {self.world.logs.index(self) + 1}"


class World:
    def __init__(self, *refused: int) -> None:
        self.refused = refused
        self.starts = 0
        self.logs: list[FakeLog] = []

    def build(self) -> KafkaLog:
        self.logs.append(FakeLog(self))
        return cast("KafkaLog", self.logs[-1])


async def answer(log: LastingLog) -> object:
    return await (await log.append([RECORD]))


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lasting, "AGAIN_AFTER", 0.0)
    monkeypatch.setattr(lasting, "STOPS_WITHIN", 0.01)


@pytest.mark.parametrize("when", ["append", "answer", "stop"])
async def test_a_failed_append_is_told_and_the_next_goes_by_another_producer(when: str) -> None:
    world = World(2, 3)
    log = LastingLog(world.build)
    await log.start()
    assert await answer(log) == "by 1"
    world.logs[0].fails_at = when

    with pytest.raises(ProtocolError):
        await answer(log)
    async with asyncio.timeout(5):
        assert await answer(log) == "by 4"  # it waited until the brokers answered again

    assert world.logs[0].is_stopped
    assert world.starts == 4
    await log.stop()


async def test_several_appends_that_fail_together_renew_it_once() -> None:
    world = World()
    log = LastingLog(world.build)
    await log.start()
    world.logs[0].fails_at = "answer"
    waiting = [await log.append([RECORD]) for _ in range(3)]

    failed = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(error) for error in failed] == [ProtocolError] * 3
    assert await answer(log) == "by 2"
    assert len(world.logs) == 2
    await log.stop()


async def test_it_can_be_stopped_while_the_brokers_are_away() -> None:
    world = World(*range(2, 10_000))
    log = LastingLog(world.build)
    await log.start()
    world.logs[0].fails_at = "answer"
    with pytest.raises(ProtocolError):
        await answer(log)

    async with asyncio.timeout(5):
        await log.stop()
