"""Reading a changelog: up to where it ended when the restore began, and no further."""

from __future__ import annotations

import pytest

from triggerstream.core.keyed import header
from triggerstream.core.keyed.memory_store import MemoryStore
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.records.columns import Row, in_columns
from triggerstream.stream.kafka.restore import ChangelogReader


@pytest.mark.parametrize(("end", "contained"), [(7, 6), (8, 7), (9, 8), (10, 8)])
def test_what_came_since_the_restore_began_is_left(end: int, contained: int) -> None:
    store = MemoryStore()
    records = [
        Row(0, offset, 0, b"c%d" % offset, header.pack(1, 0, NEVER, offset), ())
        for offset in (6, 7, 8)
    ]

    ChangelogReader(store).apply(in_columns(records), end)

    assert store.changelog_offset() == contained
    assert sorted(store.values) == [b"%d" % offset for offset in range(6, contained + 1)]


def test_nothing_is_left_where_there_is_no_end() -> None:
    store = MemoryStore()

    row = Row(0, 6, 0, b"ca", header.pack(1, 0, NEVER, 1), ())

    ChangelogReader(store).apply(in_columns([row]))

    assert store.changelog_offset() == 6
