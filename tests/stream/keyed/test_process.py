"""What the keyed process tells its observer, once a batch and by the broker's clock; and how it
writes nulls, and when."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from math import inf
from random import Random
from typing import Any

import pytest

from tests.simulation.disk import Disk
from tests.simulation.node import Node
from tests.simulation.protocol import TOY, ruleset, say_word
from tests.simulation.schedule import erasure
from tests.simulation.toy import Fired
from tests.simulation.world import World
from triggerstream.core.keyed import header
from triggerstream.core.keyed.partition_record import PartitionRecord
from triggerstream.core.records.columns import in_columns
from triggerstream.stream.keyed import process
from triggerstream.stream.keyed.checkpoints import _with_graves
from triggerstream.stream.keyed.grace import GRAVE_REST
from triggerstream.stream.keyed.owned_partition import Cadence
from triggerstream.stream.ports import Attempts


class Steady(Random):
    """No append fails, and everything lands as late as it can."""

    def random(self) -> float:
        return 0.9


def running(world: World) -> Node:
    node = world.owners[TOY.name] = Node(world, TOY, Disk(), lease=True, capacity=100)
    return node


def steady() -> World:
    return World(1, [TOY], ruleset, random=Steady(1))


def run_until(node: Node, what: str) -> list[float]:
    """Let *node* go on, a millisecond a step, until it has told of *what*; return what it told."""
    for _ in range(500):
        node.step()
        node.world.broker.deliver()
        node.world.now += 1
        if found := [seconds for name, seconds in node.observed if name == what]:
            return found
    raise AssertionError(f"{what}: not told; {node.observed}")


def test_a_batch_is_told_with_the_time_that_handing_over_took() -> None:
    node = running(steady())
    for word in (1, 2, 3):
        say_word(node.world, "c1", word, 0)

    run_until(node, "told")

    took = [seconds for name, seconds in node.observed if name == "took"]
    assert 1 <= len(took) <= 3
    assert 0 < max(took) < 0.1


def test_what_a_batch_led_to_is_told_by_the_times_at_which_the_broker_took_both() -> None:
    world = steady()
    node = running(world)
    for word in (1, 2, 3):
        say_word(world, "c1", word, 0)
    world.now += 5_000

    [seconds] = run_until(node, "told")

    assert 5 < seconds < 5.5


def test_a_tick_is_told() -> None:
    node = running(steady())
    say_word(node.world, "c1", 1, 50)

    assert run_until(node, "ticked") == [0.0]


def test_what_is_passed_over_is_stored_acknowledged_and_restored() -> None:
    world = steady()
    node = running(world)
    say_word(world, "c1", 1, 0)
    run_until(node, "took")

    node.process.pass_over(0, 6)
    node.process.pass_over(1, 9)  # nobody's here
    for _ in range(500):
        node.step()
        world.broker.deliver()
        world.now += 1
        if node.acked == 6:
            break

    assert node.acked == 6
    record = node.disk.partition_record()
    assert record is not None
    assert PartitionRecord.decode(record).offset == 6


def test_a_null_follows_its_grave_in_the_changelog() -> None:
    grave, state = header.pack(0, header.GRAVE, 100, 7), header.pack(1, 0, 100, 8)
    disk = Disk()
    disk.write({b"a": grave, b"b": state}, partition_record=None, changelog_offset=0)

    rows = _with_graves(disk, [(b"cb", state), (b"ca", None), (b"cx", None)], 12)

    # Of x nothing is held: nobody is there up to the end of the cut.
    nobody = header.pack_grave(0, 12, -1)
    assert rows == [(b"cb", state), (b"ca", grave), (b"ca", None), (b"cx", nobody), (b"cx", None)]


def test_what_a_crash_left_uncommitted_is_done_when_its_partition_is_opened_again() -> None:
    node = running(steady())
    world = node.world
    say_word(world, "c1", 1, 0)
    while node.acked < 0:
        node.step()
        world.broker.deliver()
        world.now += 1
    assert world.broker.committed[TOY.name] == 0
    node.crash()

    heir = Node(world, TOY, node.disk, lease=True, capacity=100)
    world.owners[TOY.name] = heir
    for _ in range(50):  # no time passes, in which another checkpoint would come
        heir.step()

    assert world.broker.committed[TOY.name] == 1


def beside_a_cut() -> Node:
    """Return a node with one word decided, whose cut is on its way."""
    node = running(steady())
    say_word(node.world, "c1", 1, 0)
    while not node._sides:
        node.step()
        node.world.now += 1
    return node


def test_records_are_decided_while_a_cut_is_on_its_way() -> None:
    node = beside_a_cut()
    world = node.world
    say_word(world, "c1", 2, 0)

    for _ in range(20):  # nothing lands
        node.step()

    partition = node.process._owned[0].partition
    assert (partition.offset, partition.record.offset) == (1, -1)


def test_what_keeps_a_cut_from_landing_ends_the_process() -> None:
    node = beside_a_cut()
    world = node.world
    world.owners[TOY.name] = Node(world, TOY, Disk(), lease=True, capacity=100)

    while node.alive:
        node.step()
        world.broker.deliver()

    assert world.reached["lease expired"] == 1


def test_a_grave_that_is_dug_in_a_backlog_of_hours_waits_for_an_hour_of_the_broker() -> None:
    node = running(steady())
    world = node.world
    say_word(world, "c1", 1, 0)
    world.say("events", *erasure("c1"))
    world.now += 4 * GRAVE_REST
    say_word(world, "c2", 2, 0)

    checkpoints(node, 4)
    assert b"c1" in node.disk.values

    world.now += GRAVE_REST
    checkpoints(node, 2)
    assert b"c1" not in node.disk.values


def test_a_new_owner_lets_every_grave_rest_anew() -> None:
    node = running(steady())
    world = node.world
    say_word(world, "c1", 1, 0)
    world.say("events", *erasure("c1"))
    checkpoints(node, 4)
    node.break_off()
    world.now += GRAVE_REST

    checkpoints(node, 4)
    assert b"c1" in node.disk.values


def checkpoints(node: Node, count: int) -> None:
    """Let *node* go on, with an event now and then, until it has stored *count* cuts."""
    for number in range(count):
        say_word(node.world, "c9", number, 0)
        before = node.disk.partition_record()
        while node.disk.partition_record() == before:
            node.step()
            node.world.broker.deliver()
            node.world.now += 1


# ── attempts without room ───────────────────────────────────────────────────────────────────


class Narrow:
    """Takes every firing for an attempt, while there is room."""

    def __init__(self) -> None:
        self.left = 1
        self.began = 0
        self.asked = 0

    def is_one(self, outcome: Any) -> bool:
        return isinstance(outcome, Fired)

    def room(self, partition: int) -> int:
        self.asked += 1
        return self.left

    def expect(self, partition: int, attempts: Sequence[Any]) -> None:
        self.left -= len(attempts)

    def start(self, partition: int, attempt: Any) -> None:
        self.began += 1

    def orphan(self, partition: int, attempt: Any) -> None: ...
    def release(self, partition: int) -> None: ...


class Held(Node):
    """A node whose process is called by the test."""

    narrow: Narrow

    def make_attempts(self) -> Attempts:
        self.narrow = Narrow()
        return self.narrow

    def ends(self, call: Coroutine[Any, Any, None]) -> bool:
        """Go on with *call*, and what runs beside it, for a while; return whether it has ended."""
        for _ in range(300):
            self.world.now += 1
            self.world.broker.deliver()
            for side in self._sides:
                if not side.done():
                    side.step()
            try:
                call.send(None)
            except StopIteration:
                return True
        return False

    @property
    def offset(self) -> int:
        return self.process._owned[0].partition.offset


@pytest.fixture(name="held")
def _held(monkeypatch: pytest.MonkeyPatch) -> Held:
    """A node that has taken over a partition where every third word leads to an attempt."""
    monkeypatch.setattr(process, "SLICE", 4)
    world = steady()
    node = world.owners[TOY.name] = Held(world, TOY, Disk(), lease=True, capacity=100)
    for word in range(9):
        say_word(world, "c1", word, 0)
    assert node.ends(node.process.open(0))
    return node


def test_without_room_a_partition_is_held_back_and_what_is_decided_becomes_durable(
    held: Held,
) -> None:
    call = held.process.on_batch(0, in_columns(held.world.broker.topics["events"]))

    assert not held.ends(call)
    assert (held.offset, held.narrow.began) == (2, 1)
    held.narrow.left = 1
    assert not held.ends(call)
    assert (held.offset, held.narrow.began) == (5, 2)
    held.narrow.left = 2
    assert held.ends(call)
    assert held.offset == 8


def test_a_partition_that_is_held_back_is_given_away_where_it_stands(held: Held) -> None:
    call = held.process.on_batch(0, in_columns(held.world.broker.topics["events"]))
    assert not held.ends(call)

    held.process.leave()

    assert held.ends(call)
    assert held.offset == 2
    assert held.ends(held.process.close(0))
    stored = held.disk.partition_record()
    assert stored is not None
    assert PartitionRecord.decode(stored).offset == 2


def test_a_partition_that_is_taken_over_again_is_held_back_again(held: Held) -> None:
    held.process.leave()
    held.process.drop()
    assert held.ends(held.process.open(0))

    assert not held.ends(held.process.on_batch(0, in_columns(held.world.broker.topics["events"])))


def test_a_partition_that_is_lost_asks_for_no_room(held: Held) -> None:
    call = held.process.on_batch(0, in_columns(held.world.broker.topics["events"]))
    assert not held.ends(call)

    held.process.drop()
    asked = held.narrow.asked

    assert held.ends(call)
    assert held.narrow.asked == asked


# ── silence ─────────────────────────────────────────────────────────────────────────────────


def turned(node: Node, number: int = 0) -> float | None:
    """Give the partition a turn; return the silence that it asks for, or ``None`` where it does
    something, and so waits for the log."""
    turn = node.process.turn(number)
    try:
        turn.send(None)
    except StopIteration as done:
        return float(done.value)
    turn.close()
    return None


def test_a_turn_says_when_time_asks_for_the_next_one() -> None:
    node = quiet()
    world = node.world

    silence = turned(node)
    assert silence is not None
    world.now += round(silence * 1000) - 1
    assert turned(node) == pytest.approx(0.001)

    world.now += 1
    assert turned(node) is None


def quiet() -> Node:
    """Return a node with something due in half a second; all that was said is stored."""
    node = running(steady())
    say_word(node.world, "c1", 1, 500)
    while node.acked < 0 or node._sides:
        node.step()
        node.world.broker.deliver()
        node.world.now += 1
    node.process._cadence = Cadence()
    return node


def test_where_headers_are_the_clock_no_tick_is_asked_for() -> None:
    node = quiet()
    node.process._header_clock = True

    assert (turned(node) or 0) > 100


def test_a_partition_that_is_not_owned_asks_for_nothing() -> None:
    assert turned(running(steady()), 7) == inf
