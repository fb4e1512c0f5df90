"""Changelogs whose end was compacted away: a restore must come to its end all the same."""

from __future__ import annotations

import asyncio
import shutil

from deploy.local_kafka.topics import Topic, create_topics
from tests.chaos.brokers import own_broker
from tests.chaos.kafka_stage import KafkaStage
from tests.chaos.kafka_trial import KafkaTrial
from tests.chaos.rows import Row
from tests.chaos.trial import Line, lines_of
from tests.e2e.deployment import Deployment
from triggerstream.core.keyed import header
from triggerstream.core.keyed.partition_record import CUSTOMER_PREFIX, PARTITION_KEY
from triggerstream.core.records.record import ARRIVAL, KIND, Kind
from triggerstream.stream.kafka.log import KafkaLog
from triggerstream.stream.kafka.topic_admin import TopicAdmin
from triggerstream.stream.kafka.topics import Topics

_EAGER = {
    "cleanup.policy": "compact",
    "message.timestamp.type": "LogAppendTime",
    "compression.type": "lz4",
    "segment.ms": "500",
    "min.compaction.lag.ms": "0",
    "min.cleanable.dirty.ratio": "0.01",
}
_FORGETFUL, _MINDFUL = ({"delete.retention.ms": days} for days in ("0", str(7 * 86_400_000)))
"""How long deletions stay: while no process runs, not at all. None would start with that."""


async def compacted(stage: KafkaStage, times: int) -> Row:
    """Everybody is erased, the nulls of their graves are compacted away, and the disk is wiped:
    what is left of the changelog is gaps, and a partition record at its end."""
    async with own_broker({"log.cleaner.backoff.ms": "200"}) as broker:
        with stage.deployment(bootstrap=broker.bootstrap) as deployment:
            changelog = Topics(deployment.prefix).changelog("detect")
            topic = Topic(changelog, deployment.partitions, _EAGER | _MINDFUL)
            await create_topics(broker.bootstrap, [topic])
            shop = lines_of(stage.shop.log)
            customers = sorted({line.key for line in shop if line.key})
            async with KafkaTrial(stage, deployment, shop) as trial:
                kept = []
                for _ in range(times):
                    await trial.play(0.5 / (times + 1))
                    await trial.produce(_erasures(customers, trial.clock))
                    await trial.recovered()
                    trial.recoveries.pop()  # from nothing
                    deployment.kill("w1")
                    shutil.rmtree(deployment.disk("w1"))
                    async with TopicAdmin({"bootstrap_servers": broker.bootstrap}) as admin:
                        await admin.alter({changelog: _FORGETFUL})
                        kept.append(await _emptied(deployment, changelog))
                        await admin.alter({changelog: _MINDFUL})
                    deployment.worker("w1")
                    await trial.play(0.5 / (times + 1))
                    await trial.recovered()
                trial.notes.append(f"records left: {', '.join(map(str, kept))}")
                return await trial.row("F19 changelog compacted to its end", times)


def _erasures(customers: list[bytes], at: int) -> list[Line]:
    headers = ((KIND, Kind.ERASE), (ARRIVAL, b"%d" % at))
    return [Line(customer, None, headers) for customer in customers]


async def _emptied(deployment: Deployment, changelog: str) -> int:
    """Write what an owner writes when the graves have lain for an hour, which no row can wait for:
    their nulls, and a partition record now and then. Return how many records the changelog still
    has, when the nulls are gone."""
    log = KafkaLog({"bootstrap_servers": deployment.bootstrap}, topic_name=str, changelog=changelog)
    await log.start()
    try:
        async with asyncio.timeout(90):
            while True:
                left = await deployment.read_topic(changelog, deployment.partitions)
                if not any(record.key[:1] == CUSTOMER_PREFIX for record in left):
                    return len(left)
                last = {(record.partition, record.key): record.value for record in left}
                for (partition, key), value in last.items():
                    if key == PARTITION_KEY:
                        await log.append_changelog(partition, [(key, value)])
                    elif value is not None:
                        assert header.unpack(value)[1] & header.GRAVE, f"{key!r} is not erased"
                        await log.append_changelog(partition, [(key, value), (key, None)])
                await asyncio.sleep(1)
    finally:
        await log.stop()
