"""What a process has around its program: topics, log, rulesets, metrics, health; and its run."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Any, Self, cast

from prometheus_client import CollectorRegistry

from triggerstream import __version__
from triggerstream.core.keyed.program import Program
from triggerstream.core.records.placement import partition_of
from triggerstream.core.zones import DATA_VERSION
from triggerstream.ops.build import version_line
from triggerstream.ops.client_id import client_id_of
from triggerstream.ops.health import Health, HealthServer
from triggerstream.ops.interpreter import spare_new_states, spare_the_collector, take_short_turns
from triggerstream.ops.metrics import ProcessMetrics
from triggerstream.ops.notices import Notices
from triggerstream.ops.settings import Settings
from triggerstream.stream.kafka.client import client_options
from triggerstream.stream.kafka.faust.app import BuildProcess, build_app
from triggerstream.stream.kafka.faust.recovery import RecoveringApp
from triggerstream.stream.kafka.faust.run import serve
from triggerstream.stream.kafka.log import KafkaLog
from triggerstream.stream.kafka.reach import reach
from triggerstream.stream.kafka.rulesets import KafkaRulesets
from triggerstream.stream.kafka.topic_ids import topic_id
from triggerstream.stream.kafka.topic_watch import watch_topic
from triggerstream.stream.kafka.topics import Topics, ensure_topics, wanted_topics
from triggerstream.stream.keyed.encoder import Encoder
from triggerstream.stream.keyed.owned_partition import Cadence
from triggerstream.stream.keyed.process import KeyedProcess
from triggerstream.stream.ports import Attempts, Input
from triggerstream.stream.rocksdb.stores import Stores
from triggerstream.stream.shutdown import Shutdown

_log = logging.getLogger(__name__)

ANSWER_WITHIN = 5.0
"""Seconds that the event loop has to answer a question of the health server."""
BEAT = 1.0
"""Seconds between two beats of the loop."""


class Runtime:
    """One keyed process, from its connections to its health. An asynchronous context manager.

    Args:
        name: The process's name: of its group, its changelog, its stores.
        title: What people call it: the command that starts it.
        input_topic: Short name of what it reads.
        downstream: Short name of the co-partitioned topic it writes to, if there is one.
        channels: The channels that it delivers by, for the metrics.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        name: str,
        title: str,
        input_topic: str,
        downstream: str | None = None,
        channels: tuple[str, ...] = (),
    ) -> None:
        self.settings = settings
        self.topics = Topics(settings.kafka.topic_prefix)
        self.name = name
        self.title = title
        self.input_topic = input_topic
        self.downstream = downstream
        self.header_clock = settings.clock == "header"
        self.options = client_options(settings.kafka)
        self.registry = CollectorRegistry()
        self.notices = Notices(input_topic)
        self.metrics = ProcessMetrics(
            self.registry, input_topic, channels, also=self.notices.decided
        )
        self.shutdown = Shutdown()
        self.log = KafkaLog(
            self.options, topic_name=self.topics.name, changelog=self.topics.changelog(name)
        )
        self.rulesets = KafkaRulesets(self.options, self.topics, on_failure=self.shutdown.fail)
        self.stores = Stores(settings.data_dir, name, on_damage=self.metrics.put_aside)
        self.process: KeyedProcess | None = None
        self._health = Health()
        self._stack = AsyncExitStack()
        self._topic_id = ""
        self._loop = asyncio.get_running_loop()

    async def __aenter__(self) -> Self:
        """Make the topics, connect, read the rulesets, and listen."""
        async with AsyncExitStack() as stack:
            await self._connect(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def _connect(self, stack: AsyncExitStack) -> None:
        """Do what entering means; *stack* undoes it, also where it is broken off halfway."""
        settings = self.settings
        self.stores.claim()
        stack.callback(self.stores.release)
        await reach(self.options)
        wanted = wanted_topics(
            self.topics, settings.kafka.partitions, header_clock=self.header_clock
        )
        await ensure_topics(self.options, wanted, replication=settings.kafka.replication)
        self._topic_id = await topic_id(self.options, self.topics.name(self.input_topic))
        stack.push_async_callback(self.log.stop)
        await self.log.start()
        await stack.enter_async_context(self.rulesets)
        token = settings.http.admin_token
        self._server = HealthServer(
            self._health,
            self.registry,
            host=settings.http.host,
            port=settings.http.port,
            inspect=self._ask,
            token=None if token is None else token.get_secret_value(),
            shows_customers=settings.http.serves_customers,
        )
        self._server.start()
        stack.callback(self._server.stop)
        self._identity = client_id_of(settings.http, self._server.port)
        _log.info(
            "%s starts: health on %s, Kafka at %s, topics %s.*; %s",
            self.title,
            self._identity,
            settings.kafka.bootstrap,
            settings.kafka.topic_prefix,
            version_line(),
        )

    # ── putting together ────────────────────────────────────────────────────────────────────

    def build(
        self,
        program: Program[Any, Any],
        *,
        marks: bool,
        attempts: Attempts | None = None,
        others: dict[str, BuildProcess] | None = None,
    ) -> RecoveringApp:
        """Return the app that runs *program*; see `KeyedProcess` and `build_app`."""
        kafka = self.settings.kafka

        def build_process(consumer: Input) -> KeyedProcess:
            self.process = KeyedProcess(
                program,
                Encoder(
                    program,
                    input_topic=self.input_topic,
                    topic=self.topics.name(self.input_topic),
                    downstream=self.downstream,
                    header_clock=self.header_clock,
                ),
                log=self.log,
                rulesets=self.rulesets,
                consumer=consumer,
                open_store=self.stores.open,
                observer=self.metrics,
                attempts=attempts,
                placed=lambda number: lambda customer: _place(customer, kafka.partitions) == number,
                monotonic=time.monotonic,
                marks=marks,
                header_clock=self.header_clock,
                topic_id=self._topic_id,
                engine=f"triggerstream {__version__}, tzdata {DATA_VERSION}",
                cadence=Cadence(checkpoint=self.settings.checkpoint_interval),
                # Partitions share the memory evenly; a process seldom owns less than all of one.
                capacity=max(1000, self.settings.cache_size // kafka.partitions),
            )
            return self.process

        for other in others or {}:
            self.metrics.also_reads(other)
        app = build_app(
            self.name,
            settings=self.settings,
            topics=self.topics,
            stores=self.stores,
            main=(self.input_topic, build_process),
            others=others,
            shutdown=self.shutdown,
            on_progress=self.metrics.restored,
            on_followed=self.metrics.followed,
            client_id=str(self._identity),
        )
        self.rulesets.on_newest = app.edge.look
        return app

    async def serve(self, app: RecoveringApp) -> int:
        """Run *app* to its end; return the exit code."""
        spare_the_collector()
        take_short_turns()
        beside = [asyncio.create_task(self._beat(app)), asyncio.create_task(self._watch_topic())]
        try:
            return await serve(app)
        finally:
            for task in beside:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            _log.info("%s has stopped: exit code %d", self.title, self.shutdown.exit_code)

    async def _watch_topic(self) -> None:
        topic = self.topics.name(self.input_topic)
        try:
            await watch_topic(topic, self._topic_id, lambda: topic_id(self.options, topic))
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the process
            self.shutdown.fail(error)

    # ── health ──────────────────────────────────────────────────────────────────────────────

    async def _beat(self, app: RecoveringApp) -> None:
        """Tell the health server, about once a second, how the process stands."""
        owned: list[int] = []
        shown: tuple[int, str] | None = None
        is_warned = False
        while True:
            process = self.process
            self._health.beat()
            spare_new_states()
            self._health.is_recovered = app.edge.is_settled
            if process is not None:
                self._health.is_assigned = bool(process.numbers or app.standbys.partitions)
                self._health.has_ruleset = process.is_ready
                if process.numbers != owned:
                    owned = process.numbers
                    self.metrics.assign(owned)
                for number, records, seconds in process.lags():
                    self.metrics.set_lag(number, records, seconds)
                self.metrics.set_cached(process.cached)
            self.notices.flush()
            newest = self.rulesets.newest()
            if newest is None and self._health.is_recovered and not is_warned:
                is_warned = True
                _log.warning("no ruleset is in force: publish one by `triggerstream deploy DIR`")
            if newest is not None and newest != shown:
                shown = newest
                ruleset = self.rulesets.get(newest[0])
                if ruleset is not None:
                    self.metrics.use_ruleset(*newest, ruleset.source.triggers)
                    count = len(ruleset.source.triggers)
                    _log.info("newest ruleset: version %d, %d triggers", newest[0], count)
            await asyncio.sleep(BEAT)

    def _ask(self, customer: str) -> dict[str, Any] | None:
        """Answer the health server's threads: ask the loop, and wait for it.

        Raises:
            LookupError: The customer's partition is not ours.
            TimeoutError: The loop does not answer.
        """

        async def inspect() -> dict[str, Any] | None:
            number = _place(customer, self.settings.kafka.partitions)
            found = None if self.process is None else self.process.inspect(number, customer)
            if found is None:
                raise LookupError(f"partition {number} is not owned by this process")
            return found

        question = asyncio.run_coroutine_threadsafe(inspect(), self._loop)
        return question.result(ANSWER_WITHIN)


def run(main: Callable[[], Awaitable[int]]) -> int:
    """Run *main* on a loop of its own; return the exit code.

    A signal to stop that comes before *main* has taken over its handling ends it in order, too.
    """

    async def running() -> int:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, cast("asyncio.Task[int]", task).cancel)
        try:
            return await main()
        except asyncio.CancelledError:
            return 0

    return asyncio.run(running())


def _place(customer: str, partitions: int) -> int:
    return partition_of(customer.encode(), partitions)
