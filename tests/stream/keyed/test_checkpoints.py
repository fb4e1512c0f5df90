"""`Checkpoints`: what a cut waits for, and what begins when it has landed."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import replace
from random import Random
from typing import Any, cast

import pytest

from tests.simulation.disk import Disk
from tests.simulation.kernel import PAUSE, Side
from tests.simulation.node import Node
from tests.simulation.protocol import TOY, ruleset, say_word
from tests.simulation.toy import Chain, Fired, Said, Toy
from tests.simulation.world import World
from triggerstream.core.keyed.partition_record import PartitionRecord
from triggerstream.errors import DecisionError
from triggerstream.stream.ports import Attempts


class Steady(Random):
    """No append fails, and everything lands as late as it can."""

    def random(self) -> float:
        return 0.9


class Breaking(Toy):
    """A toy with a defect, once somebody says which word it shows at."""

    breaks_at = 0

    def on_message(self, state: Chain, message: Said, *rest: Any) -> str:
        if message.word == self.breaks_at:
            raise ZeroDivisionError
        return super().on_message(state, message, *rest)


class Noting:
    """Takes every firing for an attempt, and notes up to where the disk is when each begins."""

    def __init__(self, node: Calling) -> None:
        self._node = node
        self.began: list[int] = []

    def is_one(self, outcome: Any) -> bool:
        return isinstance(outcome, Fired)

    def start(self, partition: int, attempt: Any) -> None:
        self.began.append(self._node.stored)

    def room(self, partition: int) -> int:
        return 1

    def expect(self, partition: int, attempts: Sequence[Any]) -> None: ...
    def orphan(self, partition: int, attempt: Any) -> None: ...
    def release(self, partition: int) -> None: ...


class Calling(Node):
    """The toy with attempts. Its main coroutine and what runs beside it are driven apart."""

    noting: Noting

    def make_attempts(self) -> Attempts:
        self.noting = Noting(self)
        return self.noting

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> Side:
        return super()._spawn(_later(coroutine))

    @property
    def stored(self) -> int:
        record = self.disk.partition_record()
        return -1 if record is None else PartitionRecord.decode(record).offset

    def go_on_by_itself(self) -> None:
        self.world.now += 1
        self._main = self._main or self.main()
        self._main.send(None)

    def let_land(self) -> None:
        """Let what runs beside it come to its end."""
        for _ in range(200):
            if all(side.done() for side in self._sides):
                return
            self.world.now += 1
            self.world.broker.deliver()
            next(side for side in self._sides if not side.done()).step()
        raise AssertionError("the cut does not land")


async def _later(coroutine: Coroutine[Any, Any, None]) -> None:
    """Begin as an asyncio task does: not at once."""
    await PAUSE
    await coroutine


BREAKING = replace(TOY, program=Breaking)


def beside_a_cut() -> Calling:
    """Return a node whose first cut, up to offset 1, is on its way, with a third word to decide:
    that one leads to an attempt."""
    world = World(1, [BREAKING], ruleset, random=Steady(1))
    node = Calling(world, BREAKING, Disk(), lease=True, capacity=100)
    world.owners[BREAKING.name] = node
    for word in (1, 2):
        say_word(world, "a", word, 0)
    while not node._sides:
        node.go_on_by_itself()
    say_word(world, "a", 3, 0)
    return node


def land_one(node: Calling) -> None:
    """Let the cut up to offset 1 land, and no more than that."""
    for _ in range(200):
        if node.stored == 1:
            return
        node.world.broker.deliver()
        node._sides[0].step()
    raise AssertionError("the cut does not land")


def decide_all(node: Calling) -> None:
    owned = node.process._owned[0]
    for _ in range(50):
        if owned.partition.offset + 1 == node.end_offset(0) and not owned.is_telling:
            return
        node.go_on_by_itself()
    raise AssertionError("it is not decided")


def test_no_cut_is_made_while_what_was_decided_is_being_told() -> None:
    """It would not wait for that to be acknowledged: after a crash nobody would tell it."""
    node = beside_a_cut()
    owned = node.process._owned[0]
    while not owned.is_telling:
        node.go_on_by_itself()

    node.let_land()

    assert (owned.partition.offset, node.stored) == (2, 1)
    assert len(owned.attempts) == 1


def test_an_attempt_that_is_decided_before_the_landing_begins_waits_for_the_next_cut() -> None:
    node = beside_a_cut()
    owned = node.process._owned[0]
    while not owned.attempts or owned.is_telling:
        node.go_on_by_itself()

    node.let_land()

    assert node.noting.began == [2]


def test_attempts_that_are_decided_soon_after_a_cut_has_landed_share_the_next_one() -> None:
    node = beside_a_cut()
    owned = node.process._owned[0]
    land_one(node)
    decide_all(node)
    for word in (4, 5, 6):
        say_word(node.world, "a", word, 0)
    decide_all(node)
    assert (len(owned.attempts), node.noting.began) == (2, [])

    node.let_land()

    assert node.noting.began == [5, 5]


def test_no_cut_is_made_of_a_batch_that_failed_halfway() -> None:
    """What was decided before the failure is told to nobody."""
    node = beside_a_cut()
    land_one(node)
    decide_all(node)  # an attempt waits for the next cut
    cast("Breaking", node.process._program).breaks_at = 5
    for word in (4, 5):
        say_word(node.world, "a", word, 0)
    with pytest.raises(DecisionError):
        decide_all(node)

    node.let_land()

    assert (node.process._owned[0].partition.offset, node.stored) == (3, 1)
