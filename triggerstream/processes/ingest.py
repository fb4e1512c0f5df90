"""The way in over HTTP, before Kafka: events in, records of ``events`` out."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress

from prometheus_client import CollectorRegistry

from triggerstream.ops.build import version_line
from triggerstream.ops.health import Health, HealthServer
from triggerstream.ops.metrics import Children
from triggerstream.ops.settings import Settings
from triggerstream.processes.door import build_server, keys_of
from triggerstream.processes.loop import run
from triggerstream.stream.kafka.client import client_options
from triggerstream.stream.kafka.lasting import LastingLog
from triggerstream.stream.kafka.log import KafkaLog
from triggerstream.stream.kafka.reach import reach
from triggerstream.stream.kafka.rulesets import KafkaRulesets
from triggerstream.stream.kafka.topic_admin import ensure_topics
from triggerstream.stream.kafka.topics import Topics, wanted_topics
from triggerstream.stream.shutdown import Shutdown

_log = logging.getLogger(__name__)

NEEDED = ("events", "events.dlq", "rulesets")
"""Short names of the topics that it reads or writes."""
BEAT = 0.5
"""Seconds between two beats of the loop."""


class DoorHealth(Health):
    """Health of a process that owns no partitions.

    Attributes:
        missing: Why no requests should be sent here, or ``""``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_recovered = True
        self.missing = "it starts"

    def why_not_ready(self) -> str:
        return self.missing


def run_ingest(settings: Settings) -> int:
    """Take requests until told to stop; return the exit code."""

    async def main() -> int:
        shutdown = Shutdown()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, shutdown.end)
        async with AsyncExitStack() as stack:
            await _run(settings, shutdown, stack)
        _log.info("ingest has stopped: exit code %d", shutdown.exit_code)
        return shutdown.exit_code

    return run(main)


async def _run(settings: Settings, shutdown: Shutdown, stack: AsyncExitStack) -> None:
    """Do all that the process is for, until *shutdown* says so; *stack* undoes it."""
    ours, kafka = settings.ingest, settings.kafka
    keys = keys_of(ours)
    options, topics = client_options(kafka), Topics(kafka.topic_prefix)
    there = await reach(options)
    if any(topics.name(short) not in there for short in NEEDED):
        # Where they are there, it needs no right to make any.
        wanted = wanted_topics(
            topics,
            kafka.partitions,
            header_clock=settings.clock == "header",
            retention=settings.retention,
        )
        own = {topics.name(short) for short in NEEDED}
        await ensure_topics(options, wanted, replication=kafka.replication, own=own)
    log = LastingLog(lambda: KafkaLog(options, topic_name=topics.name))
    stack.push_async_callback(log.stop)
    await log.start()
    rulesets = await stack.enter_async_context(
        KafkaRulesets(options, topics, on_failure=shutdown.fail)
    )
    registry, health = CollectorRegistry(), DoorHealth()
    told = HealthServer(health, registry, host=settings.http.host, port=settings.http.port)
    told.start()
    stack.callback(told.stop)
    server = build_server(
        ours,
        keys,
        log=log,
        rulesets=rulesets,
        children=Children(registry),
        partitions=await log.partitions(topics.name("events")),
    )
    await server.start()
    stack.push_async_callback(server.stop)
    beat = asyncio.create_task(_beat(health, server.why_not_ready))
    stack.push_async_callback(_end, beat)
    _log.info(
        "ingest takes requests on %s:%d, health on %s:%d, Kafka at %s, topics %s.*; %s",
        *(ours.host, server.port, settings.http.host, told.port),
        *(kafka.bootstrap, kafka.topic_prefix, version_line()),
    )
    if ours.keys is None:
        _log.warning("no keys are set: whoever is on this machine may send")
    await shutdown.wait()
    health.missing = "the process ends"


async def _beat(health: DoorHealth, why_not_ready: Callable[[], str]) -> None:
    while True:
        health.beat()
        health.missing = why_not_ready()
        await asyncio.sleep(BEAT)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
