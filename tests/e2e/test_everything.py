"""Live is replay, for all that the language says: in both worlds, however processes are killed.

What is compared are firings with their ids, the ids of the derived events that they name, matches
that did not fire, and the edges of segments.
"""

from __future__ import annotations

import asyncio
import gzip
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.e2e import everything
from tests.e2e.deployment import SHORT_SESSION, Bootstrapped, Deployment
from tests.e2e.installation import Installation
from tests.e2e.test_promise import SHOP, UNTIL, not_fired, told_as_suppressed
from tests.e2e.told import Told, decided
from triggerstream.authoring.files import read_files
from triggerstream.core.events.derived import SIGN
from triggerstream.core.records.segments import SEGMENTS, read_segment
from triggerstream.core.rulesets.ruleset import load_ruleset
from triggerstream.core.timestamps import format_moment
from triggerstream.replay.driver import replay_lines

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

Edge = tuple[str, str, str, str]
"""Segment, change, customer, when."""


@pytest.fixture(scope="module", name="log")
def _log() -> list[bytes]:
    return everything.beside(gzip.decompress(SHOP.read_bytes()).splitlines())


@pytest.fixture(scope="module", name="triggers")
def _triggers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return everything.write(tmp_path_factory.mktemp("everything") / "triggers")


@pytest.fixture(scope="module", name="lines")
def _lines(triggers: Path, log: list[bytes]) -> list[dict[str, Any]]:
    ruleset = load_ruleset(read_files(triggers), version=1)
    return list(replay_lines(ruleset, log, until=UNTIL))


def edges_of(lines: list[dict[str, Any]]) -> set[Edge]:
    return {
        (line["segment"], line["change"], line["customer_id"], line["at"])
        for line in lines
        if line["kind"] == "segment"
    }


async def told_edges(told: Told) -> tuple[set[Edge], set[tuple[str, str]]]:
    """Return the edges in the topic of segments, and who is a member by it, gone by position."""
    edges: set[Edge] = set()
    newest: dict[bytes, tuple[int, bool, tuple[str, str]]] = {}
    for record in await told.read(SEGMENTS):
        row = read_segment(record.key, record.value, record.headers)
        assert row.position >= 0
        if row.change in ("entered", "left"):
            edges.add((row.segment, row.change, row.customer_id, format_moment(row.at)))
        if record.key not in newest or row.position >= newest[record.key][0]:
            newest[record.key] = row.position, row.is_member, (row.customer_id, row.segment)
    return edges, {whose for _, is_member, whose in newest.values() if is_member}


def members_of(lines: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """Return who is in which segment at the end."""
    inside: dict[tuple[str, str], bool] = {}
    for line in lines:
        if line["kind"] == "segment":
            inside[line["customer_id"], line["segment"]] = line["change"] == "entered"
    return {whose for whose, is_inside in inside.items() if is_inside}


async def is_told_as_replayed(told: Told, lines: list[dict[str, Any]]) -> None:
    expected = decided(line for line in lines if line["kind"] == "firing")
    found = decided(await told.firings())
    assert _first_difference(found, expected) is None
    suppressed = Counter(not_fired(line) for line in lines if line["kind"] == "suppressed")
    assert await told_as_suppressed(told) == suppressed
    edges, members = await told_edges(told)
    assert edges == edges_of(lines)
    assert members == members_of(lines)


def _first_difference(found: Mapping[str, Any], expected: Mapping[str, Any]) -> Any:
    """Return what is told first that differs: thousands of lines say less."""
    for name in [*expected, *found]:
        if found.get(name) != expected.get(name):
            return found.get(name), expected.get(name)
    return None


def test_all_that_the_reader_knows_is_among_it_and_all_of_it_happens(
    triggers: Path, lines: list[dict[str, Any]]
) -> None:
    """Else the comparisons below show less than they say."""
    ruleset = load_ruleset(read_files(triggers), version=1)
    fired = {line["trigger"] for line in lines if line["kind"] == "firing"}
    changes = {line["segment"] for line in lines if line["kind"] == "segment"}
    derived = {
        event.partition(":")[0]
        for line in lines
        if line["kind"] == "firing"
        for event in line["events"]
        if event.startswith(SIGN)
    }

    assert everything.missing() == []
    assert fired == ruleset.triggers.keys()
    assert changes == {each.name for each in ruleset.source.segments if each.name[0] != "~"}
    assert derived >= {"$fired", "$entered", "$left", "$changed"}
    assert len([line for line in lines if line["kind"] == "suppressed"]) > 1000


async def test_up_decides_it_as_replay_does_however_it_is_killed(
    tmp_path: Path, triggers: Path, log: list[bytes], lines: list[dict[str, Any]]
) -> None:
    random = Random(17)
    directory = everything.write(tmp_path / "triggers")
    with Installation(directory) as installation:
        installation.engine()
        playing = asyncio.create_task(installation.produce(log, pause=0.1))
        for _ in range(8):
            await asyncio.sleep(random.uniform(0.5, 4))
            await installation.kill_and_start_again()
        await playing
        await installation.tick(UNTIL)
        await installation.wait_until_done("detect", "events", 300)

        await is_told_as_replayed(installation, lines)


@pytest.mark.kafka
async def test_one_worker_three_and_one_decide_it_as_replay_does_however_they_are_killed(
    kafka: Bootstrapped,
    tmp_path: Path,
    triggers: Path,
    log: list[bytes],
    lines: list[dict[str, Any]],
) -> None:
    random = Random(18)
    with Deployment(kafka.bootstrap, tmp_path, triggers, settings=SHORT_SESSION) as deployment:
        deployment.worker("one")
        await deployment.wait_for_topics()
        playing = asyncio.create_task(deployment.produce(log, pause=0.4))
        await deployment.wait_until_reading("one")
        await asyncio.sleep(random.uniform(1, 4))
        for name in ("two", "three"):
            deployment.worker(name)
        await deployment.wait_until_reading("three")
        for name in ("one", "three", "two"):
            await asyncio.sleep(random.uniform(0, 3))
            deployment.kill(name)
            deployment.worker(name)
            await deployment.wait_until_reading(name)
        await playing
        assert deployment.stop("two") == 0
        deployment.kill("three")
        await deployment.tick(UNTIL)
        await deployment.wait_until_done("detect", "events", 300)

        await is_told_as_replayed(deployment, lines)
