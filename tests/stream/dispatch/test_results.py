"""`Results`: each is appended once, in order, with what came while the log was busy."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

import orjson
import pytest

from tests.core.sending.harness import NOON, firing
from triggerstream.channels.base import Answer
from triggerstream.core.records.record import Produce
from triggerstream.core.sending.deliveries import Attempt
from triggerstream.errors import ProtocolError
from triggerstream.stream.dispatch.results import Results
from triggerstream.stream.ports import Acknowledged

SENT = Answer("sent")


class SlowLog:
    """Acknowledges an append when it is told to.

    Attributes:
        appends: Of each append, (partition, action) of its records.
    """

    def __init__(self) -> None:
        self.appends: list[list[tuple[int | None, str]]] = []
        self._acknowledgements: list[asyncio.Future[Sequence[Acknowledged]]] = []

    async def append(self, records: Sequence[Produce]) -> Awaitable[Sequence[Acknowledged]]:
        told = [(r.partition, orjson.loads(r.value or b"")["action_id"]) for r in records]
        self.appends.append(told)
        future: asyncio.Future[Sequence[Acknowledged]] = asyncio.get_running_loop().create_future()
        self._acknowledgements.append(future)
        return future

    async def append_changelog(self, partition: int, entries: Any) -> Any:
        raise AssertionError("an answer is no state")

    async def read_changelog(self, partition: int, start: int, end: int) -> Any:
        raise AssertionError("an answer is no state")

    async def acknowledges(self, number: int, error: Exception | None = None) -> None:
        """Acknowledge the append *number*, or say that it failed, and let it be heard."""
        future = self._acknowledgements[number]
        if error is None:
            future.set_result(())
        else:
            future.set_exception(error)
        await settle()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def attempt(action: str) -> Attempt:
    return Attempt(
        action_id=action,
        attempt=1,
        customer_id="c1",
        at=NOON,
        trigger="cart",
        channel="email",
        template=None,
        options={},
        ruleset=1,
        firing=firing("f"),
        deadline=10.0,
    )


class World:
    """Answers on a slow log, and who waits for them."""

    def __init__(self) -> None:
        self.log = SlowLog()
        self.answers = Results(self.log)

    async def answer(self, action: str, partition: int = 0) -> asyncio.Task[None]:
        told = self.answers.append(partition, attempt(action), SENT)
        task = asyncio.get_running_loop().create_task(told)
        await settle()
        return task


async def test_the_first_answer_waits_for_no_other() -> None:
    world = World()

    await world.answer("a")

    assert world.log.appends == [[(0, "a")]]


async def test_what_comes_before_the_acknowledgement_goes_together_in_its_order() -> None:
    world = World()
    for action in ("a", "b", "c"):
        await world.answer(action)
    before = list(world.log.appends)

    await world.log.acknowledges(0)

    assert before == [[(0, "a")]]
    assert world.log.appends == [[(0, "a")], [(0, "b"), (0, "c")]]


async def test_each_is_done_with_its_own_acknowledgement() -> None:
    world = World()
    first, second = await world.answer("a"), await world.answer("b")
    before = first.done()

    await world.log.acknowledges(0)

    assert (before, first.done(), second.done()) == (False, True, False)
    await world.log.acknowledges(1)
    assert second.done()


async def test_after_a_silence_the_next_leaves_at_once() -> None:
    world = World()
    await world.answer("a")
    await world.log.acknowledges(0)

    await world.answer("b")

    assert world.log.appends == [[(0, "a")], [(0, "b")]]


async def test_partitions_do_not_wait_for_each_other() -> None:
    world = World()

    await world.answer("a", 0)
    await world.answer("b", 1)

    assert world.log.appends == [[(0, "a")], [(1, "b")]]


async def test_a_failed_append_fails_those_in_it_and_no_others() -> None:
    world = World()
    lost = await world.answer("a")
    kept = await world.answer("b")

    await world.log.acknowledges(0, ProtocolError("the broker has gone"))
    await world.log.acknowledges(1)

    with pytest.raises(ProtocolError):
        await lost
    await kept


async def test_who_is_cancelled_takes_no_answer_back_and_stops_no_other() -> None:
    world = World()
    await world.answer("a")
    cancelled, other = await world.answer("b"), await world.answer("c")

    cancelled.cancel()
    await world.log.acknowledges(0)
    await world.log.acknowledges(1)

    assert world.log.appends == [[(0, "a")], [(0, "b"), (0, "c")]]
    assert cancelled.cancelled()
    assert other.done()
