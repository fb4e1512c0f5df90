"""A disk that can lose what was not flushed, and does not believe what it is told of itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random

from triggerstream.core.keyed import header
from triggerstream.core.keyed.memory_store import MemoryStore


class Disk(MemoryStore):
    """A store that remembers its write batches, since there is no write-ahead log: a crash may
    lose a tail of whole ones (`docs/decisions/0003`)."""

    def __init__(self) -> None:
        super().__init__()
        self._batches: list[
            tuple[Mapping[bytes, bytes | None], bytes | None, int, list[bytes]]
        ] = []
        self._flushed = 0

    def write(
        self,
        values: Mapping[bytes, bytes | None],
        *,
        partition_record: bytes | None,
        changelog_offset: int,
        stale: Iterable[bytes] = (),
        old: Mapping[bytes, bytes | None] | None = None,
    ) -> None:
        for customer, told in (old or {}).items():
            held = self.get(customer)
            found = None if held is None else held[: header.SIZE]
            if found != (told and told[: header.SIZE]):
                raise AssertionError(f"{customer!r}: the store holds {found!r}; told was {told!r}")
        self._batches.append((dict(values), partition_record, changelog_offset, list(stale)))
        super().write(
            values,
            partition_record=partition_record,
            changelog_offset=changelog_offset,
            stale=stale,
        )

    def flush(self) -> None:
        """Nothing written so far can be lost any more."""
        self._flushed = len(self._batches)

    def after_power_cut(self, random: Random) -> tuple[Disk, int]:
        """Return what is found after a crash, and how many batches are lost."""
        kept = random.randint(self._flushed, len(self._batches))
        found = Disk()
        for values, record, offset, stale in self._batches[:kept]:
            found.write(values, partition_record=record, changelog_offset=offset, stale=stale)
        found.flush()
        return found, len(self._batches) - kept


def living(store: MemoryStore) -> dict[bytes, bytes]:
    """Return the stored values that are no graves."""
    return {customer: value for customer, value in store.values.items() if not is_grave(value)}


def is_grave(value: bytes | None) -> bool:
    return value is None or bool(header.unpack(value)[1] & header.GRAVE)
