"""Restoring a partition from its changelog: of every customer the state with the highest fence.

The last record is not always the right one: a process that lost its partition may have written
after its successor. Fences tell the two apart. A stale record that stands behind the winner in
the changelog would win after compaction, so its customer is marked, and written again with the
next checkpoint.

A null has no fence. So it follows its grave in the changelog at once, and is as stale as that,
whether the winner is a state or a newer grave: the fence of that one is still needed
(`docs/decisions/0019`). Where compaction has taken the grave away, an owner had looked at it
before, and the null stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from triggerstream.core.keyed import header
from triggerstream.core.keyed.header import fence_of
from triggerstream.core.keyed.partition_record import (
    CUSTOMER_PREFIX,
    PARTITION_KEY,
    PartitionRecord,
)
from triggerstream.core.keyed.program import Store

MOST_GONE: Final = 10_000
"""Graves of a partition that are remembered beyond their null, at least: twice as many at most."""


Entry = tuple[int, bytes, bytes | None]
"""A changelog record: offset, key, value."""


class Restore:
    """Feeds changelog records, in offset order, into *store*.

    It may stop after any `apply` and go on in another process: the store names the last
    changelog offset that it contains. It may go on for ever, too: what it remembers is bounded.

    Attributes:
        records: How many records were read.
        dropped: How many of them were stale.
    """

    def __init__(self, store: Store, *, most_gone: int = MOST_GONE) -> None:
        self._store = store
        stored = store.partition_record()
        self._best = PartitionRecord.decode(stored) if stored is not None else None
        # Of these customers the last record read was stale.
        self._stale = dict.fromkeys(store.stale())
        contained = store.changelog_offset()
        # Where the last stale record stood, and whose it was; unknown of where the store ends.
        self._last_stale: tuple[int, bytes | None] = (-2 if contained is None else contained, None)
        self._gone = _Gone(most_gone)
        self._fill = _Fill() if contained is None else None
        self.records = 0
        self.dropped = 0

    def apply(self, entries: Iterable[Entry]) -> None:
        """Take changelog records, ascending and above those before.

        Everything that they bring is in the store afterwards, in one write.
        """
        rows: Sequence[Entry] = entries if isinstance(entries, list) else list(entries)
        if not rows:
            return
        self.records += len(rows)
        last = rows[-1][0]
        winners: dict[bytes, bytes | None] = {}
        if self._fill is not None:
            rows = self._fill.take_new(rows, winners)
        old: dict[bytes, bytes | None] = dict.fromkeys(winners)
        met = {key[1:] for _, key, _ in rows if key[:1] == CUSTOMER_PREFIX}
        old.update(self._store.get_many(met.difference(old)))
        fences = {
            customer: fence_of(held)
            for customer in met
            if (held := winners.get(customer, old[customer])) is not None
        }
        self._gone.raise_fences(fences, met)
        stale: dict[bytes, None] = {}
        record: bytes | None = None
        for offset, key, value in rows:
            if key[:1] != CUSTOMER_PREFIX:
                if key == PARTITION_KEY and value is not None and self._is_newer(value):
                    record = value
                continue
            customer = key[1:]
            fence = -1 if value is None else fence_of(value)
            known = fences.get(customer, -1)
            if value is None:
                best = winners[customer] if customer in winners else old[customer]
                is_stale = self._follows_its_grave(offset, customer) and best is not None
            else:
                is_stale = fence < known
            if is_stale:
                self.dropped += 1
                stale[customer] = self._stale[customer] = None
                self._last_stale = offset, customer
                continue
            if self._stale:
                stale.pop(customer, None)
                self._stale.pop(customer, None)
            if value is None:
                self._gone.add(customer, known)
            else:
                fences[customer] = fence
            winners[customer] = value
        self._store.write(
            winners,
            partition_record=record,
            changelog_offset=last,
            stale=stale,
            old=old,
        )

    def _follows_its_grave(self, offset: int, customer: bytes) -> bool:
        """Return whether the record directly before *offset* was stale, and the customer's."""
        at, whose = self._last_stale
        return offset == at + 1 and whose in {customer, None} and customer in self._stale

    def finish(self, end_offset: int) -> None:
        """Note that the changelog was read up to *end_offset*, the next offset to be written.

        Compaction may have removed the records before it, so the last one read says less. What
        is read beyond it concerns, for the most part, customers who are known.
        """
        self._fill = None
        contained = self._store.changelog_offset()
        if end_offset > 0 and (contained is None or contained < end_offset - 1):
            self._store.write({}, partition_record=None, changelog_offset=end_offset - 1)

    def _is_newer(self, value: bytes) -> bool:
        record = PartitionRecord.decode(value)
        if self._best is not None and record.offset < self._best.offset:
            self.dropped += 1
            return False
        self._best = record
        return True


class _Gone:
    """Graves whose null has been read: nothing below their fence may come back.

    Only the newest are remembered, *most* at least and twice as many at most. A null is written an
    hour after its grave (`stream.keyed.grace`), and what could come back is older than the grave: a
    writer that has been paused for longer than that. Its lease stops it, and where even that fails,
    the owner meets its record in the log and writes the null again.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._newer: dict[bytes, int] = {}
        self._older: dict[bytes, int] = {}

    def add(self, customer: bytes, fence: int) -> None:
        if fence < 0:
            return  # there was no grave: nothing is below that
        if len(self._newer) >= self._most:
            self._older, self._newer = self._newer, {}
        self._newer[customer] = fence

    def raise_fences(self, fences: dict[bytes, int], customers: Iterable[bytes]) -> None:
        """Raise the *fences* of those *customers* who have a grave with a higher one."""
        if not (self._newer or self._older):
            return
        for customer in customers:
            fence = self._newer.get(customer, self._older.get(customer, -1))
            if fence > fences.get(customer, -1):
                fences[customer] = fence


class _Fill:
    """Which customers a store may hold that was empty: spares those whom it cannot the look-up, and
    the weighing.

    Either takes a fifth of a restore (`benchmarks/restore.py`). This is a filter of fixed size
    (1 MiB): what it has met it knows, and of others it believes so the more often the fuller it is;
    of a tenth of those who come where a partition has 200,000 customers.
    """

    _SLOTS: Final = 1 << 20

    def __init__(self) -> None:
        self._met = bytearray(self._SLOTS)

    def take_new(self, rows: Iterable[Entry], winners: dict[bytes, bytes | None]) -> list[Entry]:
        """Put the states of those into *winners* who have never been met before: there is nothing
        that they could be weighed against. Return the rest of *rows*, to follow them."""
        met, mask, shortest = self._met, self._SLOTS - 1, header.SIZE
        rest: list[Entry] = []
        for row in rows:
            _, key, value = row
            if key[:1] == CUSTOMER_PREFIX:
                customer = key[1:]
                slot = hash(customer) & mask
                if not met[slot]:
                    # Whoever comes again within these rows is among the rest, and so behind this.
                    met[slot] = 1
                    if value is not None and len(value) >= shortest:
                        winners[customer] = value
                        continue
            rest.append(row)
        return rest
