"""The demo on a Kafka: a worker and a sender, and topics of the demo's own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from triggerstream.core.records.record import Record
from triggerstream.demo.history import Played
from triggerstream.demo.lag import Lag
from triggerstream.demo.processes import Process
from triggerstream.demo.stage import Progress
from triggerstream.errors import UnreachableError
from triggerstream.ops.entered import Entered
from triggerstream.stream.kafka.consumer import open_consumer
from triggerstream.stream.kafka.topics import Topics, wanted_topics

_PARTITIONS: Final = 4


class KafkaStage(Entered):
    """The `Stage` of a worker and a sender on the Kafka at *bootstrap*. An asynchronous context
    manager.

    Args:
        shop: A directory with ``triggers/``.
        directory: For states and logs.
        settings: The sender's, without the prefix of settings.

    Raises:
        UnreachableError: No broker answers at *bootstrap*.
    """

    elsewhere = ""

    def __init__(
        self, bootstrap: str, shop: Path, directory: Path, settings: Mapping[str, str]
    ) -> None:
        self._bootstrap = bootstrap
        # A prefix of its own, so that a broker that somebody uses is not disturbed.
        self._topics = Topics(f"triggerstream-demo-{os.getpid()}")
        self._shop = shop
        self._directory = directory
        self._delivering = settings

    async def _enter(self, stack: AsyncExitStack) -> None:
        """Do what entering means; *stack* undoes it: others may use the broker."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        stack.push_async_callback(admin.close)
        try:
            await admin.start()
        except KafkaError as error:
            message = f"KAFKA_BOOTSTRAP: required is a broker that answers; found {self._bootstrap}"
            raise UnreachableError(f"{message} ({error})") from error
        wanted = wanted_topics(self._topics, _PARTITIONS, header_clock=True)
        stack.push_async_callback(admin.delete_topics, [topic.name for topic in wanted])
        common = {
            "KAFKA__BOOTSTRAP": self._bootstrap,
            "KAFKA__TOPIC_PREFIX": self._topics.prefix,
            "KAFKA__PARTITIONS": str(_PARTITIONS),
            "CLOCK": "header",
        }
        triggers = ["--triggers", str(self._shop / "triggers")]
        self._worker = Process("worker", ["worker", *triggers], common, self._directory)
        stack.push_async_callback(asyncio.to_thread, self._worker.stop)
        self._sender = Process(
            "sender", ["sender"], {**common, **self._delivering}, self._directory
        )
        stack.push_async_callback(asyncio.to_thread, self._sender.stop)

    async def wait_until_ready(self) -> None:
        await asyncio.gather(self._worker.wait_until_ready(), self._sender.wait_until_ready())
        name, process = self._topics.name, self._topics.process
        self._decided, self._sent = [
            await self._stack.enter_async_context(
                Lag(self._bootstrap, process(group), name(topic), _PARTITIONS)
            )
            for group, topic in (("detect", "events"), ("send", "actions"))
        ]
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap, acks="all", enable_idempotence=True, linger_ms=5
        )
        await self._producer.start()
        self._stack.push_async_callback(self._producer.stop)

    async def append(self, records: Sequence[Played]) -> None:
        """Records with a key go where murmur2 places it, ticks to every partition."""
        topic = self._topics.name("events")
        acknowledgements = []
        for record in records:
            everywhere = range(_PARTITIONS)
            for partition in everywhere if record.key is None else [None]:
                sent = await self._producer.send(
                    topic,
                    record.value,
                    key=record.key,
                    partition=partition,
                    headers=record.headers,
                )
                acknowledgements.append(sent)
        await asyncio.gather(*acknowledgements)

    async def progress(self) -> Progress:
        """What is committed is done."""
        self._worker.check()
        self._sender.check()
        return Progress(*await self._decided.read(), *await self._sent.read())

    async def read(self, topic: str) -> AsyncIterator[Record]:
        consumer = open_consumer({"bootstrap_servers": self._bootstrap})
        await consumer.start()
        try:
            name = self._topics.name(topic)
            partitions = [TopicPartition(name, number) for number in range(_PARTITIONS)]
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            ends = await consumer.end_offsets(partitions)
            for partition in partitions:
                while await consumer.position(partition) < ends[partition]:
                    batches = await consumer.getmany(partition, timeout_ms=1000)
                    for record in batches.get(partition, ()):
                        yield record
        finally:
            await consumer.stop()

    async def metrics(self) -> str:
        return await self._worker.metrics()

    @property
    def places(self) -> Mapping[str, str]:
        return {
            "Kafka": f"{self._bootstrap}  (KAFKA_BOOTSTRAP), topics {self._topics.prefix}.*",
            "worker": f"{self._worker.http}/metrics   log {self._worker.log}",
            "sender": f"{self._sender.http}/metrics   log {self._sender.log}",
        }
