"""Decoded states in front of the store, and what is due among them.

The cache writes back: a state that a record changed is *dirty* until a checkpoint has stored it,
and only clean ones are evicted. The store's due-time index knows nothing of dirty states, so a
second index in memory holds their wake-ups and masks the store's entries for the same customers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from itertools import islice
from typing import Generic, TypeVar

import msgspec

from triggerstream.core.keyed.program import NEVER, Store

State = TypeVar("State")

_LAST = b"\xff"
"""Above every customer: UTF-8 has no such byte."""

SCAN = 1024
"""How many entries of the store's index are held in memory at a time."""


class Entry(msgspec.Struct, Generic[State], gc=False, eq=False):
    """One customer in memory.

    Attributes:
        state: ``None`` in a grave.
        stored: The header of what the store holds of the customer; ``None`` for nothing.
        dug: Of a grave: the clock at its erasure.
        erased: Of a grave: the erasure's position upstream, or -1.
    """

    state: State | None
    fence: int
    wake: int
    stored: bytes | None = None
    dirty: bool = False
    dug: int = 0
    erased: int = -1


class StateCache(Generic[State]):
    """A bounded write-back cache of *entries*, with the partition's due times.

    Args:
        load: Makes the entry of a stored value.
        capacity: Entries kept when a checkpoint has made them clean. Dirty ones may be more for
            a moment; `is_full` then asks for a checkpoint.

    Attributes:
        entries: Who is in memory; the same object for life. Read it where a
            call of `find` would cost too much, and change it here only.
        next_due: A lower bound of the earliest wake-up, or `NEVER`.
    """

    def __init__(
        self, store: Store, load: Callable[[str, bytes], Entry[State]], capacity: int
    ) -> None:
        self._store = store
        self._load = load
        self._capacity = capacity
        self.entries: dict[str, Entry[State]] = {}
        self._dirty: dict[str, Entry[State]] = {}
        # (wake-up, customer) of dirty entries; an element is void unless its entry still says so.
        self._heap: list[tuple[int, str]] = []
        # Every index entry of the store at or below this has been looked at since the last
        # checkpoint, and is dirty (masked) by now.
        self._scanned = -1
        self.next_due = store.next_due()

    def find(self, customer: str) -> Entry[State] | None:
        """Return the customer's entry, from memory or the store, or ``None`` for a stranger."""
        entry = self.entries.get(customer)
        if entry is None:
            value = self._store.get(customer.encode())
            if value is None:
                return None
            entry = self.entries[customer] = self._load(customer, value)
        return entry

    def add(self, customer: str, entry: Entry[State]) -> Entry[State]:
        """Keep the entry of a new customer (or of one who begins anew), and return it."""
        before = self.entries.get(customer)
        if before is not None:
            entry.stored = before.stored
        self.entries[customer] = entry
        if customer in self._dirty:
            self._dirty[customer] = entry
            entry.dirty = True
        return entry

    def changed(self, customer: str, entry: Entry[State], wake: int) -> None:
        """Note that *entry* has changed and wants to be woken at *wake*."""
        if not entry.dirty:
            entry.dirty = True
            self._dirty[customer] = entry
            entry.wake = NEVER
        if wake != entry.wake:
            entry.wake = wake
            if wake != NEVER:
                heappush(self._heap, (wake, customer))
                self.next_due = min(self.next_due, wake)

    def due(self, clock: int) -> Iterator[tuple[str, Entry[State]]]:
        """Yield the customers with a wake-up <= *clock*, in no order that matters.

        Whoever takes one calls `changed`; one left alone comes again with the next call. When the
        iterator is exhausted, `next_due` is the earliest wake-up that is left.
        """
        left: list[tuple[int, str]] = []
        after = (self._scanned, _LAST)
        while found := self._store.due(clock, SCAN, after):
            after = found[-1]
            for wake, name in found:
                customer = name.decode()
                entry = self.find(customer)
                if entry is not None and not entry.dirty:
                    yield customer, entry
                    if not entry.dirty:
                        left.append((wake, customer))
            self._scanned = after[0] - 1
        self._scanned = max(self._scanned, clock)
        heap = self._heap
        while heap and heap[0][0] <= clock:
            wake, customer = heappop(heap)
            entry = self.find(customer)
            if entry is not None and entry.wake == wake:
                yield customer, entry
                if entry.wake == wake:
                    left.append((wake, customer))
        for element in left:
            heappush(heap, element)
        self.next_due = min(
            heap[0][0] if heap else NEVER,
            self._store.next_due(self._scanned),
        )

    @property
    def is_full(self) -> bool:
        """Whether only a checkpoint makes room."""
        return len(self._dirty) >= self._capacity

    @property
    def dirty(self) -> dict[str, Entry[State]]:
        """The entries that differ from the store, oldest change first. Not to be changed."""
        return self._dirty

    def stored(self) -> None:
        """Note that the store contains every dirty entry by now; evict down to the capacity."""
        entries = self.entries
        surplus = len(entries) - self._capacity
        for customer, entry in self._dirty.items():
            entry.dirty = False
            if surplus > 0:
                # Among the youngest from now on: eviction takes the oldest.
                del entries[customer]
                entries[customer] = entry
        self._dirty.clear()
        self._heap.clear()
        self._scanned = -1
        self.next_due = self._store.next_due()
        if surplus > 0:
            for customer in list(islice(entries, surplus)):
                del entries[customer]

    def forget(self, customer: str) -> None:
        """Drop a customer who has been deleted from the store."""
        self.entries.pop(customer, None)
        self._dirty.pop(customer, None)

    def __len__(self) -> int:
        return len(self.entries)
