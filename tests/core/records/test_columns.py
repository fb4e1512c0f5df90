"""`Columns`: records go in and come out as they were."""

from __future__ import annotations

import pytest

from triggerstream.core.records.columns import Columns, Row, in_columns

ROWS = [
    Row(3, 5, 1_000, b"k", b"v", ()),
    Row(3, 6, -1, None, None, (("h", None),)),
    Row(3, 9, 1_001, b"", b"", (("h", b"1"), ("h", b"2"))),
]


def test_records_come_out_of_columns_as_they_went_in() -> None:
    columns = in_columns(ROWS)

    assert list(columns) == ROWS
    assert [columns[index] for index in (0, 1, 2, -1)] == [*ROWS, ROWS[-1]]
    assert columns[1:] == ROWS[1:]
    assert columns[::-2] == ROWS[::-2]


def test_only_headers_that_there_are_take_room() -> None:
    assert in_columns(ROWS).headers == {1: ROWS[1].headers, 2: ROWS[2].headers}


@pytest.mark.parametrize("index", [3, -4])
def test_there_is_no_record_beyond_the_last(index: int) -> None:
    with pytest.raises(IndexError):
        in_columns(ROWS)[index]


def test_no_records_are_no_columns() -> None:
    empty = in_columns([])

    assert not empty
    assert list(empty) == []


def test_offsets_that_follow_each_other_may_be_a_range() -> None:
    dense = Columns(0, range(7, 9), [1, 2], [None, None], [b"a", b"b"], {})

    assert [(row.offset, row.value) for row in dense] == [(7, b"a"), (8, b"b")]
