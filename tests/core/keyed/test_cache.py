"""`StateCache`: who is due, and who is left."""

from __future__ import annotations

from contextlib import closing

from triggerstream.core.keyed.cache import StateCache
from triggerstream.core.keyed.entry import Entry
from triggerstream.core.keyed.memory_store import MemoryStore
from triggerstream.core.keyed.program import NEVER


def cache_of(**wakes: int) -> StateCache[str]:
    """Return a cache of customers who have changed, with their wake-ups."""

    def load(customer: str, value: bytes) -> Entry[str]:
        raise AssertionError("nothing is stored")

    cache: StateCache[str] = StateCache(MemoryStore(), load, 10)
    for customer, wake in wakes.items():
        cache.changed(customer, cache.add(customer, Entry(customer, 0, NEVER)), wake)
    return cache


def test_who_was_left_alone_is_due_again_where_the_taking_stops_early() -> None:
    cache = cache_of(a=10, b=20, c=30)

    with closing(cache.due(30)) as due:
        next(due)  # a is left alone
        customer, entry = next(due)
        cache.changed(customer, entry, NEVER)

    assert cache.next_due == 10
    assert [customer for customer, _ in cache.due(30)] == ["a", "c"]


def test_the_earliest_wake_up_that_is_left_is_known_when_all_were_taken() -> None:
    cache = cache_of(a=10, b=20, c=31)

    for customer, entry in cache.due(30):
        cache.changed(customer, entry, NEVER)

    assert cache.next_due == 31
