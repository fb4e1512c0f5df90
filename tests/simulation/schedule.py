"""One seeded schedule: a workload, faults at random moments, and what must hold at the end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from tests.simulation.broker import Changelog
from tests.simulation.disk import Disk, living
from tests.simulation.node import Node
from tests.simulation.oracle import Role, tells
from tests.simulation.world import World
from triggerstream.core.keyed.memory_store import MemoryStore
from triggerstream.core.keyed.restore import Restore
from triggerstream.core.records.record import KIND, Kind

MOST_ZOMBIES = 2

QUIET = 50
"""Steps of rest that let an idle checkpoint notice the last foreign writes."""


class Place:
    """Where one process runs: its present node, and former ones that do not know it yet."""

    def __init__(self, role: Role, random: Random) -> None:
        self.role = role
        self.lease = random.random() < 0.5
        self.capacity = random.choice([2, 3, 1000])
        self.node: Node
        self.zombies: list[Node] = []
        self.count = 0


class Schedule(ABC):
    """Runs the schedule of *seed* over *roles*; `run` raises `ViolationError`.

    Subclasses say what producers do (`produce`) and which further invariants hold.

    Attributes:
        kind: What such schedules are called.
        steps: For so long there is a workload, and there are faults.
        pace: How many milliseconds a step takes when all is quiet.
    """

    kind = ""
    steps = 150
    pace = 5

    def __init__(
        self, seed: int, roles: Sequence[Role], ruleset: Callable[[int], Any], **world: Any
    ) -> None:
        self.seed = seed
        self.world = World(seed, roles, ruleset, **world)
        self.random = self.world.random
        self.places = [Place(role, self.random) for role in roles]
        self._faults = [
            self.crash, self.crash, self.lose_tail, self.wipe, self.hand_over, self.hand_over,
            self.stop, self.rebalance, self.break_off, self.compact, self.compact, self.deploy,
            self.leave_gap, self.leave_gap,
        ]  # fmt: skip
        for place in self.places:
            self.start(place, Disk())

    def make_node(self, place: Place, disk: Disk, name: str) -> Node:
        return Node(
            self.world, place.role, disk, lease=place.lease, capacity=place.capacity, name=name
        )

    def start(self, place: Place, disk: Disk) -> None:
        """Let another incarnation own the place's partition, on *disk*."""
        place.count += 1
        place.node = self.make_node(place, disk, f"{place.role.name} {place.count}")
        self.world.owners[place.role.name] = place.node
        self.world.note(place.node.name, "starts with the changelog at %s", disk.changelog_offset())

    # ── running ─────────────────────────────────────────────────────────────────────────────

    def run(self) -> None:
        """Run to rest, and check."""
        random = self.random.random
        for _ in range(self.steps):
            self.world.now += 1
            self.produce(random())
            if random() < 0.07:
                self.random.choice(self._faults)(self.random.choice(self.places))
            self.turn()
        self.world.weather.clear_up()
        self.settle()
        self.check()

    def close(self) -> None:
        """End every node: nothing of theirs is left behind. Idempotent."""
        for place in self.places:
            for node in (place.node, *place.zombies):
                if node.alive:
                    node.crash()

    @abstractmethod
    def produce(self, roll: float) -> None:
        """Let producers do something, or time pass; *roll* is uniform in [0, 1)."""

    def hours_pass(self, span: int) -> None:
        """Let *span* milliseconds pass at once, at least an hour: a former owner has noticed by
        then, lease or not, and nothing is on its way for so long. Graves count on that."""
        for place in self.places:
            for zombie in place.zombies:
                if zombie.alive:
                    zombie.crash()
        while self.world.broker.deliver():
            pass
        self.world.now += span

    def turn(self) -> None:
        """Let everybody go on by one step."""
        random = self.random.random
        if random() < 0.7:
            self.world.broker.deliver()
        for place in self.places:
            self.step(place.node, place)
            for zombie in place.zombies:
                if random() < 0.4:
                    self.step(zombie, place)

    def step(self, node: Node, place: Place) -> None:
        if node.has_ended():
            return
        node.step()
        if node.has_ended() and node is place.node:
            self.start(place, node.disk)

    # ── faults ──────────────────────────────────────────────────────────────────────────────

    def crash(self, place: Place) -> None:
        self._crash(place, "crash")
        self.start(place, place.node.disk)

    def _crash(self, place: Place, how: str) -> None:
        self.world.reach(place.node.name, how)
        if place.node.restoring:
            self.world.reach(place.node.name, "crash during a restore")
        place.node.crash()

    def lose_tail(self, place: Place) -> None:
        """A crash that takes what was not flushed with it: a tail of whole write batches."""
        found, lost = place.node.disk.after_power_cut(self.random)
        self._crash(place, "crash")
        if lost:
            self.world.reach(place.node.name, "unflushed state lost")
        self.start(place, found)

    def wipe(self, place: Place) -> None:
        self._crash(place, "wiped disk")
        self.start(place, Disk())

    def hand_over(self, place: Place) -> None:
        """Another process takes over; the former owner does not know yet, and goes on, perhaps
        after a long pause."""
        former = place.node
        former.asleep = self.random.choice([0, 0, 20, 120])
        self.world.reach(former.name, "hand-over with a zombie")
        if former.asleep:
            self.world.reach(former.name, "paused, and a zombie afterwards")
        place.zombies.append(former)
        if len(place.zombies) > MOST_ZOMBIES:
            place.zombies.pop(0).crash()
        self.start(place, Disk())

    def stop(self, place: Place) -> None:
        """The machine stands still for a while, and nobody else has noticed."""
        self.world.reach(place.node.name, "paused")
        place.node.asleep = 40

    def rebalance(self, place: Place) -> None:
        """The partition is given away in order: to another process, or back to the same."""
        self.world.reach(place.node.name, "given away in order")
        place.node.leaving = self.random.choice(["for a moment", "for good"])

    def break_off(self, place: Place) -> None:
        """The generation ends under the process's hands, and it gets the partition back."""
        self.world.reach(place.node.name, "new generation")
        place.node.break_off()

    def compact(self, place: Place) -> None:
        """Compaction respects its lag: what an owner has not looked through yet stays."""
        changelog = self.world.broker.changelogs[place.role.name]
        if changelog.settled >= 0:
            self.world.reach(place.role.name, "compaction")
            changelog.compact(changelog.settled)

    def deploy(self, place: Place) -> None:
        if self.world.versions < 4:
            self.world.versions += 1
            self.world.reach("ruleset", "ruleset deployed")

    def leave_gap(self, place: Place) -> None:
        """Offsets of the input have no record: a transaction has ended there."""
        self.world.reach(place.role.input, "offsets without a record")
        for _ in range(self.random.choice([1, 1, 2, 9])):
            self.world.broker.leave_gap(place.role.input)

    # ── coming to rest ──────────────────────────────────────────────────────────────────────

    def settle(self) -> None:
        """Without further faults, everything said is decided and stored."""
        self.hours_pass(0)
        quiet = 0
        for _ in range(20_000):
            self.world.now += self.pace if quiet else max(1, self.pace // 5)
            self.turn()
            quiet = quiet + 1 if self.is_quiet() else 0
            # Longer than an idle checkpoint takes, which notices the last foreign writes.
            if quiet > QUIET:
                return
        self.world.violated("the processes do not come to rest")

    def is_quiet(self) -> bool:
        broker = self.world.broker
        return all(
            place.node.idle
            and broker.committed[place.role.name] == len(broker.topics[place.role.input])
            for place in self.places
        )

    # ── the invariants ──────────────────────────────────────────────────────────────────────

    def check(self) -> None:
        for place in self.places:
            self.check_place(place)

    def check_place(self, place: Place) -> None:
        role, broker = place.role, self.world.broker
        oracle = self.world.oracles[role.name]
        told = {
            (topic, line.key, line.value, line.headers)
            for topic, lines in broker.topics.items()
            for line in lines
            if tells(line, topic, role)
        }
        self.same(f"I1: what {role.name} tells", told, oracle.told)
        letters = {
            int(dict(line.headers)["x-dlq-offset"] or 0)
            for line in broker.topics[f"{role.input}.dlq"]
        }
        rejected = {n for n, status in enumerate(oracle.statuses) if status == "rejected"}
        self.same("I8: dead letters", letters, rejected)
        states = oracle.states()
        self.same(f"I4: {role.name}'s states on disk", living(place.node.disk), states)
        changelog = broker.changelogs[role.name]
        self.same(f"I4: {role.name}'s states in the changelog", restored(changelog), states)
        changelog.compact(changelog.end)
        self.same(f"I4: {role.name}'s states after compaction", restored(changelog), states)

    def same(self, what: str, found: Any, expected: Any) -> None:
        if found == expected:
            return
        if isinstance(found, set):
            missing, extra = expected - found, found - expected
            self.world.violated(f"{what}: missing {missing!r}; extra {extra!r}")
        for key in found.keys() | expected.keys():
            if found.get(key) != expected.get(key):
                self.world.violated(
                    f"{what}: {key!r}: expected {expected.get(key)!r}; found {found.get(key)!r}"
                )


def restored(changelog: Changelog) -> dict[bytes, bytes]:
    """Return what a restore of *changelog* finds."""
    store = MemoryStore()
    restore = Restore(store)
    restore.apply(changelog.entries)
    restore.finish(changelog.end)
    return living(store)


def erasure(customer: str) -> tuple[None, bytes, tuple[tuple[str, bytes], ...]]:
    """Return value, key and headers of the record that erases *customer*."""
    return None, customer.encode(), ((KIND, Kind.ERASE),)
