"""Checkpoints: the commit protocol from its third step on, beside deciding.

A checkpoint cuts a partition off at one offset: it encodes what has changed, a slice at a time, and
only for so long the partition stands still. Then the cut is on its way, while records beyond it
are decided: first everything that was decided up to the cut is acknowledged, then the changelog
gets its states and its partition record, and then the local store. One cut of a partition is on
its way at a time.

An attempt begins when the cut that knows of it has landed. Those that are decided while a cut is on
its way, or soon after, share the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from triggerstream.core.keyed import header
from triggerstream.core.keyed.cuts import Cut
from triggerstream.core.keyed.partition_record import CUSTOMER_PREFIX, PARTITION_KEY
from triggerstream.core.keyed.program import Store
from triggerstream.errors import LeaseExpiredError
from triggerstream.stream.keyed.foreign import Foreign
from triggerstream.stream.keyed.owned_partition import Beside, Cadence, OwnedPartition, Told
from triggerstream.stream.ports import Attempts, Entry, Input, Log, Observer

Spawn = Callable[[Coroutine[Any, Any, None]], Beside]
Sleep = Callable[[float], Coroutine[Any, Any, None]]


class Checkpoints:
    """Stores cuts of the partitions that a process owns.

    Args:
        owns: Whether the process still owns a partition.
        spawn: Runs a coroutine beside its caller: `asyncio.create_task`.
        sleep: Waits so many seconds.
        cadence: Its `slice_size` and `gather` count here.
    """

    def __init__(
        self,
        log: Log,
        consumer: Input,
        observer: Observer,
        attempts: Attempts | None,
        *,
        owns: Callable[[OwnedPartition], bool],
        monotonic: Callable[[], float],
        spawn: Spawn,
        sleep: Sleep,
        cadence: Cadence,
    ) -> None:
        self._log = log
        self._input = consumer
        self._observer = observer
        self._attempts = attempts
        self._owns = owns
        self._monotonic = monotonic
        self._spawn = spawn
        self._sleep = sleep
        self._cadence = cadence

    async def begin(self, owned: OwnedPartition) -> None:
        """Cut *owned* off, and return while the cut is on its way. None may be already."""
        await self._begin(owned, self._land_all)

    async def store(self, owned: OwnedPartition) -> None:
        """Return when everything that is decided of *owned* by now is stored.

        Nothing may be decided meanwhile, so that no attempts gather.
        """
        await self.landed(owned)
        await self._begin(owned, self._land)
        await self.landed(owned)

    async def make_room(self, owned: OwnedPartition) -> None:
        """Return when no checkpoint is wanted any more for want of room."""
        await self.landed(owned)
        if owned.partition.is_full:
            await self.store(owned)

    async def landed(self, owned: OwnedPartition) -> None:
        """Return when no cut of *owned* is on its way, and no attempts gather for one."""
        if owned.landing is not None:
            await owned.landing
            owned.landing = None

    def look_after(self, owned: OwnedPartition) -> None:
        """Take note of a landing that is over; raise what has ended it."""
        if owned.landing is not None and owned.landing.done():
            owned.landing.result()
            owned.landing = None

    async def settle(self, told: Told) -> None:
        """Wait until what was handed over to the log is acknowledged."""
        acknowledgement, arrived = told
        appended = max((batch.timestamp for batch in await acknowledgement), default=-1)
        if arrived is not None and appended >= 0:
            self._observer.told(max(0, appended - arrived) / 1000)

    # ── one cut ─────────────────────────────────────────────────────────────────────────────

    async def _begin(
        self, owned: OwnedPartition, land: Callable[..., Coroutine[Any, Any, None]]
    ) -> None:
        started = self._monotonic()
        cut = await self._cut(owned)
        # Taken now: what is decided before the landing begins to run is not in the cut.
        owned.landing = self._spawn(land(owned, cut, owned.take_under_way(), started))

    async def _cut(self, owned: OwnedPartition) -> Cut:
        began = self._monotonic()
        owned.cost = 0.0
        cuts = owned.partition.cutting(owned.grace.record, slice_size=self._cadence.slice_size)
        cut = next(cuts)
        for _ in cuts:
            owned.cost += self._monotonic() - began
            await asyncio.sleep(0)  # other partitions go on
            began = self._monotonic()
        owned.cost += self._monotonic() - began
        return cut

    async def _land_all(
        self,
        owned: OwnedPartition,
        cut: Cut,
        under_way: tuple[list[Told], list[Any]],
        started: float,
    ) -> None:
        """Store *cut*, and then what attempts wait for that have gathered."""
        await self._land(owned, cut, under_way, started)
        while self._attempts is not None:
            await self._sleep(self._cadence.gather)
            # What is being decided and told is not yet among what a cut would wait for.
            if not owned.attempts or owned.is_telling or not self._owns(owned):
                break
            started = self._monotonic()
            cut = owned.partition.cut(owned.grace.record)
            owned.cost = self._monotonic() - started
            await self._land(owned, cut, owned.take_under_way(), started)

    async def _land(
        self,
        owned: OwnedPartition,
        cut: Cut,
        under_way: tuple[list[Told], list[Any]],
        started: float,
    ) -> None:
        """Store *cut*, in the order that makes a crash harmless; then start what waited for it."""
        partition = owned.partition
        handed_over, attempts = under_way
        for told in handed_over:
            await self.settle(told)
        self._check_lease(partition.number)
        states: list[Entry] = [
            (CUSTOMER_PREFIX + customer, value) for customer, value in cut.values.items()
        ]
        foreign = Foreign(partition, cut, owned.store, has_attempts=self._attempts is not None)
        await self._append(owned, states, foreign)
        await self._append(owned, [(PARTITION_KEY, cut.record)], foreign)
        while (lost := foreign.take()) is not None:
            # Ours must be the last word: the customers first, then the partition record.
            self._observer.foreign(partition.number, len(lost))
            await self._append(owned, lost, foreign)
            await self._append(owned, [(PARTITION_KEY, cut.record)], foreign)
        if not self._owns(owned):
            return  # dropped while we waited: the next owner goes on from the changelog
        self._check_lease(partition.number)
        resumed = self._monotonic()
        owned.store.write(
            cut.values,
            partition_record=cut.record,
            changelog_offset=owned.expected - 1,
            old=cut.old,
        )
        partition.landed(cut)
        owned.grace.note(partition.record)
        self._input.done(partition.number, cut.offset)
        owned.checkpointed = self._monotonic()
        owned.cost += owned.checkpointed - resumed
        self._observer.checkpointed(partition, cut, owned.checkpointed - started)
        if self._attempts is not None:
            for attempt in attempts:  # their reservations are durable by now
                self._attempts.start(partition.number, attempt)

    async def _append(self, owned: OwnedPartition, entries: list[Entry], foreign: Foreign) -> None:
        """Append to the changelog; what others wrote in between goes to *foreign*."""
        if not entries:
            return
        number = owned.partition.number
        rows = _with_graves(owned.store, entries, foreign.offset)
        for batch in await self._log.append_changelog(number, rows):
            if batch.base_offset != owned.expected:
                foreign.meet(
                    await self._log.read_changelog(number, owned.expected, batch.base_offset)
                )
            owned.expected = batch.base_offset + batch.count
            owned.grace.hear(batch.timestamp)

    def _check_lease(self, number: int) -> None:
        if not self._input.still_ours():
            raise LeaseExpiredError(
                f"partition {number}: this process was silent for too long to know that it still "
                "owns its partitions; it stops instead of writing"
            )


def _with_graves(store: Store, entries: list[Entry], offset: int) -> list[Entry]:
    """Return *entries* with a grave before each null: only its fence tells a restore whether the
    null comes from a former owner, who does not know that the customer has come back.

    It is the customer's own, where *store* holds it. Else nobody has been there for long, up to
    *offset* where the cut ends, and the grave says just that: nothing is known of an erasure.

    The log keeps the two together, whatever others append meanwhile.
    """
    if all(value is not None for _, value in entries):
        return entries
    rows: list[Entry] = []
    for key, value in entries:
        if value is None:
            grave = store.get(key[len(CUSTOMER_PREFIX) :])
            rows.append((key, grave or header.pack_grave(0, offset, -1)))
        rows.append((key, value))
    return rows
