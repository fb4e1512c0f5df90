"""What a keyed process runs, and what it stands on.

A *program* is the pure half: it decides what a record means for one customer. Detecting and
sending are two programs; the keyed process that runs them (`Partition`) is written once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

NEVER = (1 << 63) - 1
"""The wake-up time of a customer who waits for nothing."""

KIND = "ts-kind"
"""Header: what a record is. Absent on events; a closed set elsewhere, see `Kind`."""
ARRIVAL = "ts-arrival"
"""Header: when the log took the record, epoch milliseconds in ASCII, where time is data."""
ORIGIN = "ts-origin"
"""Header: ``<inbox partition>:<offset>`` of a record that the intake re-keyed."""
POSITION = "ts-position"
"""Header: of what is told downstream, the offset of the input record from which it was decided,
in ASCII. A repeat has the same."""


class Kind:
    """What a record is (header `KIND`). An event has no such header."""

    TICK = b"tick"
    """Carries nothing: its arrival moves the clock of a silent partition."""
    RULESET = b"ruleset"
    """A mark ``{"version": n, "hash": "…"}``: from here on that ruleset is in force."""
    ERASE = b"erase"
    """Its key names a customer to be forgotten."""

    FIRING = b"firing"
    CONSENT = b"consent"
    GOAL = b"goal"
    """On the actions topic, written by the detecting owner in the order of its decisions."""
    RESULT = b"result"
    """On the actions topic: what a channel answered to one attempt."""
    FAILED = b"failed"
    """On the events topic: a firing that failed as a whole gives its cooldown back."""


class Record(Protocol):
    """One record of the input topic; aiokafka's ``ConsumerRecord`` is one.

    ``timestamp`` is epoch milliseconds; ``headers`` is a sequence of (name, bytes).
    """

    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class Rejected(Exception):  # noqa: N818 - it is a verdict on a record, not an error of ours
    """The record cannot be read: it becomes a dead letter, and the stream goes on.

    Attributes:
        reason: From the closed set `RejectReason`.
        detail: What was required, and what was found; for people.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Produce(msgspec.Struct, frozen=True):
    """A record to append to another topic.

    Attributes:
        topic: One of the short names of `stream.topics` (``actions``, ``deliveries``, ``dlq``…).
        partition: The partition to append to; ``None`` places it by *key* under murmur2.
    """

    topic: str
    partition: int | None
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class Message(Protocol):
    """What a program reads out of a record: anything that belongs to one customer."""

    @property
    def customer_id(self) -> str: ...


State = TypeVar("State")
MessageT = TypeVar("MessageT", bound=Message)


class Program(Protocol[State, MessageT]):
    """The pure function of a keyed process: ``(state, message, ruleset) -> state, outcomes``.

    States are mutable and owned by the partition; the program alone changes them. Every method
    is deterministic in its arguments. *ruleset* is the compiled ruleset in force
    (`core.triggers.ruleset.Ruleset`); *clock* is the partition's clock in epoch milliseconds;
    *position* is the record's offset. Outcomes are appended to *out* in order of decision.
    """

    def read(self, record: Record, kind: bytes | None) -> MessageT:
        """Return what *record* says.

        Raises:
            Rejected: It cannot be read. The clock does not move by it.
        """
        ...

    def new_state(self, customer_id: str, erased: int = -1) -> State:
        """Return the state of a customer of whom nothing is known.

        Args:
            erased: The last position upstream from which something may have been decided before
                the customer was erased; -1 where there was no erasure, or nobody tells.
        """
        ...

    def load(self, customer_id: str, value: bytes) -> State:
        """Return the state in *value*.

        Raises:
            StateFormatError: It cannot be read; the process must stop.
        """
        ...

    def dump(self, state: State, fence: int) -> bytes:
        """Return the stored form of *state*: `core.keyed.header`, then the program's own."""
        ...

    def wake_at(self, state: State) -> int:
        """Return the clock at which `on_clock` is wanted, or `NEVER`."""
        ...

    def on_clock(
        self, state: State, ruleset: Any, clock: int, position: int, out: list[Any]
    ) -> None:
        """Do what has come due by *clock*, in order of due time."""
        ...

    def on_message(
        self,
        state: State,
        message: MessageT,
        ruleset: Any,
        arrival: int,
        clock: int,
        position: int,
        out: list[Any],
    ) -> str:
        """Apply *message*, after `on_clock`; return its `RecordStatus`.

        ``DUPLICATE`` says that nothing has changed: it brings no erased customer back.
        """
        ...

    def on_erase(self, state: State, ruleset: Any, clock: int, erased: int, out: list[Any]) -> bool:
        """End what is unfinished of a customer who is about to be forgotten.

        *erased* is the erasure's position upstream, or -1. Returns ``False`` where the customer
        has come back after that erasure, as far as is known: then *state* stays.
        """
        ...

    def resume(self, state: State) -> Sequence[Any]:
        """Return what was under way outside of the log when *state* was stored: attempts whose
        answers are not in it. Called once for every pending customer of a partition taken over."""
        ...

    def describe(self, state: State, ruleset: Any) -> dict[str, Any]:
        """Return *state* in words for people (`inspect`), ready for JSON."""
        ...

    def encode(self, outcome: Any, ruleset_version: int, clock: int) -> Sequence[Produce]:
        """Return the records that tell *outcome* to the world; none for what is only counted."""
        ...


class Store(Protocol):
    """One partition's state on disk, with its indexes, which follow from each value's header.

    Customers are their ids in UTF-8. `write` is atomic. Nothing is kept in memory here.
    """

    def get(self, customer: bytes) -> bytes | None: ...

    def get_many(self, customers: Iterable[bytes]) -> dict[bytes, bytes | None]:
        """Return what `get` returns of each of *customers*, for less than that many calls."""
        ...

    def due(
        self, until: int, limit: int, after: tuple[int, bytes] = (-1, b"")
    ) -> list[tuple[int, bytes]]:
        """Return at most *limit* (wake-up, customer) above *after* with wake-up <= *until*,
        ascending."""
        ...

    def next_due(self, since: int = -1) -> int:
        """Return the earliest wake-up > *since*, or `NEVER`."""
        ...

    def pending(self) -> list[bytes]:
        """Return the customers whose header says that actions are pending."""
        ...

    def graves(self, until: int, limit: int) -> list[bytes]:
        """Return at most *limit* customers whose grave was dug at a clock <= *until*."""
        ...

    def stale(self) -> list[bytes]:
        """Return the customers that a restore wants written again (`core.keyed.restore`)."""
        ...

    def partition_record(self) -> bytes | None: ...

    def changelog_offset(self) -> int | None:
        """Return the offset of the last changelog record that this store contains."""
        ...

    def write(
        self,
        values: Mapping[bytes, bytes | None],
        *,
        partition_record: bytes | None,
        changelog_offset: int,
        stale: Iterable[bytes] = (),
        old: Mapping[bytes, bytes | None] | None = None,
    ) -> None:
        """Put *values* (``None`` deletes), their index entries and the two marks, in one write.

        A written customer is no longer stale, unless named in *stale*.
        ``partition_record=None`` keeps the present one. *old* spares reads: it gives what is
        stored now of some of the customers (the header is enough; ``None``: nothing).
        """
        ...
