"""Schedules of one process with the toy program: fast, and unforgiving about the protocol."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec

from tests.simulation.oracle import Role
from tests.simulation.schedule import Schedule, erasure
from tests.simulation.toy import Toy
from tests.simulation.world import World

TOY = Role(name="toy", input="events", downstream="actions", program=Toy, marks=True)
CUSTOMERS = "abcde"
LONG = 4_000_000
"""Milliseconds: more than an hour."""


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


def say_word(world: World, customer: str, word: int, wait: int) -> None:
    world.say(
        "events",
        msgspec.json.encode({"customer_id": customer, "word": word, "wait": wait}),
        customer.encode(),
    )
