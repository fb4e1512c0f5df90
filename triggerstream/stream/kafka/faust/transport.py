"""The transport: Faust's consumer, made to hand over batches and to commit only what is done.

What is replaced, and why:

- Faust drains records one by one, at some eighty microseconds each, and sleeps for a second when
  all its buffers are full. Ours hands over what one fetch brought of a partition, unread, and
  leaves full partitions out of the next fetch.
- Faust acknowledges an event whose agent failed, commits whatever became of the writes that it
  led to, and forgets what was acknowledged just before a rebalance. Ours commits what `Edge`'s
  processes said is done, and does so before partitions are given away.
- aiokafka parks after an unexpected group error until somebody asks for it; Faust never asks.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any, ClassVar, Final, TypeVar, cast

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import CommitFailedError, KafkaError
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.transports import ConsumerT, ProducerT
from mode import Service

from triggerstream.errors import LeaseExpiredError
from triggerstream.stream.handover import Batch, Fetch, Handover
from triggerstream.stream.kafka.consumer import COMMITTED, calm, log_ends
from triggerstream.stream.kafka.faust.edge import SERVICES, Edge, EdgeApp
from triggerstream.stream.kafka.records import lighten

FETCH_WAIT: Final = 0.5
"""Seconds that a fetch may wait for records. A new record ends the wait at once."""
HELD_WAIT: Final = 0.02
"""The same while full partitions are left out, which may have room again in a moment."""
BUSY_POLL_MS: Final = 50
"""Milliseconds that the broker may hold a request for records. A request leaves out partitions
whose records lie unread here, and no other is made before it is answered: they would wait too."""
SILENT_POLL_MS: Final = 500
"""The same in a silence, in which none is left out: each request costs some half a millisecond."""
COMMIT_LIMIT: Final = 10.0
"""Seconds that a commit may take when partitions are given away."""

_Result = TypeVar("_Result")


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread with the group's membership: heartbeats go on while a batch is decided."""

    logger = SERVICES

    @property
    def _edge(self) -> Edge:
        return cast("EdgeApp", self.app).edge

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        conf = self.app.conf
        self._assignor = self.app.assignor
        return AIOKafkaConsumer(
            **cast("Transport", transport).options,
            client_id=conf.broker_client_id,
            group_id=conf.id,
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level=COMMITTED,
            max_partition_fetch_bytes=conf.consumer_max_fetch_size,
            fetch_max_wait_ms=BUSY_POLL_MS,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            max_poll_interval_ms=int(conf.broker_max_poll_interval * 1000),
        )

    async def on_start(self) -> None:
        await super().on_start()
        consumer = self._ensure_consumer()
        lighten(consumer._fetcher, is_whole=True)  # noqa: SLF001 - see the plug-point tests
        calm(consumer._fetcher)  # noqa: SLF001
        coordinator = consumer._coordinator  # noqa: SLF001
        beat = coordinator._do_heartbeat  # noqa: SLF001

        async def heard() -> bool:
            asked_at = time.monotonic()
            answered: bool = await beat()
            if answered:
                self._edge.lease.heard(asked_at)
            return answered

        coordinator._do_heartbeat = heard  # noqa: SLF001
        joined = coordinator._on_join_complete  # noqa: SLF001

        async def counted_in(*answer: Any) -> None:
            # Joining can take longer than the lease, and no heartbeat is answered meanwhile.
            self._edge.lease.heard(time.monotonic())
            await joined(*answer)

        coordinator._on_join_complete = counted_in  # noqa: SLF001

    @Service.task
    async def _watch_the_group(self) -> None:
        while not self.should_stop:
            await self.sleep(0.5)
            try:
                self._ensure_consumer()._coordinator.check_errors()  # noqa: SLF001
            except KafkaError as error:
                message = f"the group cannot go on with this process: {error!r}"
                lost = LeaseExpiredError(message)
                lost.__cause__ = error
                self._edge.shutdown.fail(lost)
            if self._edge.lease.is_stuck:
                # The loop that would end the process in order is what does not turn.
                self.log.critical("ending here: %s", self._edge.lease.account())
                os._exit(LeaseExpiredError.exit_code)

    @property
    def is_evicted(self) -> bool:
        """Whether the group does not know this process any more."""
        return bool(self._ensure_consumer()._coordinator.generation < 0)  # noqa: SLF001

    # ── calls from the process's own loop ───────────────────────────────────────────────────

    async def fetch(self, tps: set[TP], limit: float) -> Mapping[TP, tuple[Any, int]]:
        """Return what was fetched of *tps* (not empty), to be read, and the offset that follows it,
        of each whose reading has moved: without anything fetched where only that is so. Nothing
        after *limit* seconds.
        """
        consumer = self._ensure_consumer()

        async def there() -> Mapping[TP, tuple[Any, int]]:
            before = self._positions(tps)
            found = await self._fetch_records(consumer, tps, limit)
            self.poll(in_silence=limit >= FETCH_WAIT and not found and self.consumer.flow_active)
            # Where the broker had to be asked for a position meanwhile, there was none before.
            return {
                tp: (found.get(tp, []), following)
                for tp, following in self._positions(tps).items()
                if tp in found or following > before.get(tp, following)
            }

        return await self._there(there())

    def poll(self, *, in_silence: bool) -> None:
        """Let the broker hold the next requests for records for as long as is right *in_silence*,
        or for as long as it is else."""
        fetcher = self._ensure_consumer()._fetcher  # noqa: SLF001 - see the plug-point tests
        fetcher._fetch_max_wait_ms = SILENT_POLL_MS if in_silence else BUSY_POLL_MS  # noqa: SLF001

    def _positions(self, tps: Iterable[TP]) -> dict[TP, int]:
        """Return where the reading of those of *tps* stands of which that is known."""
        states = ((tp, self._state(tp)) for tp in tps)
        return {tp: state.position for tp, state in states if state and state.has_valid_position}

    def _state(self, tp: TP) -> Any:
        """Return what aiokafka knows of *tp*, or ``None`` where it is not assigned."""
        subscription = self._ensure_consumer()._subscription.subscription  # noqa: SLF001
        assignment = None if subscription is None else subscription.assignment
        return None if assignment is None else assignment.state_value(tp)

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> bool:
        """Commit; return whether the group took it, and not: it was rebalanced meanwhile.

        Raises:
            KafkaError: It failed for good.
        """
        try:
            await self._there(
                self._ensure_consumer().commit(
                    {
                        driver.ensure_aiokafka_TP(tp): OffsetAndMetadata(next_, "")
                        for tp, next_ in offsets.items()
                    }
                )
            )
        except CommitFailedError:
            return False
        return True

    async def committed(self, tps: Iterable[TP]) -> dict[TP, int | None]:
        """Return what the group holds for *tps*."""
        consumer = self._ensure_consumer()
        return {
            tp: await self._there(consumer.committed(driver.ensure_aiokafka_TP(tp))) for tp in tps
        }

    async def bounds(self, tps: Iterable[TP]) -> dict[TP, tuple[int, int]]:
        """Return the offsets at which the logs of *tps* start and end, as of now, with what open
        transactions have appended."""
        consumer, wanted = self._ensure_consumer(), list(tps)
        starts = await self._there(consumer.beginning_offsets(wanted))
        ends = await self._there(log_ends(consumer, wanted))
        return {tp: (starts[tp], ends[tp]) for tp in wanted}

    async def read_from(self, offsets: Mapping[TP, int], paused: Iterable[TP]) -> None:
        """Make the next fetch begin at *offsets*, and never fetch *paused*."""

        async def there() -> None:
            consumer = self._ensure_consumer()
            consumer.pause(*map(driver.ensure_aiokafka_TP, paused))
            for tp, offset in offsets.items():
                consumer.seek(driver.ensure_aiokafka_TP(tp), offset)

        await self._there(there())

    def stands_at(self, tp: TP) -> tuple[int, int, int]:
        """Return the next offset of *tp* to be fetched, and as last heard the last stable offset,
        up to which there is something to fetch, and the log's end.

        All are 0 where nothing is known yet.
        """
        state = self._state(tp)
        if state is None or state.highwater is None or not state.has_valid_position:
            return 0, 0, 0
        end = int(state.highwater)
        return int(state.position), end if state.lso is None else int(state.lso), end

    async def _there(self, call: Coroutine[Any, Any, _Result]) -> _Result:
        """Run *call* in this thread's loop. A tenth of what Faust's method queue costs."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(call, self.thread_loop))


class Consumer(driver.Consumer):
    """The consumer, on the process's own loop."""

    logger = SERVICES
    _thread: ConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._no_fetch = asyncio.Event()
        self._no_fetch.set()
        self._commits = asyncio.Lock()
        self.committed_at = time.monotonic()
        self.fetched_at = time.monotonic()

    @property
    def edge(self) -> Edge:
        return cast("EdgeApp", self.app).edge

    @property
    def thread(self) -> ConsumerThread:
        return self._thread

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    # ── batches ─────────────────────────────────────────────────────────────────────────────

    async def _drain_messages(self, fetcher: Any) -> None:
        while not (self.should_stop or fetcher.should_stop):
            if not self.flow_active:
                await self.wait(cast("Any", self.can_resume_flow))
                continue
            active = {tp for tp in self._get_active_partitions() if tp.topic in self.edge.readings}
            wanted = {tp for tp in active if not self._handover(tp).is_full(tp.partition)}
            if not wanted:
                await asyncio.sleep(HELD_WAIT)
                continue
            generation = self.app.consumer_generation_id
            self._no_fetch.clear()
            try:
                found = await self._thread.fetch(
                    wanted, FETCH_WAIT if wanted == active else HELD_WAIT
                )
            finally:
                self._no_fetch.set()
            self.fetched_at = time.monotonic()
            # What was fetched around a rebalance is dropped: whoever owns it then seeks again.
            if self._is_current(generation):
                for tp, (fetched, following) in found.items():
                    self._handover(tp).put(
                        Fetch(tp.partition, generation, fetched)
                        if fetched
                        else Batch(tp.partition, generation, (), following)
                    )

    def _handover(self, tp: TP) -> Handover:
        return self.edge.readings[tp.topic].handover

    def _is_current(self, generation: int) -> bool:
        return self.flow_active and generation == self.app.consumer_generation_id

    async def wait_until_quiet(self) -> None:
        """Return when no fetch is under way. With the flow stopped, none begins."""
        await self._no_fetch.wait()

    # ── offsets ─────────────────────────────────────────────────────────────────────────────

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Commit what is done, of all topics; Faust's commit timer calls this too."""
        del topics, start_new_transaction
        async with self._commits:
            pending = self.edge.offsets.pending()
            if not pending:
                self.committed_at = time.monotonic()
                return False
            taken = await self._thread.commit_offsets(pending)
            if taken:
                self.edge.offsets.committed(pending)
                self.committed_at = time.monotonic()
            return taken

    async def verify_all_partitions_active(self) -> None:
        """Do nothing: `watchdog` watches progress, and acts."""

    # ── rebalances ──────────────────────────────────────────────────────────────────────────

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        self.stop_flow()
        # What is asked of the brokers while partitions move waits behind a request that they hold.
        self._thread.poll(in_silence=False)
        await self.give_up(revoked, are_lost=self._thread.is_evicted)
        await super().on_partitions_revoked(revoked)

    async def give_up(self, revoked: set[TP], *, are_lost: bool) -> None:
        """Checkpoint, commit and forget *revoked*; only forget them where they *are_lost*.

        A failure seals the process's shutdown, and is not raised: the group has to hear from us.
        """
        try:
            await self.edge.close(revoked, are_lost=are_lost)
            if not are_lost:
                async with asyncio.timeout(COMMIT_LIMIT):
                    await self.commit()
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the process
            self.edge.shutdown.fail(error)
        self.edge.offsets.forget(revoked)


class Producer(driver.Producer):
    """Faust's producer, which stays unconnected: everything is appended by `stream.kafka.log`."""

    logger = SERVICES

    async def on_start(self) -> None: ...

    async def on_stop(self) -> None: ...

    async def flush(self) -> None: ...

    async def create_topic(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: `stream.kafka.topics` has made them."""


class Transport(driver.Transport):
    """Brings the three together. *options* is how to reach the brokers."""

    Consumer: ClassVar[type[ConsumerT]] = Consumer
    Producer: ClassVar[type[ProducerT]] = Producer

    options: Mapping[str, Any]
