"""One partition that a process owns: what is under way for it, and what time asks for it."""

from __future__ import annotations

from collections.abc import Awaitable, Generator, Sequence
from math import inf
from typing import Any, Protocol

import msgspec

from triggerstream.core.keyed.cuts import SLICE_SIZE
from triggerstream.core.keyed.partition import Partition
from triggerstream.core.keyed.program import NEVER, Store
from triggerstream.stream.keyed.grace import GracePeriod
from triggerstream.stream.keyed.sweep import AGAIN, Sweep
from triggerstream.stream.ports import Acknowledged

Told = tuple[Awaitable[Sequence[Acknowledged]], int | None]
"""What was handed over to the log: its acknowledgement; and when the first record that led to it
had arrived, where one did."""


SHARE = 1 / 32
"""Of a process's time, what cutting off and storing may take where checkpoints are far enough
apart for it; appending takes about as much again (`docs/benchmarks.md`)."""
STRETCH = 5
"""How many times further apart they may be for that: what a crash repeats has a bound."""


class Beside(Protocol):
    """What runs beside its caller; an `asyncio.Task` is one."""

    def done(self) -> bool: ...
    def result(self) -> None: ...
    def cancel(self) -> object: ...
    def __await__(self) -> Generator[Any, None, None]: ...


class Cadence(msgspec.Struct, frozen=True):
    """How often things are done, in seconds of a monotonic clock.

    Attributes:
        checkpoint: Between two checkpoints of a partition that changed; up to `STRETCH` times as
            long where they would take more than their `SHARE` of the process's time.
        idle: Between two checkpoints of one that did not: they only notice foreign writes.
        tick: Between two ticks of a silent partition with something due.
        gather: After a checkpoint, until one that attempts ask for: each costs the same however
            many begin with it.
        look: Between two looks at what cannot be done yet, or is on its way, and does not say when
            that has changed.
        touches: A second and partition, where customers in silence are to hear of a ruleset: each
            is a record, and a state that is written.
        slice_size: How many customers a cut encodes before other partitions go on; a thousand take
            some three milliseconds.
    """

    checkpoint: float = 1.0
    idle: float = 300.0
    tick: float = 0.2
    gather: float = 0.02
    look: float = 0.05
    touches: float = 300.0
    slice_size: int = SLICE_SIZE


class OwnedPartition:
    """A partition, from when it is opened until it is given away or lost.

    Attributes:
        expected: The offset that our next changelog record must get.
        told: What was handed over to the log and is not known to be acknowledged.
        attempts: What begins with the next checkpoint.
        is_telling: Whether records are being decided, or what was decided is being handed over to
            the log: no cut is made then. It stays so after a failure.
        landing: The checkpoint whose cut is on its way, or after which attempts gather for the
            next; ``None`` without one.
        checkpointed: When the last one was over, by the process's monotonic clock.
        cost: How many seconds it kept the process from everything else.
        heard: When the clock last moved, by the same; ``None`` before it has.
        ticked: When the last tick was appended, by the same.
        marked: The newest ruleset that was marked.
        clock_told: The clock that was last told downstream.
        grace: Which graves have lain for long enough.
        sweep: The one that is under way; ``None`` without one.
    """

    __slots__ = (
        "attempts",
        "checkpointed",
        "clock_told",
        "cost",
        "expected",
        "grace",
        "heard",
        "is_telling",
        "landing",
        "marked",
        "partition",
        "store",
        "sweep",
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
        self.is_telling = False
        self.landing: Beside | None = None
        self.checkpointed = now
        self.cost = 0.0
        self.heard: float | None = None
        self.ticked: float | None = None
        self.marked = partition.version
        self.clock_told = partition.clock
        self.grace = GracePeriod()
        self.sweep: Sweep | None = None

    def wants_checkpoint(self, now: float, cadence: Cadence, *, partitions: int = 1) -> bool:
        """Return whether the last checkpoint is long enough ago, in a process that owns so many
        *partitions*, each with checkpoints of its own."""
        return self._until_checkpoint(now, cadence, partitions) <= 0

    def _until_checkpoint(self, now: float, cadence: Cadence, partitions: int) -> float:
        """Return after how many seconds one is wanted, as things stand."""
        if self.landing is not None:
            return inf
        if self.attempts:
            return 0
        apart = cadence.idle
        if self.partition.has_changed or self.told:
            costly = min(self.cost * partitions / SHARE, cadence.checkpoint * STRETCH)
            apart = max(costly, cadence.checkpoint)
        return apart - (now - self.checkpointed)

    def take_under_way(self) -> tuple[list[Told], list[Any]]:
        """Return what was handed over to the log, and the attempts that wait for the next
        checkpoint; from now on there is neither."""
        under_way = self.told, self.attempts
        self.told, self.attempts = [], []
        return under_way

    def break_off(self) -> None:
        """Let a cut that is on its way go no further."""
        landing, self.landing = self.landing, None
        if landing is not None:
            landing.cancel()

    def wants_tick(self, now: float, cadence: Cadence) -> bool:
        """Return whether something seems to be due that a tick would bring on.

        The time of the log is estimated from the last arrival and what has passed since, on a
        clock that only has to run at about the right speed: what counts is the tick's own
        arrival, which the broker stamps. A partition that has heard nothing yet asks by a tick.
        """
        return self._until_tick(now, cadence) <= 0

    def _until_tick(self, now: float, cadence: Cadence) -> float:
        """Return after how many seconds one is wanted, as things stand."""
        due = self.partition.next_due
        if due == NEVER:
            return inf
        rest = -inf if self.ticked is None else cadence.tick - (now - self.ticked)
        if self.heard is None:
            return rest
        return max(rest, (due - self.partition.clock) / 1000 - (now - self.heard))

    def silence(
        self, now: float, cadence: Cadence, *, partitions: int = 1, ticks: bool = True
    ) -> float:
        """Return how many seconds may pass without a look at what time asks for, if nothing else
        happens: more than 0, and `inf` where time asks for nothing.

        Args:
            ticks: Whether this process appends any.
        """
        left = self._until_checkpoint(now, cadence, partitions)
        if ticks:
            left = min(left, self._until_tick(now, cadence))
        if self.sweep is not None:
            left = min(left, AGAIN)
        if left <= 0:  # wanted, and it could not be done
            return cadence.look
        return left if self.landing is None else min(left, cadence.look)
