"""The promise on a real Kafka: replay, a worker and a killed worker decide and deliver alike.

Workers that come and go, in order and not, are rows of `tests.chaos`.
"""

from __future__ import annotations

import asyncio
import gzip
import shutil
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.e2e.deployment import SHORT_SESSION, Bootstrapped, Deployment
from tests.e2e.installation import Installation
from tests.e2e.sinks import Sinks, open_sinks
from tests.e2e.told import Told, decided
from triggerstream.authoring.files import read_files
from triggerstream.core.rulesets.ruleset import load_ruleset
from triggerstream.core.timestamps import parse_moment
from triggerstream.replay.driver import replay_lines

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

TRIGGERS = Path(__file__).parent / "triggers"
SHOP = Path(__file__).parents[2] / "examples/shop/events.jsonl.gz"
UNTIL = parse_moment("2024-07-04T00:00:00Z")
DAY = 86_400_000


@pytest.fixture(scope="module", name="shop")
def _shop() -> list[bytes]:
    return gzip.decompress(SHOP.read_bytes()).splitlines()


@pytest.fixture(scope="module", name="lines")
def _lines(shop: list[bytes]) -> list[dict[str, Any]]:
    ruleset = load_ruleset(read_files(TRIGGERS), version=1)
    return list(replay_lines(ruleset, shop, until=UNTIL))


@pytest.fixture(scope="module", name="expected")
def _expected(lines: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found = decided(line for line in lines if line["kind"] == "firing")
    assert len(found) > 1000
    return found


@pytest.fixture(scope="module", name="suppressed")
def _suppressed(lines: list[dict[str, Any]]) -> Counter[tuple[str, ...]]:
    found = Counter(not_fired(line) for line in lines if line["kind"] == "suppressed")
    assert found.total() > 100
    return found


def not_fired(match: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what `replay` prints of a match that did not fire."""
    return tuple(match[key] for key in ("reason", "trigger", "customer_id", "at"))


async def told_as_suppressed(told: Told) -> Counter[tuple[str, ...]]:
    """Return the matches that are told not to have fired, each once; a repeat says the same."""
    found: dict[str, dict[str, Any]] = {}
    for match in await told.suppressed():
        assert found.setdefault(match["match_id"], match) == match, "one id, two reasons"
    return Counter(map(not_fired, found.values()))


async def settled(deployment: Deployment) -> dict[str, dict[str, Any]]:
    """Let everything come due; return what was decided, when all of it is checkpointed."""
    await deployment.tick(UNTIL)
    await deployment.wait_until_done("detect", "events")
    return decided(await deployment.firings())


@pytest.mark.covers("A3")
async def test_a_worker_decides_what_replay_decides(
    kafka: Bootstrapped,
    tmp_path: Path,
    shop: list[bytes],
    expected: Mapping[str, Any],
    suppressed: Counter[tuple[str, ...]],
) -> None:
    with Deployment(kafka.bootstrap, tmp_path, TRIGGERS) as deployment:
        deployment.worker()
        await deployment.wait_for_topics()
        await deployment.produce(shop)

        assert await settled(deployment) == expected
        assert await told_as_suppressed(deployment) == suppressed
        assert deployment.stop("worker") == 0


@pytest.mark.covers("A15", "M2")
@pytest.mark.long
async def test_killed_workers_and_senders_lose_nothing_and_double_nothing(
    kafka: Bootstrapped,
    tmp_path: Path,
    shop: list[bytes],
    expected: Mapping[str, Any],
    suppressed: Counter[tuple[str, ...]],
) -> None:
    random = Random(4)
    async with open_sinks() as sinks:
        settings = {**sinks.settings, **SHORT_SESSION}
        with Deployment(kafka.bootstrap, tmp_path, TRIGGERS, settings=settings) as deployment:
            deployment.worker()
            deployment.sender()
            await deployment.wait_for_topics()
            playing = asyncio.create_task(deployment.produce(shop, pause=0.8))
            for kill in range(5):
                await deployment.wait_until_reading("worker")
                await asyncio.sleep(random.uniform(0, 4))
                deployment.kill("worker")
                if kill == 2:
                    shutil.rmtree(deployment.disk("worker"))
                deployment.worker()
                if kill in (1, 3):
                    deployment.kill("sender")
                    deployment.sender()
            await playing

            assert await settled(deployment) == expected
            assert await told_as_suppressed(deployment) == suppressed
            await everything_is_delivered(deployment, sinks, expected)


async def everything_is_delivered(
    installation: Deployment | Installation,
    sinks: Sinks,
    expected: Mapping[str, Mapping[str, Any]],
) -> None:
    """Every action has one recorded end; no cap was exceeded; what was sent has arrived."""
    asked = {action["action_id"] for firing in expected.values() for action in firing["actions"]}
    async with asyncio.timeout(60):
        while True:
            await installation.wait_until_done("send", "actions", seconds=60)
            ends: dict[str, dict[str, Any]] = {}
            for delivery in await installation.deliveries():
                before = ends.setdefault(delivery["action_id"], delivery)
                assert before["outcome"] == delivery["outcome"], "two ends of one action"
            if ends.keys() >= asked:
                break
            await asyncio.sleep(0.5)
    assert ends.keys() == asked
    webhooks = [end for end in ends.values() if end["channel"] == "webhook"]
    assert {end["outcome"] for end in webhooks} == {"sent"}
    assert set(sinks.webhooks) == {end["action_id"] for end in webhooks}
    mails = [end for end in ends.values() if end["channel"] == "email"]
    assert Counter(end["outcome"] for end in mails)["sent"] > 50
    assert max(Counter(sinks.mails).values()) == 1
    slots: defaultdict[str, list[int]] = defaultdict(list)
    for end in mails:
        if end["outcome"] in ("sent", "unknown"):
            slots[end["customer_id"]].append(parse_moment(end["reserved_at"]))
    for taken in slots.values():
        taken.sort()
        assert all(after - before >= DAY for before, after in pairwise(taken))
