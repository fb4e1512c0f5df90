"""What a keyed process sees of the world on one machine: its `Log` and its `Input`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from triggerstream.core.keyed.partition_record import PartitionRecord
from triggerstream.core.keyed.program import Store
from triggerstream.core.records.record import Produce
from triggerstream.errors import DamagedError
from triggerstream.stream.local.log import LocalLog
from triggerstream.stream.ports import Acknowledged, Entry


class ProcessLog:
    """The `Log` of one keyed process: topics are in *log*, and its changelog is its own store.

    RocksDB logs each cut itself and forces it to the disk (`Stores(logged=True)`), so nothing is
    appended here; only offsets are counted on. Nobody else writes to the store, so there is nothing
    to read, either.

    Args:
        contained: The offset of the last changelog record that the store of a partition contains,
            or ``None``: `Store.changelog_offset`. Asked once for each partition.
        now: The machine's clock, epoch milliseconds.
    """

    def __init__(
        self, log: LocalLog, contained: Callable[[int], int | None], *, now: Callable[[], int]
    ) -> None:
        self._log = log
        self._contained = contained
        self._now = now
        self._next: dict[int, int] = {}
        self._told = -1

    async def append(self, records: Sequence[Produce]) -> Awaitable[Sequence[Acknowledged]]:
        return await self._log.append(records)

    async def append_changelog(
        self, partition: int, entries: Sequence[Entry]
    ) -> Sequence[Acknowledged]:
        base = self._next.get(partition)
        if base is None:
            contained = self._contained(partition)
            base = 0 if contained is None else contained + 1
        self._next[partition] = base + len(entries)
        self._told = max(self._told, self._now())
        return [Acknowledged(base, len(entries), self._told)] if entries else []

    async def read_changelog(
        self, partition: int, start: int, end: int
    ) -> list[tuple[int, bytes, bytes | None]]:
        return []


class LocalInput:
    """The `Input` of *reader*, a process that reads *topic* of *log*.

    What is done is noted there: durable soon enough for whoever keeps no position of its own and
    may read a record twice, such as the intake; and what no reader needs any more may be removed.

    Args:
        still_ours: Whether the installation's lock is held (`directory.Directory`).
    """

    def __init__(
        self, log: LocalLog, reader: str, topic: str, *, still_ours: Callable[[], bool]
    ) -> None:
        self._log = log
        self._reader = reader
        self._topic = topic
        self._still_ours = still_ours

    @property
    def position(self) -> int:
        """The offset from which a reader without a position of its own reads on."""
        return self._log.position(self._reader, self._topic)

    def check(self, store: Store) -> None:
        """Ask whether *store* still contains what it once did. Called before anything is done.

        Raises:
            DamagedError: It contains less: it would decide, and send, again what it has forgotten.
                RocksDB says nothing of it, since what is missing may never have been written, for
                all that it knows.
        """
        stored = store.partition_record()
        contained = 0 if stored is None else PartitionRecord.decode(stored).offset + 1
        if contained < self.position:
            raise DamagedError(
                f"{self._reader}/0 is damaged: required is a store that contains {self._topic} "
                f"below offset {self.position}, as it did; found one that ends at {contained}. Put "
                "the installation's directory back from a backup; starting again does not help"
            )

    def done(self, partition: int, offset: int) -> None:
        self._log.note_position(self._reader, self._topic, offset + 1)

    async def commit(self) -> None:
        """Nothing is left to do: see `LocalLog.note_position`."""

    def end_offset(self, partition: int) -> int | None:
        return self._log.end_offset(self._topic)

    def still_ours(self) -> bool:
        return self._still_ours()
