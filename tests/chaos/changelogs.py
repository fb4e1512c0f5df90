"""Changelogs whose end was compacted away: a restore must come to its end all the same."""

from __future__ import annotations

import asyncio
import shutil

from deploy.local_kafka.topics import Topic, create_topics
from tests.chaos.brokers import own_broker
from tests.chaos.rows import Row
from tests.chaos.stage import Stage
from tests.chaos.trial import Line, Trial, lines_of
from triggerstream.core.keyed.program import ARRIVAL, KIND, Kind
from triggerstream.stream.topics import Topics

HOUR = 3_600_000
_EAGER = {
    "cleanup.policy": "compact",
    "message.timestamp.type": "LogAppendTime",
    "compression.type": "lz4",
    "segment.ms": "500",
    "min.compaction.lag.ms": "0",
    "delete.retention.ms": "0",
    "min.cleanable.dirty.ratio": "0.01",
}


async def compacted(stage: Stage, times: int) -> Row:
    """Everybody is erased, their graves' nulls are written and compacted away, and the disk is
    wiped: what is left of the changelog is gaps, and a partition record at its end."""
    async with own_broker({"log.cleaner.backoff.ms": "200"}) as broker:
        with stage.deployment(bootstrap=broker.bootstrap) as deployment:
            changelog = Topics(deployment.prefix).changelog("detect")
            topic = Topic(changelog, deployment.partitions, _EAGER)
            await create_topics(broker.bootstrap, [topic])
            shop = lines_of(stage.shop.log)
            customers = sorted({line.key for line in shop if line.key})
            async with Trial(stage, deployment, shop) as trial:
                kept = []
                for _ in range(times):
                    await trial.play(0.5 / (times + 1))
                    await trial.recovered()
                    trial.recoveries.pop()  # from nothing
                    at = trial.clock
                    await trial.produce(_erasures(customers, at))
                    kept.append(await _until_compacted(trial, at + HOUR))
                    deployment.kill("w1")
                    shutil.rmtree(deployment.disk("w1"))
                    deployment.worker("w1")
                    await trial.play(0.5 / (times + 1))
                    await trial.recovered()
                trial.notes.append(f"records left: {', '.join(map(str, kept))}")
                return await trial.row("F19 changelog compacted to its end", times)


def _erasures(customers: list[bytes], at: int) -> list[Line]:
    headers = ((KIND, Kind.ERASE), (ARRIVAL, b"%d" % at))
    return [Line(customer, None, headers) for customer in customers]


async def _until_compacted(trial: Trial, at: int) -> int:
    """Move the clock on from *at*, until the nulls are written and gone; return how many records
    the changelog still has."""
    deployment = trial.deployment
    async with asyncio.timeout(90):
        while True:
            at += 60_000
            await deployment.tick(at)
            await asyncio.sleep(1)
            changelog = Topics(deployment.prefix).changelog("detect")
            left = await deployment.read_topic(changelog, deployment.partitions)
            if not any(record.key[:1] == b"c" for record in left):
                return len(left)
