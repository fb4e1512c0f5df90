"""Restoring a partition from its changelog: of every customer the state with the highest fence.

The last record is not always the right one: a process that lost its partition may have written
after its successor. Fences tell the two apart. A stale record that stands behind the winner in
the changelog would win after compaction, so its customer is marked, and written again with the
next checkpoint.

A null has no fence. So it follows its grave in the changelog at once, and is as stale as that.
"""

from __future__ import annotations

from collections.abc import Iterable

from triggerstream.core.keyed import header
from triggerstream.core.keyed.marks import CUSTOMER_PREFIX, PARTITION_KEY, PartitionRecord
from triggerstream.core.keyed.program import Store

_PREFIX = CUSTOMER_PREFIX[0]


class Restore:
    """Feeds changelog records, in offset order, into *store*.

    It may stop after any `apply` and go on in another process: the store names the last
    changelog offset that it contains.

    Attributes:
        records: How many records were read.
        dropped: How many of them were stale.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        stored = store.partition_record()
        self._best = PartitionRecord.decode(stored) if stored is not None else None
        # Graves whose null has been read: nothing at or below their fence may come back.
        self._gone: dict[bytes, int] = {}
        # Of these customers the last record read was stale.
        self._stale = dict.fromkeys(store.stale())
        self.records = 0
        self.dropped = 0

    def apply(self, entries: Iterable[tuple[int, bytes, bytes | None]]) -> None:
        """Take changelog records of (offset, key, value), ascending and above those before."""
        winners: dict[bytes, tuple[int, bytes | None]] = {}
        stored: dict[bytes, bytes | None] = {}
        stale: dict[bytes, None] = {}
        record: bytes | None = None
        last = -1
        for offset, key, value in entries:
            last = offset
            self.records += 1
            if key == PARTITION_KEY:
                if value is not None and self._is_newer(value):
                    record = value
            elif key[:1] == CUSTOMER_PREFIX:
                customer = key[1:]
                fence = -1 if value is None else header.unpack(value)[3]
                known = self._fence_of(customer, winners, stored)
                if value is None:
                    is_stale = customer in self._stale and self._lives(customer, winners)
                else:
                    is_stale = fence < known
                if is_stale:
                    self.dropped += 1
                    stale[customer] = self._stale[customer] = None
                    continue
                stale.pop(customer, None)
                self._stale.pop(customer, None)
                winners[customer] = (fence, value)
                if value is None:
                    self._gone[customer] = max(known, self._gone.get(customer, -1))
        if last >= 0:
            self._store.write(
                {customer: value for customer, (_, value) in winners.items()},
                partition_record=record,
                changelog_offset=last,
                stale=stale,
                old=stored,
            )

    def finish(self, end_offset: int) -> None:
        """Note that the changelog was read up to *end_offset*, the next offset to be written.

        Compaction may have removed the records before it, so the last one read says less.
        """
        contained = self._store.changelog_offset()
        if end_offset > 0 and (contained is None or contained < end_offset - 1):
            self._store.write({}, partition_record=None, changelog_offset=end_offset - 1)

    def _fence_of(
        self,
        customer: bytes,
        winners: dict[bytes, tuple[int, bytes | None]],
        stored: dict[bytes, bytes | None],
    ) -> int:
        if customer in winners:
            fence = winners[customer][0]
        else:
            value = stored[customer] = self._store.get(customer)
            fence = -1 if value is None else header.unpack(value)[3]
        return max(fence, self._gone.get(customer, -1))

    def _lives(self, customer: bytes, winners: dict[bytes, tuple[int, bytes | None]]) -> bool:
        """Return whether the best that was read of *customer* is a state, and no grave."""
        value = winners[customer][1] if customer in winners else self._store.get(customer)
        return value is not None and not header.unpack(value)[1] & header.GRAVE

    def _is_newer(self, value: bytes) -> bool:
        record = PartitionRecord.decode(value)
        if self._best is not None and record.offset < self._best.offset:
            self.dropped += 1
            return False
        self._best = record
        return True
