"""Senders under load: paused and replaced, joining and leaving, without their broker."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Mapping
from random import Random
from typing import Any

from deploy.local_kafka import jars
from deploy.local_kafka.broker import Broker
from tests.chaos.kafka_stage import KafkaStage
from tests.chaos.rows import NotRunError, Row
from tests.chaos.senders.load import Load, expected
from tests.chaos.senders.reckoning import UNKNOWN
from tests.chaos.senders.scene import Scene, open_scene
from tests.chaos.senders.story import Asked
from tests.chaos.senders.supervisor import Supervisor
from triggerstream.core.timestamps import parse_moment

SESSION = 6.0
"""The session timeout of `Deployment`, in seconds."""
PAUSES = (0.5, 1.5, 4.0, 0.9, 2.0, 1.1, 3.0)
"""In session timeouts; above 1 the group gives the partitions to another."""
WITHIN = 120.0
CALL = 5.0
"""Seconds that a call may take here, where a busy machine makes all of them slow."""
THINKING = 0.4
"""Seconds that a far side takes at most, so that calls are under way at any moment."""


class Faults:
    """When senders were disturbed, and so which calls may have been left without an answer.

    The interval of a fault begins early by what a call may take, and by a retry's turn.
    """

    def __init__(self) -> None:
        self._intervals: list[tuple[int, int]] = []

    def add(self, began: float, ended: float) -> None:
        """Note a fault between two moments, in epoch seconds."""
        self._intervals.append((int((began - CALL - 2) * 1000), int(ended * 1000)))

    def expect(self, asked: Asked, end: Mapping[str, Any]) -> list[str]:
        """Allow ``unknown`` for a mail that was reserved in a fault, and for none other."""
        ends = expected(asked, end)
        if asked.trigger == "letter" and end["reserved_at"] is not None:
            reserved = parse_moment(end["reserved_at"])
            if any(began <= reserved <= ended for began, ended in self._intervals):
                ends = [*ends, UNKNOWN]
        return ends


async def senders_are_paused(stage: KafkaStage, injections: int) -> Row:
    """One of two senders is stopped with calls under way, and goes on when the other may have
    taken its partitions, and its customers, over."""
    recoveries: list[float] = []
    faults = Faults()
    names = ("s1", "s2")
    async with open_scene(
        stage, senders=names, think=_thinking(stage.random), call_timeout=CALL
    ) as scene:
        supervisor = Supervisor(scene.deployment)
        async with Load(scene, stage.random) as load:
            for number in range(injections):
                await _until_all_read(scene, names, supervisor)
                await load.under_way()
                victim = scene.deployment.processes[stage.random.choice(names)]
                began = time.time()
                victim.send_signal(signal.SIGSTOP)
                await _sleep(PAUSES[number % len(PAUSES)] * SESSION, supervisor)
                victim.send_signal(signal.SIGCONT)
                recoveries.append(await scene.watch.until_contained(WITHIN, supervisor.look))
                faults.add(began, time.time())
                stage.say(f"paused {number + 1} of {injections}; {supervisor.note()}")
        await scene.end(WITHIN, supervisor.look)
    reckoning = scene.reckon(faults.expect, supervisor.wrong)
    return reckoning.row("F16 sender paused (SIGSTOP)", injections, recoveries, supervisor.note())


async def senders_join_and_leave(stage: KafkaStage, injections: int) -> Row:
    """One to three senders, of which one leaves (SIGTERM) or joins again and again. Nobody leaves
    an answer behind: nothing is unknown, and no webhook is called twice, unless a far side
    asked for it."""
    recoveries: list[float] = []
    names = ["s1", "s2", "s3"]
    async with open_scene(
        stage, senders=names[:2], think=_thinking(stage.random), call_timeout=CALL
    ) as scene:
        supervisor = Supervisor(scene.deployment)
        async with Load(scene, stage.random) as load:
            for number in range(injections):
                await load.under_way()
                running = [name for name in names if name in scene.deployment.processes]
                away = [name for name in names if name not in running]
                leaves = not away or (len(running) > 1 and stage.random.random() < 0.5)
                if leaves:
                    await supervisor.leave(stage.random.choice(running))
                else:
                    name = stage.random.choice(away)
                    scene.deployment.sender(name)
                    await _until_all_read(scene, [name], supervisor)
                recoveries.append(await scene.watch.until_contained(WITHIN, supervisor.look))
                if number % 5 == 4:
                    stage.say(f"joined or left {number + 1} of {injections}")
        await scene.end(WITHIN, supervisor.look)
    reckoning = scene.reckon(expected, supervisor.wrong)
    asked_for = sum(asked.kind == "reset" for asked in scene.story.asked.values())
    if reckoning.repeated != asked_for:
        reckoning.wrong.append(f"{reckoning.repeated} webhooks again, and {asked_for} asked for it")
    return reckoning.row("F16 senders join and leave", injections, recoveries, supervisor.note())


async def broker_is_restarted(stage: KafkaStage, injections: int) -> Row:
    """The broker ends, in order or not, while senders have calls under way, and comes back on the
    same data. Who cannot append an answer ends, and is started again."""
    if missing := jars.missing_tools():
        raise NotRunError(f"a broker of its own needs {' and '.join(missing)}")
    recoveries: list[float] = []
    faults = Faults()
    names = ("s1", "s2")
    with Broker() as broker:
        async with open_scene(
            stage,
            senders=names,
            think=_thinking(stage.random),
            call_timeout=CALL,
            bootstrap=broker.bootstrap,
        ) as scene:
            supervisor = Supervisor(scene.deployment)
            async with Load(scene, stage.random) as load:
                for number in range(injections):
                    await _until_all_read(scene, names, supervisor)
                    await load.under_way()
                    began = time.time()
                    await asyncio.to_thread(broker.kill if number % 2 else broker.stop)
                    await _sleep(stage.random.uniform(0, 2 * SESSION), supervisor)
                    await asyncio.to_thread(broker.start)
                    recoveries.append(await scene.watch.until_contained(WITHIN, supervisor.look))
                    faults.add(began, time.time())
                    stage.say(f"restarted {number + 1} of {injections}; {supervisor.note()}")
            await scene.end(WITHIN, supervisor.look)
    reckoning = scene.reckon(faults.expect, supervisor.wrong)
    return reckoning.row("F16 broker restarted in calls", injections, recoveries, supervisor.note())


def _thinking(random: Random) -> Any:
    return lambda: random.uniform(0, THINKING)


async def _sleep(seconds: float, supervisor: Supervisor) -> None:
    """Let time pass, and start again what ends meanwhile."""
    over = time.monotonic() + seconds
    while (left := over - time.monotonic()) > 0:
        supervisor.look()
        await asyncio.sleep(min(0.1, left))


async def _until_all_read(scene: Scene, names: Any, supervisor: Supervisor) -> None:
    """Return when those processes read partitions, and none has to be started again."""
    async with asyncio.timeout(WITHIN):
        while not all(scene.deployment.is_reading(name) for name in names):
            supervisor.look()
            await asyncio.sleep(0.1)
