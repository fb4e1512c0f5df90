"""Appends that gather, and what is said while the log is slow, silent, away, or full of work."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from tests.ingest.harness import SEEN, SERVER, SLOW, WEB, Answer, Opened, opened
from triggerstream.core.records.placement import partition_of
from triggerstream.ingest.limits import Limits

QUICK = Limits(silence=0.15, finishing=5.0)
"""As the limits are, but silence is noticed at once: these tests wait for it."""
LEFT = {"customer_id": "anon_7", "event_type": "left"}


@pytest.fixture(name="door")
async def _door(tmp_path: Path) -> AsyncIterator[Opened]:
    async with opened(tmp_path) as door:
        yield door


async def until_appended(door: Opened, number: int) -> None:
    """Return when the log has been asked for so many appends."""
    async with asyncio.timeout(5):
        while len(door.log.appends) < number:  # noqa: ASYNC110 - the log tells nobody else
            await asyncio.sleep(0)


async def until_judged(door: Opened, number: int) -> None:
    """Return when so many events are on their way."""
    async with asyncio.timeout(5):
        while door.seen.accepted.total() < number:  # noqa: ASYNC110 - the door tells nobody else
            await asyncio.sleep(0)
    await asyncio.sleep(0)


def send(door: Opened, customer: str, key: str = SERVER) -> asyncio.Task[Answer]:
    return asyncio.ensure_future(door.send(body={**SEEN, "customer_id": customer}, key=key))


async def test_what_comes_while_an_append_is_under_way_goes_with_the_next(door: Opened) -> None:
    door.log.is_open.clear()
    first = send(door, "ada")
    await until_appended(door, 1)
    others = [send(door, "ada") for _ in range(5)]
    await until_judged(door, 6)

    assert [len(records) for records in door.log.appends] == [1]
    assert not first.done()
    door.log.is_open.set()
    answers = await asyncio.gather(first, *others)

    assert [answer.status for answer in answers] == [200] * 6
    assert [len(records) for records in door.log.appends] == [1, 5]


async def test_partitions_do_not_wait_for_each_other(door: Opened) -> None:
    door.log.is_open.clear()
    tasks = [send(door, customer) for customer in ("ada", "bob", "cy", "dee")]
    await until_judged(door, 4)
    places = {records[0].partition for records in door.log.appends}

    assert len(places) == len(door.log.appends) > 1
    door.log.is_open.set()
    await asyncio.gather(*tasks)


async def test_a_request_is_answered_when_all_of_its_partitions_have(door: Opened) -> None:
    door.log.is_open.clear()
    customers = [{**SEEN, "customer_id": f"c{number}"} for number in range(20)]
    task = asyncio.ensure_future(door.send(body=customers))
    await until_judged(door, 20)
    assert not task.done()

    door.log.is_open.set()

    assert (await task).json["accepted"] == 20
    assert {record.partition for record in door.log.records} == {0, 1, 2, 3}


async def test_a_log_that_does_not_answer_is_told_with_503_and_takes_nothing_twice(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, limits=QUICK, partitions=1) as door:
        door.log.is_open.clear()
        first = send(door, "ada")
        await until_appended(door, 1)
        second = send(door, "ada")
        told = await asyncio.gather(first, second)
        third = await send(door, "ada")
        ready = await door.send("/readyz", method="GET", key=None, media=None)
        alive = await door.send("/livez", method="GET", key=None, media=None)

        assert [answer.status for answer in (*told, third)] == [503, 503, 503]
        assert [answer.headers["Retry-After"] for answer in (*told, third)] == ["2", "2", "2"]
        assert (ready.status, alive.status) == (503, 200)
        assert ready.json["reason"] == "the log has not answered for 0.15 s"

        door.log.is_open.set()
        await door.ingest.gather.finish(5)
        after = await send(door, "ada")
        ready = await door.send("/readyz", method="GET", key=None, media=None)

    assert (after.status, ready.status) == (200, 200)
    # What had left may be in the log; what had not has not left later, when its sender repeats it.
    assert [len(records) for records in door.log.appends] == [1, 1]
    assert door.seen.held == 0


async def test_an_append_that_fails_is_told_with_503_and_the_door_stays_open(door: Opened) -> None:
    door.log.error = "the disk is full"
    failed = await send(door, "ada")
    ready = await door.send("/readyz", method="GET", key=None, media=None)
    door.clock.now += 2
    again = await door.send("/readyz", method="GET", key=None, media=None)
    door.log.error = None
    after = await send(door, "ada")

    assert (failed.status, ready.status, again.status, after.status) == (503, 503, 200, 200)
    assert ready.json["reason"] == "the last append failed"
    assert door.seen.held == 0


async def test_memory_is_bounded_for_each_key_and_for_all(tmp_path: Path) -> None:
    size = 200 + len("ada") + len(json.dumps({**SEEN, "source": "shop"}, separators=(",", ":")))
    limits = msgspec.structs.replace(QUICK, waiting=5 * size, share=3 * size, silence=60.0)
    async with opened(tmp_path, limits=limits) as door:
        door.log.is_open.clear()
        taken = [send(door, "ada") for _ in range(2)]
        await until_judged(door, 2)
        taken += [send(door, "ada", SLOW)]
        await until_judged(door, 3)
        taken += [send(door, "ada")]
        await until_judged(door, 4)
        over_its_share = await send(door, "ada")
        taken += [send(door, "ada", SLOW)]
        await until_judged(door, 5)
        over_all = await send(door, "ada", SLOW)

        assert (over_its_share.status, over_all.status) == (429, 429)
        assert over_all.headers["Retry-After"] == "1"
        assert door.seen.most_held <= 5 * size
        door.log.is_open.set()
        assert {answer.status for answer in await asyncio.gather(*taken)} == {200}
        assert door.seen.held == 0


async def test_a_beacon_waits_for_nobody(tmp_path: Path) -> None:
    limits = msgspec.structs.replace(QUICK, unanswered=3)
    async with opened(tmp_path, limits=limits) as door:
        door.log.is_open.clear()
        began = asyncio.get_running_loop().time()
        answers = [
            await door.send(f"/v1/beacon?k={WEB}", LEFT, key=None, media="text/plain")
            for _ in range(5)
        ]
        pixel = await door.send(f"/v1/p.gif?k={WEB}&e=x&a=7", key=None, method="GET", media=None)
        took = asyncio.get_running_loop().time() - began

        assert [answer.status for answer in answers] == [204] * 5
        assert pixel.status == 200
        assert took < 6 * 0.15
        assert door.seen.lost == {"full": 3}
        await asyncio.sleep(0.2)  # the silence is noticed: beacons stay
        door.log.is_open.set()
        await door.ingest.gather.finish(5)
        assert len(door.log.events) == 3
        assert door.seen.held == 0

        await door.send(f"/v1/beacon?k={WEB}", [LEFT] * 3, key=None, media="text/plain")
        await door.ingest.gather.finish(5)
        assert len(door.log.events) == 6, "there is room again for as many"


async def test_one_partition_alone_that_is_silent_keeps_no_requests_away(tmp_path: Path) -> None:
    async with opened(tmp_path, limits=QUICK) as door:
        door.log.is_open.clear()
        silent, other = (
            "ada",
            next(
                name
                for name in "bcdefg"
                if partition_of(name.encode(), 4) != partition_of(b"ada", 4)
            ),
        )
        door.log.held[partition_of(silent.encode(), 4)] = asyncio.Event()
        assert (await send(door, silent)).status == 503
        assert "has not answered" in door.ingest.why_not_ready()

        door.log.is_open.set()

        assert (await send(door, other)).status == 200
        assert door.ingest.why_not_ready() == ""
        assert (await send(door, silent)).status == 503
        door.log.held[partition_of(silent.encode(), 4)].set()


async def test_beacons_of_an_append_that_fails_are_counted(door: Opened) -> None:
    door.log.error = "the disk is full"

    await door.send(f"/v1/beacon?k={WEB}", [LEFT, LEFT], key=None, media="text/plain")
    await door.ingest.gather.finish(5)

    assert door.seen.lost == {"failed": 2}


async def test_one_keys_flood_leaves_the_others_alone(door: Opened) -> None:
    statuses = [(await door.send(key=SLOW)).status for _ in range(15)]
    other = await door.send()
    door.clock.now += 0.125
    later = [(await door.send(key=SLOW)).status for _ in range(2)]

    assert statuses == [200] * 10 + [429] * 5
    assert other.status == 200
    assert later == [200, 429]


async def test_a_batch_larger_than_the_rate_passes_and_is_paid_for_later(door: Opened) -> None:
    batch = await door.send(body=[SEEN] * 30, key=SLOW)
    over = await door.send(key=SLOW)
    door.clock.now += 2
    still = await door.send(key=SLOW)
    door.clock.now += 0.125
    after = await door.send(key=SLOW)

    assert [each.status for each in (batch, over, still, after)] == [200, 429, 429, 200]
    assert over.headers["Retry-After"] == "3"


async def test_dead_letters_of_a_key_are_bounded_and_the_rest_is_counted(door: Opened) -> None:
    for _ in range(3):
        await door.send(body=[{"customer_id": "ada"}] * 50)

    assert len(door.log.letters) == 100
    assert door.seen.letters == {"shop": 50}
    assert door.seen.rejected == {("shop", "missing_field"): 150}


async def test_beacons_that_wait_are_waited_for_before_it_closes(tmp_path: Path) -> None:
    async with opened(tmp_path, limits=QUICK, partitions=1) as door:
        door.log.is_open.clear()
        for _ in range(2):
            await door.send(f"/v1/beacon?k={WEB}", LEFT, key=None, media="text/plain")
        stopping = asyncio.ensure_future(door.server.stop())
        done, _ = await asyncio.wait([stopping], timeout=0.3)
        door.log.is_open.set()
        await stopping

    assert not done
    assert len(door.log.events) == 2


async def test_requests_under_way_are_finished_before_it_closes(tmp_path: Path) -> None:
    async with opened(tmp_path, limits=QUICK) as door:
        door.log.is_open.clear()
        under_way = send(door, "ada")
        await until_appended(door, 1)
        stopping = asyncio.ensure_future(door.server.stop())
        await asyncio.sleep(0)
        ready = await door.send("/readyz", method="GET", key=None, media=None)
        assert ready.json["reason"] == "the process ends"
        door.log.is_open.set()

        assert (await under_way).status == 200
        await stopping
        with pytest.raises(OSError):  # noqa: PT011 - refused, in the words of the system
            await asyncio.open_connection("127.0.0.1", door.port)


async def test_who_is_too_fast_is_told_before_the_body_is_looked_at(door: Opened) -> None:
    await door.send(body=[SEEN] * 30, key=SLOW)

    over = await door.send(body=[SEEN], key=SLOW, media="text/html")

    assert over.status == 429


async def test_an_answer_of_a_process_that_ends_is_the_last_of_its_connection(
    door: Opened,
) -> None:
    before = await door.send()
    door.ingest.is_closing = True
    after = await door.send()

    assert (before.status, after.status) == (200, 200)
    assert [each.headers.get("Connection") for each in (before, after)] == [None, "close"]
