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

    def produce(self, roll: float) -> None:
        world = self.world
        if roll < 0.30:
            self._word += 1
            wait = self.random.choice([0, 0, 0, 40, 400])
            say_word(world, self.random.choice(CUSTOMERS), self._word, wait)
        elif roll < 0.45:
            world.now += self.random.choice([1, 5, 60])
        elif roll < 0.46:
            world.say("events", b"{broken")
        elif roll < 0.46 + self._erased:
            world.say("events", *erasure(self.random.choice(CUSTOMERS)))
        elif roll < 0.47 + 1.2 * self._erased:
            self.hours_pass(4_000_000)
            if self._erased > 0.01:
                self.hand_over(self.places[0])  # to somebody who may meet them again first


def say_word(world: World, customer: str, word: int, wait: int) -> None:
    world.say(
        "events",
        msgspec.json.encode({"customer_id": customer, "word": word, "wait": wait}),
        customer.encode(),
    )
