"""A node that sends: the real calls of channels, beside the real keyed process."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

from tests.simulation.disk import Disk
from tests.simulation.far_side import FarChannel, FarSide
from tests.simulation.kernel import Deck, Loop
from tests.simulation.node import Node
from tests.simulation.oracle import Role
from tests.simulation.world import World
from triggerstream.core.records.record import Produce
from triggerstream.core.sending.deliveries import Attempt
from triggerstream.stream.dispatch.calls import Calls
from triggerstream.stream.dispatch.room import Bounds
from triggerstream.stream.ports import Acknowledged, Attempts, Entry

CHANNELS = ("email", "webhook", "log")
CALL = "call"
"""The author of what channels have answered."""
BOUNDS = Bounds(total=3, per_channel=2, hold=1.0, unplaced=4)
"""So few that the log is held back."""


class SenderNode(Node):
    """Its calls are tasks in a deck of its own, which run between the steps of its process."""

    def __init__(
        self,
        world: World,
        role: Role,
        disk: Disk,
        *,
        lease: bool,
        capacity: int,
        name: str,
        far_side: FarSide,
        loop: Loop,
    ) -> None:
        self.far_side = far_side
        self.deck = Deck()
        self._loop = loop
        self._failure: BaseException | None = None
        super().__init__(world, role, disk, lease=lease, capacity=capacity, name=name)

    def make_attempts(self) -> Attempts:
        return NotedCalls(
            {name: FarChannel(self) for name in CHANNELS},
            far_side=self.far_side,
            world=self.world,
            name=self.name,
            log=CallLog(self),
            rulesets=self,
            crash=self._fail,
            now=self.monotonic,
            sleep=self._sleep,
            bounds=BOUNDS,
        )

    def _fail(self, error: BaseException) -> None:
        self._failure = error

    async def _sleep(self, seconds: float) -> None:
        await self.deck.sleep(self.world.now + round(seconds * 1000))

    @property
    def is_busy(self) -> bool:
        return self.alive and self.deck.has_tasks

    def go_on(self) -> None:
        deck = self._loop.deck = self.deck
        deck.wake(self.world.now)
        if deck.ready and self.world.random.random() < 0.6:
            deck.run_one()
        else:
            super().go_on()
        if self._failure is not None:
            raise self._failure

    def crash(self) -> None:
        self._loop.deck = self.deck
        super().crash()
        self.deck.unwind()

    def break_off(self) -> None:
        self._loop.deck = self.deck
        super().break_off()


class NotedCalls(Calls):
    """The real calls; the far side learns when each was decided, and the world when there was no
    room for more.

    Beside what the schedules check: I9, no more is reserved than there is room for, and than one
    record or one customer's due times lead to.
    """

    def __init__(
        self, *args: Any, far_side: FarSide, world: World, name: str, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._far_side = far_side
        self._world = world
        self._name = name
        self._granted = 0

    def room(self, partition: int) -> int:
        self._granted = super().room(partition)
        if not self._granted:
            self._world.reach(self._name, "held back for want of room")
        return self._granted

    def expect(self, partition: int, attempts: Sequence[Attempt]) -> None:
        most: dict[str, int] = {}
        for attempt in attempts:
            most[attempt.customer_id] = most.get(attempt.customer_id, 0) + 1
        if len(attempts) >= self._granted + max(most.values(), default=0):
            self._world.violated(f"I9: {len(attempts)} reserved, with room for {self._granted}")
        super().expect(partition, attempts)

    def start(self, partition: int, attempt: Attempt) -> None:
        self._far_side.reserved.setdefault((attempt.action_id, attempt.attempt), attempt.at)
        super().start(partition, attempt)


class CallLog:
    """Appends answers in the name of the call."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def append(self, records: Sequence[Produce]) -> Awaitable[Sequence[Acknowledged]]:
        return await self._node.append_as(CALL, records)

    async def append_changelog(
        self, partition: int, entries: Sequence[Entry]
    ) -> Sequence[Acknowledged]:
        raise AssertionError("calls know no changelog: their answers are records of the input")

    async def read_changelog(
        self, partition: int, start: int, end: int
    ) -> list[tuple[int, bytes, bytes | None]]:
        raise AssertionError("calls know no changelog: their answers are records of the input")
