"""Faults of workers: killed, robbed of their disk, paused, restarted in order, many and few."""

from __future__ import annotations

import asyncio
import shutil
import signal

from tests.chaos.kafka_stage import KafkaStage
from tests.chaos.kafka_trial import KafkaTrial
from tests.chaos.rows import Row

SESSION = 6.0
"""The session timeout of the deployments, in seconds."""
UNHURRIED = {"TRIGGERSTREAM_KAFKA__SESSION_TIMEOUT": "15"}
"""The default, where nobody dies: a lease that a busy machine lets run out would be a crash."""


async def killed(stage: KafkaStage, times: int) -> Row:
    """SIGKILL at any instant: starting, restoring, deciding, between two steps of a checkpoint."""
    with stage.deployment() as deployment:
        async with KafkaTrial(stage, deployment) as trial:
            for number in range(times):
                async with trial.load(1 / times, 2.0):
                    await trial.sleep_up_to(2.5)
                    deployment.kill("w1")
                    if number % 3 == 0:
                        await trial.check_commits()
                    deployment.worker("w1")
                    if stage.random.random() < 0.7:
                        await trial.recovered()
            return await trial.row("F1 worker killed", times)


async def killed_and_robbed(stage: KafkaStage, times: int) -> Row:
    """The same, and what it had on disk is gone: everything comes back from the changelog."""
    with stage.deployment() as deployment:
        async with KafkaTrial(stage, deployment) as trial:
            for _ in range(times):
                async with trial.load(1 / times, 2.0):
                    await trial.sleep_up_to(2.5)
                    deployment.kill("w1")
                    shutil.rmtree(deployment.disk("w1"), ignore_errors=True)
                    deployment.worker("w1")
                    await trial.recovered()
            return await trial.row("F2 killed, disk wiped", times)


async def paused(stage: KafkaStage, times: int) -> Row:
    """One of two is stopped for half to four session timeouts, and goes on as if nothing was.

    The verdict restores the whole changelog: what a zombie wrote there would come to light.
    """
    with stage.deployment() as deployment:
        async with KafkaTrial(stage, deployment) as trial:
            deployment.worker("w2")
            await trial.reading("w2")
            for number in range(times):
                name = stage.random.choice(("w1", "w2"))
                span = SESSION * (0.5 + 3.5 * (number + stage.random.random()) / times)
                async with trial.load(1 / times, span + 4):
                    await trial.sleep_up_to(2)
                    process = deployment.processes[name]
                    process.send_signal(signal.SIGSTOP)
                    await asyncio.sleep(span)
                    process.send_signal(signal.SIGCONT)
                    await trial.recovered()
            return await trial.row("F3 worker paused", times)


async def restarted_in_order(stage: KafkaStage, times: int) -> Row:
    """SIGTERM, one worker after the other, under load: nothing at all may be repeated."""
    with stage.deployment(settings=UNHURRIED) as deployment:
        async with KafkaTrial(stage, deployment) as trial:
            deployment.worker("w2")
            await trial.reading("w2")
            for number in range(times):
                name = f"w{1 + number % 2}"
                async with trial.load(1 / times, 3.0):
                    await trial.sleep_up_to(2)
                    await trial.stop(name)
                    deployment.worker(name)
                    await trial.recovered()
                    await trial.reading(name)
            return await trial.row("F4 rolling SIGTERM", times, repeats_are_wrong=True)


async def joining_and_leaving(stage: KafkaStage, times: int) -> Row:
    """From one worker to three; then every few seconds one comes, or goes, in order or killed;
    then one again."""
    with stage.deployment() as deployment:
        async with KafkaTrial(stage, deployment) as trial:
            deployment.worker("w2")
            deployment.worker("w3")
            for _ in range(times):
                async with trial.load(1 / (times + 1), 4.0):
                    await trial.sleep_up_to(4)
                    name = stage.random.choice(("w2", "w3"))
                    if name not in deployment.processes:
                        deployment.worker(name)
                    elif stage.random.random() < 0.5:
                        await trial.stop(name)
                    else:
                        deployment.kill(name)
            for name in ("w2", "w3"):
                if name in deployment.processes:
                    await trial.stop(name)
            await trial.recovered()
            return await trial.row("F5 joining and leaving", times)
