"""Who does nothing hears of a new segment too, once, however those are killed who tell them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest

from tests.e2e.deployment import SHORT_SESSION, Bootstrapped, Deployment
from tests.e2e.installation import Installation
from tests.e2e.told import Told, decided
from triggerstream.core.records.record import KIND, Kind
from triggerstream.core.records.segments import SEGMENTS, read_segment

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

CUSTOMERS = 900
"""Three seconds of touches."""
BEFORE = "trigger: seen\nwhen: {event: seen}\n"
AFTER = """
segment: gold
existing: tell
is: {profile.tier: {equals: gold}}
---
trigger: greets
when: {entered: gold}
then: [{log: {}}]
"""


def triggers_of(directory: Path) -> Path:
    directory.mkdir()
    (directory / "seen.yaml").write_text(BEFORE)
    (directory / "policy.yaml").write_text("expiry: 365d\n")
    return directory


def known() -> list[bytes]:
    """Return what makes each customer known; every third is no member of what comes."""
    return [
        orjson.dumps(
            {
                "event_id": f"e{number}",
                "customer_id": f"c{number:04}",
                "event_type": "identify",
                "timestamp": "2026-03-01T12:00:00Z",
                "event_data": {"tier": "gold" if number % 3 else "blue"},
            }
        )
        for number in range(CUSTOMERS)
    ]


GOLD = {f"c{number:04}" for number in range(CUSTOMERS) if number % 3}


async def touches(told: Told) -> int:
    records = await told.read("events")
    return sum(dict(record.headers).get(KIND) == Kind.TOUCH for record in records)


async def until_touched(told: Told, number: int) -> None:
    async with asyncio.timeout(60):
        while await touches(told) < number:  # noqa: ASYNC110 - it is in a file, or on a broker
            await asyncio.sleep(0.1)


async def is_told_once(told: Told) -> None:
    """Each of them is greeted once, and is a member; nobody else is."""
    async with asyncio.timeout(90):
        while len(decided(await told.firings())) < len(GOLD):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.2)
    firings = decided(await told.firings()).values()
    assert sorted(firing["customer_id"] for firing in firings) == sorted(GOLD)
    assert {firing["trigger"] for firing in firings} == {"greets"}
    rows = [read_segment(each.key, each.value, each.headers) for each in await told.read(SEGMENTS)]
    assert {row.customer_id for row in rows} == GOLD
    assert all(row.is_member for row in rows)


async def test_up_touches_everybody_once_however_it_is_killed(tmp_path: Path) -> None:
    with Installation(triggers_of(tmp_path / "shop")) as installation:
        installation.engine()
        await installation.produce(known())
        await installation.wait_until_done("detect", "events")
        (installation.directory / "gold.yaml").write_text(AFTER)
        deployed = installation.run("deploy", ".")
        assert deployed.returncode == 0, deployed.stderr
        for number in (1, 200, 500):
            await until_touched(installation, number)
            await installation.kill_and_start_again()

        await is_told_once(installation)
        await installation.wait_until_done("detect", "events")
        swept = await touches(installation)
        assert swept > CUSTOMERS, "it began again"
        assert installation.stop() == 0

        installation.engine("--keep-ruleset")
        await installation.ready()
        await installation.produce([_event("nobody")])
        await installation.wait_until_done("detect", "events")
        await asyncio.sleep(1)
        assert await touches(installation) == swept, "it is noted as done"


@pytest.mark.kafka
async def test_workers_touch_everybody_once_however_they_are_killed(
    kafka: Bootstrapped, tmp_path: Path
) -> None:
    triggers = triggers_of(tmp_path / "shop")
    with Deployment(
        kafka.bootstrap, tmp_path, triggers, partitions=1, settings=SHORT_SESSION
    ) as deployment:
        deployment.worker("one")
        await deployment.wait_for_topics()
        await deployment.produce(known())
        await deployment.wait_until_done("detect", "events")
        (triggers / "gold.yaml").write_text(AFTER)
        deployed = deployment.run("deploy", str(triggers))
        assert deployed.returncode == 0, deployed.stderr
        deployment.worker("two")
        for number, name in ((1, "one"), (300, "two")):
            await until_touched(deployment, number)
            deployment.kill(name)
            deployment.worker(name)

        await is_told_once(deployment)


def _event(customer: str) -> bytes:
    body = {"event_id": customer, "customer_id": customer, "event_type": "other"}
    return orjson.dumps(body | {"timestamp": "2026-03-01T12:00:01Z"})
