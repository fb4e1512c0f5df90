"""Records of a stretch of one partition's log, column by column.

An object for each record, with its key and its headers, costs about as much as deciding an event
does. So what is read stays in columns as far as the loop that decides (`core.keyed.partition`),
and a record is made of them only where somebody wants one whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, overload

import msgspec

from triggerstream.core.records.record import Header, Record


class Row(msgspec.Struct, gc=False):
    """One record, taken out of its columns (`core.records.record.Record`)."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: Any
    headers: Sequence[Header]


class Columns(Sequence[Record]):
    """Records of one partition, in offset order; as a sequence, it makes each as it is asked for.

    Nobody changes the columns once they are handed on. All have the same length, but *headers*.

    Attributes:
        timestamps: Epoch milliseconds; negative where a record has none.
        keys: A log's keys; where the records are no log's, all may be ``None``.
        values: What a program reads: a log's bytes, or ``None``.
        headers: By index in the columns, of those records that have any.
    """

    __slots__ = ("headers", "keys", "offsets", "partition", "timestamps", "values")

    def __init__(
        self,
        partition: int,
        offsets: Sequence[int],
        timestamps: Sequence[int],
        keys: Sequence[bytes | None],
        values: Sequence[Any],
        headers: Mapping[int, Sequence[Header]],
    ) -> None:
        self.partition = partition
        self.offsets = offsets
        self.timestamps = timestamps
        self.keys = keys
        self.values = values
        self.headers = headers

    def __len__(self) -> int:
        return len(self.offsets)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Record]:
        if isinstance(index, slice):
            return [self._row(each) for each in range(*index.indices(len(self)))]
        return self._row(range(len(self))[index])

    def __iter__(self) -> Iterator[Record]:
        return map(self._row, range(len(self)))

    def _row(self, index: int) -> Row:
        return Row(
            self.partition,
            self.offsets[index],
            self.timestamps[index],
            self.keys[index],
            self.values[index],
            self.headers.get(index, ()),
        )


def in_columns(records: Iterable[Record]) -> Columns:
    """Return *records*, all of one partition and in offset order, in columns."""
    rows = list(records)
    return Columns(
        rows[0].partition if rows else 0,
        [row.offset for row in rows],
        [row.timestamp for row in rows],
        [row.key for row in rows],
        [row.value for row in rows],
        {index: row.headers for index, row in enumerate(rows) if row.headers},
    )
