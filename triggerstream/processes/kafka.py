"""The world on Kafka: one keyed process, its connections, and its run to the end."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack, suppress
from typing import Any

from prometheus_client import CollectorRegistry

from triggerstream.ops.build import version_line
from triggerstream.ops.client_id import client_id_of
from triggerstream.ops.entered import Entered
from triggerstream.ops.health import Health, HealthServer
from triggerstream.ops.interpreter import spare_the_collector, take_short_turns
from triggerstream.ops.metrics import Children
from triggerstream.ops.owner import Owner
from triggerstream.ops.settings import Settings
from triggerstream.processes.asking import ask
from triggerstream.processes.keyed import Keyed, Role
from triggerstream.processes.pulse import Pulse
from triggerstream.stream.kafka.client import client_options
from triggerstream.stream.kafka.faust.app import build_app
from triggerstream.stream.kafka.faust.recovery import RecoveringApp
from triggerstream.stream.kafka.faust.run import serve
from triggerstream.stream.kafka.log import KafkaLog
from triggerstream.stream.kafka.reach import reach
from triggerstream.stream.kafka.rulesets import KafkaRulesets
from triggerstream.stream.kafka.topic_admin import ensure_topics
from triggerstream.stream.kafka.topic_ids import topic_id
from triggerstream.stream.kafka.topic_watch import watch_topic
from triggerstream.stream.kafka.topics import Topics, touched_by, wanted_topics
from triggerstream.stream.shutdown import Shutdown

_log = logging.getLogger(__name__)


class KafkaWorld(Entered):
    """The `World` of one keyed process on Kafka. An asynchronous context manager.

    Attributes:
        keyed: The process; what it reads is to be said before `serve`.
    """

    def __init__(self, settings: Settings, role: Role) -> None:
        self.settings = settings
        self.topics = Topics(settings.kafka.topic_prefix)
        self.partitions = settings.kafka.partitions
        self.options = client_options(settings.kafka)
        self.shutdown = Shutdown()
        self.log = KafkaLog(
            self.options,
            topic_name=self.topics.name,
            changelog=self.topics.changelog(role.name),
        )
        self.rulesets = KafkaRulesets(self.options, self.topics, on_failure=self.shutdown.fail)
        self._registry = CollectorRegistry()
        self._health = Health()
        self.keyed = Keyed(settings, self, Children(self._registry), role, self.log)
        self._topic_id = ""
        self._loop = asyncio.get_running_loop()

    def topic(self, short: str) -> str:
        return self.topics.name(short)

    def topic_id(self, short: str) -> str:
        if short != self.keyed.role.input_topic:
            raise LookupError(f"the id of {self.keyed.role.input_topic} is known, and no other's")
        return self._topic_id

    async def _enter(self, stack: AsyncExitStack) -> None:
        """Make the topics, connect, read the rulesets, and listen."""
        settings = self.settings
        self.keyed.stores.claim()
        stack.callback(self.keyed.stores.release)
        await reach(self.options)
        wanted = wanted_topics(
            self.topics,
            self.partitions,
            header_clock=self.keyed.header_clock,
            retention=settings.retention,
        )
        await ensure_topics(
            self.options,
            wanted,
            replication=settings.kafka.replication,
            own=touched_by(self.topics, self.keyed.role.name),
        )
        self._topic_id = await topic_id(self.options, self.topic(self.keyed.role.input_topic))
        stack.push_async_callback(self.log.stop)
        await self.log.start()
        await stack.enter_async_context(self.rulesets)
        token = settings.http.admin_token
        self._server = HealthServer(
            self._health,
            self._registry,
            host=settings.http.host,
            port=settings.http.port,
            owner=Owner(
                inspect=self._ask,
                token=None if token is None else token.get_secret_value(),
                shows_customers=settings.http.serves_customers,
            ),
        )
        self._server.start()
        stack.callback(self._server.stop)
        self._identity = client_id_of(settings.http, self._server.port)
        _log.info(
            "%s starts: health on %s, Kafka at %s, topics %s.*; %s",
            self.keyed.role.title,
            self._identity,
            settings.kafka.bootstrap,
            settings.kafka.topic_prefix,
            version_line(),
        )

    async def serve(self) -> int:
        """Run the keyed process to its end; return the exit code."""
        app = self._build_app()
        pulse = Pulse(
            self._health,
            [self.keyed],
            self.rulesets,
            is_settled=lambda: app.edge.is_settled,
            follows=lambda: bool(app.standbys.partitions),
        )
        spare_the_collector()
        take_short_turns()
        beside = [asyncio.create_task(pulse.beat()), asyncio.create_task(self._watch_topic())]
        try:
            return await serve(app)
        finally:
            for task in beside:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            _log.info(
                "%s has stopped: exit code %d", self.keyed.role.title, self.shutdown.exit_code
            )

    def _build_app(self) -> RecoveringApp:
        keyed = self.keyed
        main, *others = keyed.reads
        app = build_app(
            keyed.role.name,
            settings=self.settings,
            topics=self.topics,
            stores=keyed.stores,
            main=(main, keyed.reads[main]),
            others={other: keyed.reads[other] for other in others},
            shutdown=self.shutdown,
            on_progress=keyed.metrics.restored,
            on_followed=keyed.metrics.followed,
            client_id=str(self._identity),
        )
        self.rulesets.on_newest = app.edge.look
        return app

    async def _watch_topic(self) -> None:
        topic = self.topic(self.keyed.role.input_topic)
        try:
            await watch_topic(topic, self._topic_id, lambda: topic_id(self.options, topic))
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the process
            self.shutdown.fail(error)

    def _ask(self, customer: str) -> dict[str, Any] | None:
        """Answer the health server's threads: ask the loop, and wait for it.

        Raises:
            LookupError: The customer's partition is not ours.
            TimeoutError: The loop does not answer.
        """

        async def inspect() -> dict[str, Any]:
            return self.keyed.inspect(customer)

        return ask(self._loop, inspect())
