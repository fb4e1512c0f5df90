"""A store in memory: for replay, the simulator and tests. The same promises, no disk."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping
from heapq import nsmallest

from triggerstream.core.keyed import header
from triggerstream.core.keyed.program import NEVER


class MemoryStore:
    """A `Store` that is lost with its process."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self._due: list[tuple[int, bytes]] = []
        self._graves: list[tuple[int, bytes]] = []
        self._pending: dict[bytes, None] = {}
        self._stale: dict[bytes, None] = {}
        self._partition_record: bytes | None = None
        self._changelog_offset: int | None = None

    def get(self, customer: bytes) -> bytes | None:
        return self.values.get(customer)

    def get_many(self, customers: Iterable[bytes]) -> dict[bytes, bytes | None]:
        return {customer: self.values.get(customer) for customer in customers}

    def customers(self, limit: int, after: bytes = b"") -> list[bytes]:
        return nsmallest(limit, (each for each in self.values if each > after))

    def due(
        self, until: int, limit: int, after: tuple[int, bytes] = (-1, b"")
    ) -> list[tuple[int, bytes]]:
        start = bisect_right(self._due, after)
        end = bisect_right(self._due, until, key=lambda entry: entry[0])
        return self._due[start : min(end, start + limit)]

    def next_due(self, since: int = -1) -> int:
        start = bisect_right(self._due, since, key=lambda entry: entry[0])
        return self._due[start][0] if start < len(self._due) else NEVER

    def pending(self) -> list[bytes]:
        return list(self._pending)

    def graves(self, until: int, limit: int) -> list[bytes]:
        end = bisect_right(self._graves, until, key=lambda entry: entry[0])
        return [customer for _, customer in self._graves[: min(end, limit)]]

    def stale(self) -> list[bytes]:
        return list(self._stale)

    def partition_record(self) -> bytes | None:
        return self._partition_record

    def changelog_offset(self) -> int | None:
        return self._changelog_offset

    def write(
        self,
        values: Mapping[bytes, bytes | None],
        *,
        partition_record: bytes | None,
        changelog_offset: int,
        stale: Iterable[bytes] = (),
        old: Mapping[bytes, bytes | None] | None = None,
    ) -> None:
        for customer, value in values.items():
            self._forget(customer)
            if value is not None:
                self._put(customer, value)
        self._stale.update(dict.fromkeys(stale))
        if partition_record is not None:
            self._partition_record = partition_record
        self._changelog_offset = changelog_offset

    def _put(self, customer: bytes, value: bytes) -> None:
        self.values[customer] = value
        _, flags, wake, _ = header.unpack(value)
        if flags & header.GRAVE:
            insort(self._graves, (wake, customer))
        elif wake != NEVER:
            insort(self._due, (wake, customer))
        if flags & header.PENDING:
            self._pending[customer] = None

    def _forget(self, customer: bytes) -> None:
        old = self.values.pop(customer, None)
        self._stale.pop(customer, None)
        if old is None:
            return
        self._pending.pop(customer, None)
        _, flags, wake, _ = header.unpack(old)
        index = self._graves if flags & header.GRAVE else self._due
        at = bisect_right(index, (wake, customer)) - 1
        if at >= 0 and index[at] == (wake, customer):
            del index[at]
