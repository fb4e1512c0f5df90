"""What stands behind the channels: it accepts, refuses, stalls, or loses its answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.simulation.kernel import PAUSE
from triggerstream.channels.base import Answer, Message
from triggerstream.core.reasons import FailReason

if TYPE_CHECKING:
    from tests.simulation.sender import SenderNode

LATER = 300
"""Milliseconds after which a request that was on its way when its sender died arrives."""


@dataclass(frozen=True)
class Accepted:
    """A message that the far side took: the customer has it.

    Attributes:
        reserved_at: When its slot was taken: the instant at which the caps were asked.
        at: When it was accepted.
    """

    message: Message
    reserved_at: int
    at: int


@dataclass
class FarSide:
    """All providers together.

    Attributes:
        reserved: By (action, attempt), when the call was first decided.
        accepted: In the order of acceptance.
        late: Requests that outlive their sender: (when they arrive, message).
    """

    reserved: dict[tuple[str, int], int] = field(default_factory=dict)
    accepted: list[Accepted] = field(default_factory=list)
    late: list[tuple[int, Message]] = field(default_factory=list)

    def accept(self, message: Message, now: int) -> None:
        reserved_at = self.reserved[message.action_id, message.attempt]
        self.accepted.append(Accepted(message, reserved_at, now))

    def receive_late(self, now: int) -> None:
        """Accept what has arrived by *now* of senders that are dead."""
        for at, message in list(self.late):
            if at <= now:
                self.late.remove((at, message))
                self.accept(message, now)


class FarChannel:
    """A channel of *node*, to the far side."""

    def __init__(self, node: SenderNode) -> None:
        self._node = node

    async def send(self, message: Message) -> Answer:
        node, world = self._node, self._node.world
        far_side, random = node.far_side, world.random
        name = f"{message.channel} {message.action_id[:6]}/{message.attempt}"
        await PAUSE
        world.note(node.name, "calls %s", name)
        shutdown = random.random() if world.weather.lost else 0.0
        try:
            await PAUSE
        except BaseException:
            if not node.alive and shutdown < 0.5:
                world.reach(node.name, "call outlived its sender")
                far_side.late.append((world.now + LATER, message))
            raise
        if shutdown < 0.75:
            world.note(name, "is accepted")
            far_side.accept(message, world.now)
        if shutdown < 0.55:
            return Answer("sent")
        if shutdown < 0.65:
            world.reach(node.name, "answer lost after acceptance")
            return Answer("unknown", FailReason.AMBIGUOUS)
        if shutdown < 0.80:
            world.reach(node.name, "channel stalled")
            await asyncio.get_running_loop().create_future()  # for ever: the deadline ends it
        if shutdown < 0.85:
            world.reach(node.name, "answer lost without acceptance")
            return Answer("unknown", FailReason.AMBIGUOUS)
        if shutdown < 0.96:
            world.reach(node.name, "channel said not now")
            return Answer("retry", FailReason.UNAVAILABLE, retry_after=random.choice([None, 60.0]))
        world.reach(node.name, "channel said no")
        return Answer("failed", FailReason.REJECTED)

    async def close(self) -> None:
        """Nothing is held."""
