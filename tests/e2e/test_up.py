"""The promise in one directory: what `up` decides is what `replay` decides, however it is killed.

Nothing is needed for it but this machine.
"""

from __future__ import annotations

import asyncio
import gzip
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.e2e.installation import READS, Installation
from tests.e2e.sinks import open_sinks
from tests.e2e.test_promise import (
    SHOP,
    TRIGGERS,
    UNTIL,
    everything_is_delivered,
    not_fired,
    told_as_suppressed,
)
from tests.e2e.told import decided
from triggerstream.authoring.files import read_files
from triggerstream.core.rulesets.ruleset import load_ruleset
from triggerstream.errors import SettingsError
from triggerstream.replay.driver import replay_lines

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

KILLS = 20


@pytest.fixture(scope="module", name="shop")
def _shop() -> list[bytes]:
    return gzip.decompress(SHOP.read_bytes()).splitlines()


@pytest.fixture(scope="module", name="lines")
def _lines(shop: list[bytes]) -> list[dict[str, Any]]:
    ruleset = load_ruleset(read_files(TRIGGERS), version=1)
    return list(replay_lines(ruleset, shop, until=UNTIL))


@pytest.fixture(name="triggers")
def _triggers(tmp_path: Path) -> Path:
    return shutil.copytree(TRIGGERS, tmp_path / "shop")


async def is_decided_as_in_replay(
    installation: Installation, lines: list[dict[str, Any]]
) -> Mapping[str, Any]:
    """Let everything come due, and compare; return the firings that there should be."""
    await installation.tick(UNTIL)
    for process, topic in READS:
        await installation.wait_until_done(process, topic)
    expected = decided(line for line in lines if line["kind"] == "firing")
    assert len(expected) > 1000
    assert decided(await installation.firings()) == expected
    suppressed = Counter(not_fired(line) for line in lines if line["kind"] == "suppressed")
    assert await told_as_suppressed(installation) == suppressed
    return expected


async def test_an_installation_decides_what_replay_decides_and_delivers_it(
    triggers: Path, shop: list[bytes], lines: list[dict[str, Any]]
) -> None:
    async with open_sinks() as sinks:
        with Installation(triggers, sinks.settings) as installation:
            installation.up()
            await installation.produce(shop)

            expected = await is_decided_as_in_replay(installation, lines)
            await everything_is_delivered(installation, sinks, expected)
            assert installation.stop() == 0


@pytest.mark.covers("F9", "M2")
async def test_a_killed_installation_loses_nothing_and_doubles_nothing(
    triggers: Path, shop: list[bytes], lines: list[dict[str, Any]]
) -> None:
    random = Random(11)
    async with open_sinks() as sinks:
        with Installation(triggers, sinks.settings) as installation:
            installation.engine()
            playing = asyncio.create_task(installation.produce(shop, pause=0.2))
            for _ in range(KILLS):
                await asyncio.sleep(random.uniform(0, 1))
                await installation.kill_and_start_again()
            await playing

            expected = await is_decided_as_in_replay(installation, lines)
            await everything_is_delivered(installation, sinks, expected)


async def test_an_engine_that_is_killed_is_started_again(
    triggers: Path, shop: list[bytes], lines: list[dict[str, Any]]
) -> None:
    async with open_sinks() as sinks:
        with Installation(triggers, sinks.settings) as installation:
            installation.up()
            await installation.produce(shop[: len(shop) // 2])
            await installation.kill_engine()
            await installation.produce(shop[len(shop) // 2 :])

            await is_decided_as_in_replay(installation, lines)
            assert installation.stop() == 0


async def test_a_second_one_is_told_who_has_the_directory(triggers: Path) -> None:
    with Installation(triggers) as installation:
        installation.up()
        engine = await installation.ready()

        second = installation.run("up", ".")

        assert second.returncode == SettingsError.exit_code
        assert str(engine.pid) in second.stderr
        assert installation.stop() == 0
