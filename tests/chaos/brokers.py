"""Faults of the broker, each on one of its own: killed, away for long, a topic deleted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import msgspec

from deploy.local_kafka.broker import Broker
from tests.chaos.kafka_stage import KafkaStage
from tests.chaos.kafka_trial import KafkaTrial, opened_admin
from tests.chaos.rows import Row
from tests.chaos.trial import RESTARTABLE, until
from triggerstream.errors import WorldChangedError

AWAY = 20.0
"""By how many seconds each absence of Kafka is longer than the one before. Three of them go beyond
everything that waits for an answer."""


@asynccontextmanager
async def own_broker(
    config: Mapping[str, str] | None = None, *, joins: Broker | None = None
) -> AsyncIterator[Broker]:
    broker = Broker(config, joins=joins)
    try:
        await asyncio.to_thread(broker.start)
        yield broker
    finally:
        await asyncio.to_thread(broker.close)


async def killed(stage: KafkaStage, times: int) -> Row:
    """The broker is killed under load, and comes back after a moment."""
    async with own_broker() as broker:
        with stage.deployment(bootstrap=broker.bootstrap) as deployment:
            async with KafkaTrial(stage, deployment) as trial:
                deployment.worker("w2")
                await trial.reading("w2")
                for _ in range(times):
                    async with trial.load(1 / times, 4.0):
                        await trial.sleep_up_to(3)
                        await asyncio.to_thread(broker.kill)
                        await trial.sleep_up_to(4)
                        await asyncio.to_thread(broker.start)
                        await trial.recovered()
                return await trial.row("F6 broker killed", times)


async def away(stage: KafkaStage, times: int) -> Row:
    """The broker goes in order and stays away, each time longer; what is produced then waits with
    its producer."""
    async with own_broker() as broker:
        with stage.deployment(bootstrap=broker.bootstrap) as deployment:
            async with KafkaTrial(stage, deployment) as trial:
                for number in range(times):
                    async with trial.load(1 / times, 4.0):
                        await trial.sleep_up_to(3)
                        await asyncio.to_thread(broker.stop)
                        await asyncio.sleep(AWAY * (number + 0.5))
                        await asyncio.to_thread(broker.start)
                        await trial.recovered()
                return await trial.row("F20 Kafka away", times)


async def topic_deleted(stage: KafkaStage, _: int) -> Row:
    """Once: the events topic is deleted. The worker stops with the exit code of a changed world,
    again and again; it does not begin anew on an empty topic."""
    code = WorldChangedError.exit_code
    with stage.deployment() as deployment:
        async with KafkaTrial(stage, deployment, allowed=RESTARTABLE | {code}) as trial:
            row = await trial.row("F20 topic deleted", 1)
            before = await deployment.read("actions")
            deployment.worker("w1")
            await trial.reading()
            async with opened_admin(stage.bootstrap) as admin:
                await admin.delete_topics([deployment.topic("events")])

            async def has_stopped_twice() -> bool:
                return trial.codes["w1"].count(code) >= 2

            wrong = 0
            try:
                await until(has_stopped_twice, 120)
            except TimeoutError:
                wrong += 1
            wrong += len(await deployment.read("actions")) != len(before)
            note = f"exit codes: {trial.codes['w1']}"
    return msgspec.structs.replace(
        row, wrong=row.wrong + wrong, note=f"{row.note}; {note}".lstrip("; ")
    )
