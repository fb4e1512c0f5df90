"""What a keyed process runs, and what it stands on.

A *program* is the pure half: it decides what a record means for one customer. Detecting and
sending are two programs; the keyed process that runs them (`Partition`) is written once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from triggerstream.core.records.record import Header, Produce

NEVER = (1 << 63) - 1
"""The wake-up time of a customer who waits for nothing."""
NO_FENCE = -1
"""The fence of a state that contains no record of the log."""


class Message(Protocol):
    """What a program reads out of a record: anything that belongs to one customer."""

    @property
    def customer_id(self) -> str: ...


Dues = list[tuple[int, int]]
"""Of each thing that was due: when, in epoch milliseconds, and an index."""

State = TypeVar("State")
MessageT = TypeVar("MessageT", bound=Message)


class Program(Protocol[State, MessageT]):
    """The pure function of a keyed process: ``(state, message, ruleset) -> state, outcomes``.

    States are mutable and owned by the partition; the program alone changes them. Every method
    is deterministic in its arguments. *ruleset* is the compiled ruleset in force
    (`core.rulesets.ruleset.Ruleset`); *clock* is the partition's clock in epoch milliseconds;
    *position* is the record's offset. Outcomes are appended to *out* in order of decision.
    """

    def read(
        self,
        value: Any,
        timestamp: int,
        partition: int,
        offset: int,
        kind: bytes | None,
        headers: Sequence[Header],
    ) -> MessageT:
        """Return what a record says. Called for each by position, so that none is made an object.

        Args:
            value: The record's: bytes or ``None``; in a replay what `replay` has read of it.
            timestamp: The record's own, epoch milliseconds; negative where it has none.
            partition: Where the record stands, as *offset* says too.
            kind: What its headers say that it is (`core.records.record.Kind`).
            headers: All of them; of most records none.

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

    def transplant(self, value: bytes) -> bytes:
        """Return the stored *value* as a state over another log: its fence is `NO_FENCE`, and what
        it knows of positions is none of the new log's (`core.records.record.MOVED`).

        Where there is nothing more to know, everything else stays byte for byte.

        Raises:
            StateFormatError: It cannot be read.
        """
        ...

    def wake_at(self, state: State) -> int:
        """Return the clock at which `on_clock` is wanted, or `NEVER`."""
        ...

    def on_clock(
        self, state: State, ruleset: Any, clock: int, position: int, out: list[Any]
    ) -> Dues:
        """Do what has come due by *clock*, in order of due time. Return, for what was due, when it
        was, and where in *out* begins what it led to; in the order in which it was done.

        This puts what several customers lead to in order: what an outcome says of its own time may
        be later than what is due behind it.
        """
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

    def adopts(self, ruleset: Any) -> tuple[bytes, bool]:
        """Return what identifies the definitions that customers take over with *ruleset*, and
        whether those must do so, too, of whom no record comes: they are touched then."""
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

    def customers(self, limit: int, after: bytes = b"") -> list[bytes]:
        """Return at most *limit* customers above *after*, ascending; graves are among them."""
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
