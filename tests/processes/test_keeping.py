"""What goes from the log of a directory: never before all who read it are done with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from triggerstream.core.records.record import KIND, ORIGIN, Kind, Produce
from triggerstream.ops.kept import FOREVER, Kept
from triggerstream.processes.keeping import Positions, remove_erased, remove_old
from triggerstream.stream.local.log import LocalLog

READS = (("detect", "events"), ("detect", "inbox"), ("send", "actions"))
ERASE = ((KIND, Kind.ERASE),)


def record(topic: str, key: str, value: bytes = b"{}") -> Produce:
    return Produce(topic, 0, key.encode(), value)


class Installation:
    """A log, and who reads it, as far as a test lets them come."""

    def __init__(self, log: LocalLog) -> None:
        self.log = log
        self.positions = Positions(log, READS)
        self.waits = 0
        self.asked = asyncio.Event()

    async def append(self, *records: Produce) -> None:
        await (await self.log.append(records))

    def done(self, reader: str, topic: str) -> None:
        self.log.note_position(reader, topic, self.log.end_offset(topic))

    def keys(self, topic: str) -> list[bytes | None]:
        records, _ = self.log.read(topic, 0, 1000)
        return list(records.keys)

    async def wait(self, _: float) -> None:
        self.waits += 1
        self.asked.set()
        await asyncio.sleep(0)


@pytest.fixture(name="here")
async def _here(tmp_path: Path) -> AsyncIterator[Installation]:
    log = LocalLog(tmp_path / "log.db", now=lambda: 1_000_000_000_000)
    await log.start()
    yield Installation(log)
    await log.stop()


@asynccontextmanager
async def erasing(here: Installation) -> AsyncIterator[None]:
    task = asyncio.create_task(remove_erased(here.log, here.positions, sleep=here.wait))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()


async def until_gone(here: Installation, topic: str, key: bytes) -> None:
    async with asyncio.timeout(10):
        while key in here.keys(topic):  # noqa: ASYNC110 - the log's thread removes it
            await asyncio.sleep(0.01)


async def test_what_is_erased_goes_when_detection_and_sending_are_done_with_it(
    here: Installation,
) -> None:
    await here.append(record("events", "ada"), record("events", "eve"))
    await here.append(record("actions", "ada"), record("actions", "eve"))
    await here.append(record("deliveries", "ada"))
    await here.append(record("inbox", "-", b'{"customer_id":"ada"}'))
    await here.append(Produce("events", 0, b"ada", None, ((*ERASE, (ORIGIN, b"0:1")))))
    async with erasing(here):
        await asyncio.wait_for(here.asked.wait(), 10)
        here.done("detect", "inbox")
        here.done("detect", "events")
        here.asked.clear()
        await asyncio.wait_for(here.asked.wait(), 10)
        assert here.keys("events") == [b"ada", b"eve", b"ada"], "sending is not done yet"

        here.done("send", "actions")
        await until_gone(here, "inbox", b"-")

    assert here.keys("events") == [b"eve", b"ada"], "who asks for it stays"
    assert here.keys("actions") == [b"eve"]
    assert here.keys("deliveries") == []


async def test_what_detection_is_not_done_with_is_waited_for(here: Installation) -> None:
    await here.append(record("events", "ada"), record("actions", "ada"))
    await here.append(Produce("events", 0, b"ada", None, ERASE))
    here.done("send", "actions")
    async with erasing(here):
        await asyncio.wait_for(here.asked.wait(), 10)
        await here.append(record("actions", "ada"))  # decided before its end
        here.done("detect", "events")
        here.asked.clear()
        await asyncio.wait_for(here.asked.wait(), 10)
        here.done("send", "actions")
        await until_gone(here, "actions", b"ada")

    assert here.keys("events") == [b"ada"]


async def test_an_erasure_waits_until_detection_is_done_with_what_asks_for_it(
    here: Installation,
) -> None:
    await here.append(record("events", "ada"), Produce("events", 0, b"ada", None, ERASE))
    here.log.note_position("detect", "events", 1)
    async with erasing(here):
        await asyncio.wait_for(here.asked.wait(), 10)
        assert here.keys("events") == [b"ada", b"ada"]

        here.log.note_position("detect", "events", 2)
        async with asyncio.timeout(10):
            while len(here.keys("events")) == 2:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)


async def test_who_comes_back_by_the_inbox_keeps_what_came_after(here: Installation) -> None:
    said = b'{"customer_id":"ada"}'
    await here.append(*[record("inbox", key, said) for key in ("before", "asks", "after")])
    await here.append(Produce("events", 0, b"ada", None, (*ERASE, (ORIGIN, b"0:1"))))
    here.done("detect", "inbox")
    here.done("detect", "events")
    async with erasing(here):
        await until_gone(here, "inbox", b"before")

    assert here.keys("inbox") == [b"asks", b"after"]


async def test_who_comes_back_keeps_what_came_after(here: Installation) -> None:
    await here.append(record("events", "ada"))
    await here.append(Produce("events", 0, b"ada", None, ERASE))
    await here.append(record("events", "ada", b'{"again":1}'))
    here.done("detect", "events")
    async with erasing(here):
        async with asyncio.timeout(10):
            while len(here.keys("events")) == 3:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)

    records, _ = here.log.read("events", 0, 10)
    assert list(records.values) == [None, b'{"again":1}']


async def test_an_erasure_that_was_carried_out_is_not_carried_out_again(
    here: Installation,
) -> None:
    await here.append(record("events", "ada"), Produce("events", 0, b"ada", None, ERASE))
    here.done("detect", "events")
    async with erasing(here):
        async with asyncio.timeout(10):
            while here.positions.needed("events") < 2:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
    here.log.note_position("detect", "events", 0)  # nobody would be done with it now

    async with erasing(here):
        await asyncio.sleep(0)

    assert here.waits == 0


async def test_an_erasure_of_nobody_holds_up_nothing(here: Installation) -> None:
    await here.append(
        Produce("events", 0, None, None, ERASE), Produce("events", 0, b"ada", None, ERASE)
    )
    here.done("detect", "events")
    async with erasing(here):
        async with asyncio.timeout(10):
            while here.positions.needed("events") < 2:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)


async def test_what_an_erasure_has_not_seen_yet_is_needed(here: Installation) -> None:
    await here.append(record("events", "ada"), record("events", "eve"))
    here.done("detect", "events")

    assert here.positions.done("events") == 2
    assert here.positions.needed("events") == 0
    assert here.positions.needed("deliveries") == here.log.end_offset("deliveries")


async def test_where_all_is_kept_for_ever_nothing_is_looked_for(here: Installation) -> None:
    await remove_old(here.log, here.positions, Kept(FOREVER), now=lambda: 0)
