"""A move that is broken off goes on when it is called again, and ends as if it had not been."""

from __future__ import annotations

import gzip
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.e2e.deployment import Bootstrapped, Deployment
from tests.e2e.test_promise import SHOP, TRIGGERS
from tests.e2e.told import arrival_of
from triggerstream.authoring.files import read_files
from triggerstream.core.keyed.partition_record import CUSTOMER_PREFIX
from triggerstream.core.records.record import ARRIVAL, Produce
from triggerstream.core.rulesets.published import pack
from triggerstream.errors import WorldChangedError
from triggerstream.ops.settings import Kafka, Settings
from triggerstream.processes.moving import move as moving
from triggerstream.processes.moving import source as reading
from triggerstream.processes.moving.move import Report, move
from triggerstream.stream.kafka.topics import Topics
from triggerstream.stream.local.directory import Directory
from triggerstream.stream.local.log import LocalLog

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]

PARTITIONS = 3
EVENTS = 4000


class BrokenOffError(Exception):
    """Stands for a kill."""


@pytest_asyncio.fixture(loop_scope="module", scope="module", name="source")
async def _source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation with events that nobody has decided yet."""
    triggers: Path = tmp_path_factory.mktemp("shop")
    with Directory(triggers) as directory:
        log = LocalLog(directory.log, now=lambda: time.time_ns() // 1_000_000)
        await log.start()
        _, rulesets = pack(read_files(TRIGGERS), 0)
        records = [Produce("rulesets", 0, key, value) for key, value in rulesets]
        for value in gzip.decompress(SHOP.read_bytes()).splitlines()[:EVENTS]:
            key, arrival = arrival_of(value)
            records.append(Produce("events", 0, key, value, ((ARRIVAL, b"%d" % arrival),)))
        await (await log.append(records))
        await log.stop()
    return triggers


class There:
    """A prefix on the broker to which a copy of the source is moved."""

    def __init__(self, bootstrap: str, source: Path, directory: Path) -> None:
        self.settings = Settings(
            kafka=Kafka(
                bootstrap=bootstrap, topic_prefix=f"t{uuid4().hex[:8]}", partitions=PARTITIONS
            ),
            clock="header",
        )
        self.topics = Topics(self.settings.kafka.topic_prefix)
        self._reading = Deployment(bootstrap, directory, source, partitions=PARTITIONS)
        self.directory = Directory(shutil.copytree(source, directory / uuid4().hex))

    async def move(self, on_progress: Callable[[str, int], None] = lambda *_: None) -> Report:
        self.directory.claim(to_move=True)
        try:
            return await move(self.settings, self.directory, on_progress=on_progress)
        finally:
            self.directory.release()

    async def actions(self) -> list[Any]:
        found = await self._reading.read_topic(self.topics.name("actions"), PARTITIONS)
        return [(r.partition, r.offset, r.key, r.value, tuple(r.headers)) for r in found]

    async def states(self, process: str) -> dict[bytes, bytes]:
        """Return what a restore would find: the last of each key and partition."""
        found = await self._reading.read_topic(self.topics.changelog(process), PARTITIONS)
        return {
            b"%d" % record.partition + record.key: record.value
            for record in found
            if record.key[:1] == CUSTOMER_PREFIX
        }


@pytest.mark.parametrize(
    "step",
    ["rulesets", "states of detect", "actions", "partitions of detect", "partitions of send"],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_move_that_is_broken_off_goes_on(
    kafka: Bootstrapped,
    tmp_path: Path,
    source: Path,
    step: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (moving, reading):
        monkeypatch.setattr(module, "RECORDS", 100)
    at_once = There(kafka.bootstrap, source, tmp_path)
    report = await at_once.move()
    assert report.actions > 1000
    twice = There(kafka.bootstrap, source, tmp_path)
    steps: list[str] = []

    def break_off(what: str, count: int) -> None:
        steps.append(what)
        if what == step and steps.count(step) == min(3, 1 + 2 * (step == "actions")):
            raise BrokenOffError

    with pytest.raises(BrokenOffError):
        await twice.move(break_off)
    with pytest.raises(WorldChangedError, match="has begun, and has not come to its end"):
        twice.directory.claim()
    again = await twice.move()

    assert (again.states, again.actions) == (report.states, report.actions)
    assert await twice.actions() == await at_once.actions()
    for process in ("detect", "send"):
        assert await twice.states(process) == await at_once.states(process)
    with pytest.raises(WorldChangedError, match="has moved to the Kafka"):
        await twice.move()


@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_broken_off_before_anything_was_appended_has_not_begun(
    kafka: Bootstrapped, tmp_path: Path, source: Path
) -> None:
    there = There(kafka.bootstrap, source, tmp_path)

    def break_off(what: str, count: int) -> None:
        raise BrokenOffError

    with pytest.raises(BrokenOffError):
        await there.move(break_off)

    with there.directory:
        assert there.directory.moved() is None


@pytest.mark.asyncio(loop_scope="module")
async def test_actions_of_somebody_else_s_are_no_part_of_a_move(
    kafka: Bootstrapped, tmp_path: Path, source: Path
) -> None:
    """Whoever appended them while it was broken off: what is there is not what was to be."""
    there = There(kafka.bootstrap, source, tmp_path)

    def break_off(what: str, count: int) -> None:
        if what == "partitions of detect":
            raise BrokenOffError

    with pytest.raises(BrokenOffError):
        await there.move(break_off)
    async with there._reading._producer() as producer:
        await producer.send_and_wait(there.topics.name("actions"), b"", key=b"c1")

    with pytest.raises(WorldChangedError, match="somebody else has appended actions"):
        await there.move()
