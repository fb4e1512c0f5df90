"""The topics that an installation is moved to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Final, Self

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from triggerstream.core.keyed.partition_record import CUSTOMER_PREFIX, PARTITION_KEY
from triggerstream.core.records.placement import partition_of
from triggerstream.core.records.record import Produce
from triggerstream.errors import WorldChangedError
from triggerstream.ops.settings import Settings
from triggerstream.processes.moving.source import INPUTS
from triggerstream.stream.kafka.client import client_options
from triggerstream.stream.kafka.consumer import log_ends, open_consumer
from triggerstream.stream.kafka.log import KafkaLog
from triggerstream.stream.kafka.reach import reach
from triggerstream.stream.kafka.topic_admin import ensure_topics
from triggerstream.stream.kafka.topic_ids import topic_id
from triggerstream.stream.kafka.topics import Topics, wanted_topics
from triggerstream.stream.local.moved import Moved

_COORDINATOR_WITHIN: Final = 20.0
"""Seconds that a broker may take to say who coordinates a group: the first that is asked for on a
new Kafka has it make a topic."""


class Target:
    """The topics under the prefix in *settings*, with the partitions that are set there. An
    asynchronous context manager, which makes the topics that are missing."""

    def __init__(self, settings: Settings) -> None:
        kafka = settings.kafka
        self._settings = settings
        self._options = client_options(kafka)
        self._topics = Topics(kafka.topic_prefix)
        self.partitions = kafka.partitions
        self._logs = {
            process: KafkaLog(
                self._options,
                topic_name=self._topics.name,
                changelog=self._topics.changelog(process),
            )
            for process in INPUTS
        }
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        settings = self._settings
        await reach(self._options)
        wanted = wanted_topics(
            self._topics,
            self.partitions,
            header_clock=settings.clock == "header",
            retention=settings.retention,
        )
        await ensure_topics(self._options, wanted, replication=settings.kafka.replication)
        async with AsyncExitStack() as stack:
            for log in self._logs.values():
                stack.push_async_callback(log.stop)
                await log.start()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    # ── what is there ───────────────────────────────────────────────────────────────────────

    async def place(self) -> Moved:
        """Return where this is."""
        ids = {
            short: await topic_id(self._options, self._topics.name(short))
            for short in INPUTS.values()
        }
        kafka = self._settings.kafka
        return Moved(kafka.bootstrap, kafka.topic_prefix, self.partitions, ids)

    async def require_idle(self) -> None:
        """Require that nobody reads or writes states there.

        Raises:
            WorldChangedError: A worker or a sender runs under this prefix.
        """
        admin = AIOKafkaAdminClient(**self._options)
        try:
            await admin.start()
            for process in INPUTS:
                group = self._topics.process(process)
                if members := await _members(admin, group):
                    message = (
                        f"required is a Kafka where no process of {self._topics.prefix} runs yet; "
                        f"found {members} in the group {group}. Stop them, move, and start them "
                        "then"
                    )
                    raise WorldChangedError(message)
        finally:
            await admin.close()

    async def require_empty(self) -> None:
        """Require that the topics have never been written to.

        Raises:
            WorldChangedError: One has; the message names it.
        """
        shorts = ("events", "actions", "inbox", "deliveries", "segments")
        names = [self._topics.name(short) for short in shorts]
        names += [self._topics.changelog(process) for process in INPUTS]
        tps = [TopicPartition(name, n) for name in names for n in range(self.partitions)]
        ends = await self._ends([*tps, TopicPartition(self._topics.name("rulesets"), 0)])
        found = sorted({tp.topic for tp, end in ends.items() if end > 0})
        if found:
            message = (
                f"required are empty topics under the prefix {self._topics.prefix}; found records "
                f"in {', '.join(found)}. Move to another TRIGGERSTREAM_KAFKA__TOPIC_PREFIX, or "
                "delete these topics"
            )
            raise WorldChangedError(message)

    async def _ends(self, tps: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        consumer = open_consumer(self._options)
        try:
            await consumer.start()
            return await log_ends(consumer, tps)
        finally:
            await consumer.stop()

    async def appended(self, short: str) -> dict[int, int]:
        """Return how many records were appended to each partition of a topic (short name) that
        carries customers."""
        name = self._topics.name(short)
        ends = await self._ends([TopicPartition(name, n) for n in range(self.partitions)])
        return {tp.partition: end for tp, end in ends.items()}

    # ── appending ───────────────────────────────────────────────────────────────────────────

    async def store(self, process: str, states: Iterable[tuple[bytes, bytes]]) -> None:
        """Append *states*, by customer, to the changelog of *process*; return when they are
        durable. To append one again does no harm."""
        entries: dict[int, list[tuple[bytes, bytes | None]]] = {}
        for customer, value in states:
            number = partition_of(customer, self.partitions)
            entries.setdefault(number, []).append((CUSTOMER_PREFIX + customer, value))
        log = self._logs[process]
        await asyncio.gather(*(log.append_changelog(*each) for each in entries.items()))

    async def begin(self, process: str, records: Mapping[int, bytes]) -> None:
        """Append partition *records*, by number: from then on their states are whole."""
        log = self._logs[process]
        await asyncio.gather(
            *(log.append_changelog(n, [(PARTITION_KEY, each)]) for n, each in records.items())
        )

    async def append(self, records: Sequence[Produce]) -> None:
        """Append *records*; return when they are durable."""
        await (await self._logs["send"].append(records))


async def _members(admin: AIOKafkaAdminClient, group: str) -> int:
    """Return how many members *group* has.

    Raises:
        KafkaError: Nobody can tell, for `_COORDINATOR_WITHIN`.
    """
    refused: KafkaError | None = None
    with suppress(TimeoutError):
        async with asyncio.timeout(_COORDINATOR_WITHIN):
            while True:
                try:
                    answers = await admin.describe_consumer_groups([group])
                    return sum(len(each[5]) for answer in answers for each in answer.groups)
                except KafkaError as error:
                    if not error.retriable:
                        raise
                    refused = error
                await asyncio.sleep(0.1)
    raise refused or KafkaError(f"no answer about the group {group}")
