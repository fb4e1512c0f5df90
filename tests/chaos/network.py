"""Faults of the network: a proxy stands between the workers and a broker of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from deploy.local_kafka.broker import Broker
from tests.chaos.kafka_stage import KafkaStage
from tests.chaos.kafka_trial import CLIENT, KafkaTrial
from tests.chaos.proxy import Link, Proxy, nobody
from tests.chaos.rows import Row
from tests.chaos.trial import LIMIT, until
from tests.chaos.workers import SESSION


@asynccontextmanager
async def _proxied() -> AsyncIterator[Proxy]:
    """Start a broker that can be reached through the proxy only."""
    async with Proxy() as proxy:
        broker = Broker({"advertised.listeners": f"BROKER://127.0.0.1:{proxy.port}"})
        try:
            await asyncio.to_thread(broker.start)
            proxy.target = int(broker.bootstrap.rpartition(":")[2])
            yield proxy
        finally:
            await asyncio.to_thread(broker.close)


def _of_workers(link: Link) -> bool:
    return link.client != CLIENT


def _group_of_w1(link: Link) -> bool:
    return link.is_group and link.client.startswith("w1@")


async def _is_in_the_group(proxy: Proxy) -> bool:
    return any(map(_group_of_w1, proxy.links))


async def _stall(stage: KafkaStage, proxy: Proxy) -> None:
    proxy.stall(_of_workers)
    await asyncio.sleep(SESSION * stage.random.uniform(0.3, 2))
    proxy.release()


async def _delay(stage: KafkaStage, proxy: Proxy) -> None:
    proxy.delayed = _of_workers
    await asyncio.sleep(SESSION * stage.random.uniform(0.3, 1.5))
    proxy.delayed = nobody


async def _cut(stage: KafkaStage, proxy: Proxy) -> None:
    for _ in range(3):
        assert proxy.cut(_of_workers)
        await asyncio.sleep(stage.random.uniform(0, 0.5))


async def _leave_half_open(_: KafkaStage, proxy: Proxy) -> None:
    assert proxy.swallow(_of_workers)


async def broken_lines(stage: KafkaStage, times: int) -> Row:
    """All of two workers' connections are stalled, delayed, reset, or half-open."""
    faults = (_stall, _cut, _leave_half_open, _delay)
    async with _proxied() as proxy:
        with stage.deployment(bootstrap=f"127.0.0.1:{proxy.port}") as deployment:
            async with KafkaTrial(stage, deployment) as trial:
                deployment.worker("w2")
                await trial.reading("w2")
                for number in range(times):
                    async with trial.load(1 / times, 4.0):
                        await trial.sleep_up_to(2)
                        await faults[number % len(faults)](stage, proxy)
                        await trial.recovered()
                return await trial.row("F7 network stalled, cut, half-open", times)


async def cut_off_from_the_coordinator(stage: KafkaStage, times: int) -> Row:
    """One of two workers does not reach the group's coordinator, and everything else: it is evicted
    while it can still write."""
    async with _proxied() as proxy:
        with stage.deployment(bootstrap=f"127.0.0.1:{proxy.port}") as deployment:
            async with KafkaTrial(stage, deployment) as trial:
                deployment.worker("w2")
                await trial.reading("w2")
                for _ in range(times):
                    span = SESSION * stage.random.uniform(1, 2.5)
                    async with trial.load(1 / times, span + 3):
                        await until(partial(_is_in_the_group, proxy), LIMIT)
                        await trial.sleep_up_to(2)
                        proxy.stall(_group_of_w1)
                        await asyncio.sleep(span)
                        proxy.release()
                        await trial.recovered()
                return await trial.row("F7 cut off from the coordinator", times)
