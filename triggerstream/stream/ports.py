"""What the keyed process asks of the world; `tests/simulation` gives it another one.

The real ones are Kafka through Faust (`stream.kafka.faust`) or a log in a file of this machine
(`stream.local`), RocksDB (`stream.rocksdb.store`) and the health thread. All of them run on the
event loop of the process.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from triggerstream.core.keyed.cuts import Cut
from triggerstream.core.keyed.partition import Partition
from triggerstream.core.keyed.program import Store
from triggerstream.core.records.record import Produce
from triggerstream.core.rulesets.ruleset import Ruleset

RECORD_LIMIT: Final = 1 << 20
"""Bytes of the largest record batch that a `Log` takes on most topics."""
DEAD_LETTER_LIMIT: Final = 16 << 20
"""The same on the topics of dead letters: what stands on a topic that others write to is larger."""

Entry = tuple[bytes, bytes | None]
"""A changelog record: key and value."""


class Acknowledged(msgspec.Struct, frozen=True):
    """What the log answered to one record batch."""

    base_offset: int
    count: int
    timestamp: int
    """The log's append time of the batch, or -1 where the topic keeps the producer's."""


class Appending(Protocol):
    """Appending to topics: what is acknowledged is durable, and in the log once. On Kafka that is
    ``acks=all`` and an idempotent producer, on one machine a commit."""

    async def append(self, records: Sequence[Produce]) -> Awaitable[Sequence[Acknowledged]]:
        """Hand *records* over to be appended, in order per partition.

        Returns, once they are on their way, what to await for the acknowledgement of them all.
        The awaited part raises `ProtocolError` when any of them failed for good, and on one machine
        `StoreError` or `WorldChangedError`: the process ends by each.
        """
        ...


class Log(Appending, Protocol):
    """What a keyed process writes to."""

    async def append_changelog(
        self, partition: int, entries: Sequence[Entry]
    ) -> Sequence[Acknowledged]:
        """Append *entries* to this process's changelog partition in record batches; return once
        all are acknowledged, one answer a batch, in order. Where the store is its own log, only
        offsets are counted.

        A null and the grave before it share a batch, and so stand side by side in the log.

        Raises:
            ProtocolError: One of them failed; how many landed is unknown.
        """
        ...

    async def read_changelog(
        self, partition: int, start: int, end: int
    ) -> list[tuple[int, bytes, bytes | None]]:
        """Return the changelog's (offset, key, value) with *start* <= offset < *end*."""
        ...


class Rulesets(Protocol):
    """The published rulesets: content by version, kept up to date in the background."""

    def newest(self) -> tuple[int, str] | None:
        """Return (version, content hash) of the newest complete one."""
        ...

    def get(self, version: int) -> Ruleset | None:
        """Return the compiled ruleset of *version*, or ``None`` if its content is not here yet."""
        ...

    async def wait_for(self, version: int) -> Ruleset:
        """Return the ruleset of *version*, when its content has come."""
        ...


class Input(Protocol):
    """The consuming side: what the keyed process tells it, and asks of it."""

    def done(self, partition: int, offset: int) -> None:
        """All records of *partition* up to and including *offset* are contained in a checkpoint:
        acknowledge them, so that the next commit passes them."""
        ...

    async def commit(self) -> None:
        """Commit what was acknowledged, now."""
        ...

    def end_offset(self, partition: int) -> int | None:
        """Return the log's end as last heard (the next offset to be written), or ``None``."""
        ...

    def still_ours(self) -> bool:
        """Return whether the group still counts this process in, by its lease."""
        ...


class Attempts(Protocol):
    """What runs outside of the log, once the checkpoint that knows of it is durable."""

    def is_one(self, outcome: Any) -> bool:
        """Return whether *outcome* is an attempt."""
        ...

    def room(self, partition: int) -> int:
        """Return how many attempts may be decided in *partition* now: as many as can begin soon.

        Where it is 0, whoever asks asks again, and lets what is decided become durable meanwhile;
        else they are to decide at once. Passing it a little is allowed.
        """
        ...

    def expect(self, partition: int, attempts: Sequence[Any]) -> None:
        """Hear of *attempts* that were decided: each is started once it is durable, unless the
        partition is given away before."""
        ...

    def start(self, partition: int, attempt: Any) -> None:
        """Run *attempt*; its answer is appended to the input topic as a record."""
        ...

    def orphan(self, partition: int, attempt: Any) -> None:
        """Take on an attempt of which a former owner left no answer: it may still be running
        there, so ``unknown`` is appended only when its deadline has passed."""
        ...

    def release(self, partition: int) -> None:
        """Begin nothing more for a partition that is given away; what is under way goes on, and
        its answer is appended, whoever owns the partition by then."""
        ...


class Observer(Protocol):
    """What wants to count: the metrics. Called once a batch or checkpoint, never per record."""

    def opened(self, partition: int, pending: Iterable[Any]) -> None:
        """Hear of a partition taken over, with the states that had something pending."""
        ...

    def decided(
        self, partition: int, statuses: Mapping[str, int], outcomes: Sequence[Any]
    ) -> None: ...

    def checkpointed(self, partition: Partition[Any, Any], cut: Cut, seconds: float) -> None: ...

    def foreign(self, partition: int, customers: int) -> None: ...

    def took(self, seconds: float) -> None:
        """Hear how long one batch took, from its coming to its decisions being on their way."""
        ...

    def told(self, seconds: float) -> None:
        """Hear how long after a batch's first record what the batch led to was in the log, by
        the broker's clock; not where the broker is not the clock."""
        ...

    def ticked(self) -> None:
        """Hear of a tick."""
        ...


OpenStore = Callable[[int], Store]
"""The store of a partition that this process owns and has restored."""
