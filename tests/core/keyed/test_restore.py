"""`Restore`: the highest fence wins, wherever it stands in the changelog."""

from __future__ import annotations

from itertools import accumulate
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggerstream.core.keyed import header
from triggerstream.core.keyed.memory_store import MemoryStore
from triggerstream.core.keyed.partition_record import (
    CUSTOMER_PREFIX,
    PARTITION_KEY,
    PartitionRecord,
)
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.keyed.restore import Restore
from triggerstream.errors import StateFormatError


class Row(NamedTuple):
    offset: int
    key: bytes
    value: bytes | None


def state(fence: int, wake: int = NEVER) -> bytes:
    return header.pack(1, 0, wake, fence) + b"x%d" % fence


def restored(*entries: tuple[bytes, bytes | None], store: MemoryStore | None = None) -> MemoryStore:
    store = store or MemoryStore()
    restore = Restore(store)
    for offset, (key, value) in enumerate(entries):
        restore.apply([Row(offset, key, value)])
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
    restore.apply([Row(0, b"ca", state(1))])
    restore.finish(12)

    assert store.changelog_offset() == 11


def test_a_null_of_a_former_owner_does_not_delete_who_came_back() -> None:
    grave = header.pack(0, header.GRAVE, 100, 7)
    # The former owner knows the grave only; its null comes behind what its successor wrote.
    store = restored((b"ca", grave), (b"ca", state(9)), (b"ca", grave), (b"ca", None))

    assert store.get(b"a") == state(9)
    assert store.stale() == [b"a"]


def test_a_null_of_a_former_owner_does_not_take_a_newer_grave_with_it() -> None:
    """What the newer one contains would else be decided again, of a customer without a past."""
    older, newer = header.pack_grave(100, 7, -1), header.pack_grave(200, 9, 4)
    store = restored((b"ca", newer), (b"ca", older), (b"ca", None))

    assert store.get(b"a") == newer
    assert store.stale() == [b"a"]


def test_a_null_behind_a_grave_as_new_as_the_newest_goes_with_it() -> None:
    grave = header.pack_grave(100, 7, -1)
    store = restored((b"ca", grave), (b"ca", grave), (b"ca", None))

    assert store.get(b"a") is None
    assert store.stale() == []


def test_such_a_null_is_known_also_where_a_restore_begins_at_it() -> None:
    grave = header.pack(0, header.GRAVE, 100, 7)
    disk = MemoryStore()
    disk.write({b"a": state(9)}, partition_record=None, changelog_offset=0)
    Restore(disk).apply([Row(1, b"ca", grave)])
    Restore(disk).apply([Row(2, b"ca", None)])

    assert disk.get(b"a") == state(9)
    assert disk.stale() == [b"a"]


def test_a_null_whose_grave_was_compacted_away_deletes_what_an_old_disk_holds() -> None:
    disk = MemoryStore()
    disk.write({b"a": state(3)}, partition_record=None, changelog_offset=0)
    Restore(disk).apply([Row(5, b"ca", None)])

    assert disk.get(b"a") is None
    assert disk.stale() == []


def test_such_a_null_deletes_also_where_an_older_record_was_stale() -> None:
    disk = MemoryStore()
    disk.write({b"a": state(3)}, partition_record=None, changelog_offset=0)
    Restore(disk).apply([Row(1, b"ca", state(2))])
    assert disk.stale() == [b"a"]

    Restore(disk).apply([Row(5, b"ca", None)])

    assert disk.get(b"a") is None
    assert disk.stale() == []


def test_such_a_null_deletes_also_directly_behind_a_stale_record_of_somebody_else() -> None:
    disk = MemoryStore()
    stored = {b"a": state(3), b"b": state(9)}
    disk.write(stored, partition_record=None, changelog_offset=0)
    restore = Restore(disk)
    restore.apply([Row(1, b"ca", state(2))])

    restore.apply([Row(4, b"cb", state(8)), Row(5, b"ca", None)])

    assert disk.get(b"a") is None
    assert disk.stale() == [b"b"]


def test_one_batch_gives_what_its_records_give_one_by_one() -> None:
    grave = header.pack(0, header.GRAVE, 100, 7)
    entries = [
        (b"ca", state(5)),
        (b"cb", state(2)),
        (b"ca", state(3)),
        (b"cc", grave),
        (b"cc", None),
        (b"cc", state(6)),
        (PARTITION_KEY, PartitionRecord(offset=4).encode()),
        (b"cb", state(4)),
    ]
    one_by_one, at_once = restored(*entries), MemoryStore()
    Restore(at_once).apply([Row(at, key, value) for at, (key, value) in enumerate(entries)])

    assert at_once.values == one_by_one.values == {b"a": state(5), b"b": state(4)}
    assert sorted(at_once.stale()) == sorted(one_by_one.stale()) == [b"a", b"c"]
    assert at_once.partition_record() == one_by_one.partition_record()
    assert at_once.changelog_offset() == one_by_one.changelog_offset() == 7


