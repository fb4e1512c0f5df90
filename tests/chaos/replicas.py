"""A fault of a cluster: of two replicas one is lost, and what is appended is refused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic
from aiokafka.errors import (
    KafkaError,
    NotEnoughReplicasAfterAppendError,
    NotEnoughReplicasError,
)

from deploy.local_kafka.broker import Broker
from tests.chaos.brokers import AWAY, own_broker
from tests.chaos.kafka_stage import KafkaStage
from tests.chaos.kafka_trial import CLIENT, KafkaTrial, opened_admin
from tests.chaos.rows import Row
from tests.chaos.trial import LIMIT, until

_REPLICAS: Final = 2
_SETTINGS: Final = {"TRIGGERSTREAM_KAFKA__REPLICATION": str(_REPLICAS)}
_CLUSTER: Final = {
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "2",
    "transaction.state.log.replication.factor": "2",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "2",
    "share.coordinator.state.topic.min.isr": "2",
    "replica.lag.time.max.ms": "1000",
    # A replica asks for little ten times a second only. So a leader that is killed takes with it
    # what nobody else has, and whoever has counted on that is found out.
    "replica.fetch.min.bytes": str(1 << 20),
    "replica.fetch.wait.max.ms": "100",
    # Who comes back leads its partitions again soon, to be missed the next time.
    "leader.imbalance.check.interval.seconds": "2",
}
_PROBE: Final = "probe"
_PATIENCE_MS: Final = 1000
_REFUSED: Final = (NotEnoughReplicasError, NotEnoughReplicasAfterAppendError)


class Probed(msgspec.Struct):
    """What became of appends to a topic of the same kind while a replica was missing.

    Attributes:
        refused: How many the broker refused for want of replicas.
        accepted: How many it acknowledged nevertheless.
    """

    refused: int = 0
    accepted: int = 0

    def wrong(self) -> list[str]:
        """Return why the fault was none, if it was none."""
        reasons = {
            "nothing was refused": not self.refused,
            f"{self.accepted} appends were accepted": self.accepted,
        }
        return [reason for reason, so in reasons.items() if so]


async def too_few(stage: KafkaStage, times: int) -> Row:
    """The second of two brokers is killed, and stays away, each time longer: the first serves what
    is read, and refuses what is appended."""
    wrong: list[str] = []
    refused = 0
    async with _two_brokers() as (first, second):
        with stage.deployment(bootstrap=first.bootstrap, settings=_SETTINGS) as deployment:
            async with KafkaTrial(stage, deployment) as trial:
                for number in range(times):
                    await _whole(first.bootstrap)
                    async with trial.load(1 / times, 4.0):
                        await trial.sleep_up_to(3)
                        await asyncio.to_thread(second.kill)
                        probed = await _probe(first.bootstrap, AWAY * (number + 0.5))
                        await asyncio.to_thread(second.start)
                        await trial.recovered()
                    refused += probed.refused
                    wrong += probed.wrong()
                trial.notes.append(f"{refused} appends of a probe refused")
                trial.broken += wrong
                # The ticks of the end are acknowledged by a leader alone: none must change now.
                await _whole(first.bootstrap)
                return await trial.row("F20 too few replicas", times)


@asynccontextmanager
async def _two_brokers() -> AsyncIterator[tuple[Broker, Broker]]:
    """Start a cluster of two; the first is its controller. It has a topic for the probe."""
    async with own_broker(_CLUSTER) as first, own_broker(_CLUSTER, joins=first) as second:
        async with opened_admin(first.bootstrap) as admin:

            async def are_two() -> bool:
                return len((await admin.describe_cluster())["brokers"]) == _REPLICAS

            await until(are_two, LIMIT)
            await admin.create_topics([NewTopic(_PROBE, 1, _REPLICAS)])
        yield first, second


async def _whole(bootstrap: str) -> None:
    """Return when every topic has both replicas, and is led by whom it was given to: so that half
    of them lose their leader."""
    async with opened_admin(bootstrap) as admin:

        async def is_whole() -> bool:
            return all(
                len(partition["replicas"]) == len(partition["isr"]) == _REPLICAS
                and partition["leader"] == partition["replicas"][0]
                for topic in await admin.describe_topics()
                for partition in topic["partitions"]
            )

        await until(is_whole, LIMIT)


async def _probe(bootstrap: str, seconds: float) -> Probed:
    """Append to the probe again and again for so long, and return what became of it."""
    probed = Probed()
    end = time.monotonic() + seconds
    # Not idempotent: an idempotent one would not say that it is refused, and ask on for ever.
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        client_id=CLIENT,
        acks="all",
        request_timeout_ms=_PATIENCE_MS,
    ) as producer:
        while time.monotonic() < end:
            try:
                await producer.send_and_wait(_PROBE, b"", partition=0)
                probed.accepted += 1
            except _REFUSED:
                probed.refused += 1
            except KafkaError:
                continue  # its leader is not known to be gone yet
    return probed
