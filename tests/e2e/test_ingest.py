"""The way in before a real Kafka: killed under load, without its broker, and told to stop."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import aiohttp
import pytest

from deploy.local_kafka.broker import Broker
from tests.e2e.deployment import Bootstrapped, Deployment

pytestmark = [pytest.mark.kafka, pytest.mark.long, pytest.mark.timeout(180)]

SETTINGS = {"TRIGGERSTREAM_INGEST__PORT": "0", "TRIGGERSTREAM_CLOCK": "broker"}
ROUNDS = 4
CLIENTS = 12


@pytest.fixture(name="deployment")
def _deployment(kafka: Bootstrapped, tmp_path: Path) -> Iterator[Deployment]:
    with Deployment(kafka.bootstrap, tmp_path, tmp_path, settings=SETTINGS) as deployment:
        yield deployment


async def listening(deployment: Deployment, seconds: float = 60) -> str:
    """Start the process; return where it takes requests, when it does."""
    log = deployment.log("ingest")
    began = log.stat().st_size if log.exists() else 0
    process = deployment._start("ingest", "ingest")
    async with asyncio.timeout(seconds):
        while True:
            found = re.search(rb"takes requests on (\S+),", log.read_bytes()[began:])
            if found:
                return f"http://{found[1].decode()}"
            assert process.poll() is None, deployment.tails()
            await asyncio.sleep(0.05)


async def send(url: str, numbers: AsyncIterator[list[int]], kept: set[str]) -> None:
    """Send batches until the process is gone; keep the ids of those that were acknowledged."""
    async with aiohttp.ClientSession() as session:
        async for batch in numbers:
            events = [
                {"event_id": f"e{n}", "customer_id": f"c{n % 500}", "event_type": "seen"}
                for n in batch
            ]
            try:
                async with session.post(f"{url}/v1/events", json=events) as answer:
                    if answer.status == 200:
                        assert (await answer.json())["accepted"] == len(batch)
                        kept.update(event["event_id"] for event in events)
            except aiohttp.ClientError:
                return


@pytest.mark.covers("A5")
async def test_what_was_acknowledged_is_in_the_topic_however_often_it_is_killed(
    deployment: Deployment,
) -> None:
    numbers, kept, by_round = count(), set[str](), list[int]()

    async def batches(size: int) -> AsyncIterator[list[int]]:
        while True:
            yield [next(numbers) for _ in range(size)]

    for _ in range(ROUNDS):
        url = await listening(deployment)
        before = len(kept)
        clients = [
            asyncio.ensure_future(send(url, batches(1 + 7 * (client % 3)), kept))
            for client in range(CLIENTS)
        ]
        await asyncio.sleep(1.0)
        deployment.kill("ingest")
        await asyncio.gather(*clients)
        by_round.append(len(kept) - before)

    found = [json.loads(record.value)["event_id"] for record in await deployment.read("events")]
    assert min(by_round) > 100
    assert kept <= set(found)
    # A process that dies may have appended what it did not acknowledge, and nothing twice.
    assert len(found) == len(set(found))


async def test_told_to_stop_it_finishes_what_is_under_way_and_exits_with_0(
    deployment: Deployment,
) -> None:
    url = await listening(deployment)
    numbers, kept = count(), set[str]()

    async def batches() -> AsyncIterator[list[int]]:
        while True:
            yield [next(numbers)]

    clients = [asyncio.ensure_future(send(url, batches(), kept)) for _ in range(CLIENTS)]
    await asyncio.sleep(0.5)
    process = deployment.processes.pop("ingest")
    process.send_signal(signal.SIGTERM)
    await asyncio.gather(*clients)
    code = await asyncio.to_thread(process.wait, 30)

    found = {json.loads(record.value)["event_id"] for record in await deployment.read("events")}
    assert code == 0, deployment.tails()
    assert kept <= found
    assert len(kept) > 50


async def test_without_its_broker_it_says_so_and_goes_on_when_it_is_back(tmp_path: Path) -> None:
    """503 while the broker is dead; what is sent after is taken, by the same process."""
    with (
        Broker() as broker,
        Deployment(broker.bootstrap, tmp_path, tmp_path, settings=SETTINGS) as deployment,
    ):
        url = await listening(deployment)
        async with aiohttp.ClientSession() as session:

            async def status(path: str = "/v1/events", event: str | None = None) -> int:
                body = event and {"event_id": event, "customer_id": "ada", "event_type": "seen"}
                method = "GET" if event is None else "POST"
                async with session.request(method, url + path, json=body or None) as answer:
                    return answer.status

            assert await status(event="before") == 200
            await asyncio.to_thread(broker.kill)
            first = await status(event="lost")
            second = await status(event="refused")
            ready = await status("/readyz")
            alive = await status("/livez")
            await asyncio.to_thread(broker.restart)
            async with asyncio.timeout(90):
                while await status(event="after") != 200:  # noqa: ASYNC110 - the far side decides
                    await asyncio.sleep(0.2)
            assert await status("/readyz") == 200
        found = [json.loads(each.value)["event_id"] for each in await deployment.read("events")]

    assert (first, second, ready, alive) == (503, 503, 503, 200)
    assert found[0] == "before"
    assert found[-1] == "after"
    assert "refused" not in found
