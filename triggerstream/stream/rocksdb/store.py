"""One partition's state on disk: RocksDB with its indexes, written with the state in one batch.

======  ===========================  ==========================================================
prefix  rest of the key              value
======  ===========================  ==========================================================
``c``   customer                     the stored state; its header (`core.keyed.header`) says the
                                     rest
``d``   wake-up, 8 bytes; customer   empty: the due index, absent where the wake-up is `NEVER`
``g``   clock, 8 bytes; customer     empty: graves by the clock at which they were dug
``o``   customer                     empty: actions are pending
``r``   customer                     empty: stale, to be written again
``m``   ``record``                   the partition record
``m``   ``changelog``                offset of the last changelog record contained, 8 bytes
======  ===========================  ==========================================================

Numbers are big-endian, so that keys sort by them. Where there is a changelog, every write goes
without RocksDB's own log: the changelog is the log, and its offset travels in the same batch. A
killed process loses a tail of batches, each whole, and the restore reads that tail from the
changelog. Where there is none, RocksDB logs each write and forces it to the disk.

RocksDB ends an iteration silently at a damaged block, so every scan asks for its status.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NoReturn, Self

from rocksdict import Options, Rdict, ReadOptions, WriteBatch, WriteOptions

from triggerstream.core.keyed import header
from triggerstream.core.keyed.program import NEVER
from triggerstream.errors import StoreError

_NUMBER: Final = struct.Struct(">q")
_RECORD: Final = b"mrecord"
_CHANGELOG: Final = b"mchangelog"
_EMPTY: Final = b""
_NO_ENTRIES: Final = header.pack(0, 0, NEVER, 0)[1:10]
_NEVER: Final = _NUMBER.pack(NEVER)
_UNKNOWN: Final = object()

DAMAGED: Final = "DAMAGED"
"""A file of this name in a store's directory: the next opening does not use it."""


