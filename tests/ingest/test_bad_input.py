"""The table of bad input, each row sent over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.ingest.bad_input import CASES, Bad
from tests.ingest.harness import Opened, opened
from triggerstream.ingest.routes import ROUTES


@pytest.fixture(name="door")
async def _door(tmp_path: Path) -> AsyncIterator[Opened]:
    async with opened(tmp_path) as door:
        yield door


@pytest.mark.parametrize("bad", CASES, ids=lambda bad: f"{bad.path.partition('?')[0]} {bad.what}")
async def test_bad_input_is_answered_as_the_page_says(door: Opened, bad: Bad) -> None:
    answer = await door.send(
        bad.path, bad.body, key=bad.key, method=bad.method, media=bad.media, headers=bad.headers
    )
    await door.ingest.gather.finish(5)

    assert answer.status == bad.status, answer.body
    assert bad.says in answer.body.decode()
    assert answer.headers["Content-Type"] == "application/json"
    assert tuple(reason for reason, _ in door.log.letters) == bad.letters
    assert (answer.status == 200) == bool(door.log.events)


def test_every_route_that_takes_events_is_in_the_table() -> None:
    wanted = {route.path for route in ROUTES if route.door != "told"}

    assert wanted <= {bad.path.partition("?")[0] for bad in CASES}


def test_a_status_of_the_table_is_one_that_its_route_may_answer() -> None:
    answers = {route.path: route.answers for route in ROUTES}

    for bad in CASES:
        path = bad.path.partition("?")[0]
        assert bad.status in answers.get(path, (404,)), bad
