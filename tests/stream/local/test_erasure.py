"""What is left of an erased customer in the log's files: nothing but the erasure."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stream.local.logs import all_of, append, opened, record
from triggerstream.core.records.columns import Row
from triggerstream.core.records.record import KIND, ORIGIN, Kind
from triggerstream.stream.local.batches import LARGEST
from triggerstream.stream.local.erasure import SLICE, Erased, Named, Rewriting, erase
from triggerstream.stream.local.log import LocalLog

EVERYTHING = 1 << 62
SECRET = b"a-secret-that-nobody-else-has"


def bytes_of(path: Path) -> bytes:
    """Return what is in the log's files, read while they are open: by another process, since
    whoever closes a file gives up all locks that its process has on it."""
    files = sorted(path.parent.glob(f"{path.name}*"))
    return subprocess.run(["cat", *files], check=True, capture_output=True).stdout


async def erase_all(log: LocalLog, customer: str, **options: Any) -> Erased:
    until = options.pop("until", {topic: log.end_offset(topic) for topic in log.topics()})
    is_theirs = Named(customer)
    return await erase(log, is_theirs, until=until, needed=lambda _: EVERYTHING, **options)


async def test_the_records_are_gone_and_the_offsets_of_others_stay(tmp_path: Path) -> None:
    async with opened(tmp_path / "log.db") as log:
        await append(log, *(record(key) for key in ("a", "b", "a", "c")))
        await append(log, record("a"))
        await append(log, record("d"))

        found = await erase_all(log, "a")

        assert found == Erased(removed=3)
        assert all_of(log) == [(1, b"b"), (3, b"c"), (5, b"d")]


async def test_what_stays_of_a_row_is_as_it_was(tmp_path: Path) -> None:
    async with opened(tmp_path / "log.db") as log:
        await append(
            log,
            record("a", b"1", ("n", b"1")),
            record("b", b"2", ("n", b"2")),
            record("c", None),
            record("a", b"4"),
            record(None, b"5", ("n", b"5")),
        )
        await erase_all(log, "a")
        await erase_all(log, "c")

        columns, following = log.read("events", 0, 10)

    assert [(each.offset, each.key, each.value, each.headers) for each in columns] == [
        (1, b"b", b"2", [("n", b"2")]),
        (4, None, b"5", [("n", b"5")]),
    ]
    assert following == 5


async def test_a_topic_whose_records_are_all_gone_goes_on_where_it_was(tmp_path: Path) -> None:
    async with opened(tmp_path / "log.db") as log:
        await append(log, record("a"))
        await append(log, record("a"), record("a"))
        await erase_all(log, "a")
    async with opened(tmp_path / "log.db") as log:
        assert log.end_offset("events") == 3

        await append(log, record("b"))

        assert all_of(log) == [(3, b"b")]


@pytest.mark.covers("N3")
async def test_no_byte_of_what_was_erased_is_left_while_the_log_is_open(tmp_path: Path) -> None:
    """Rows on pages of their own, in pieces of pages, and spread over many pages."""
    path = tmp_path / "log.db"
    async with opened(path) as log:
        for size in (1, 40, 900, 1100, 5000, 100_000):
            for number in range(30):
                await append(
                    log,
                    record(f"customer-{number}", b"x" * size),
                    record("erased", SECRET * (size // 20 + 1), ("header", SECRET)),
                    record(f"customer-{number}", b"y" * (size // 2)),
                )
                await append(log, record("erased", SECRET * (size // 20 + 1)))
        assert SECRET in bytes_of(path)

        found = await erase_all(log, "erased")

        left = bytes_of(path)
        assert found.removed == 6 * 30 * 2
        assert SECRET not in left
        assert SECRET[:12] not in left
        assert b"erased" not in left
        assert len(all_of(log)) == 6 * 30 * 2


@settings(max_examples=40)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6000)), min_size=1, max_size=40))
async def test_no_byte_is_left_wherever_the_rows_lie(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[bool, int]]
) -> None:
    path = tmp_path_factory.mktemp("log") / "log.db"
    async with opened(path) as log:
        for goes, size in rows:
            key, content = ("erased", SECRET) if goes else ("stays", b"what may be read by anybody")
            await append(log, record(key, content * (size // 20 + 1)), record("other"))

        await erase_all(log, "erased")

        left = bytes_of(path)
        assert SECRET[:12] not in left
        assert b"erased" not in left
        assert [key for _, key in all_of(log)].count(b"other") == len(rows)


async def test_who_reads_meanwhile_is_waited_for(tmp_path: Path) -> None:
    """Another process may be in the middle of a read: what it sees is kept for it."""
    path = tmp_path / "log.db"
    waited: list[float] = []
    async with opened(path) as log:
        await append(log, record("erased", SECRET))
        other = sqlite3.connect(path)
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM batches").fetchone()

        async def sleep(seconds: float) -> None:
            waited.append(seconds)
            other.close()

        await erase_all(log, "erased", sleep=sleep)

        assert waited == [1.0]
        assert SECRET not in bytes_of(path)


async def test_the_erasure_itself_stays(tmp_path: Path) -> None:
    async with opened(tmp_path / "log.db") as log:
        await append(log, record("a"), record("a", None, (KIND, Kind.ERASE)), record("a"))

        await erase_all(log, "a")

        assert all_of(log) == [(1, b"a")]


async def test_a_customer_who_came_back_keeps_what_came_after(tmp_path: Path) -> None:
    async with opened(tmp_path / "log.db") as log:
        await append(log, *[record("a")] * 4)

        found = await erase_all(log, "a", until={"events": 2})

        assert found == Erased(removed=2)
        assert [offset for offset, _ in all_of(log)] == [2, 3]


async def test_what_a_reader_is_not_done_with_is_left_and_told(tmp_path: Path) -> None:
    async with opened(tmp_path / "log.db") as log:
        await append(log, *[record("a")] * 4, *[record("a", topic="actions")] * 2)
        needed: Mapping[str, int] = {"events": 3, "actions": 0}

        found = await erase(
            log, Named("a"), until={"events": 4, "actions": 2}, needed=needed.__getitem__
        )

        assert found == Erased(removed=3, left=3)
        assert [offset for offset, _ in all_of(log)] == [3]
        assert len(all_of(log, "actions")) == 2


async def test_what_was_read_before_is_not_shown_again(tmp_path: Path) -> None:
    """A reader keeps the row of which it has read a part."""
    async with opened(tmp_path / "log.db") as log:
        await append(log, *[record("a", SECRET)] * 4)
        log.read("events", 0, 1)

        await erase_all(log, "a")

        assert log.read("events", 1, 10)[0].keys == []


async def test_a_long_log_is_looked_at_in_slices(tmp_path: Path) -> None:
    """Between two of them, what waits is appended (`test_log`)."""
    async with opened(tmp_path / "log.db") as log:
        for _ in range(2 * SLICE // LARGEST):
            await append(log, record("a", b"x" * LARGEST))
        rewriting = Rewriting("events", Named("a"), EVERYTHING, EVERYTHING, Erased())
        left: list[int] = []

        def step(db: sqlite3.Connection) -> bool:
            is_more = rewriting.step(db)
            left.extend(db.execute("SELECT count(*) FROM batches").fetchone())
            return is_more

        await log.work(step)

    assert left == [4, 1, 1]  # the last row stays


# ── whose a record is ───────────────────────────────────────────────────────────────────────


def row(key: bytes | None, value: bytes | None = None, *headers: tuple[str, bytes | None]) -> Row:
    return Row(0, 0, 0, key, value, headers)


@pytest.mark.parametrize(
    "record",
    [
        row(b"other", b'{"customer_id": "Zo\xc3\xab-1"}'),
        row(b"other", json.dumps({"customer_id": "Zoë-1"}).encode()),
        row(b"other", b'{"customer_id": "Zo\\u00EB-1"}'),
        row(b"other", b'{"customer_id": "\\u005ao\xc3\xab\\u002d1"}'),
        row(b"other", b'[{"userId":"a"},{"userId":"Zo\xc3\xab-1"}]'),
        row(b"other", b'{"customer_id": "Zo\\u00eb-1", and cut o'),
        row(None, None, ("ce_subject", "Zoë-1".encode())),
        row(None, b"\xff Zo\xc3\xab-1 \xff", ("none", None)),
        row(b"user:Zo\xc3\xab-1", b"{}"),
    ],
)
def test_a_record_with_any_key_is_the_customers_whom_it_names(record: Row) -> None:
    assert Named("Zoë-1")("inbox", record)
    assert not Named("Zoë-1")("events", record)


@pytest.mark.parametrize(
    "record",
    [
        row(b"other", None),
        row(b"other", b'{"customer_id": "Zo\xc3\xab-11"}'),
        row(b"other", b'{"customer_id": "xZo\xc3\xab-1"}'),
        row(b"other", b'{"note": "a\\nb"}'),
        row(b"other", b"a \\ that is no JSON"),
    ],
)
def test_a_record_that_does_not_name_the_customer_is_not_theirs(record: Row) -> None:
    assert not Named("Zoë-1")("inbox", record)


def test_a_short_id_is_not_found_in_our_own_numbers() -> None:
    letter = row(b"other", b'{"n": 11}', ("x-dlq-offset", b"1"), (ORIGIN, b"0:1"))

    assert not Named("1")("events.dlq", letter)
    assert Named("1")("events.dlq", row(b"other", b'{"customer_id": 1}'))
