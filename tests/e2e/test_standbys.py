"""Warm standbys on a real Kafka: who has followed takes over, and reads only the tail."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path

import pytest

from tests.e2e.deployment import SHORT_SESSION, Bootstrapped, Deployment
from tests.e2e.sinks import open_sinks
from tests.e2e.test_promise import SHOP, TRIGGERS, UNTIL, everything_is_delivered, settled
from tests.e2e.told import decided
from triggerstream.authoring.files import read_files
from triggerstream.core.rulesets.ruleset import load_ruleset
from triggerstream.replay.driver import replay_lines

pytestmark = [pytest.mark.kafka, pytest.mark.long, pytest.mark.timeout(420)]

WORKERS = ("w1", "w2")
SENDERS = ("s1", "s2")
LATER = UNTIL + 60_000
"""A minute in which nothing more is decided."""


async def everybody_follows(deployment: Deployment) -> None:
    """Return when of two workers and two senders each follows the two partitions of the other."""
    for name in (*WORKERS, *SENDERS):
        await deployment.wait_until_reading(name)
        await deployment.wait_until_followed(name, 2)


@pytest.mark.covers("M1")
async def test_who_is_killed_is_replaced_by_who_has_followed(
    kafka: Bootstrapped, tmp_path: Path
) -> None:
    shop = gzip.decompress(SHOP.read_bytes()).splitlines()
    ruleset = load_ruleset(read_files(TRIGGERS), version=1)
    lines = replay_lines(ruleset, shop, until=LATER)
    expected = decided(line for line in lines if line["kind"] == "firing")
    first, second, rest = shop[:16_000], shop[16_000:17_500], shop[17_500:]
    async with open_sinks() as sinks:
        settings = {**sinks.settings, **SHORT_SESSION, "TRIGGERSTREAM_KAFKA__STANDBYS": "1"}
        with Deployment(kafka.bootstrap, tmp_path, TRIGGERS, settings=settings) as deployment:
            for name in WORKERS:
                deployment.worker(name)
            await deployment.wait_for_topics()
            for name in SENDERS:
                deployment.sender(name)
            await everybody_follows(deployment)
            await deployment.produce(first)
            await deployment.wait_until_done("detect", "events", seconds=150)
            await deployment.wait_until_done("send", "actions", seconds=150)
            await everybody_follows(deployment)
            detected = await deployment.changelog_end("detect")
            sent = await deployment.changelog_end("send")

            playing = asyncio.create_task(deployment.produce(second, pause=0.2, chunk=30))
            await asyncio.sleep(2)
            deployment.kill("w1")
            deployment.kill("s1")
            await playing
            await deployment.produce(rest)

            assert await settled(deployment) == expected
            await deployment.wait_until_done("send", "actions", seconds=150)
            # Where a message has to be tried again, that waits for the clock, which is the data's.
            await deployment.tick(LATER)
            await everything_is_delivered(deployment, sinks, expected)
            # All four partitions, of which two had been followed: only the records of the last
            # second or two were left.
            for name, before in (("w2", detected), ("s2", sent)):
                partitions, records = deployment.restored(name)[-1]
                assert before > 500, before
                assert (partitions, records < before / 10) == (4, True), (records, before)