class RocksStore:
    """The `Store` of one partition. Not to be used from several threads.

    Args:
        directory: The database's own directory; made where it does not exist.
        logged: Whether a write is durable when it returns.

    Raises:
        StoreError: RocksDB failed; the process must stop. From every method.
    """

    def __init__(self, directory: Path, options: Options, *, logged: bool = False) -> None:
        self._directory = directory
        try:
            self._db = Rdict(str(directory), options)
        except Exception as error:  # rocksdict raises no narrower class
            message = f"{directory}: cannot be opened: {error}"
            raise StoreError(message) from error
        self._writing = WriteOptions()
        if logged:
            self._writing.sync = True
        else:
            self._writing.disable_wal = True  # type: ignore[method-assign,assignment] # the stub errs
        self._any_stale = bool(self._scan(b"r", b"s", 1))
        self._lowest_due = b"d"
        """No due entry is below it: spares scans the tombstones of timers that are over."""

    # ── reading ─────────────────────────────────────────────────────────────────────────────

    def get(self, customer: bytes) -> bytes | None:
        try:
            value: bytes | None = self._db.get(b"c" + customer)
        except Exception as error:  # noqa: BLE001 - rocksdict raises no narrower class
            self._fail("get", error)
        return value

    def get_many(self, customers: Iterable[bytes]) -> dict[bytes, bytes | None]:
        # In order, they come from the same blocks one after the other.
        names = sorted(customers)
        try:
            values: Any = self._db.get([b"c" + name for name in names])
        except Exception as error:  # noqa: BLE001 - rocksdict raises no narrower class
            self._fail("get", error)
        return dict(zip(names, values, strict=True))

    def customers(self, limit: int, after: bytes = b"") -> list[bytes]:
        lower = b"c" + after + b"\0" if after else b"c"
        return [key[1:] for key in self._scan(lower, b"d", limit)]

    def states(self, limit: int, after: bytes = b"") -> list[tuple[bytes, bytes]]:
        """Return at most *limit* (customer, stored value) with a customer above *after*,
        ascending."""
        names = self.customers(limit, after)
        found = self.get_many(names)
        return [(name, value) for name in names if (value := found[name]) is not None]

    def due(
        self, until: int, limit: int, after: tuple[int, bytes] = (-1, b"")
    ) -> list[tuple[int, bytes]]:
        wake_at, customer = after
        # The least key above *after* is itself and one more byte.
        lower = b"d" if wake_at < 0 else b"d" + _NUMBER.pack(wake_at) + customer + b"\0"
        found = self._scan_due(lower, b"d" + _NUMBER.pack(min(until, NEVER - 1) + 1), limit)
        return [(_number(key), key[9:]) for key in found]

    def next_due(self, since: int = -1) -> int:
        lower = b"d" if since < 0 else b"d" + _NUMBER.pack(min(since, NEVER - 1) + 1)
        found = self._scan_due(lower, b"e", 1)
        return _number(found[0]) if found else NEVER

    def pending(self) -> list[bytes]:
        return [key[1:] for key in self._scan(b"o", b"p")]

    def graves(self, until: int, limit: int) -> list[bytes]:
        upper = b"g" + _NUMBER.pack(max(0, min(until, NEVER - 1) + 1))
        return [key[9:] for key in self._scan(b"g", upper, limit)]

    def stale(self) -> list[bytes]:
        return [key[1:] for key in self._scan(b"r", b"s")] if self._any_stale else []

    def partition_record(self) -> bytes | None:
        return self._get(_RECORD)

    def changelog_offset(self) -> int | None:
        mark = self._get(_CHANGELOG)
        return None if mark is None else int(_NUMBER.unpack(mark)[0])

    # ── writing ─────────────────────────────────────────────────────────────────────────────

    def write(
        self,
        values: Mapping[bytes, bytes | None],
        *,
        partition_record: bytes | None,
        changelog_offset: int,
        stale: Iterable[bytes] = (),
        old: Mapping[bytes, bytes | None] | None = None,
    ) -> None:
        batch = WriteBatch(raw_mode=True)
        put = batch.put
        known = {} if old is None else old
        for customer, value in values.items():
            if value is None:
                batch.delete(b"c" + customer)
            else:
                put(b"c" + customer, value)
            before: Any = known.get(customer, _UNKNOWN)
            if before is _UNKNOWN:
                before = self.get(customer)
            # What the index entries follow from, undecoded.
            wanted = value[1:10] if value else _NO_ENTRIES
            if before:
                if wanted != before[1:10]:
                    self._index(batch, customer, before, value)
            elif wanted != _NO_ENTRIES:
                if wanted[0]:
                    self._index(batch, customer, before, value)
                else:  # without flags: what most of a restore is
                    put(key := b"d" + wanted[1:] + customer, _EMPTY)
                    if key < self._lowest_due:  # noqa: PLR1730 - a call costs more
                        self._lowest_due = key
        self._mark_stale(batch, values, stale)
        if partition_record is not None:
            batch.put(_RECORD, partition_record)
        batch.put(_CHANGELOG, _NUMBER.pack(changelog_offset))
        try:
            self._db.write(batch, self._writing)
        except Exception as error:  # noqa: BLE001 - rocksdict raises no narrower class
            self._fail("write", error)

    def _index(
        self, batch: WriteBatch, customer: bytes, before: bytes | None, value: bytes | None
    ) -> None:
        """Make the customer's index entries follow from *value*, where they did from *before*."""
        wanted = _index_keys(customer, value)
        gone = _index_keys(customer, before) if before else ()
        for key in gone:
            if key not in wanted:
                batch.delete(key)
        for key in wanted:
            if key not in gone:
                batch.put(key, _EMPTY)
                if key < self._lowest_due and key[:1] == b"d":
                    self._lowest_due = key

    def _mark_stale(
        self, batch: WriteBatch, written: Iterable[bytes], stale: Iterable[bytes]
    ) -> None:
        if self._any_stale:
            for customer in written:
                batch.delete(b"r" + customer)
        for customer in stale:
            batch.put(b"r" + customer, _EMPTY)
            self._any_stale = True

    # ── life ────────────────────────────────────────────────────────────────────────────────

    def close(self) -> None:
        """Write what is in memory to disk, and give the directory free. Idempotent."""
        try:
            self._db.flush()
            self._db.close()
        except Exception as error:  # noqa: BLE001 - rocksdict raises no narrower class
            if "already closed" not in str(error):
                self._fail("close", error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # ── RocksDB ─────────────────────────────────────────────────────────────────────────────

    def _get(self, key: bytes) -> bytes | None:
        try:
            value: bytes | None = self._db.get(key)
        except Exception as error:  # noqa: BLE001 - rocksdict raises no narrower class
            self._fail("get", error)
        return value

    def _scan(self, lower: bytes, upper: bytes, limit: int = -1) -> list[bytes]:
        """Return at most *limit* keys in ``[lower, upper)``.

        The iterator does not outlive the call: a live one holds the lock of a closed database.
        """
        options = ReadOptions()
        options.set_iterate_upper_bound(upper)
        keys: list[bytes] = []
        try:
            cursor: Any = self._db.iter(options)
            cursor.seek(lower)
            while cursor.valid() and len(keys) != limit:
                keys.append(cursor.key())
                cursor.next()
            cursor.status()
        except Exception as error:  # noqa: BLE001 - rocksdict raises no narrower class
            self._fail("scan", error)
        return keys

    def _scan_due(self, lower: bytes, upper: bytes, limit: int) -> list[bytes]:
        from_lowest = lower <= self._lowest_due
        found = self._scan(max(lower, self._lowest_due), upper, limit)
        if from_lowest:
            self._lowest_due = found[0] if found else max(upper, self._lowest_due)
        return found

    def _fail(self, doing: str, error: Exception) -> NoReturn:
        if "Corruption" in str(error):
            # A restart would meet the same block: leave word that this one is not to be used.
            (self._directory / DAMAGED).touch()
        message = f"{self._directory}: {doing} failed: {error}"
        raise StoreError(message) from error


def _number(key: bytes) -> int:
    return int(_NUMBER.unpack_from(key, 1)[0])


def _index_keys(customer: bytes, value: bytes | None) -> tuple[bytes, ...]:
    """Return the index entries that follow from a stored value's header.

    Its wake-up stands there as it stands in the entries' keys.
    """
    if value is None:
        return ()
    flags, wake_at = value[1], value[2:10]
    if flags & header.GRAVE:
        return (b"g" + wake_at + customer,)
    keys = () if wake_at == _NEVER else (b"d" + wake_at + customer,)
    return (*keys, b"o" + customer) if flags & header.PENDING else keys
