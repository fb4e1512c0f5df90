"""The stores of a process's partitions: opening, putting damaged ones aside, closing."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import time
from collections.abc import Callable, Container
from pathlib import Path
from typing import Final

from rocksdict import BlockBasedOptions, Cache, DBCompressionType, DBRecoveryMode, Options

from triggerstream.errors import DamagedError, StoreError
from triggerstream.stream.rocksdb.store import DAMAGED, RocksStore

_log = logging.getLogger(__name__)

MAX_AGE_S: Final = 6 * 86_400
"""A store that was offline for longer is put aside: the changelog forgets deletions after seven
days (`topics`), and with its help an older store would raise the dead."""

KEPT_ASIDE_S: Final = 7 * 86_400
"""A store that was put aside is there to be looked into. It holds customers, erased ones perhaps:
so it goes after a week, when a process starts."""

LOCK: Final = "LOCK"
"""The file by which a process says that the directory is its own; it holds the process's number."""

_BLOCK_CACHE: Final = 16 << 20
_WRITE_BUFFER: Final = 8 << 20
_LEVELS: Final = 7
"""RocksDB's own number of levels."""
_ASIDE: Final = ".damaged-"
_DAMAGE: Final = ("Corruption", "No such file or directory")
"""What RocksDB says of a directory that opening again does not mend. Not a lock that somebody
holds, and not a full disk."""


