"""What holds of the local log beyond what holds of every log (`tests/stream/test_log_contract`)."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.stream.local.logs import NOW, all_of, append, opened, record
from triggerstream.core.records.record import Produce
from triggerstream.errors import ProtocolError, StateFormatError, StoreError, WorldChangedError
from triggerstream.stream.local.batches import LARGEST, MOST
from triggerstream.stream.local.database import open_to_write
from triggerstream.stream.local.log import LocalLog
from triggerstream.stream.local.reader import LogReader
from triggerstream.stream.ports import Acknowledged

HOUR = 3_600_000


async def test_what_was_acknowledged_is_there_after_the_log_was_closed(tmp_path: Path) -> None:
    async with opened(tmp_path / "log.db") as log:
        await append(log, record("a"), record("b"))

    async with opened(tmp_path / "log.db") as log:
        answers = await (await log.append([record("c")]))

        assert answers == [Acknowledged(2, 1, NOW)]
        assert all_of(log) == [(0, b"a"), (1, b"b"), (2, b"c")]


def test_a_commit_is_forced_to_the_disk(tmp_path: Path) -> None:
    """What a loss of power would show; a kill does not. SQLite's own defaults are others."""
    with closing(open_to_write(tmp_path / "log.db")) as db:
        asked = ("journal_mode", "synchronous", "secure_delete", "auto_vacuum")
        found = [db.execute(f"PRAGMA {name}").fetchone()[0] for name in asked]

    assert found == ["wal", 2, 1, 2]  # FULL, on, incremental


async def test_appends_of_many_callers_share_a_transaction(tmp_path: Path) -> None:
    calls: list[int] = []

    def now() -> int:
        calls.append(NOW)
        return NOW

    async with opened(tmp_path / "log.db", now=now) as log:
        acknowledgements = [await log.append([record(f"{number}")]) for number in range(100)]
        answers = await asyncio.gather(*acknowledgements)

    assert [answer[0].base_offset for answer in answers] == list(range(100))
    assert len(calls) < 10  # once a transaction, and at the start


async def test_nothing_is_read_or_counted_before_it_is_committed(tmp_path: Path) -> None:
    """The loop has not heard of the commit yet, and may be asked."""
    held = threading.Event()
    async with opened(tmp_path / "log.db", check=lambda _: held.wait(10) and None) as log:
        acknowledgement = await log.append([record("a")])

        assert (log.end_offset("events"), log.read("events", 0, 10)[0].keys) == (0, [])
        held.set()
        await acknowledgement
        assert (log.end_offset("events"), log.read("events", 0, 10)[0].keys) == (1, [b"a"])


