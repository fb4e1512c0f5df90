"""One partition that a process owns: what is under way for it, and what time asks for it."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

import msgspec

from triggerstream.core.keyed.partition import Partition
from triggerstream.core.keyed.program import NEVER, Store
from triggerstream.stream.ports import Acknowledged
from triggerstream.stream.rest import Rest

Told = tuple[Awaitable[Sequence[Acknowledged]], int | None]
"""What was handed over to the log: its acknowledgement; and when the first record that led to it
had arrived, where one did."""


class Cadence(msgspec.Struct, frozen=True):
    """How often things are done, in seconds of a monotonic clock.

    Attributes:
        checkpoint: Between two checkpoints of a partition that changed.
        idle: Between two checkpoints of one that did not: they only notice foreign writes.
        tick: Between two ticks of a silent partition with something due.
    """

    checkpoint: float = 1.0
    idle: float = 300.0
    tick: float = 0.2


class Owned:
    """A partition, from when it is opened until it is given away or lost.

    Attributes:
        expected: The offset that our next changelog record must get.
        told: What was handed over to the log and is not known to be acknowledged.
        attempts: What begins with the next checkpoint.
        checkpointed: When the last one was, by the process's monotonic clock.
        heard: When the clock last moved, by the same; ``None`` before it has.
        ticked: When the last tick was appended, by the same.
        marked: The newest ruleset that was marked.
        clock_told: The clock that was last told downstream.
        rest: Which graves have lain for long enough.
    """

    __slots__ = (
        "attempts",
        "checkpointed",
        "clock_told",
        "expected",
        "heard",
        "marked",
        "partition",
        "rest",
        "store",
        "ticked",
        "told",
    )

    def __init__(self, partition: Partition[Any, Any], store: Store, now: float) -> None:
        self.partition = partition
        self.store = store
        contained = store.changelog_offset()
        self.expected = 0 if contained is None else contained + 1
        self.told: list[Told] = []
        self.attempts: list[Any] = []
        self.checkpointed = now
        self.heard: float | None = None
        self.ticked: float | None = None
        self.marked = partition.version
        self.clock_told = partition.clock
        self.rest = Rest()

    def wants_checkpoint(self, now: float, cadence: Cadence) -> bool:
        """Return whether the last checkpoint is long enough ago."""
        has_news = self.partition.has_changed or bool(self.told)
        return now - self.checkpointed >= (cadence.checkpoint if has_news else cadence.idle)

    def wants_tick(self, now: float, cadence: Cadence) -> bool:
        """Return whether something seems to be due that a tick would bring on.

        The time of the log is estimated from the last arrival and what has passed since, on a
        clock that only has to run at about the right speed: what counts is the tick's own
        arrival, which the broker stamps. A partition that has heard nothing yet asks by a tick.
        """
        due = self.partition.next_due
        if due == NEVER or (self.ticked is not None and now - self.ticked < cadence.tick):
            return False
        return self.heard is None or self.partition.clock + (now - self.heard) * 1000 >= due
