"""A trial on a real Kafka: workers are supervised, offsets are those of their group."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests.chaos.judging import position, restored
from tests.chaos.trial import LIMIT, POLL, TAILS, Line, Trial, until
from tests.e2e.deployment import Deployment

CLIENT = "chaos"
"""What the load and the measurements call themselves to the broker: faults pass them by."""


@asynccontextmanager
async def opened_admin(bootstrap: str, **options: Any) -> AsyncIterator[AIOKafkaAdminClient]:
    """Connect an admin client, with aiokafka's *options* besides, for the length of the block."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, client_id=CLIENT, **options)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


class KafkaTrial(Trial[Deployment]):
    """Workers that end by themselves are started again, as a supervisor would."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self.deployment.bootstrap,
            client_id=CLIENT,
            enable_idempotence=True,
            linger_ms=5,
            max_request_size=16 << 20,
            request_timeout_ms=600_000,
        )
        self._supervisor: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start the first worker, ``w1``."""
        self.deployment.worker("w1")
        await self.deployment.wait_for_topics()
        await self._producer.start()
        self._supervisor = asyncio.create_task(self._supervise())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._supervisor is not None:
            self._supervisor.cancel()
            with suppress(asyncio.CancelledError):
                await self._supervisor
        if error is not None:
            self.stage.say(self.deployment.tails()[-TAILS:])
        self.deployment.close()
        with suppress(KafkaError):
            await asyncio.wait_for(self._producer.stop(), 10)

    # ── workers ─────────────────────────────────────────────────────────────────────────────

    async def _supervise(self) -> None:
        while True:
            for name, process in list(self.deployment.processes.items()):
                code = process.poll()
                if code is not None and self.deployment.processes.get(name) is process:
                    self.codes[name].append(code)
                    self.deployment.worker(name)
            await asyncio.sleep(POLL)

    async def reading(self, name: str = "w1", seconds: float = LIMIT) -> None:
        """Return when the newest process under *name* reads its partitions."""

        async def is_reading() -> bool:
            return self.deployment.is_reading(name)

        await until(is_reading, seconds)

    async def stop(self, name: str) -> None:
        """End it with SIGTERM; anything but an exit with 0 is wrong."""
        code = await asyncio.to_thread(self.deployment.stop, name)
        if code != 0:
            self.broken.append(f"SIGTERM: {name} exited with {code}")

    # ── load ────────────────────────────────────────────────────────────────────────────────

    async def produce(self, lines: Iterable[Line]) -> None:
        """Append *lines* to the events topic, and return when they are acknowledged."""
        topic = self.deployment.topic("events")
        sent = [
            await self._producer.send(
                topic,
                line.value,
                key=line.key,
                headers=list(line.headers),
                partition=line.partition,
            )
            for line in lines
        ]
        await asyncio.gather(*sent)

    # ── recovery ────────────────────────────────────────────────────────────────────────────

    @property
    def _partitions(self) -> list[TopicPartition]:
        topic = self.deployment.topic("events")
        return [TopicPartition(topic, number) for number in range(self.deployment.partitions)]

    async def _ends(self) -> dict[TopicPartition, int]:
        while True:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self.deployment.bootstrap, group_id=None, client_id=CLIENT
            )
            try:
                await consumer.start()
                return dict(await consumer.end_offsets(self._partitions))
            except KafkaError:
                await asyncio.sleep(POLL)
            finally:
                await consumer.stop()

    async def _committed(self) -> dict[TopicPartition, int]:
        """Return the offset that is to be read next, by partition.

        Raises:
            KafkaError: The broker or the group's coordinator does not answer.
        """
        async with opened_admin(self.deployment.bootstrap, request_timeout_ms=5000) as admin:
            found = await admin.list_consumer_group_offsets(
                self._group, partitions=self._partitions
            )
        return {tp: max(0, found[tp].offset) if tp in found else 0 for tp in self._partitions}

    async def _are_well(self) -> bool:
        """Return whether every worker reads, none is about to end, and the group counts in as
        many: who was cut off for long enough knows it, and is back."""
        deployment, names = self.deployment, list(self.deployment.processes)
        if not all(
            deployment.is_reading(name) and not deployment.is_ending(name) for name in names
        ):
            return False
        try:
            async with opened_admin(self.deployment.bootstrap, request_timeout_ms=5000) as admin:
                (answer,) = await admin.describe_consumer_groups([self._group])
        except KafkaError:
            return False
        _, _, state, _, _, members, *_ = answer.groups[0]
        return state == "Stable" and len(members) == len(names)

    @property
    def _group(self) -> str:
        return f"{self.deployment.prefix}.detect"

    async def _behind(self, ends: Mapping[TopicPartition, int]) -> int:
        """Return how many records below *ends* are not committed; more than 0 if unknown."""
        try:
            committed = await self._committed()
        except KafkaError:
            return 1
        return sum(max(0, end - committed[tp]) for tp, end in ends.items())

    async def check_commits(self) -> None:
        """Note as broken, while no worker runs, a commit behind which the changelog stands back:
        what it passed would be lost."""
        committed = await self._committed()
        for number, store in (await restored(self.deployment)).items():
            contained = position(store)
            found = committed[self._partitions[number]]
            if found > contained + 1:
                self.broken.append(f"{found} was committed; the changelog contains {contained}")

    async def _stop_all(self) -> None:
        for name in list(self.deployment.processes):
            await self.stop(name)
