"""The world of one directory: all keyed processes of an installation on one event loop."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from functools import partial
from typing import Any, Final

from prometheus_client import CollectorRegistry

from triggerstream.core.records.record import Produce
from triggerstream.core.records.segments import SEGMENTS
from triggerstream.ops.entered import Entered
from triggerstream.ops.health import Health, HealthServer
from triggerstream.ops.interpreter import spare_the_collector, take_short_turns
from triggerstream.ops.metrics import Children
from triggerstream.ops.owner import Owner
from triggerstream.ops.settings import Settings
from triggerstream.processes.asking import ask
from triggerstream.processes.keeping import Positions, remove_erased, remove_old
from triggerstream.processes.keyed import Keyed, Role
from triggerstream.processes.pulse import Pulse
from triggerstream.stream.lanes import TopicReader
from triggerstream.stream.local.clock import this_boot
from triggerstream.stream.local.compaction import keep_newest
from triggerstream.stream.local.directory import Directory
from triggerstream.stream.local.feed import Feed
from triggerstream.stream.local.log import LocalLog
from triggerstream.stream.local.process import LocalInput, ProcessLog
from triggerstream.stream.local.retention import Room
from triggerstream.stream.local.rulesets import LocalRulesets
from triggerstream.stream.shutdown import (
    STOP_LIMIT,
    STUCK,
    Shutdown,
    end_when_stuck,
    limited,
)

_log = logging.getLogger(__name__)

GENERATION: Final = 0
"""There is one owner of everything as long as the process lives."""
APPENDED_WITHIN: Final = 30.0
"""Seconds within which what an owner asks to be appended must be durable."""


class Reading:
    """One topic as one keyed process reads it."""

    def __init__(
        self, log: LocalLog, keyed: Keyed, topic: str, still_ours: Callable[[], bool]
    ) -> None:
        self._keyed = keyed
        self._topic = topic
        self._input = LocalInput(log, keyed.role.name, topic, still_ours=still_ours)
        build = keyed.reads[topic]
        self.reader = TopicReader(topic, build(self._input), keyed.world.shutdown)
        self._feed = Feed(log, topic, self.reader.handover)

    async def open(self) -> None:
        if self._topic == self._keyed.role.input_topic:
            self._input.check(self._keyed.stores.open(0))
        await self.reader.open(GENERATION, [0])
        self._feed.begin(GENERATION, self._input.position)

    async def close(self, *, are_lost: bool) -> None:
        self._feed.end()
        await self.reader.close([0], are_lost=are_lost)


class LocalWorld(Entered):
    """The `World` of the installation in *directory*, whose lock this process holds.

    An asynchronous context manager. Its processes are added, and told what to read, before it is
    served.

    Args:
        accept_clock: Whether whatever the machine's clock says is right (`stream.local.clock`).
    """

    partitions = 1

    def __init__(
        self, settings: Settings, directory: Directory, *, accept_clock: bool = False
    ) -> None:
        self.settings = settings.model_copy(update={"data_dir": directory.path})
        self.directory = directory
        self.shutdown = Shutdown()
        boot = this_boot()
        self.log = LocalLog(
            directory.log,
            now=_now,
            accept_clock=accept_clock,
            known=directory.known_clock(boot),
            note=partial(directory.note_clock, boot),
            tells_time=settings.clock == "broker",
            check=Room(directory.log, most=settings.retention.local_bytes).check,
            on_failure=self.shutdown.fail,
        )
        self.rulesets = LocalRulesets(self.log, on_failure=self.shutdown.fail)
        self.parts: list[Keyed] = []
        self._registry = CollectorRegistry()
        self.children = Children(self._registry)
        self._health = Health()
        self._readings: list[Reading] = []
        self._is_settled = False
        self._loop = asyncio.get_running_loop()

    def topic(self, short: str) -> str:
        return short

    def topic_id(self, short: str) -> str:
        return self.log.id

    def add(self, role: Role) -> Keyed:
        """Return a process of this world, with its stores below the directory."""
        keyed = Keyed(
            self.settings,
            self,
            self.children,
            role,
            ProcessLog(
                self.log, lambda number: keyed.stores.open(number).changelog_offset(), now=_now
            ),
            logged=True,
        )
        self.parts.append(keyed)
        return keyed

    async def _enter(self, stack: AsyncExitStack) -> None:
        """Open the log, read the rulesets, and listen."""
        stack.push_async_callback(self.log.stop)
        await self.log.start()
        stack.push_async_callback(self.rulesets.stop)
        await self.rulesets.start()
        http = self.settings.http
        admin = http.admin_token
        self._server = HealthServer(
            self._health,
            self._registry,
            host=http.host,
            port=http.port,
            owner=Owner(
                inspect=self._inspect,
                append=self._append,
                token=self.directory.token(),
                also=None if admin is None else admin.get_secret_value(),
                shows_customers=http.serves_customers,
            ),
        )
        self._server.start()
        stack.callback(self._server.stop)
        self.health_url = f"http://{http.host}:{self._server.port}"

    # ── running ─────────────────────────────────────────────────────────────────────────────

    async def serve(self, door: AbstractAsyncContextManager[object] | None = None) -> int:
        """Run the processes until SIGTERM, SIGINT or a failure; return the exit code.

        Args:
            door: By which events come in: opened when all topics are being read, and closed before
                anything else, so that what is under way there is finished. Only when it is open,
                the world counts as ready.

        On a signal all that is decided is stored. After a failure nothing is written any more: what
        is in memory may be the reason for it.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self.shutdown.end, f"{number.name} came")
        pulse = Pulse(self._health, self.parts, self.rulesets, is_settled=lambda: self._is_settled)
        spare_the_collector()
        take_short_turns()
        stop_looking = end_when_stuck(self._health.why_not_alive)
        beside = [asyncio.create_task(pulse.beat())]
        try:
            await self._open()
            beside += [asyncio.create_task(self._guarded(each)) for each in self._keeping()]
            async with door or nullcontext():
                self._is_settled = True
                await self.shutdown.wait()
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the process
            self.shutdown.fail(error)
        try:
            with limited(STOP_LIMIT, lambda: self.shutdown.exit_code or STUCK):
                await self._close()
        except Exception as error:  # noqa: BLE001 - the first failure decides
            self.shutdown.fail(error)
        finally:
            stop_looking()
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
        return self.shutdown.exit_code

    async def _open(self) -> None:
        self._readings = [
            Reading(self.log, part, topic, lambda: self.directory.is_held)
            for part in self.parts
            for topic in part.reads
        ]
        self.rulesets.on_newest = self._look
        for reading in self._readings:
            await reading.open()

    async def _close(self) -> None:
        """Give everything away. What is decided while one is closed is read at the next start."""
        self._is_settled = False
        for reading in self._readings:
            await reading.close(are_lost=self.shutdown.error is not None)
        for part in self.parts:
            part.stores.close_others()

    def _keeping(self) -> list[Coroutine[Any, Any, None]]:
        reads = [(part.role.name, topic) for part in self.parts for topic in part.reads]
        positions = Positions(self.log, reads)
        kept = self.settings.retention.local
        return [
            remove_old(self.log, positions, kept, now=_now),
            remove_erased(self.log, positions),
            keep_newest(self.log, SEGMENTS, now=_now),
        ]

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the process
            self.shutdown.fail(error)

    def _look(self) -> None:
        for reading in self._readings:
            reading.reader.look()

    # ── what an owner asks, in the health server's threads ──────────────────────────────────

    def _inspect(self, customer: str) -> dict[str, Any] | None:
        async def inspect() -> dict[str, Any]:
            return {part.role.name: part.inspect(customer) for part in self.parts}

        return ask(self._loop, inspect())

    def _append(self, records: Sequence[Produce]) -> list[tuple[str, int, int]]:
        by_topic: dict[str, list[Produce]] = {}
        for record in records:
            by_topic.setdefault(record.topic, []).append(record)

        async def append() -> list[tuple[str, int, int]]:
            under_way = [(topic, await self.log.append(rows)) for topic, rows in by_topic.items()]
            stretches = [(topic, await answers) for topic, answers in under_way]
            return [
                (topic, answers[0].base_offset, sum(each.count for each in answers))
                for topic, answers in stretches
            ]

        return ask(self._loop, append(), within=APPENDED_WITHIN)


def _now() -> int:
    return time.time_ns() // 1_000_000
