"""The world of one directory: the real log, the real stores, and the processes on one loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from triggerstream.core.records.record import KIND, Kind, Produce
from triggerstream.errors import StoreError, WorldChangedError
from triggerstream.ops.settings import Settings
from triggerstream.processes import local as module
from triggerstream.processes.detecting import DETECTING, detect
from triggerstream.processes.local import LocalWorld
from triggerstream.stream.local.directory import Directory
from triggerstream.stream.rulesets import publish_through

TRIGGERS = {"a.yaml": "trigger: a\nwhen: {event: seen}\nthen:\n  - log: {}\n"}
ERASE = ((KIND, Kind.ERASE),)
EVENT = Produce("events", 0, b"ada", b'{"customer_id":"ada","event_type":"seen"}')


class Door:
    """Notes when it is opened and closed, and what had been done by then."""

    def __init__(self, world: LocalWorld) -> None:
        self._world = world
        self.opened = asyncio.Event()
        self.was_ending: list[bool] = []

    async def __aenter__(self) -> None:
        self.opened.set()

    async def __aexit__(self, *_: object) -> None:
        self.was_ending.append(self._world.shutdown.is_sealed)
        await (await self._world.log.append([EVENT]))  # what was under way is finished


@asynccontextmanager
async def worlds(directory: Path, **settings: Any) -> AsyncIterator[LocalWorld]:
    with Directory(directory) as place:
        async with LocalWorld(Settings.model_validate(settings), place) as world:
            detect(world.add(DETECTING))
            yield world


async def run(world: LocalWorld, events: Sequence[Produce]) -> int:
    """Serve *world* until it has decided *events*; return its exit code."""
    serving = asyncio.create_task(world.serve())
    await (await world.log.append(events))
    async with asyncio.timeout(20):
        while world.log.position("detect", "events") < world.log.end_offset("events"):
            if serving.done():
                return serving.result()
            await asyncio.sleep(0.01)  # a checkpoint's interval
    world.shutdown.end()
    return await serving


async def test_it_decides_and_goes_on_where_it_was(tmp_path: Path) -> None:
    for count in (1, 2):
        async with worlds(tmp_path) as world:
            if count == 1:
                await publish_through(world.log.append, world.rulesets, TRIGGERS, None)
            assert await run(world, [EVENT]) == 0
            assert world.log.end_offset("actions") >= count


async def test_another_log_in_the_place_of_its_own_is_not_decided_on(tmp_path: Path) -> None:
    async with worlds(tmp_path) as world:
        await publish_through(world.log.append, world.rulesets, TRIGGERS, None)
        assert await run(world, [EVENT]) == 0
    for file in (tmp_path / ".triggerstream").glob("log.db*"):
        file.unlink()

    async with worlds(tmp_path) as world:
        await publish_through(world.log.append, world.rulesets, TRIGGERS, None)
        code = await run(world, [EVENT] * 100)

        assert code == WorldChangedError.exit_code
        assert world.log.end_offset("actions") == 0


async def test_its_door_is_closed_before_anything_else_is(tmp_path: Path) -> None:
    async with worlds(tmp_path) as world:
        door = Door(world)
        serving = asyncio.create_task(world.serve(door))
        await asyncio.wait_for(door.opened.wait(), 20)
        assert not serving.done()

        world.shutdown.end()

        assert await serving == 0
        assert door.was_ending == [True]
        assert world.log.end_offset("events") == 1


async def test_it_is_ready_when_its_door_is_open_and_not_before(tmp_path: Path) -> None:
    may_open = asyncio.Event()

    class Slow(Door):
        async def __aenter__(self) -> None:
            self.opened.set()
            await may_open.wait()

    async with aiohttp.ClientSession() as session, worlds(tmp_path) as world:

        async def status() -> int:
            async with session.get(f"{world.health_url}/readyz") as answer:
                return answer.status

        await publish_through(world.log.append, world.rulesets, TRIGGERS, None)
        door = Slow(world)
        serving = asyncio.create_task(world.serve(door))
        async with asyncio.timeout(20):
            await door.opened.wait()
            before = [await status() for _ in range(100)]
            may_open.set()
            while await status() != 200:
                pass
        world.shutdown.end()

        assert await serving == 0
        assert before == [503] * 100


@pytest.mark.parametrize(("clock", "is_told"), [("broker", True), ("header", False)])
async def test_where_time_is_data_no_append_says_what_time_it_is(
    tmp_path: Path, clock: str, is_told: bool
) -> None:
    settings = Settings.model_validate({"clock": clock})
    with Directory(tmp_path) as place:
        async with LocalWorld(settings, place) as world:
            [answer] = await (await world.log.append([EVENT]))

    assert (answer.timestamp > 0) is is_told


async def test_a_clock_that_has_jumped_since_the_last_engine_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "this_boot", lambda: "one")
    async with worlds(tmp_path) as world:
        await (await world.log.append([EVENT]))
    monkeypatch.setattr(module, "_now", lambda: time.time_ns() // 1_000_000 + 2 * 3_600_000)

    with pytest.raises(WorldChangedError, match="since the machine was started"):
        async with worlds(tmp_path):
            pass


async def test_while_it_is_served_what_is_old_goes_and_what_was_erased(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def a_minute_ago() -> int:
        return time.time_ns() // 1_000_000 - 60_000

    with monkeypatch.context() as before:
        before.setattr(module, "_now", a_minute_ago)
        async with worlds(tmp_path) as world:
            await publish_through(world.log.append, world.rulesets, TRIGGERS, None)
            assert await run(world, [EVENT]) == 0
            assert len(world.log.read("actions", 0, 10)[0]) == 1

    async with worlds(tmp_path, retention={"local": "30s"}) as world:
        other = Produce("events", 0, b"eve", b'{"customer_id":"eve","event_type":"other"}')
        serving = asyncio.create_task(world.serve())
        await (await world.log.append([other, Produce("events", 0, b"eve", None, ERASE)]))

        def left() -> list[bool]:
            actions, events = (world.log.read(topic, 0, 10)[0] for topic in ("actions", "events"))
            return [b"ada" in actions.keys, events.keys.count(b"eve") > 1]

        async with asyncio.timeout(20):
            while any(left()):  # noqa: ASYNC110 - the log's thread removes it
                await asyncio.sleep(0.01)
        world.shutdown.end()
        assert await serving == 0


async def test_a_door_that_cannot_be_opened_ends_it(tmp_path: Path) -> None:
    class Taken(Door):
        async def __aenter__(self) -> None:
            raise WorldChangedError("the port is taken")

    async with worlds(tmp_path) as world:
        assert await world.serve(Taken(world)) == WorldChangedError.exit_code


async def test_a_log_that_may_not_grow_any_more_ends_it(tmp_path: Path) -> None:
    with Directory(tmp_path) as place:
        settings = Settings.model_validate({"retention": {"local_bytes": 1 << 20}})
        async with LocalWorld(settings, place) as world:
            detect(world.add(DETECTING))
            serving = asyncio.create_task(world.serve())
            large = Produce("events", 0, b"ada", b"x" * 300_000)

            async def fill() -> None:
                for _ in range(10):
                    await (await world.log.append([large]))

            with pytest.raises(StoreError, match="required is a log of at most"):
                await fill()

            assert await serving == StoreError.exit_code
