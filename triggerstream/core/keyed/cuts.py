"""Cuts: what one checkpoint of a partition stores.

A cut holds every customer that has changed since the one before; besides, what a restore has found
to be stale in the log, to be written again; and nulls for the graves that nobody needs any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

import msgspec

from triggerstream.core.keyed import header
from triggerstream.core.keyed.cache import StateCache
from triggerstream.core.keyed.entry import KNOWN_FOR, EntryCodec
from triggerstream.core.keyed.partition_record import PartitionRecord
from triggerstream.core.keyed.program import Store

State = TypeVar("State")

SLICE_SIZE = 1024
"""Customers that are encoded in one go: they take some three milliseconds."""
_GRAVES = 1000
"""Of one cut, at most."""


class Cut(msgspec.Struct, frozen=True):
    """What one checkpoint stores.

    Attributes:
        values: The dirty customers' stored forms; ``None`` deletes.
        old: The headers of what the store holds of them, where that is known.
        record: The partition record, to follow once all values are acknowledged.
        offset: The last input record that the cut contains.
    """

    values: dict[bytes, bytes | None]
    old: dict[bytes, bytes | None]
    record: bytes
    offset: int


class Cuts(Generic[State]):
    """Makes the cuts of one partition, one after the other, from its cache and its store."""

    def __init__(self, store: Store, cache: StateCache[State], codec: EntryCodec[State]) -> None:
        self._store = store
        self._cache = cache
        self._codec = codec

    def make(
        self, record: PartitionRecord, rested: PartitionRecord | None, slice_size: int
    ) -> Iterator[Cut]:
        """Make a cut in slices: yield it, still empty, and again between two slices.

        It is complete when the iterator is exhausted; nothing may be applied until then.

        Args:
            record: Where the partition is.
            rested: Where it was a while ago: the graves that this covers may go, since nobody
                writes any more who does not know of them.
            slice_size: Customers of a slice.
        """
        cut = Cut(values={}, old={}, record=record.encode(), offset=record.offset)
        yield cut
        values, old = cut.values, cut.old
        for number, (customer_id, entry) in enumerate(self._cache.dirty.items()):
            if number and number % slice_size == 0:
                yield cut
            customer = customer_id.encode()
            values[customer] = self._codec.dump(entry)
            old[customer] = entry.stored
        for customer in self._store.stale():
            if customer not in values:
                values[customer] = self._store.get(customer)
        if rested is not None:
            until = min(rested.clock, record.clock - KNOWN_FOR)
            for customer in self._store.graves(until, _GRAVES):
                if customer not in values and self._is_covered(customer, rested):
                    values[customer] = None
        self._cache.cut()

    def _is_covered(self, customer: bytes, record: PartitionRecord) -> bool:
        value = self._store.get(customer)
        return value is not None and header.unpack(value)[3] <= record.offset

    def landed(self, cut: Cut) -> None:
        """Note that *cut* is stored."""
        for name, value in cut.values.items():
            customer = name.decode()
            if value is None:
                self._cache.deleted(customer)
            elif (entry := self._cache.entries.get(customer)) is not None:
                entry.stored = value[: header.SIZE]
        self._cache.stored()
