"""`RocksStore` and `Stores`: state, indexes and marks in one write; damage is put aside."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from triggerstream.core.keyed import header
from triggerstream.core.keyed.program import NEVER
from triggerstream.errors import StoreError
from triggerstream.stream.rocksdb.store import RocksStore
from triggerstream.stream.rocksdb.stores import KEPT_ASIDE_S, MAX_AGE_S, Stores


def state(wake_at: int = NEVER, *, flags: int = 0, fence: int = 7, body: bytes = b"") -> bytes:
    return header.pack(1, flags, wake_at, fence) + body


def put(store: RocksStore, values: dict[bytes, bytes | None], *, at: int = 1) -> None:
    store.write(values, partition_record=None, changelog_offset=at)


@pytest.fixture(name="stores")
def _stores(tmp_path: Path) -> Iterator[Stores]:
    stores = Stores(tmp_path, "detect")
    yield stores
    stores.close_others()


@pytest.fixture(name="store")
def _store(stores: Stores) -> RocksStore:
    return stores.open(0)


def test_a_new_store_is_empty(store: RocksStore) -> None:
    assert store.get(b"c1") is None
    assert store.partition_record() is None
    assert store.changelog_offset() is None
    assert store.next_due() == NEVER
    assert store.due(NEVER, 10) == []
    assert (store.pending(), store.graves(NEVER, 10), store.stale()) == ([], [], [])


def test_states_are_told_in_order_a_few_at_a_time(store: RocksStore) -> None:
    values = {b"c%d" % number: state(fence=number) for number in range(5)}
    put(store, {**values, b"c": state(50), b"d": state()})
    put(store, {b"c3": None})

    first = store.states(3)
    second = store.states(3, first[-1][0])
    rest = store.states(3, second[-1][0])

    assert [name for name, _ in first] == [b"c", b"c0", b"c1"]
    assert [name for name, _ in second] == [b"c2", b"c4", b"d"]
    assert rest == []
    assert dict(second)[b"c4"] == state(fence=4)


@pytest.mark.covers("M6")
def test_what_was_written_is_there_after_closing(stores: Stores) -> None:
    store = stores.open(3)
    store.write({b"c1": state(50)}, partition_record=b"at 9", changelog_offset=41)
    stores.close(3)

    again = stores.open(3)

    assert again.get(b"c1") == state(50)
    assert again.partition_record() == b"at 9"
    assert again.changelog_offset() == 41
    assert again.next_due() == 50


def test_a_write_without_a_record_keeps_the_present_one(store: RocksStore) -> None:
    store.write({}, partition_record=b"first", changelog_offset=1)
    store.write({}, partition_record=None, changelog_offset=2)

    assert store.partition_record() == b"first"
    assert store.changelog_offset() == 2


def test_due_is_ordered_by_time_then_customer_and_includes_its_end(store: RocksStore) -> None:
    put(store, {b"b": state(10), b"a": state(10), b"z": state(9), b"late": state(11)})

    assert store.due(10, 10) == [(9, b"z"), (10, b"a"), (10, b"b")]
    assert store.due(9, 10) == [(9, b"z")]
    assert store.due(8, 10) == []
    assert store.due(10, 2) == [(9, b"z"), (10, b"a")]


def test_a_scan_goes_on_where_the_last_one_ended(store: RocksStore) -> None:
    put(store, {b"a": state(10), b"b": state(10), b"b\0": state(10), b"c": state(11)})

    assert store.due(11, 2) == [(10, b"a"), (10, b"b")]
    assert store.due(11, 9, (10, b"b")) == [(10, b"b\0"), (11, b"c")]
    assert store.due(11, 9, (10, b"\xff")) == [(11, b"c")]
    assert store.next_due(9) == 10
    assert store.next_due(10) == 11
    assert store.next_due(11) == NEVER
    assert store.next_due() == 10


@pytest.mark.parametrize("give_old", [False, True], ids=["old is read", "old is given"])
def test_a_moved_wake_up_leaves_no_entry_behind(store: RocksStore, give_old: bool) -> None:
    put(store, {b"c1": state(10), b"c2": state(20)})
    assert store.next_due() == 10
    old = {b"c1": state(10)[: header.SIZE]} if give_old else None

    store.write({b"c1": state(30)}, partition_record=None, changelog_offset=2, old=old)

    assert store.due(NEVER, 10) == [(20, b"c2"), (30, b"c1")]
    assert store.next_due() == 20


def test_an_earlier_wake_up_is_found_after_scans_have_passed_it(store: RocksStore) -> None:
    put(store, {b"c1": state(100)})
    assert store.due(99, 10) == []
    assert store.next_due() == 100

    put(store, {b"c2": state(5)})

    assert store.next_due() == 5


def test_deleting_a_customer_deletes_its_entries(store: RocksStore) -> None:
    put(store, {b"c1": state(10, flags=header.PENDING)})

    put(store, {b"c1": None})

    assert store.get(b"c1") is None
    assert store.next_due() == NEVER
    assert store.pending() == []


def test_a_grave_is_found_by_its_clock_and_never_due(store: RocksStore) -> None:
    put(store, {b"c1": state(10), b"c2": state(10)})

    put(store, {b"c1": state(77, flags=header.GRAVE)})

    assert store.due(NEVER, 10) == [(10, b"c2")]
    assert store.graves(76, 10) == store.graves(-1, 10) == store.graves(-77, 10) == []
    assert store.graves(77, 10) == [b"c1"]


def test_pending_follows_the_flag(store: RocksStore) -> None:
    put(store, {b"c1": state(flags=header.PENDING), b"c2": state()})
    assert store.pending() == [b"c1"]

    put(store, {b"c1": state()})
    assert store.pending() == []


def test_a_stale_customer_is_so_until_written(stores: Stores) -> None:
    store = stores.open(0)
    store.write({b"c1": state()}, partition_record=None, changelog_offset=1, stale=[b"c1", b"c2"])
    stores.close(0)
    store = stores.open(0)
    assert store.stale() == [b"c1", b"c2"]

    put(store, {b"c1": state()})

    assert store.stale() == [b"c2"]


def test_customers_may_be_named_like_our_own_keys(store: RocksStore) -> None:
    names: dict[bytes, bytes | None] = {
        name: state(1) for name in (b"", b"record", b"d", b"\xff" * 9)
    }

    put(store, names)

    assert [customer for _, customer in store.due(1, 10)] == sorted(names)
    assert store.partition_record() is None


def test_a_store_held_by_somebody_else_is_not_damaged(stores: Stores, tmp_path: Path) -> None:
    stores.open(0)

    with pytest.raises(StoreError, match="lock hold by current process"):
        Stores(tmp_path, "detect").open(0)


def test_a_directory_belongs_to_one_process_and_the_other_is_told_whose_it_is(
    tmp_path: Path,
) -> None:
    first, second = Stores(tmp_path, "detect"), Stores(tmp_path, "detect")
    first.claim()

    with pytest.raises(StoreError, match=rf"TRIGGERSTREAM_DATA_DIR.*process {os.getpid()} uses"):
        second.claim()

    first.release()
    second.claim()
    second.release()


def test_a_directory_that_cannot_be_had_is_told_as_the_setting_that_names_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "detect").write_text("a file")

    with pytest.raises(StoreError, match=r"TRIGGERSTREAM_DATA_DIR.*detect \(File exists\)"):
        Stores(tmp_path, "detect").claim()


def test_a_file_system_without_locks_is_not_taken_for_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_file: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)

    with pytest.raises(StoreError, match=r"cannot be locked \(No locks available\)"):
        Stores(tmp_path, "detect").claim()


def damage(directory: Path) -> None:
    table = next(directory.glob("*.sst"))
    content = bytearray(table.read_bytes())
    content[100:120] = b"\xff" * 20
    table.write_bytes(content)


@pytest.fixture(name="written")
def _written(stores: Stores, tmp_path: Path) -> Path:
    """The directory of a closed store with a thousand customers."""
    put(stores.open(0), {b"%04d" % n: state(n, body=b"x" * 100) for n in range(1000)}, at=9)
    stores.close(0)
    return tmp_path / "detect" / "0"


def test_a_scan_never_ends_early_at_a_damaged_block(stores: Stores, written: Path) -> None:
    damage(written)
    store = stores.open(0)

    with pytest.raises(StoreError, match="Corruption"):
        store._scan(b"c", b"e")


def test_damage_met_while_reading_puts_the_store_aside_at_the_next_start(
    stores: Stores, written: Path, tmp_path: Path
) -> None:
    damage(written)
    store = stores.open(0)
    with pytest.raises(StoreError):
        [store.get(b"%04d" % n) for n in range(1000)]
    stores.close(0)
    seen: list[int] = []

    again = Stores(tmp_path, "detect", on_damage=seen.append).open(0)

    assert again.changelog_offset() is None
    assert seen == [0]
    assert (tmp_path / "detect" / "0.damaged-1").is_dir()
    again.close()


@pytest.mark.parametrize("what", ["CURRENT", "MANIFEST*", "*.sst"])
def test_a_store_with_a_file_missing_is_put_aside(stores: Stores, written: Path, what: str) -> None:
    next(written.glob(what)).unlink()

    assert stores.open(0).changelog_offset() is None
    assert written.with_name("0.damaged-1").is_dir()


def test_a_store_put_aside_goes_after_a_week_when_a_process_starts(
    stores: Stores, written: Path, caplog: pytest.LogCaptureFixture
) -> None:
    next(written.glob("CURRENT")).unlink()
    put_aside = 1_800_000_000.0
    Stores(written.parents[1], "detect", now=lambda: put_aside).open(0).close()
    aside = written.with_name("0.damaged-1")
    caplog.set_level("INFO")

    in_time = Stores(written.parents[1], "detect", now=lambda: put_aside + KEPT_ASIDE_S)
    in_time.claim()
    in_time.release()
    assert aside.is_dir()

    later = Stores(written.parents[1], "detect", now=lambda: put_aside + KEPT_ASIDE_S + 1)
    later.claim()
    later.release()

    assert not aside.exists()
    assert written.is_dir()
    assert f"{aside}, put aside 7.0 days ago, is removed" in caplog.text


def test_a_store_that_was_offline_too_long_is_put_aside(stores: Stores, written: Path) -> None:
    newest = max(file.stat().st_mtime for file in written.iterdir())
    in_time = Stores(written.parents[1], "detect", now=lambda: newest + MAX_AGE_S)
    assert in_time.open(0).changelog_offset() == 9
    in_time.close(0)
    newest = max(file.stat().st_mtime for file in written.iterdir())

    too_late = Stores(written.parents[1], "detect", now=lambda: newest + MAX_AGE_S + 1)

    assert too_late.open(0).changelog_offset() is None
    too_late.close(0)
