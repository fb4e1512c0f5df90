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


def test_a_wake_up_that_is_put_off_is_looked_at_when_its_first_time_comes_and_not_before() -> None:
    cache = cache_of(a=10)
    entry = cache.entries["a"]
    for wake in (20, 30, 40):
        cache.changed("a", entry, wake)

    assert cache.next_due == 10
    assert list(cache.due(30)) == []
    assert cache.next_due == 40
    assert [customer for customer, _ in cache.due(40)] == ["a"]


def test_a_wake_up_that_comes_forward_again_is_not_slept_over() -> None:
    cache = cache_of(a=10)
    entry = cache.entries["a"]
    cache.changed("a", entry, 40)
    assert list(cache.due(20)) == []

    cache.changed("a", entry, 30)
    assert [customer for customer, _ in cache.due(30)] == ["a"]
    cache.changed("a", entry, NEVER)

    assert list(cache.due(50)) == []
    assert cache.next_due == NEVER


def test_who_changes_on_their_way_and_is_put_off_is_due_when_both_are_stored() -> None:
    cache = cache_of(a=10)
    entry = cache.entries["a"]
    cache.cut()
    cache.changed("a", entry, 40)
    cache.stored()

    assert cache.next_due == 40
    cache.changed("a", entry, 30)
    assert [customer for customer, _ in cache.due(30)] == ["a"]
