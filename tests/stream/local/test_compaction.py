"""Tables in the local log: the newest of a key stays, and the others go after a day."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stream.local.logs import NOW, append, opened
from triggerstream.core.records.record import Produce
from triggerstream.core.records.segments import SEGMENTS
from triggerstream.stream.local.compaction import DELETIONS, LAG, compact
from triggerstream.stream.local.erasure import Named, erase
from triggerstream.stream.local.log import LocalLog
from triggerstream.stream.local.retention import Retention


def row(key: str, value: str | None) -> Produce:
    return Produce(SEGMENTS, 0, key.encode(), None if value is None else value.encode())


def rows(log: LocalLog) -> list[tuple[str, str | None]]:
    found, _ = log.read(SEGMENTS, 0, 1000)
    return [
        ((each.key or b"").decode(), None if each.value is None else each.value.decode())
        for each in found
    ]


@pytest.mark.parametrize(
    ("later", "left"),
    [
        (LAG, [("c/s", "1"), ("d/s", "1"), ("c/s", "2"), ("d/s", None)]),
        (LAG + 1, [("c/s", "2"), ("d/s", None)]),
        (DELETIONS, [("c/s", "2"), ("d/s", None)]),
        (DELETIONS + 1, [("c/s", "2")]),
    ],
)
async def test_what_is_overwritten_goes_after_a_day_and_a_null_after_a_week(
    tmp_path: Path, later: int, left: list[tuple[str, str | None]]
) -> None:
    async with opened(tmp_path / "log.db", now=lambda: NOW) as log:
        await append(log, row("c/s", "1"), row("d/s", "1"))
        await append(log, row("c/s", "2"), row("d/s", None))

        await compact(log, SEGMENTS, now=NOW + later)

        assert rows(log) == left
        assert log.end_offset(SEGMENTS) == 4


async def test_the_newest_stays_however_old_it_is() -> None:
    assert Retention().oldest(SEGMENTS, NOW) is None


async def test_an_erasure_removes_a_customers_rows_and_no_others(tmp_path: Path) -> None:
    async with opened(tmp_path / "log.db", now=lambda: NOW) as log:
        await append(log, row("c/s", "1"), row("c/c/s", "1"), row("d/c", "1"), row("c/s", None))

        found = await erase(log, Named("c"), until={SEGMENTS: 4}, needed=log.end_offset)

        assert found.removed == 2
        assert rows(log) == [("c/c/s", "1"), ("d/c", "1")]
