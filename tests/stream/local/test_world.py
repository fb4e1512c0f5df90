"""The keyed process, unchanged, over the log, the stores and the lanes of one machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson

from tests.stream.local.logs import append, record
from triggerstream.core.detection.detect import Detect
from triggerstream.core.records.record import Kind, read_kind
from triggerstream.core.rulesets.ruleset import Ruleset, load_ruleset
from triggerstream.stream.handover import Handover
from triggerstream.stream.keyed.encoder import Encoder
from triggerstream.stream.keyed.owned_partition import Cadence
from triggerstream.stream.keyed.process import KeyedProcess
from triggerstream.stream.lanes import TopicReader
from triggerstream.stream.local.directory import Directory
from triggerstream.stream.local.feed import Feed
from triggerstream.stream.local.log import LocalLog
from triggerstream.stream.local.process import LocalInput, ProcessLog
from triggerstream.stream.rocksdb.stores import Stores
from triggerstream.stream.shutdown import Shutdown

_TRIGGERS = """
trigger: each-third
name: Each third view
type: contextual
priority: low
when: {count: view, at_least: 3, within: 1h}
then:
  - log: {message: three}
"""


def now() -> int:
    return time.time_ns() // 1_000_000


class OneRuleset:
    def __init__(self) -> None:
        self.ruleset = load_ruleset({"t.yaml": _TRIGGERS}, version=1)

    def newest(self) -> tuple[int, str]:
        return 1, self.ruleset.hash

    def get(self, version: int) -> Ruleset | None:
        return self.ruleset if version == 1 else None

    async def wait_for(self, version: int) -> Ruleset:
        return self.ruleset


class Observer:
    """Counts nothing, and fails where somebody else is said to have written."""

    def foreign(self, partition: int, customers: int) -> None:
        raise AssertionError(f"partition {partition}: {customers} customers of somebody else")

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


@asynccontextmanager
async def detecting(directory: Directory) -> AsyncIterator[LocalLog]:
    """Run detection over the installation in *directory*."""
    shutdown = Shutdown()
    stores = Stores(directory.path, "detect", logged=True)
    log = LocalLog(directory.log, now=now, on_failure=shutdown.fail)
    await log.start()
    program = Detect("events")
    process = KeyedProcess(
        program,
        Encoder(
            program,
            input_topic="events",
            topic="events",
            downstream="actions",
            header_clock=False,
        ),
        log=ProcessLog(log, lambda number: stores.open(number).changelog_offset(), now=now),
        rulesets=OneRuleset(),
        consumer=LocalInput(log, "detect", "events", still_ours=lambda: directory.is_held),
        open_store=stores.open,
        observer=Observer(),
        attempts=None,
        placed=lambda _: lambda _: True,
        monotonic=time.monotonic,
        marks=True,
        header_clock=False,
        cadence=Cadence(checkpoint=0.01),
    )
    reader = TopicReader("events", process, shutdown)
    feed = Feed(log, "events", reader.handover)
    await reader.open(1, [0])
    feed.begin(1, process._owned[0].partition.offset + 1)
    try:
        yield log
    finally:
        feed.end()
        await reader.close([0], are_lost=False)
        stores.close_others()
        await log.stop()
    assert shutdown.error is None


async def fired(log: LocalLog, count: int) -> list[str]:
    """Return of whom so many firings are told on ``actions``, when they are there."""
    handover = Handover()
    handover.generation = 1
    Feed(log, "actions", handover).begin(1, 0)
    found: list[str] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            batch = await handover.get(0, 20)
            assert batch is not None
            found += [
                each.key.decode()
                for each in batch.records
                if read_kind(each.headers) == Kind.FIRING
            ]
    return found


def view(customer: str, number: int) -> Any:
    body = {"customer_id": customer, "event_type": "view", "event_id": f"{customer}-{number}"}
    return record(customer, orjson.dumps(body))


async def test_detection_goes_on_where_it_was_and_suspects_nobody(tmp_path: Path) -> None:
    with Directory(tmp_path) as directory:
        async with detecting(directory) as log:
            await append(log, *[view("a", number) for number in range(3)], view("b", 0))
            assert await fired(log, 1) == ["a"]
        async with detecting(directory) as log:
            await append(log, view("b", 1), view("a", 3))
            await append(log, view("b", 2))
            assert await fired(log, 2) == ["a", "b"]
            position = log.position("detect", "events")
        async with detecting(directory) as log:
            assert await fired(log, 2) == ["a", "b"]
            assert log.position("detect", "events") >= position > 0
