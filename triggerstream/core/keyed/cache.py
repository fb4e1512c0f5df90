"""Decoded states in front of the store, and what is due among them.

The cache writes back: a state that a record changed is *dirty* until a checkpoint has cut it off,
and *on its way* from then on until it is stored. It may change again meanwhile, and is dirty then
for the next one. Only the others are evicted. The store's due-time index knows neither what is
dirty nor what is on its way, so a second index in memory holds the wake-ups of both, and masks the
store's entries for the same customers.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from heapq import heapify, heappop, heappush
from itertools import islice
from typing import Generic, TypeVar

from triggerstream.core.keyed.entry import Entry
from triggerstream.core.keyed.program import NEVER, Store

State = TypeVar("State")

_LAST = b"\xff"
"""Above every customer: UTF-8 has no such byte."""

SCAN = 1024
"""How many entries of the store's index are held in memory at a time."""


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
        self._on_their_way: dict[str, Entry[State]] = {}
        # (when, customer) of masked entries; an element is void unless its entry still says so. It
        # tells of an entry at its wake-up or before: what is put off at each event, as the end of a
        # window is, stands in here once, and is put off when its first time comes.
        self._heap: list[tuple[int, str]] = []
        # Every index entry of the store at or below this has been looked at since something was
        # last stored, and is masked by now.
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
            if customer not in self._on_their_way:
                entry.queued = NEVER  # it stands in the store's index, and not in the heap
        entry.wake = wake
        if wake < entry.queued:
            entry.queued = wake
            heappush(self._heap, (wake, customer))
            self.next_due = min(self.next_due, wake)

    def due(self, clock: int) -> Generator[tuple[str, Entry[State]]]:
        """Yield the customers with a wake-up <= *clock*, in no order that matters.

        Whoever takes one calls `changed`; one left alone comes again with the next call. When the
        iterator is exhausted, `next_due` is the earliest wake-up that is left; who stops before
        that closes it, and `next_due` stays where it is.
        """
        left: list[tuple[int, str]] = []
        on_their_way = self._on_their_way
        heap = self._heap
        after = (self._scanned, _LAST)
        try:
            while found := self._store.due(clock, SCAN, after):
                after = found[-1]
                for wake, name in found:
                    customer = name.decode()
                    entry = self.find(customer)
                    if entry is not None and not entry.dirty and customer not in on_their_way:
                        yield customer, entry
                        if not entry.dirty:
                            entry.queued = wake
                            left.append((wake, customer))
                self._scanned = after[0] - 1
            self._scanned = max(self._scanned, clock)
            while heap and heap[0][0] <= clock:
                wake, customer = heappop(heap)
                entry = self.find(customer)
                if entry is None or entry.queued != wake:
                    continue
                entry.queued = NEVER
                if entry.wake <= clock:
                    yield customer, entry
                if entry.wake < entry.queued:
                    entry.queued = entry.wake
                    left.append((entry.wake, customer))
        finally:
            for element in left:
                heappush(heap, element)
        self.next_due = min(
            heap[0][0] if heap else NEVER,
            self._store.next_due(self._scanned),
        )

    @property
    def is_full(self) -> bool:
        """Whether only a checkpoint makes room."""
        return len(self._dirty) + len(self._on_their_way) >= self._capacity

    @property
    def dirty(self) -> dict[str, Entry[State]]:
        """The entries that have changed since the last cut, oldest change first. Not to be
        changed."""
        return self._dirty

    def cut(self) -> None:
        """Send every dirty entry on its way. Nothing else may be on its way."""
        for entry in self._dirty.values():
            entry.dirty = False
        self._on_their_way, self._dirty = self._dirty, {}

    def stored(self) -> None:
        """Note that the store contains what was on its way; evict down to the capacity."""
        stored, self._on_their_way = self._on_their_way, {}
        self._heap = [
            (entry.wake, customer) for customer, entry in self._dirty.items() if entry.wake != NEVER
        ]
        for entry in self._dirty.values():
            entry.queued = entry.wake
        heapify(self._heap)
        self._scanned = -1
        self.next_due = min(self._heap[0][0] if self._heap else NEVER, self._store.next_due())
        self._evict(stored)

    def _evict(self, stored: Iterable[str]) -> None:
        """Evict the oldest clean entries; those *stored* just now are the youngest of them."""
        entries = self.entries
        surplus = len(entries) - self._capacity
        if surplus <= 0:
            return
        for customer in (*stored, *self._dirty):
            if (entry := entries.pop(customer, None)) is not None:
                entries[customer] = entry
        for customer in list(islice(entries, min(surplus, len(entries) - len(self._dirty)))):
            del entries[customer]

    def deleted(self, customer: str) -> None:
        """Note that the store holds nothing of *customer* any more. Who has come back stays."""
        entry = self.entries.get(customer)
        if entry is None:
            return
        entry.stored = None
        if not entry.dirty:
            del self.entries[customer]

    def __len__(self) -> int:
        return len(self.entries)