async def test_who_asked_is_told_after_each_commit_to_its_topic(tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []
    async with opened(tmp_path / "log.db") as log:
        for topic in ("events", "actions"):
            log.on_append(topic, partial(lambda of: told.append((of, log.end_offset(of))), topic))

        await append(log, record("a"), record("b"))
        await append(log, record("c"), record("d", topic="actions"))
        await append(log, record("e", topic="deliveries"))

    assert told == [("events", 2), ("events", 3), ("actions", 1)]


@pytest.mark.parametrize(
    ("records", "rows"),
    [
        ([record("a")] * MOST, [MOST]),
        ([record("a")] * (MOST + 1), [MOST, 1]),
        ([record("a", b"x" * (LARGEST // 2 - 1), topic="events")] * 3, [2, 1]),
        ([record("a", b"x" * (LARGEST + 1))] * 2, [1, 1]),
        ([record("a"), record("a", b"x" * (LARGEST + 1)), record("a")], [1, 1, 1]),
    ],
)
async def test_a_row_is_bounded_in_records_and_in_bytes(
    tmp_path: Path, records: list[Produce], rows: list[int]
) -> None:
    async with opened(tmp_path / "log.db") as log:
        answers = await (await log.append(records))

        assert [answer.count for answer in answers] == rows
        found, following = log.read("events", 0, len(records) + 1)
        assert found.values == [each.value for each in records]
        assert following == len(records)


async def test_an_append_with_a_record_that_is_too_large_leaves_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path / "log.db") as log:
        with pytest.raises(ProtocolError, match="events/0: a record of at most"):
            await log.append([record("a"), record("b", b"x" * (2 << 20))])
        await append(log, record("c"))

        assert all_of(log) == [(0, b"c")]


async def test_there_is_one_partition(tmp_path: Path) -> None:
    async with opened(tmp_path / "log.db") as log:
        with pytest.raises(ProtocolError, match=r"events: required is partition 0.*found 1"):
            await log.append([Produce("events", 1, b"a", b"")])


@pytest.mark.parametrize("most", [1, 2, 3, 100])
async def test_whoever_reads_on_meets_each_record_once(tmp_path: Path, most: int) -> None:
    async with opened(tmp_path / "log.db") as log:
        for size in (1, 4, 2, 7):
            await append(log, *[record(f"{size}", b"x", ("n", b"%d" % n)) for n in range(size)])

        found: list[Any] = []
        following = 0
        while following < log.end_offset("events"):
            columns, after = log.read("events", following, most)
            assert 0 < len(columns) <= most
            found += columns
            following = after

    assert [each.offset for each in found] == list(range(14))
    assert [each.headers for each in found] == [
        [("n", b"%d" % n)] for size in (1, 4, 2, 7) for n in range(size)
    ]


async def test_reading_begins_at_any_offset(tmp_path: Path) -> None:
    async with opened(tmp_path / "log.db") as log:
        await append(log, *[record(f"{number}") for number in range(3)])
        await append(log, *[record(f"{number}") for number in range(3, 5)])

        found = [log.read("events", offset, 2) for offset in range(7)]

    assert [list(columns.offsets) for columns, _ in found] == [
        [0, 1],
        [1, 2],
        [2, 3],
        [3, 4],
        [4],
        [],
        [],
    ]
    assert [following for _, following in found] == [2, 3, 4, 5, 5, 5, 6]


async def test_a_topic_that_nobody_wrote_to_is_empty(tmp_path: Path) -> None:
    async with opened(tmp_path / "log.db") as log:
        assert (log.start_offset("events"), log.end_offset("events")) == (0, 0)
        assert log.read("events", 0, 10)[1] == 0
        assert log.topics() == []


async def test_where_time_is_data_no_acknowledgement_tells_it(tmp_path: Path) -> None:
    async with opened(tmp_path / "log.db", tells_time=False) as log:
        assert await (await log.append([record("a")])) == [Acknowledged(0, 1, -1)]
        assert log.read("events", 0, 1)[0].timestamps == [NOW]


async def test_positions_are_durable_with_the_next_append_or_the_stop(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with opened(path) as log:
        log.note_position("intake", "inbox", 3)
        assert log.position("intake", "inbox") == 3
        await append(log, record("a"))
        with sqlite3.connect(path) as db:
            durable = db.execute("SELECT * FROM positions").fetchall()
        db.close()
        log.note_position("intake", "inbox", 4)
    async with opened(path) as log:
        assert durable == [("intake", "inbox", 3)]
        assert log.position("intake", "inbox") == 4
        assert log.position("detect", "events") == 0


async def test_other_work_is_done_between_appends(tmp_path: Path) -> None:
    async with opened(tmp_path / "log.db") as log:
        loop = asyncio.get_running_loop()
        begun, go_on = asyncio.Event(), threading.Event()
        seen: list[int] = []

        def step(db: sqlite3.Connection) -> bool:
            seen.extend(db.execute("SELECT count(*) FROM batches").fetchone())
            if len(seen) == 1:
                loop.call_soon_threadsafe(begun.set)
                go_on.wait(10)
            return len(seen) < 3

        work = asyncio.ensure_future(log.work(step))
        await begun.wait()
        acknowledgement = await log.append([record("a")])
        go_on.set()
        await work

        assert seen == [0, 1, 1]
        assert await acknowledgement


async def test_a_stop_does_not_wait_for_other_work(tmp_path: Path) -> None:
    """What is to be removed may take long, and who stops has seconds; it is removed later."""
    async with opened(tmp_path / "log.db") as log:
        begun, loop = asyncio.Event(), asyncio.get_running_loop()
        slices = 0

        def step(_: sqlite3.Connection) -> bool:
            nonlocal slices
            slices += 1
            loop.call_soon_threadsafe(begun.set)
            return slices < 10_000

        work = asyncio.ensure_future(log.work(step))
        await begun.wait()
        acknowledgement = await log.append([record("a")])
        await log.stop()

        with pytest.raises(ProtocolError, match="nothing can be done"):
            await work
        assert await acknowledgement
        assert slices < 10_000


# ── the clock ───────────────────────────────────────────────────────────────────────────────


async def test_a_clock_that_goes_back_stands_still(tmp_path: Path) -> None:
    clock = iter([NOW, NOW, NOW - 50, NOW - HOUR, NOW + 1])
    async with opened(tmp_path / "log.db", now=lambda: next(clock)) as log:
        answers = [(await (await log.append([record("a")])))[0] for _ in range(4)]

    assert [answer.timestamp - NOW for answer in answers] == [0, 0, 0, 1]


async def test_it_stands_still_over_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path / "log.db") as log:
        await append(log, record("a", topic="actions"))
        await append(log, record("a"))

    async with opened(tmp_path / "log.db", now=lambda: NOW - 10 * HOUR) as log:
        answers = await (await log.append([record("a")]))

    assert answers[0].timestamp == NOW


async def test_a_clock_an_hour_ahead_is_followed_and_one_further_ahead_is_not(
    tmp_path: Path,
) -> None:
    clock, passed = [NOW], [500]
    told: list[Exception] = []
    async with opened(
        tmp_path / "log.db",
        now=lambda: clock[0],
        passed=lambda: passed[0],
        on_failure=told.append,
    ) as log:
        clock[0] += HOUR
        await append(log, record("a"))
        clock[0] += HOUR
        passed[0] += HOUR
        await append(log, record("b"))
        clock[0] += 1

        with pytest.raises(WorldChangedError, match="--accept-clock") as refused:
            await append(log, record("c"))
        with pytest.raises(WorldChangedError, match="--accept-clock"):
            await append(log, record("d"))

        assert refused.value.exit_code == 73
        assert told == [refused.value]
        assert all_of(log) == [(0, b"a"), (1, b"b")]


async def test_whoever_says_that_the_clock_is_right_is_believed(tmp_path: Path) -> None:
    clock = [NOW]
    async with opened(tmp_path / "log.db", now=lambda: clock[0], accept_clock=True) as log:
        clock[0] += 1000 * HOUR
        await append(log, record("a"))
    clock[0] += 10_000 * HOUR
    async with opened(tmp_path / "log.db", now=lambda: clock[0], accept_clock=True) as log:
        await append(log, record("b"))
        assert log.read("events", 0, 2)[0].timestamps == [NOW + 1000 * HOUR, NOW + 11_000 * HOUR]


async def test_an_installation_may_have_been_down_for_thirty_days(tmp_path: Path) -> None:
    month = 30 * 24 * HOUR
    async with opened(tmp_path / "log.db") as log:
        await append(log, record("a"))

    async with opened(tmp_path / "log.db", now=lambda: NOW + month):
        pass
    with pytest.raises(WorldChangedError, match=r"more than 30 days later.*--accept-clock"):
        async with opened(tmp_path / "log.db", now=lambda: NOW + month + 1):
            pass


async def test_a_clock_that_began_years_behind_may_be_set_right(tmp_path: Path) -> None:
    """A machine without a clock of its own asks others, after all has been started."""
    path, day = tmp_path / "log.db", 24 * HOUR
    clock = [NOW]

    async def later(*moments: int) -> list[int]:
        clock[0] = NOW - 2000 * day
        async with opened(path, now=lambda: clock[0]) as log:
            answers: list[Acknowledged] = []
            for clock[0] in moments:
                answers += await (await log.append([record("a")]))
        return [answer.timestamp - NOW for answer in answers]

    async with opened(path) as log:
        await append(log, record("a"))

    assert await later(NOW - 1000 * day, NOW + 29 * day) == [0, 29 * day]
    with pytest.raises(WorldChangedError, match="by what has passed since the start"):
        await later(NOW + 30 * day, NOW + 30 * day + HOUR + 1)
    with pytest.raises(WorldChangedError, match="more than 30 days later"):
        await later(NOW + 60 * day + 1)


async def test_a_jump_of_the_clock_while_nothing_ran_is_seen_too(tmp_path: Path) -> None:
    """Else whoever starts again what ended by it would have it accepted."""
    path, noted = tmp_path / "log.db", [0]

    async def start(now: int, *, known: int | None, accept: bool = False) -> None:
        moments = {"now": lambda: now, "passed": lambda: 7 * HOUR}
        options = {"known": known, "note": noted.append, "accept_clock": accept}
        async with opened(path, **moments, **options) as log:
            await append(log, record("a"))

    await start(NOW, known=NOW - 20 * HOUR)  # nothing is there that could be wrong
    known = noted[-1]
    assert known == NOW - 7 * HOUR

    await start(NOW + HOUR, known=known)
    with pytest.raises(WorldChangedError, match=r"since the machine was started.*--accept-clock"):
        await start(NOW + HOUR + 1, known=known)
    await start(NOW + HOUR + 1, known=None)
    await start(NOW + 3 * HOUR, known=known, accept=True)
    await start(NOW + 4 * HOUR, known=noted[-1])
    told = len(noted)
    await start(NOW - 90 * HOUR, known=known)
    assert len(noted) == told  # it will be set right


# ── failures ────────────────────────────────────────────────────────────────────────────────


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Have the system refuse to write more than *size* bytes into any file of this process."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def fill(log: LocalLog) -> tuple[list[int], list[Exception]]:
    """Append until it fails; return the offsets that were acknowledged, and what the rest met."""
    acknowledged: list[int] = []
    while True:
        waiting = [await log.append([record(f"{number}", b"x" * 20_000)]) for number in range(5)]
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        failed = [answer for answer in answers if isinstance(answer, Exception)]
        acknowledged += [
            answer[0].base_offset for answer in answers if not isinstance(answer, BaseException)
        ]
        if failed:
            return acknowledged, failed


async def test_a_disk_that_takes_no_more_fails_all_that_waits_and_loses_nothing(
    tmp_path: Path,
) -> None:
    path = tmp_path / "log.db"
    told: list[Exception] = []
    async with opened(path, on_failure=told.append) as log:
        with files_of_at_most(1_000_000):
            acknowledged, failed = await fill(log)
            with pytest.raises(StoreError, match=r"log\.db: "):
                await log.append([record("after")])
            assert [offset for offset, _ in all_of(log)] == acknowledged
        assert {type(error) for error in failed} == {StoreError}
        assert len(failed) == 5
        assert told == failed[:1]

    # What was acknowledged is there when there is room again, and the rest whole or not at all.
    async with opened(path) as log:
        before = log.end_offset("events")
        await append(log, record("after"))
        assert [offset for offset, _ in all_of(log)] == list(range(before + 1))
        assert len(acknowledged) <= before <= len(acknowledged) + 5
        assert len(acknowledged) > 10


async def test_a_file_that_may_not_grow_is_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with opened(path) as log:
        await log.work(lambda db: bool(db.execute("PRAGMA max_page_count = 100")) and False)
        acknowledged, failed = await fill(log)

        assert [offset for offset, _ in all_of(log)] == acknowledged
        assert {str(error) for error in failed} == {f"{path}: database or disk is full"}
        assert len(failed) == 5


@pytest.mark.parametrize("where", ["header", "page"])
async def test_a_damaged_file_is_told_with_what_to_do(tmp_path: Path, where: str) -> None:
    path = tmp_path / "log.db"
    async with opened(path) as log:
        for number in range(200):
            await append(log, record(f"{number}", b"x" * 500))
    content = bytearray(path.read_bytes())
    if where == "header":
        content[:16] = b"no database here"
    else:
        content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)

    with pytest.raises(WorldChangedError, match=r"log\.db is damaged: .*from a backup") as refused:
        async with opened(path):
            pass
    assert refused.value.exit_code == 73


async def test_a_damaged_record_is_not_read_as_another(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with opened(path) as log:
        await append(log, record("a", b"the value as it was"))
    path.write_bytes(path.read_bytes().replace(b"as it was", b"as it is!"))

    async with opened(path) as log:
        with pytest.raises(WorldChangedError, match="the log is damaged: events, the records from"):
            log.read("events", 0, 10)


async def test_a_file_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 2")
    db.close()

    with pytest.raises(StateFormatError, match="found 2: a newer release has written it"):
        async with opened(path):
            pass


async def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="unable to open database file"):
        async with opened(tmp_path / "missing" / "log.db"):
            pass


async def test_a_log_that_could_not_be_opened_can_be_closed(tmp_path: Path) -> None:
    log = LocalLog(tmp_path / "missing" / "log.db", now=lambda: NOW)
    with pytest.raises(StoreError):
        await log.start()

    await log.stop()

    with pytest.raises(ProtocolError, match="the log is closed"):
        await log.append([record("a")])
    with pytest.raises(ProtocolError, match="the log is closed"):
        log.read("events", 0, 1)


async def test_a_position_becomes_durable_soon_though_nothing_is_appended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triggerstream.stream.local.writer.NOTED_WITHIN", 0.0)

    def noted() -> dict[tuple[str, str], int]:
        with LogReader(tmp_path / "log.db") as reader:
            while not (found := reader.positions()):
                pass
            return found

    async with opened(tmp_path / "log.db") as log:
        log.note_position("detect", "events", 7)
        found = await asyncio.to_thread(noted)

    assert found == {("detect", "events"): 7}


async def test_a_log_is_the_same_one_when_it_is_opened_again_and_another_is_another(
    tmp_path: Path,
) -> None:
    ids = []
    for name in ("a.db", "a.db", "b.db"):
        log = LocalLog(tmp_path / name, now=lambda: 0)
        await log.start()
        await log.stop()
        ids.append(log.id)

    assert ids[0] == ids[1] != ids[2]
