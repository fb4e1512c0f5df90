"""The log: appending in record batches, with ``acks=all`` and an idempotent producer.

Records travel in batches that are built here, one request and one answer a batch. A future per
record would cost six times as much (``benchmarks``). The order within a partition is the order of
the calls: aiokafka has one batch of a partition on its way at a time, and repeats it unchanged
until it is acknowledged (see `REQUEST_TIMEOUT`).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from triggerstream.core.records.placement import partition_of
from triggerstream.core.records.record import Header, Produce, size_of
from triggerstream.errors import ProtocolError, TooLargeError
from triggerstream.stream.kafka.consumer import UNCOMMITTED, open_consumer
from triggerstream.stream.ports import DEAD_LETTER_LIMIT, RECORD_LIMIT, Acknowledged, Entry

BATCH: Final = 512 << 10
"""Bytes of the largest batch that we build of several records."""
_ENVELOPE: Final = 4096
"""Bytes left for what a batch of one record has beside the record."""
REQUEST_TIMEOUT: Final = 30.0
"""Seconds that a request may stay unanswered. A batch that is refused for the time being, such as
for too few replicas in sync, is repeated for longer (`make chaos`, ``too-few-replicas``)."""


class KafkaLog:
    """The `Log` on Kafka.

    Args:
        options: How to reach the brokers (`client.client_options`).
        topic_name: From a short name to the full one.
        changelog: Full name of this process's changelog topic.
        compression: Of batches, by aiokafka's names. It takes an eighth of a worker's time; the
            changelog is compressed by the broker instead (`topics`).
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        *,
        topic_name: Callable[[str], str],
        changelog: str = "",
        compression: str | None = None,
    ) -> None:
        self._options = options
        self._topic_name = topic_name
        self._changelog = changelog
        self._compression = compression
        self._producer: AIOKafkaProducer | None = None
        self._partitions: dict[str, int] = {}
        self._turns: defaultdict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def start(self) -> None:
        """Connect.

        Raises:
            KafkaError: No broker answered.
        """
        self._producer = AIOKafkaProducer(
            **self._options,
            acks="all",
            enable_idempotence=True,
            compression_type=self._compression,
            max_batch_size=BATCH,
            max_request_size=DEAD_LETTER_LIMIT,
            request_timeout_ms=int(REQUEST_TIMEOUT * 1000),
        )
        try:
            await self._producer.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Wait for what is on its way, and disconnect. Idempotent."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    # ── the port ────────────────────────────────────────────────────────────────────────────

    async def append(self, records: Sequence[Produce]) -> Awaitable[Sequence[Acknowledged]]:
        by_partition: dict[tuple[str, int], list[Produce]] = {}
        for record in records:
            topic = self._topic_name(record.topic)
            partition = record.partition
            if partition is None:
                partition = await self.place(topic, record.key)
            by_partition.setdefault((topic, partition), []).append(record)
        sent: list[tuple[asyncio.Future[Any], int]] = []
        for (topic, partition), group in by_partition.items():
            rows = ((record.key, record.value, record.headers) for record in group)
            sent.extend(await self._send(topic, partition, rows))
        return Acknowledgement(sent)

    async def append_changelog(
        self, partition: int, entries: Sequence[Entry]
    ) -> Sequence[Acknowledged]:
        rows = ((key, value, ()) for key, value in entries)
        return await Acknowledgement(await self._send(self._changelog, partition, rows))

    async def read_changelog(
        self, partition: int, start: int, end: int
    ) -> list[tuple[int, bytes, bytes | None]]:
        found: list[tuple[int, bytes, bytes | None]] = []
        tp = TopicPartition(self._changelog, partition)
        # What is not committed yet may be later, and what was taken back does no harm: it is
        # answered by writing again what we hold. To wait for a stranger's transaction would.
        consumer = open_consumer(self._options, isolation=UNCOMMITTED, auto_offset_reset="none")
        try:
            await consumer.start()
            consumer.assign([tp])
            consumer.seek(tp, start)
            async with asyncio.timeout(REQUEST_TIMEOUT):
                while await consumer.position(tp) < end:
                    for records in (await consumer.getmany(tp, timeout_ms=500)).values():
                        found.extend((r.offset, r.key, r.value) for r in records)
        except (KafkaError, TimeoutError) as error:
            message = (
                f"{self._changelog}/{partition}: offsets {start} to {end} were not read: {error}"
            )
            raise ProtocolError(message) from error
        finally:
            await consumer.stop()
        return [row for row in found if row[0] < end]

    # ── placement ───────────────────────────────────────────────────────────────────────────

    async def place(self, topic: str, key: bytes | None) -> int:
        """Return the partition of *topic* (full name) for *key* under murmur2; 0 without a key."""
        if key is None:
            return 0
        return partition_of(key, await self.partitions(topic))

    async def partitions(self, topic: str) -> int:
        """Return how many partitions *topic* (full name) has."""
        count = self._partitions.get(topic)
        if count is None:
            count = self._partitions[topic] = len(await self._live.partitions_for(topic))
        return count

    # ── batches ─────────────────────────────────────────────────────────────────────────────

    @property
    def _live(self) -> AIOKafkaProducer:
        if self._producer is None:
            message = "the log is closed: nothing can be appended"
            raise ProtocolError(message)
        return self._producer

    async def _send(
        self,
        topic: str,
        partition: int,
        rows: Iterable[tuple[bytes | None, bytes | None, Sequence[Header]]],
    ) -> list[tuple[asyncio.Future[Any], int]]:
        """Send *rows* in as few batches as they fit; return (future, number of records) of each."""
        producer = self._live
        limit = DEAD_LETTER_LIMIT if topic.endswith(".dlq.v1") else RECORD_LIMIT
        is_changelog = topic == self._changelog
        sent: list[tuple[asyncio.Future[Any], int]] = []
        batch = None
        before: tuple[bytes | None, bytes | None] = (None, None)
        try:
            for key, value, named in rows:
                headers = list(named)
                size = size_of(key, value, headers) + _ENVELOPE
                if size > limit:
                    message = (
                        f"{topic}/{partition}: a record of at most {limit} bytes is required; "
                        f"found {size}"
                    )
                    raise TooLargeError(message)
                if batch is not None:
                    if batch.append(timestamp=None, key=key, value=value, headers=headers):
                        before = (key, value)
                        continue
                    sent.append(await self._dispatch(batch, topic, partition))
                batch = producer.create_batch()
                if is_changelog and value is None and before[0] == key:
                    # Its grave is in the batch that is full, and nobody may come in between.
                    batch.append(timestamp=None, key=key, value=before[1], headers=[])
                batch.append(timestamp=None, key=key, value=value, headers=headers)
                before = (key, value)
            if batch is not None:
                sent.append(await self._dispatch(batch, topic, partition))
        except KafkaError as error:
            message = f"{topic}/{partition}: could not be appended to: {error!r}"
            raise ProtocolError(message) from error
        return sent

    async def _dispatch(
        self, batch: Any, topic: str, partition: int
    ) -> tuple[asyncio.Future[Any], int]:
        batch.close()
        # aiokafka wakes all who wait for a partition at once, one of them wins, and the others'
        # time runs out the sooner the more they are. So they come to it one by one.
        async with self._turns[topic, partition]:
            future = await self._live.send_batch(batch, topic, partition=partition)
        # Read its error now and then, so that one which nobody awaits any more makes no noise.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        return future, batch.record_count()


class Acknowledgement:
    """What waits for the answers to batches that were *sent*: (future, number of records) of each.

    Not a coroutine: who has lost the partition meanwhile does not wait for it, and is not warned.
    """

    def __init__(self, sent: Sequence[tuple[asyncio.Future[Any], int]]) -> None:
        self._sent = sent

    def __await__(self) -> Generator[Any, None, Sequence[Acknowledged]]:
        return self._answers().__await__()

    async def _answers(self) -> Sequence[Acknowledged]:
        answers: list[Acknowledged] = []
        for future, count in self._sent:
            try:
                answer = await asyncio.shield(future)
            except KafkaError as error:
                message = f"a batch of {count} records was not acknowledged: {error!r}"
                raise ProtocolError(message) from error
            answers.append(Acknowledged(answer.offset, count, answer.timestamp))
        return answers