class Stores:
    """Opens one `RocksStore` a partition, below ``<data_dir>/<process>/<partition>``.

    Args:
        process: The name of the keyed process, such as ``detect``.
        now: The machine's time in epoch seconds, for a store's age.
        on_damage: Told the partition whose store was put aside: counts it.
        logged: Whether there is no changelog: each write is durable when it returns, and a damaged
            store is the end, since nothing is there to fill another one from.
    """

    def __init__(
        self,
        data_dir: Path,
        process: str,
        *,
        now: Callable[[], float] = time.time,
        on_damage: Callable[[int], None] = lambda _: None,
        logged: bool = False,
    ) -> None:
        self._root = data_dir / process
        self._now = now
        self._on_damage = on_damage
        self._logged = logged
        self._open: dict[int, RocksStore] = {}
        self._lock: int | None = None
        # One cache and small buffers for all: RocksDB's defaults take gigabytes a partition.
        self._cache = Cache(_BLOCK_CACHE)

    def claim(self) -> None:
        """Take the directory for this process until it ends, or `release`; remove the stores in it
        that were put aside more than `KEPT_ASIDE_S` ago.

        Called before anything else, so that a second process ends before it has joined a group and
        moved partitions about. A lock of the system's goes with its process, however that ends.

        Raises:
            StoreError: Another process has it, which the message names; or it cannot be had.
        """
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            lock = os.open(self._root / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise self._not_ours(f" ({error.strerror})") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.read(lock, 32).decode(errors="replace").strip() or "unknown"
            os.close(lock)
            if isinstance(error, BlockingIOError):
                raise self._not_ours(f", which process {owner} uses") from error
            raise self._not_ours(f", which cannot be locked ({error.strerror})") from error
        os.ftruncate(lock, 0)
        os.write(lock, b"%d\n" % os.getpid())
        self._lock = lock
        self._remove_old()

    def _not_ours(self, why: str) -> StoreError:
        required = "TRIGGERSTREAM_DATA_DIR: required is a directory of this process alone"
        return StoreError(f"{required}; found {self._root}{why}")

    def release(self) -> None:
        """Give the directory back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def open(self, partition: int) -> RocksStore:
        """Return the store of *partition*, the same one until it is closed.

        Raises:
            StoreError: Another process holds it, or the disk failed.
            DamagedError: It is damaged, and stores are *logged*: else it is put aside, and an
                empty one returned, for the restore to fill.
        """
        store = self._open.get(partition)
        if store is None:
            opening = self._open_logged if self._logged else self._open_sound
            store = self._open[partition] = opening(partition)
        return store

    def close(self, partition: int) -> None:
        """Close the store of *partition*, if it is open."""
        store = self._open.pop(partition, None)
        if store is not None:
            store.close()

    def close_others(self, kept: Container[int] = ()) -> None:
        """Close every open store but those of the *kept* partitions."""
        for partition in tuple(self._open):
            if partition not in kept:
                self.close(partition)

    def _open_sound(self, partition: int) -> RocksStore:
        directory = self._root / str(partition)
        directory.parent.mkdir(parents=True, exist_ok=True)
        if (directory / DAMAGED).exists():
            self._put_aside(partition, directory, "a read met a damaged block")
        elif (age := self._age(directory)) > MAX_AGE_S:
            self._put_aside(partition, directory, f"it was offline for {age / 86_400:.1f} days")
        try:
            return RocksStore(directory, self._options())
        except StoreError as error:
            if not any(sign in str(error) for sign in _DAMAGE):
                raise
            self._put_aside(partition, directory, str(error))
            return RocksStore(directory, self._options())

    def _open_logged(self, partition: int) -> RocksStore:
        directory = self._root / str(partition)
        directory.parent.mkdir(parents=True, exist_ok=True)
        if (directory / DAMAGED).exists():
            raise _damaged(directory, "a read met a damaged block")
        options = self._options()
        # RocksDB's default passes over what stands behind damage in its log, in silence: then
        # attempts that were made would be made again.
        options.set_wal_recovery_mode(DBRecoveryMode.tolerate_corrupted_tail_records())
        try:
            return RocksStore(directory, options, logged=True)
        except StoreError as error:
            if any(sign in str(error) for sign in _DAMAGE):
                raise _damaged(directory, str(error)) from error
            raise

    def _age(self, directory: Path) -> float:
        written = [file.stat().st_mtime for file in directory.glob("*") if file.is_file()]
        return self._now() - max(written) if written else 0.0

    def _remove_old(self) -> None:
        for aside in sorted(self._root.glob(f"*{_ASIDE}*")):
            days = (self._now() - aside.stat().st_mtime) / 86_400
            if days * 86_400 <= KEPT_ASIDE_S:
                continue
            try:
                shutil.rmtree(aside)
            except OSError as error:
                _log.warning(
                    "%s, put aside %.1f days ago, cannot be removed: %s", aside, days, error
                )
            else:
                _log.info("%s, put aside %.1f days ago, is removed", aside, days)

    def _put_aside(self, partition: int, directory: Path, reason: str) -> None:
        number = 1
        while (aside := directory.with_name(f"{partition}{_ASIDE}{number}")).exists():
            number += 1
        directory.rename(aside)
        now = self._now()
        os.utime(aside, (now, now))  # since when it lies there (`KEPT_ASIDE_S`)
        self._on_damage(partition)
        _log.warning(
            "store of partition %d put aside as %s, to be restored from the changelog: %s",
            partition, aside, reason,
        )  # fmt: skip

    def _options(self) -> Options:
        table = BlockBasedOptions()
        table.set_block_cache(self._cache)
        table.set_bloom_filter(10, False)
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_block_based_table_factory(table)
        options.set_write_buffer_size(_WRITE_BUFFER)
        options.set_max_write_buffer_number(2)
        options.set_max_open_files(256)
        # What a buffer becomes is rewritten soon: compressing it takes a tenth of a restore.
        options.set_compression_per_level(
            [DBCompressionType.none(), *[DBCompressionType.lz4()] * (_LEVELS - 1)]
        )
        options.set_keep_log_file_num(2)
        options.set_max_log_file_size(1 << 20)
        options.set_stats_dump_period_sec(0)
        return options


def _damaged(directory: Path, found: str) -> DamagedError:
    return DamagedError(
        f"{directory} is damaged: {found}. Put the installation's directory back from a backup; "
        "starting again does not help"
    )
