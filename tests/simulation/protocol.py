"""Schedules of one process with the toy program: fast, and unforgiving about the protocol."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace
from typing import Any

import msgspec

from tests.simulation.broker import Batch
from tests.simulation.oracle import Role
from tests.simulation.schedule import Schedule, erasure
from tests.simulation.toy import Toy
from tests.simulation.world import World

TOY = Role(name="toy", input="events", downstream="actions", program=Toy, marks=True)
CUSTOMERS = "abcde"
LONG = 4_000_000
"""Milliseconds: more than an hour."""

Queue = deque[Batch]


def ruleset(version: int) -> Any:
    """Return a ruleset that is nothing but its version, which `Toy` chains into its state."""
    return SimpleNamespace(version=version, hash=f"v{version}")


class ProtocolSchedule(Schedule):
    """The toy program on one partition; producers speak, err, erase, and pause."""

    kind = "protocol"

    def __init__(self, seed: int, *, traced: bool = False) -> None:
        super().__init__(seed, [TOY], ruleset, traced=traced)
        self._word = 0
        # In some schedules people come and go: graves, nulls, and customers who come back.
        self._erased = 0.05 if self.random.random() < 0.3 else 0.01
        if self._erased > 0.01:
            self._faults += [self.compact] * 6

    def produce(self, roll: float) -> None:
        world = self.world
        if roll < 0.30:
            self.say_word(self.random.choice(CUSTOMERS))
        elif roll < 0.45:
            world.now += self.random.choice([1, 5, 60])
        elif roll < 0.46:
            world.say("events", b"{broken")
        elif roll < 0.46 + self._erased:
            world.say("events", *erasure(self.random.choice(CUSTOMERS)))
        elif roll < 0.47 + 1.2 * self._erased:
            if self.random.random() < 0.5:
                self.leave_a_backlog()
            else:
                self.let_hours_pass()
            if self._erased > 0.01 and self.random.random() < 0.7:
                self.hand_over(self.places[0])  # to somebody who may meet them again first

    def let_hours_pass(self) -> None:
        """Nobody says anything, and the processes go on: graves are emptied."""
        self.hours_pass(0)
        for _ in range(50):
            self.world.now += LONG // 10
            self.turn()

    def leave_a_backlog(self) -> None:
        """Let customers be erased hours before anybody reads it. The next owner reads it all at
        once, so that its graves are hours old by the partition's clock a moment later; and a
        former one, who knows the customers from before, writes once more."""
        self.world.reach("producer", "a backlog of hours")
        leaving = self.random.sample(CUSTOMERS, 3)
        for customer in leaving:
            self.say_word(customer)
        self.go_on(most=20)
        for customer in leaving:
            self.world.say("events", *erasure(customer))
        self.hours_pass(LONG)
        self.say_word(self.random.choice(CUSTOMERS))
        place = self.places[0]
        former = place.node
        self.hand_over(place)
        former.asleep = 1000
        self.go_on(most=100)
        self.compact(place)
        former.asleep = 0
        self.go_on(most=40)
        self.wipe(place)

    def go_on(self, *, most: int) -> None:
        """Let everybody go on by some steps, *most* at most."""
        for _ in range(self.random.randint(0, most)):
            self.world.now += 1
            self.turn()

    def say_word(self, customer: str) -> None:
        self._word += 1
        wait = self.random.choice([0, 0, 0, 40, 400])
        say_word(self.world, customer, self._word, wait)


class ReturningSchedule(ProtocolSchedule):
    """Customers come back when their graves have lain for long enough, and leave again, while the
    partition changes hands and the nulls of its former owner are late."""

    kind = "returning"

    def produce(self, roll: float) -> None:
        if roll < 0.97:
            super().produce(roll)
        else:
            self.come_back()

    def come_back(self) -> None:
        self.world.reach("producer", "somebody comes back")
        place, customer = self.places[0], self.random.choice(CUSTOMERS)
        self.say_word(customer)
        self.world.say("events", *erasure(customer))
        self.go_on(most=60)
        self.hours_pass(0)
        for _ in range(9):
            self.world.now += LONG // 10
            self.turn()
        self.say_word(self.random.choice(CUSTOMERS.replace(customer, "")))
        held = self._await_nulls(40, pace=LONG // 10)
        self.hand_over(place)
        if held is not None and self.random.random() < 0.5:
            # Both go on in silence, and answer each other: the one a grave, the other by a null.
            self.go_on(most=20)
            self.world.broker.queues.append(held)
            held = self._await_nulls(100, pace=5)
        self.go_on(most=60)
        self._say_words(customer)
        self.go_on(most=60)
        self._say_words(customer)
        self.world.say("events", *erasure(customer))
        self._await_grave(customer, most=self.random.randint(0, 60))
        if held is not None:
            self.world.broker.queues.append(held)
            self.go_on(most=self.random.choice([5, 60]))
        self.random.choice([self.crash, self.wipe, self.hand_over])(place)

    def _say_words(self, customer: str) -> None:
        for _ in range(self.random.randint(1, 4)):
            self.say_word(customer)

    def _await_grave(self, customer: str, *, most: int) -> None:
        """Let everybody go on until the changelog has the last erasure of *customer*."""
        erased = len(self.world.broker.topics[TOY.input]) - 1
        changelog = self.world.broker.changelogs[TOY.name]
        for _ in range(most):
            if changelog.image.get(customer.encode(), (-1, b""))[0] >= erased:
                return
            self.world.now += 1
            self.turn()

    def _await_nulls(self, most: int, *, pace: int) -> Queue | None:
        """Let everybody go on until a null is on its way, and hold it up."""
        for _ in range(most):
            self.world.now += pace
            self.turn()
            if (held := self._hold_nulls()) is not None:
                return held
        return None

    def _hold_nulls(self) -> Queue | None:
        """Take what is on its way in one queue, if there is a null in it; it is to be put back."""
        queues = self.world.broker.queues
        for queue in queues:
            if any(value is None for batch in queue for _, value in batch.entries):
                queues.remove(queue)
                self.world.reach(self.places[0].role.name, "null held up")
                return queue
        return None


def say_word(world: World, customer: str, word: int, wait: int) -> None:
    world.say(
        "events",
        msgspec.json.encode({"customer_id": customer, "word": word, "wait": wait}),
        customer.encode(),
    )
