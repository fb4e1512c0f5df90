"""After every rebalance: restore, take over, and read from where the state ends.

Faust's recovery reads changelogs record by record, through the group's own consumer. Here Faust
still owns the table, its changelog topic, and which partitions of it come with which partitions
of the input, or as standbys; reading is `stream.kafka.restore`'s and `stream.kafka.standbys`'s, on
consumers of their own.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, cast

from faust.tables.manager import TableManager as FaustTableManager
from faust.tables.recovery import RebalanceAgain, ServiceStopped
from faust.tables.recovery import Recovery as FaustRecovery
from faust.types import TP
from mode import Service

from triggerstream.core.keyed.partition_record import PartitionRecord
from triggerstream.errors import WorldChangedError
from triggerstream.stream.kafka.faust.edge import SERVICES, EdgeApp
from triggerstream.stream.kafka.faust.transport import Consumer, Transport
from triggerstream.stream.kafka.restore import Progress, restore
from triggerstream.stream.kafka.standbys import Standbys
from triggerstream.stream.rocksdb.store import RocksStore
from triggerstream.stream.rocksdb.stores import Stores

_log = logging.getLogger(__name__)


class RecoveringApp(EdgeApp):
    """An app whose one table is restored into *stores*, for the input *main_topic* (full name);
    *on_progress* is told how far that is. *standbys* follows what others own of it."""

    main_topic: str
    changelog: str
    stores: Stores
    standbys: Standbys
    on_progress: Progress


class Recovery(FaustRecovery):
    """Runs once for every generation, and is broken off by the next."""

    logger = SERVICES

    @property
    def _app(self) -> RecoveringApp:
        return cast("RecoveringApp", self.app)

    @property
    def _consumer(self) -> Consumer:
        return cast("Consumer", self.app.consumer)

    @Service.task
    async def _restart_recovery(self) -> None:
        while not self.should_stop:
            if await self.wait_for_stopped(cast("Any", self.signal_recovery_start)):
                return
            self.signal_recovery_start.clear()
            try:
                await self._wait(self._take_over(self._generation_id))
            except RebalanceAgain:
                _log.info("another rebalance: beginning again")
            except ServiceStopped:
                return

    @Service.task
    async def _slurp_changelogs(self) -> None:
        """Do nothing: nobody puts records of changelogs into a queue."""

    @Service.task
    async def _publish_stats(self) -> None:
        """Do nothing: the progress of a restore is told by who does it."""

    async def _take_over(self, generation: int) -> None:
        app, consumer = self._app, self._consumer
        rebalances = app.rebalancing_count
        assigned = consumer.assignment()
        inputs = {tp for tp in assigned if tp.topic in app.edge.readings}
        # Whatever was followed until now may be ours by now, and a store has one owner.
        await app.standbys.stop()
        owned, followed = self._stores(inputs)
        await restore(
            cast("Transport", app.transport).options,
            app.changelog,
            owned,
            on_progress=app.on_progress,
        )
        # A fetch that is still under way would move the position after it was set.
        await consumer.wait_until_quiet()
        positions = await self._positions(inputs)
        await consumer.thread.read_from(positions, assigned - inputs)
        if app.rebalancing_count == rebalances:
            app.edge.lease.turned()
            await app.edge.open(generation, inputs)
        # Else they have been revoked meanwhile, and the next assignment is on its way.
        if app.rebalancing_count == rebalances:
            await self._begin(inputs)
            app.standbys.follow(followed)

    def _stores(self, inputs: Iterable[TP]) -> tuple[dict[int, RocksStore], dict[int, RocksStore]]:
        """Return the stores of owned partitions, and of those to follow; close all others."""
        app = self._app
        owned = sorted(tp.partition for tp in inputs if tp.topic == app.main_topic)
        placed = {
            tp.partition for tp in app.assignor.assigned_standbys() if tp.topic == app.changelog
        }
        followed = sorted(placed.difference(owned))
        app.stores.close_others({*owned, *followed})
        opened = app.stores.open
        return {number: opened(number) for number in owned}, {
            number: opened(number) for number in followed
        }

    async def _positions(self, inputs: set[TP]) -> Mapping[TP, int]:
        """Return where to read on: behind what the state contains, or what was committed.

        Raises:
            WorldChangedError: The log does not have that offset, or the state is gone.
        """
        app = self._app
        committed = await self._consumer.thread.committed(inputs)
        bounds = await self._consumer.thread.bounds(inputs)
        positions: dict[TP, int] = {}
        for tp in inputs:
            start, end = bounds[tp]
            app.edge.ends[tp] = end
            app.edge.offsets.started(tp, committed[tp])
            record = self._record(tp) if tp.topic == app.main_topic else None
            position = _resume(tp, record, committed[tp], is_kept=tp.topic == app.main_topic)
            if position is None:
                position = start
            elif position < start:
                message = (
                    f"{tp.topic}/{tp.partition}: offset {position} is to be read next; found a log "
                    f"that starts at {start}: records were removed before they were read"
                )
                raise WorldChangedError(message)
            elif position > end:
                message = (
                    f"{tp.topic}/{tp.partition}: offset {position} is to be read next; found a log "
                    f"that ends at {end}: records were lost, or the topic was created anew"
                )
                raise WorldChangedError(message)
            positions[tp] = position
        return positions

    def _record(self, tp: TP) -> PartitionRecord | None:
        stored = self._app.stores.open(tp.partition).partition_record()
        return None if stored is None else PartitionRecord.decode(stored)

    async def _begin(self, inputs: set[TP]) -> None:
        app, consumer = self._app, self._consumer
        consumer.resume_partitions(inputs)
        self.completed.set()
        app.flow_control.resume()
        consumer.resume_flow()
        self.tables.on_actives_ready()
        self.tables.on_standbys_ready()
        app.on_rebalance_end()
        app.edge.is_settled = True
        await app._fetcher.maybe_start()  # noqa: SLF001 - see the plug-point tests
        _log.info("reading %d partitions", len(inputs))


def _resume(
    tp: TP, record: PartitionRecord | None, committed: int | None, *, is_kept: bool
) -> int | None:
    """Return the offset to read next, or ``None``: from the start.

    The partition record is the truth where state is kept: an offset is committed behind it.
    """
    if not is_kept:
        return committed
    if record is not None:
        return record.offset + 1
    if committed is not None:
        message = (
            f"{tp.topic}/{tp.partition}: offset {committed} was committed, but the changelog has "
            "no partition record: it was deleted. Bring it back, or delete the group to begin anew"
        )
        raise WorldChangedError(message)
    return None


class TableManager(FaustTableManager):
    """Manages the one table, with our recovery."""

    logger = SERVICES

    @property
    def recovery(self) -> Recovery:
        if self._recovery is None:
            self._recovery = Recovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return cast("Recovery", self._recovery)

    async def on_start(self) -> None:
        """Start without Faust's second of waiting."""
        await self._update_channels()
        await self.recovery.start()
