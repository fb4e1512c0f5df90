"""Events by HTTP into an installation of one directory: killed under load, stopped, and whole."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.installation import Installation
from tests.e2e.sinks import open_sinks
from tests.e2e.test_ingest import CLIENTS, ROUNDS, send
from triggerstream.authoring.project import write_project
from triggerstream.core.reasons import Outcome

pytestmark = [pytest.mark.long, pytest.mark.timeout(120)]

LIVE = {"TRIGGERSTREAM_CLOCK": "broker"}


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    write_project(project, "empty")
    return project


@pytest.fixture(name="installation")
def _installation(project: Path) -> Iterator[Installation]:
    with Installation(project, LIVE) as installation:
        yield installation


async def test_what_was_acknowledged_is_in_the_log_however_often_it_is_killed(
    installation: Installation,
) -> None:
    numbers, kept, by_round = count(), set[str](), list[int]()

    async def batches(size: int) -> AsyncIterator[list[int]]:
        while True:
            yield [next(numbers) for _ in range(size)]

    installation.engine()
    for _ in range(ROUNDS):
        url = (await installation.ready()).ingest
        before = len(kept)
        clients = [
            asyncio.ensure_future(send(url, batches(1 + 7 * (client % 3)), kept))
            for client in range(CLIENTS)
        ]
        await asyncio.sleep(1.0)
        await installation.kill_and_start_again()
        await asyncio.gather(*clients)
        by_round.append(len(kept) - before)
    await installation.ready()

    events = [record for record in await installation.read("events") if not record.headers]
    found = [json.loads(record.value)["event_id"] for record in events]
    assert min(by_round) > 100
    assert kept <= set(found)
    # A process that dies may have appended what it did not acknowledge, and nothing twice.
    assert len(found) == len(set(found))
    # And detection goes on with all of them.
    await installation.wait_until_done("detect", "events")


async def test_told_to_stop_it_finishes_what_is_under_way_and_exits_with_0(
    installation: Installation,
) -> None:
    installation.engine()
    url = (await installation.ready()).ingest
    numbers, kept = count(), set[str]()

    async def batches() -> AsyncIterator[list[int]]:
        while True:
            yield [next(numbers)]

    clients = [asyncio.ensure_future(send(url, batches(), kept)) for _ in range(CLIENTS)]
    await asyncio.sleep(0.5)
    code = await asyncio.to_thread(installation.stop)
    await asyncio.gather(*clients)

    events = [record for record in await installation.read("events") if not record.headers]
    assert code == 0, installation.tail()
    assert kept <= {json.loads(record.value)["event_id"] for record in events}
    assert len(kept) > 50


async def test_from_a_project_and_two_requests_to_a_mail(project: Path) -> None:
    """`init`, `up`, and what a program sends: the mail arrives by SMTP, and is told."""
    async with open_sinks() as sinks:
        with Installation(project, {**LIVE, **sinks.settings}) as installation:
            installation.up()
            url = (await installation.ready()).ingest + "/v1/events"
            data = {"email": "ada@example.com", "first_name": "Ada"}
            async with aiohttp.ClientSession() as session:
                for event in (
                    {"customer_id": "ada", "event_type": "identify", "event_data": data},
                    {"customer_id": "ada", "event_type": "signed_up"},
                ):
                    async with session.post(url, json=event) as answer:
                        assert await answer.json() == {"accepted": 1, "rejected": []}

            async with asyncio.timeout(30):
                while not sinks.mails:  # noqa: ASYNC110 - another process sends it
                    await asyncio.sleep(0.05)
                while not (ends := await installation.deliveries()):  # noqa: ASYNC110 - the same
                    await asyncio.sleep(0.05)

            assert len(sinks.mails) == 1
            assert [(end["trigger"], end["outcome"]) for end in ends] == [("hello", Outcome.SENT)]
            assert installation.stop() == 0
