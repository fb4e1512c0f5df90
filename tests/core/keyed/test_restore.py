"""`Restore`: the highest fence wins, wherever it stands in the changelog."""

from __future__ import annotations

from triggerstream.core.keyed import header
from triggerstream.core.keyed.marks import PARTITION_KEY, PartitionRecord
from triggerstream.core.keyed.memory import MemoryStore
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.keyed.restore import Restore


def state(fence: int, wake: int = NEVER) -> bytes:
    return header.pack(1, 0, wake, fence) + b"x%d" % fence


def restored(*entries: tuple[bytes, bytes | None], store: MemoryStore | None = None) -> MemoryStore:
    store = store or MemoryStore()
    restore = Restore(store)
    for offset, (key, value) in enumerate(entries):
        restore.apply([(offset, key, value)])
    restore.finish(len(entries))
    return store


def test_the_highest_fence_wins_over_the_last_record() -> None:
    store = restored((b"ca", state(5)), (b"ca", state(3)))

    assert store.get(b"a") == state(5)
    assert store.stale() == [b"a"]


def test_an_older_record_before_the_winner_is_nothing_to_repair() -> None:
    store = restored((b"ca", state(3)), (b"ca", state(5)))

    assert store.get(b"a") == state(5)
    assert store.stale() == []


def test_a_winner_behind_a_stale_record_repairs_it() -> None:
    store = restored((b"ca", state(5)), (b"ca", state(3)), (b"ca", state(6)))

    assert store.stale() == []


def test_the_winner_may_be_on_disk_already() -> None:
    disk = MemoryStore()
    disk.write({b"a": state(9)}, partition_record=None, changelog_offset=0)

    assert restored((b"ca", state(5)), store=disk).get(b"a") == state(9)


def test_nothing_at_or_below_a_grave_comes_back() -> None:
    grave = header.pack(0, header.GRAVE, 100, 7)
    store = restored((b"ca", grave), (b"ca", None), (b"ca", state(6)))

    assert store.get(b"a") is None


def test_a_customer_who_came_after_the_grave_lives() -> None:
    grave = header.pack(0, header.GRAVE, 100, 7)
    store = restored((b"ca", grave), (b"ca", None), (b"ca", state(8)))

    assert store.get(b"a") == state(8)


def test_the_partition_record_with_the_highest_input_offset_wins() -> None:
    newer, older = PartitionRecord(offset=9).encode(), PartitionRecord(offset=4).encode()
    store = restored((PARTITION_KEY, newer), (PARTITION_KEY, older))

    assert store.partition_record() == newer


def test_the_due_index_is_rebuilt() -> None:
    store = restored((b"ca", state(1, wake=50)), (b"cb", state(2, wake=40)))

    assert store.due(45, 10) == [(40, b"b")]
    assert store.next_due() == 40


def test_an_empty_changelog_ends_at_once() -> None:
    store = restored()

    assert store.changelog_offset() is None


def test_the_end_is_noted_where_compaction_removed_the_tail() -> None:
    store = MemoryStore()
    restore = Restore(store)
    restore.apply([(0, b"ca", state(1))])
    restore.finish(12)

    assert store.changelog_offset() == 11


def test_a_null_of_a_former_owner_does_not_delete_who_came_back() -> None:
    grave = header.pack(0, header.GRAVE, 100, 7)
    # The former owner knows the grave only; its null comes behind what its successor wrote.
    store = restored((b"ca", grave), (b"ca", state(9)), (b"ca", grave), (b"ca", None))

    assert store.get(b"a") == state(9)
    assert store.stale() == [b"a"]


def test_such_a_null_is_known_also_where_a_restore_begins_at_it() -> None:
    grave = header.pack(0, header.GRAVE, 100, 7)
    disk = MemoryStore()
    disk.write({b"a": state(9)}, partition_record=None, changelog_offset=0)
    Restore(disk).apply([(1, b"ca", grave)])
    Restore(disk).apply([(2, b"ca", None)])

    assert disk.get(b"a") == state(9)
    assert disk.stale() == [b"a"]


def test_a_null_whose_grave_was_compacted_away_deletes_what_an_old_disk_holds() -> None:
    disk = MemoryStore()
    disk.write({b"a": state(3)}, partition_record=None, changelog_offset=0)
    Restore(disk).apply([(5, b"ca", None)])

    assert disk.get(b"a") is None
    assert disk.stale() == []
