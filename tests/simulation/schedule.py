"""One seeded schedule: a workload, faults at random pauses, and what must hold afterwards."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec

from tests.simulation.toy import Fired, Toy
from tests.simulation.world import Disk, Node, World, compact, erase, say_word
from triggerstream.core.keyed import header
from triggerstream.core.keyed.memory import MemoryStore
from triggerstream.core.keyed.partition import Partition
from triggerstream.errors import LeaseExpiredError

STEPS = 420
CUSTOMERS = "abcde"


class ViolationError(AssertionError):
    """An invariant is broken; the message names the seed that shows it again."""


class Schedule:
    """Runs the schedule of *seed*; `check` raises `ViolationError`."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.world = World(self.random)
        self.lease = self.random.random() < 0.5
        self.capacity = self.random.choice([2, 3, 1000])
        self.disk = Disk()
        self.zombies: list[Node] = []
        self.word = 0
        self.start()

    def start(self, disk: MemoryStore | None = None) -> None:
        self.world.owner = Node(
            self.world, disk or self.disk, lease=self.lease, capacity=self.capacity
        )

    @property
    def owner(self) -> Node:
        assert self.world.owner is not None
        return self.world.owner

    # ── the schedule ────────────────────────────────────────────────────────────────────────

    def run(self) -> None:
        for _ in range(STEPS):
            self.happen()
            self.step(self.owner)
            for zombie in self.zombies:
                if self.random.random() < 0.3:
                    self.step(zombie)
        self.settle()

    def step(self, node: Node) -> None:
        if node.has_ended():
            return
        try:
            node.step()
        except LeaseExpiredError:
            self.world.reached["lease expired"] += 1
            node.crash()
        if node.has_ended() and node is self.owner:
            self.start(node.disk)

    def happen(self) -> None:
        self.world.now += 1
        roll = self.random.random()
        if roll < 0.30:
            self.word += 1
            wait = self.random.choice([0, 0, 0, 40, 400])
            say_word(self.world, self.random.choice(CUSTOMERS), self.word, wait)
        elif roll < 0.45:
            self.world.now += self.random.choice([1, 5, 60])
        elif roll < 0.46:
            self.world.say(b"{broken")
        elif roll < 0.47:
            erase(self.world, self.random.choice(CUSTOMERS))
        elif roll < 0.475:
            self.world.now += 4_000_000
        elif roll < 0.48 and self.world.versions < 4:
            self.world.versions += 1
            self.note("ruleset deployed")
        elif roll < 0.51:
            self.fault()

    def fault(self) -> None:
        fault = self.random.choice(
            [self.crash, self.crash, self.wipe, self.hand_over, self.new_generation, self.compact]
        )
        fault()

    def note(self, fault: str) -> None:
        self.world.reached[fault] += 1

    def crash(self) -> None:
        self.note("crash")
        self.owner.crash()
        self.start(self.owner.disk)

    def wipe(self) -> None:
        self.note("wiped disk")
        self.owner.crash()
        self.start(Disk())

    def hand_over(self) -> None:
        """Another process takes over; the former owner does not know yet, and goes on."""
        self.note("hand-over with a zombie")
        former = self.owner
        if former.alive:
            self.zombies = [*self.zombies[-1:], former]
        self.start(Disk())

    def new_generation(self) -> None:
        """A rebalance gives the same partition back: everything is delivered again."""
        self.note("new generation")
        self.owner.refetch = True

    def compact(self) -> None:
        """Compaction respects its lag: it never comes before the owner's next checkpoint."""
        until = self.owner.disk.changelog_offset()
        if until is not None and self.owner.alive:
            self.note("compaction")
            compact(self.world, until)

    def settle(self) -> None:
        """Without further faults, everything said is decided and stored."""
        self.random.random = lambda: 0.99  # type: ignore[method-assign] # nothing fails any more
        quiet = 0
        for _ in range(20_000):
            self.world.now += 1
            self.step(self.owner)
            done = self.owner.idle and self.world.committed == len(self.world.lines)
            quiet = quiet + 1 if done else 0
            if quiet > 400:
                return
        raise ViolationError(f"seed {self.seed}: the process does not come to rest")

    # ── the invariants ──────────────────────────────────────────────────────────────────────

    def check(self) -> None:
        oracle: Partition[Any, Any] = Partition(
            Toy(), MemoryStore(), rulesets=self.world.ruleset, capacity=10**9
        )
        oracle.apply(self.world.lines)
        expected = {msgspec.json.encode(o) for o in oracle.outcomes if isinstance(o, Fired)}
        self.same("I1: firings", set(self.world.fired), expected)
        rejected = {line.offset for line in self.world.lines if line.value == b"{broken"}
        self.same("I8: dead letters", set(self.world.dead), rejected)
        states = {
            customer: value
            for customer, value in oracle.cut().values.items()
            if value is not None and not header.unpack(value)[1] & header.GRAVE
        }
        self.same("I4: states on disk", living(self.owner.disk), states)
        self.same("I4, I6: states in the changelog", living(self.restored()), states)

    def restored(self) -> MemoryStore:
        node = Node(self.world, Disk(), lease=False, capacity=10**9)
        restoring = node.restore()
        try:
            while True:
                restoring.send(None)
        except StopIteration:
            return node.disk

    def same(self, what: str, found: Any, expected: Any) -> None:
        if found != expected:
            raise ViolationError(
                f"seed {self.seed}: {what}: expected {expected!r}; found {found!r}"
            )


def living(store: MemoryStore) -> dict[bytes, bytes]:
    """Return the values that are no graves."""
    return {
        customer: value
        for customer, value in store.values.items()
        if not header.unpack(value)[1] & header.GRAVE
    }


def run(seed: int) -> Schedule:
    """Run and check the schedule of *seed*."""
    schedule = Schedule(seed)
    schedule.run()
    schedule.check()
    return schedule
