"""A null of a former owner lands late: it takes nobody's state with it, and no newer grave.

Each schedule is directed by hand: real processes, one after the other, and a broker that holds back
what one of them had on its way. What they tell is measured by what a single thread decides.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.simulation.broker import Batch
from tests.simulation.disk import Disk, is_grave
from tests.simulation.node import Node
from tests.simulation.oracle import tells
from tests.simulation.protocol import TOY, ruleset, say_word
from tests.simulation.schedule import erasure
from tests.simulation.world import World
from triggerstream.stream.keyed.grace import GRAVE_REST

MOST = 2_000
"""Steps until whatever is waited for must have happened."""


class Steady(Random):
    """No append fails, and everything lands as late as it can."""

    def random(self) -> float:
        return 0.9


def steady() -> World:
    return World(1, [TOY], ruleset, random=Steady(1))


def owner(world: World, name: str) -> Node:
    """Let a process of that *name* own the partition, with an empty disk, whoever did before."""
    node = Node(world, TOY, Disk(), lease=False, capacity=100, name=name)
    world.owners[TOY.name] = node
    return node


def run(node: Node, until: Callable[[], bool], *, lands: bool = True) -> None:
    """Let *node* go on, a millisecond a step, *until* something holds; without *lands*, what it
    appends stays on its way."""
    for _ in range(MOST):
        if until():
            return
        node.step()
        node.world.now += 1
        if lands:
            node.world.broker.deliver()
    raise AssertionError(f"{node.name}: it has not come to that; changelog {entries(node.world)}")


def entries(world: World) -> list[tuple[int, bytes, bytes | None]]:
    return list(world.broker.changelogs[TOY.name].entries)


def has_committed_all(world: World) -> Callable[[], bool]:
    return lambda: world.broker.committed[TOY.name] == len(world.broker.topics["events"])


def last_of(world: World, customer: bytes) -> bytes | None:
    """Return the last value in the changelog of *customer*, who has one."""
    return [value for _, key, value in entries(world) if key == b"c" + customer][-1]


def nulls(world: World) -> list[Batch]:
    """Return what is on its way of which a null is part."""
    return [
        batch
        for queue in world.broker.queues
        for batch in queue
        if any(value is None for _, value in batch.entries)
    ]


def hold_a_null(node: Node) -> Callable[[], None]:
    """Let *node* go on until it has appended a null; return what lets that land."""
    world = node.world
    for _ in range(MOST):
        run(node, lambda: bool(world.broker.queues), lands=False)
        if nulls(world):
            break
        world.broker.deliver()
    held = list(world.broker.queues)
    assert nulls(world)
    world.broker.queues.clear()

    def land() -> None:
        world.broker.queues.extend(held)
        while world.broker.deliver():
            pass

    return land


def rested_grave(world: World) -> Node:
    """Return an owner who holds a grave of ``a`` that has lain for an hour."""
    node = owner(world, "former")
    say_word(world, "a", 1, 0)
    world.say("events", *erasure("a"))
    run(node, has_committed_all(world))
    say_word(world, "z", 2, 0)
    run(node, has_committed_all(world))
    world.now += GRAVE_REST + 1
    say_word(world, "z", 3, 0)
    return node


def told_and_decided(world: World) -> tuple[set[object], set[object]]:
    """Return what was told downstream, and what a single thread tells."""
    told: set[object] = {
        (topic, line.key, line.value, line.headers)
        for topic, lines in world.broker.topics.items()
        for line in lines
        if tells(line, topic, TOY)
    }
    return told, set(world.oracles[TOY.name].told)


def test_a_null_of_an_older_grave_leaves_the_newer_one_which_no_partition_record_covers_yet() -> (
    None
):
    world = steady()
    former = rested_grave(world)
    land = hold_a_null(former)
    former.crash()
    heir = owner(world, "heir")
    say_word(world, "a", 4, 0)
    run(heir, has_committed_all(world))
    for word in (5, 6, 7):  # the second of these is the third since the erasure, and fires
        say_word(world, "a", word, 0)
    world.say("events", *erasure("a"))
    run(heir, lambda: is_grave(last_of(world, b"a")))
    heir.crash()  # behind the grave, and before the partition record
    land()

    third = owner(world, "third")
    run(third, has_committed_all(world))

    told, decided = told_and_decided(world)
    assert told == decided


def test_a_null_in_answer_to_a_foreign_write_leaves_who_has_come_back() -> None:
    world = steady()
    former = rested_grave(world)
    land = hold_a_null(former)
    heir = owner(world, "heir")
    run(heir, lambda: heir.disk.get(b"a") is not None, lands=False)
    land()
    run(former, lambda: former.disk.get(b"a") is None)
    run(heir, lambda: last_of(world, b"a") is not None)
    answered = len(entries(world))
    land = hold_a_null(former)  # it meets the grave, and knows of nobody
    former.crash()
    say_word(world, "a", 4, 0)
    run(heir, has_committed_all(world))
    heir.crash()
    assert len(entries(world)) > answered
    land()
    assert last_of(world, b"a") is None

    third = owner(world, "third")
    for word in (5, 6):
        say_word(world, "a", word, 0)
    run(third, has_committed_all(world))

    told, decided = told_and_decided(world)
    assert told == decided
