"""The keyed process: one input topic, state per customer, and the commit protocol.

For each partition, in this order (`docs/architecture.md`):

1. take a batch and decide (`core.keyed.partition`);
2. hand what was decided to the log at once; it leaves within milliseconds;
3. at a checkpoint, cut off what has changed; then, while deciding goes on, wait until all that
   was decided up to the cut is acknowledged, append the cut's states to the changelog, and when
   they are acknowledged, the partition record (`stream.keyed.checkpoints`);
4. only then write the local store, in one batch: it is never ahead of the changelog, and the
   changelog is never ahead of the firings;
5. only then acknowledge the input.

A crash anywhere repeats work and changes nothing: what the state contains is skipped by its
fence, and what it does not contain is decided again, with the same ids.

Everything here runs on one event loop, one call at a time for each partition, and beside it a cut
on its way; where a call of one awaits, another partition's may go on. The world comes in through
`stream.ports`, so that the simulator can be it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from math import inf
from typing import Any

from triggerstream.core.keyed.partition import Partition
from triggerstream.core.keyed.program import Program
from triggerstream.core.records.columns import Columns
from triggerstream.core.records.record import Produce
from triggerstream.errors import DecisionError, TriggerstreamError, WorldChangedError
from triggerstream.stream.keyed.checkpoints import Checkpoints, Sleep, Spawn
from triggerstream.stream.keyed.encoder import Encoder
from triggerstream.stream.keyed.owned_partition import Cadence, OwnedPartition
from triggerstream.stream.keyed.sweep import Sweep
from triggerstream.stream.ports import (
    Attempts,
    Input,
    Log,
    Observer,
    OpenStore,
    Rulesets,
)

OUTSTANDING = 64
"""Unacknowledged hand-overs to the log that a partition may have before it waits."""

SLICE = 100
"""Records decided at a time where they lead to attempts."""

ROOM_AGAIN = 0.005
"""Seconds after which a partition without room for attempts asks for it again."""

SPREAD = 0.618
"""Partitions are opened together, and their checkpoints are due this share of the interval apart
(modulo the interval; the golden section, so that any number of them spreads evenly)."""

CLOCK_STEP = 900_000
"""Where time is data: how far the clock may move, in milliseconds, untold downstream."""


class KeyedProcess:
    """Runs *program* over the partitions that it is given.

    Args:
        encoder: Encodes outcomes for the log.
        placed: For a partition's number, whether it is where a customer belongs.
        attempts: Runs what must wait for a checkpoint: the sender's calls to channels.
        marks: Whether this process puts new rulesets in force, by marks in its input.
        monotonic: Seconds that never go back; decides when to look, never what to decide.
        spawn: Runs a coroutine beside its caller.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        program: Program[Any, Any],
        encoder: Encoder,
        *,
        log: Log,
        rulesets: Rulesets,
        consumer: Input,
        open_store: OpenStore,
        observer: Observer,
        attempts: Attempts | None,
        placed: Callable[[int], Callable[[str], bool]],
        monotonic: Callable[[], float],
        marks: bool,
        header_clock: bool,
        cadence: Cadence | None = None,
        capacity: int = 100_000,
        topic_id: str = "",
        engine: str = "",
        spawn: Spawn = asyncio.create_task,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._program = program
        self._encoder = encoder
        self._log = log
        self._rulesets = rulesets
        self._input = consumer
        self._open_store = open_store
        self._observer = observer
        self._attempts = attempts
        self._placed = placed
        self._monotonic = monotonic
        self._marks = marks
        self._header_clock = header_clock
        self._cadence = cadence or Cadence()
        self._capacity = capacity
        self._topic_id = topic_id
        self._engine = engine
        self._sleep = sleep
        self._is_leaving = False
        self._owned: dict[int, OwnedPartition] = {}
        self._checkpoints = Checkpoints(
            log,
            consumer,
            observer,
            attempts,
            owns=lambda owned: self._owned.get(owned.partition.number) is owned,
            monotonic=monotonic,
            spawn=spawn,
            sleep=sleep,
            cadence=self._cadence,
        )

    # ── partitions come and go ──────────────────────────────────────────────────────────────

    async def open(self, number: int) -> None:
        """Take over partition *number*, whose store has been restored.

        Raises:
            WorldChangedError: The input topic is not the one that the state was made from.
        """
        self._is_leaving = False
        store = self._open_store(number)
        partition: Partition[Any, Any] = Partition(
            self._program,
            store,
            number=number,
            takes_room=None if self._attempts is None else self._attempts.is_one,
            rulesets=self._rulesets.get,
            placed=self._placed(number),
            header_clock=self._header_clock,
            capacity=self._capacity,
            engine=self._engine,
        )
        self._check_world(partition)
        partition.topic_id = self._topic_id
        since = self._monotonic() - self._cadence.checkpoint * (number * SPREAD % 1)
        owned = self._owned[number] = OwnedPartition(partition, store, since)
        self._observer.opened(number, partition.pending_states())
        if self._attempts is not None:
            for attempt in partition.pending():
                self._attempts.orphan(number, attempt)
        record = partition.record
        if store.stale() or (record.offset >= 0 and record.engine != self._engine):
            # Another version of what decides begins with a cut of its own.
            await self._checkpoints.store(owned)
        elif record.offset >= 0:
            # A crash between checkpoint and commit; a silent partition would have no other cause.
            self._input.done(number, record.offset)

    def _check_world(self, partition: Partition[Any, Any]) -> None:
        known, found = partition.record.topic_id, self._topic_id
        if known and found and known != found:
            raise WorldChangedError(
                f"partition {partition.number}: the state belongs to the topic with id {known}; "
                f"found id {found}: the topic was deleted and created again. Restore the topic, or "
                "start under a new prefix"
            )
        end = self._input.end_offset(partition.number)
        if end is not None and partition.offset >= end:
            raise WorldChangedError(
                f"partition {partition.number}: the state contains offset {partition.offset}; "
                f"found a log that ends at {end}: records were lost, or the topic was created "
                "anew. Put back from a backup what was lost, or start without states: under a new "
                "prefix, or in a new directory"
            )

    def leave(self) -> None:
        """Let no partition be held back any longer: all are about to be given away."""
        self._is_leaving = True

    async def close(self, number: int) -> None:
        """Give partition *number* away: checkpoint, commit, forget."""
        owned = self._owned.get(number)
        if owned is None:
            return
        try:
            await self._checkpoints.store(owned)
        finally:
            self._forget(number)

    def drop(self) -> None:
        """Forget everything without writing: the generation is over, and another process may own
        these partitions by now. Nothing in memory outlives a generation."""
        for number in list(self._owned):
            self._forget(number)

    def _forget(self, number: int) -> None:
        if (owned := self._owned.pop(number, None)) is not None:
            owned.break_off()
        if self._attempts is not None:
            self._attempts.release(number)

    @property
    def numbers(self) -> list[int]:
        """The partitions owned now."""
        return list(self._owned)

    @property
    def cached(self) -> int:
        """How many customers are held in memory."""
        return sum(owned.partition.cached for owned in self._owned.values())

    def lags(self) -> list[tuple[int, int, float]]:
        """Return (partition, records behind the log's end, seconds since the last was read)."""
        now = self._monotonic()
        found = []
        for number, owned in self._owned.items():
            end = self._input.end_offset(number)
            left = 0 if end is None else max(0, end - owned.partition.offset - 1)
            since = owned.heard if left and owned.heard is not None else now
            found.append((number, left, now - since))
        return found

    @property
    def is_ready(self) -> bool:
        """Whether every owned partition has a ruleset in force."""
        return all(owned.partition.ruleset is not None for owned in self._owned.values())

    # ── work ────────────────────────────────────────────────────────────────────────────────

    async def on_batch(self, number: int, records: Columns) -> None:
        """Decide *records* of partition *number*, and tell what was decided."""
        count = len(records)
        # Where there are attempts: in slices, so that the checkpoint that they wait for begins
        # soon.
        step = SLICE if self._attempts is not None else count or 1
        for start in range(0, count, step):
            if not await self._take(number, records, start, min(start + step, count)):
                return

    def pass_over(self, number: int, offset: int) -> None:
        """Count what stands up to *offset* of partition *number* as done: behind the records that
        were decided there is nothing that is one (`Partition.pass_over`)."""
        if (owned := self._owned.get(number)) is not None:
            owned.partition.pass_over(offset)

    async def _take(self, number: int, records: Columns, start: int, end: int) -> bool:
        """Decide *records* with *start* <= index < *end*; return whether all were, or the
        partition is given away instead."""
        owned = self._owned.get(number)
        if owned is None:
            return False
        partition = owned.partition
        clock = partition.clock
        started = self._monotonic()
        done = start
        while done < end:
            if not await self._wait_for_room(owned):
                return False
            arrived = records.timestamps[done]
            owned.is_telling = True
            done = self._apply(partition, records, done, end)
            await self._tell(owned, arrived)
            owned.is_telling = False
            if partition.is_full:
                await self._checkpoints.make_room(owned)
            elif done < end and partition.room > 0:
                await self._rulesets.wait_for(partition.awaiting or 1)
        self._observer.took(self._monotonic() - started)
        if partition.clock > clock:
            owned.heard = self._monotonic()
        await self._checkpoint(owned)
        return True

    async def _wait_for_room(self, owned: OwnedPartition) -> bool:
        """Return when there is room for attempts, or, with ``False``, when the partition is given
        away.

        Meanwhile the partition is held back: what is due and what is in the log waits unreserved.
        What takes the room may be its own, and wait for its next checkpoint.
        """
        partition, attempts = owned.partition, self._attempts
        while self._owned.get(partition.number) is owned:
            if attempts is None:
                return True
            partition.room = attempts.room(partition.number)
            if partition.room > 0:
                return True
            if self._is_leaving:
                return False
            await self._checkpoint(owned)
            await self._sleep(ROOM_AGAIN)
        return False

    async def _checkpoint(self, owned: OwnedPartition) -> None:
        """Begin a checkpoint if it is time for one, or an attempt waits for it."""
        self._checkpoints.look_after(owned)
        if owned.wants_checkpoint(self._monotonic(), self._cadence, partitions=len(self._owned)):
            await self._checkpoints.begin(owned)

    async def turn(self, number: int) -> float:
        """Do what time asks for in partition *number*: checkpoints, marks, ticks, sweeps.
        Return how many seconds of silence may pass until it asks again."""
        owned = self._owned.get(number)
        if owned is None:
            return inf
        await self._mark(owned)
        await self._tick(owned)
        if self._owned.get(number) is owned:
            await self._checkpoint(owned)
            await self._sweep(owned)
        ticks = not self._header_clock
        now = self._monotonic()
        return owned.silence(now, self._cadence, partitions=len(self._owned), ticks=ticks)

    def _apply(self, partition: Partition[Any, Any], records: Columns, start: int, end: int) -> int:
        try:
            return partition.apply(records, start, end)
        except TriggerstreamError:
            raise
        except Exception as error:
            raise DecisionError(
                f"partition {partition.number}: deciding the record after offset "
                f"{partition.offset} raised {type(error).__name__}: {error}"
            ) from error

    async def _tell(self, owned: OwnedPartition, arrived: int) -> None:
        """Hand over what was decided on records of which the first arrived at *arrived*; keep for
        the checkpoint what must wait for it."""
        partition = owned.partition
        outcomes, partition.outcomes = partition.outcomes, []
        self._observer.decided(partition.number, partition.statuses, outcomes)
        partition.statuses.clear()
        records = self._encoder.records(outcomes, partition)
        if self._attempts is not None:
            decided = [outcome for outcome in outcomes if self._attempts.is_one(outcome)]
            self._attempts.expect(partition.number, decided)
            owned.attempts.extend(decided)
        if not records and partition.clock - owned.clock_told > CLOCK_STEP:
            records = self._encoder.clock(partition)
        if not records:
            return
        owned.clock_told = partition.clock
        await self._append(owned, records, arrived)
        if len(owned.told) > OUTSTANDING:
            await self._checkpoints.settle(owned.told.pop(0))

    async def _append(
        self, owned: OwnedPartition, records: Sequence[Produce], arrived: int | None = None
    ) -> None:
        owned.told.append((await self._log.append(records), arrived))

    async def _mark(self, owned: OwnedPartition) -> None:
        newest = self._rulesets.newest()
        if newest is None:
            return
        version, content = newest
        awaited = owned.partition.awaiting
        if awaited is not None and awaited <= version:
            # A partition without records to wait at is made ready too.
            await self._rulesets.wait_for(awaited)
            owned.partition.make_ready()
        if not self._marks or owned.partition.ruleset is None:
            return
        if version > max(owned.marked, owned.partition.version):
            owned.marked = version
            mark = self._encoder.mark(owned.partition, version, content)
            await self._append(owned, [mark])

    async def _sweep(self, owned: OwnedPartition) -> None:
        """Touch some more customers, where those in silence are to hear of the ruleset. Behind a
        backlog: what is in the log comes first."""
        partition = owned.partition
        if not self._marks or not partition.wants_sweep:
            owned.sweep = None
            return
        now = self._monotonic()
        if owned.sweep is None or owned.sweep.version != partition.version:
            pace = self._cadence.touches
            owned.sweep = Sweep(owned.store, partition.version, now, pace=pace)
        end = self._input.end_offset(partition.number)
        if end is not None and end - partition.offset > self._cadence.touches:
            return
        customers = owned.sweep.take(now)
        if customers is None:
            partition.note_sweep()
            owned.sweep = None
        elif customers:
            await self._append(owned, [self._encoder.touch(partition, each) for each in customers])

    async def _tick(self, owned: OwnedPartition) -> None:
        """Append a tick when something is due and the partition is silent."""
        now = self._monotonic()
        if self._header_clock or not owned.wants_tick(now, self._cadence):
            return
        end = self._input.end_offset(owned.partition.number)
        if end is not None and end > owned.partition.offset + 1:
            return
        owned.ticked = now
        await self._append(owned, [self._encoder.tick(owned.partition)])
        self._observer.ticked()

    # ── questions ───────────────────────────────────────────────────────────────────────────

    def inspect(self, number: int, customer: str) -> dict[str, Any] | None:
        """Return what is known of *customer*, or ``None`` where the partition is not ours."""
        owned = self._owned.get(number)
        if owned is None:
            return None
        partition = owned.partition
        found = partition.state_of(customer)
        return {
            "customer_id": customer,
            "partition": number,
            "offset": partition.offset,
            "clock": partition.clock,
            "ruleset": partition.version,
            "known": found is not None,
            "fence": found[1] if found else None,
            "state": self._program.describe(found[0], partition.ruleset) if found else None,
        }