@st.composite
def changelogs(draw: st.DrawFn) -> list[Row]:
    """What two writers may have left of three customers, whom some of them have deleted."""
    fences = st.integers(0, 6)
    customers = st.sampled_from((b"ca", b"cb", b"cc"))
    written: st.SearchStrategy[tuple[bytes, bytes | None]] = st.one_of(
        st.tuples(customers, st.builds(state, fences)),
        st.tuples(customers, st.builds(lambda at: header.pack(0, header.GRAVE, at, at), fences)),
        st.tuples(customers, st.none()),
        st.tuples(
            st.just(PARTITION_KEY), fences.map(lambda at: PartitionRecord(offset=at).encode())
        ),
    )
    rows = draw(st.lists(written, max_size=30))
    gaps = draw(st.lists(st.integers(1, 3), min_size=len(rows), max_size=len(rows)))
    offsets = accumulate(gaps)
    return [Row(offset, key, value) for offset, (key, value) in zip(offsets, rows, strict=True)]


@given(changelogs(), st.lists(st.integers(1, 7), min_size=30, max_size=30), st.booleans())
def test_in_whatever_portions_it_is_read_the_same_is_restored(
    entries: list[Row], portions: list[int], is_caught_up_early: bool
) -> None:
    found = []
    for sizes in (portions, [1] * 30, [30]):
        store = MemoryStore()
        restore = Restore(store)
        start = 0
        for size in sizes:
            restore.apply(entries[start : start + size])
            if is_caught_up_early:
                restore.finish(0)
            start += size
        found.append(
            (
                store.values,
                sorted(store.stale()),
                store.partition_record(),
                store.changelog_offset(),
                (restore.records, restore.dropped),
            )
        )

    assert found[0] == found[1] == found[2]


def test_a_state_as_old_as_the_grave_is_the_grave_itself() -> None:
    """Who wrote it again has decided the same record, so it may stay what the changelog says."""
    grave = header.pack(0, header.GRAVE, 100, 7)

    assert restored((b"ca", grave), (b"ca", None), (b"ca", grave)).get(b"a") == grave


def test_a_null_without_a_grave_hides_nobody() -> None:
    """After compaction only the null may be left, and then nothing is known of its fence."""
    assert restored((b"ca", None), (b"ca", state(0))).get(b"a") == state(0)


def test_of_the_graves_only_the_newest_are_remembered() -> None:
    store = MemoryStore()
    restore = Restore(store, most_gone=2)

    def read(key: bytes, value: bytes | None) -> None:
        at = store.changelog_offset()
        restore.apply([Row(0 if at is None else at + 1, CUSTOMER_PREFIX + key, value)])

    for number in range(5):
        read(b"%d" % number, header.pack(0, header.GRAVE, 100, 7))
        read(b"%d" % number, None)
    for number in range(5):
        read(b"%d" % number, state(6))

    # Of five, two are forgotten: the two oldest. The three others are remembered.
    assert sorted(store.values) == [b"0", b"1"]


def test_a_store_that_was_empty_knows_whom_it_has_met() -> None:
    """An empty store is not asked, and this must not let an older state win."""
    store = MemoryStore()
    restore = Restore(store)
    restore.apply([Row(0, b"ca", state(5))])
    restore.apply([Row(1, b"ca", state(3)), Row(2, b"cb", state(1))])

    assert store.values == {b"a": state(5), b"b": state(1)}
    assert store.stale() == [b"a"]


def test_a_value_without_a_whole_header_stops_the_restore() -> None:
    with pytest.raises(StateFormatError, match="at least 18 bytes; found 17"):
        restored((b"ca", state(5)[:17]))


class Unwritten(MemoryStore):
    """A store that takes nothing."""

    def write(self, *_: Any, **__: Any) -> None:
        raise AssertionError("it was stored")


@pytest.mark.parametrize("is_empty", [True, False])
def test_a_value_without_a_whole_header_is_never_stored(is_empty: bool) -> None:
    store = Unwritten()
    if not is_empty:
        MemoryStore.write(store, {b"b": state(1)}, partition_record=None, changelog_offset=0)

    with pytest.raises(StateFormatError, match="at least 18 bytes; found 17"):
        Restore(store).apply([Row(1, b"ca", state(5)[:17])])


def test_a_partition_record_is_nobody_s_state() -> None:
    record = PartitionRecord(offset=4, topic_id="of more bytes than a header has").encode()

    found = restored((PARTITION_KEY, record), (b"ca", state(5)))

    assert found.partition_record() == record
    assert found.values == {b"a": state(5)}
