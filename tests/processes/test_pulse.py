"""How soon a process says that it is ready, and how seldom it looks once it is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from triggerstream.ops.health import Health
from triggerstream.processes.pulse import BEAT, LOOK, PATIENCE, Pulse


class EndedError(Exception):
    """The test has seen enough."""


class Sleeps:
    """Sleeps for nothing; calls each of *then* in turn, and ends the beating."""

    def __init__(self, *then: Any) -> None:
        self.seconds: list[float] = []
        self._then = list(then)

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        if not self._then:
            raise EndedError
        self._then.pop(0)()


class World:
    """One keyed process, which is as ready as it is said to be."""

    def __init__(self, *, is_ready: bool) -> None:
        self.is_settled = True
        self.process = SimpleNamespace(numbers=[0], is_ready=is_ready, lags=lambda: (), cached=0)
        self.told = 0

    def make_ready(self) -> None:
        self.process.is_ready = True

    def settle(self) -> None:
        self.is_settled = True

    def flush(self) -> None:
        self.told += 1

    def pulse(self, health: Health, sleep: Sleeps) -> Pulse:
        metrics = SimpleNamespace(assign=lambda _: None, set_cached=lambda _: None)
        part: Any = SimpleNamespace(
            role=SimpleNamespace(name="detect"),
            process=self.process,
            metrics=metrics,
            notices=SimpleNamespace(flush=self.flush),
        )
        rulesets: Any = SimpleNamespace(newest=lambda: None)
        return Pulse(health, [part], rulesets, is_settled=lambda: self.is_settled, sleep=sleep)


async def beat(world: World, *then: Any) -> tuple[Health, list[float]]:
    health, sleep = Health(), Sleeps(*then)
    with pytest.raises(EndedError):
        await world.pulse(health, sleep).beat()
    return health, sleep.seconds


async def test_one_that_is_ready_is_looked_at_with_each_beat_and_not_between() -> None:
    world = World(is_ready=True)

    health, seconds = await beat(world, lambda: None, lambda: None)

    assert health.why_not_ready() == ""
    assert seconds == [BEAT, BEAT, BEAT]


async def test_what_becomes_ready_between_two_beats_says_so_at_the_next_look() -> None:
    world = World(is_ready=False)

    health, seconds = await beat(world, lambda: None, world.make_ready)

    assert health.why_not_ready() == ""
    assert seconds == [LOOK, LOOK, pytest.approx(BEAT - 2 * LOOK)]


async def test_what_is_not_settled_is_looked_at_as_often() -> None:
    world = World(is_ready=True)
    world.is_settled = False

    health, seconds = await beat(world, world.settle)

    assert health.why_not_ready() == ""
    assert seconds == [LOOK, pytest.approx(BEAT - LOOK)]


async def test_one_that_is_never_ready_beats_no_faster_for_that(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World(is_ready=False)
    looks = round(BEAT / LOOK)

    await beat(world, *[lambda: None] * ((PATIENCE - 1) * (looks + 1)))

    assert world.told == PATIENCE
    assert len(caplog.records) == 1, "told once, after so many beats and not so many looks"
