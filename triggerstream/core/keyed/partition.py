"""One partition of a keyed process: records in, decisions out, one cut for each checkpoint.

This is the synchronous half of the commit protocol (`docs/architecture.md`, 1, 2 and the cut of 3):
it reads, decides and remembers, and never waits. `stream.keyed.process` drives it in production,
`replay` in virtual time and `tests/simulation` under faults.

What makes a repeat harmless: each customer's state names the last record that it contains (its
*fence*), and the partition record names the last one that all of them contain.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any, Final, Generic, TypeVar

from triggerstream.core.keyed.cache import StateCache
from triggerstream.core.keyed.control import ClockMoved, Erased, RulesetMarked, read_mark
from triggerstream.core.keyed.cuts import SLICE_SIZE, Cut, Cuts
from triggerstream.core.keyed.entry import Entry, EntryCodec
from triggerstream.core.keyed.partition_record import PartitionRecord
from triggerstream.core.keyed.program import NEVER, Dues, Message, Program, Store
from triggerstream.core.reasons import RecordStatus, RejectReason
from triggerstream.core.records.columns import Columns
from triggerstream.core.records.dead_letters import DeadLetter
from triggerstream.core.records.record import (
    Header,
    Kind,
    Record,
    Rejected,
    read_headers,
    read_position,
)

State = TypeVar("State")
MessageT = TypeVar("MessageT", bound=Message)

# Plain texts: an enum member's hash is a call.
_APPLIED = RecordStatus.APPLIED.value
_DUPLICATE = RecordStatus.DUPLICATE.value
_SKIPPED = RecordStatus.SKIPPED.value
_UNTRACKED = RecordStatus.UNTRACKED.value
_REJECTED = "rejected"


class Partition(Generic[State, MessageT]):
    """The state of one partition in memory, over *store*.

    Args:
        takes_room: Whether an outcome takes some of `room`; ``None``: none does.
        in_one_piece: Whether all that one record makes due is decided at once, in order, however
            many customers that takes into memory; else a checkpoint may come in between.

    Attributes:
        offset: The last record contained (-1 for none).
        clock: The greatest arrival so far, epoch milliseconds (0 for none).
        ruleset: In force; ``None`` until its content is here (see `awaiting`).
        version: Of the ruleset in force; 0 before the first.
        awaiting: The version whose content `apply` stopped for, or ``None``.
        room: How many more outcomes that take room may be decided; whoever applies records sets
            it, above 0. When it is used up, `apply` stops, behind a record or between two
            customers who are due: so it may be passed by what one of them leads to.
        outcomes: What was decided since they were last taken, in order.
        statuses: How many records ended how since they were last taken.
        swept: Of which definitions all customers have heard (`Program.adopts`).
    """

    def __init__(
        self,
        program: Program[State, MessageT],
        store: Store,
        *,
        number: int = 0,
        rulesets: Callable[[int], Any],
        placed: Callable[[str], bool] | None = None,
        header_clock: bool = False,
        capacity: int = 100_000,
        takes_room: Callable[[Any], bool] | None = None,
        in_one_piece: bool = False,
        max_value: int = 900_000,
        engine: str = "",
    ) -> None:
        self.number = number
        self._program = program
        self._store = store
        self._rulesets = rulesets
        self._placed = placed
        self._header_clock = header_clock
        self._takes_room = takes_room
        self.room = 1
        self._in_one_piece = in_one_piece
        self._engine = engine
        stored = store.partition_record()
        record = PartitionRecord.decode(stored) if stored is not None else PartitionRecord()
        self.offset = record.offset
        self.clock = record.clock
        self.record = record
        self.awaiting: int | None = None
        self.topic_id = record.topic_id
        self._origins = dict(record.origins)
        self.swept = record.swept
        self._definitions = b""
        # Whoever comes is under the first ruleset by their own record.
        self._is_new = stored is None
        codec = EntryCodec(program, number, max_value)
        self._cache: StateCache[State] = StateCache(store, codec.load, capacity)
        self._cuts = Cuts(store, self._cache, codec)
        self.outcomes: list[Any] = []
        self.statuses: Counter[str] = Counter()
        self.ruleset: Any = None
        self.version = record.ruleset
        # Before its first mark, a partition is under the first version that was published.
        self._switch(record.ruleset or 1)

    # ── deciding ────────────────────────────────────────────────────────────────────────────

    # The hot loop, in one piece: a call per record would cost more than the branches.
    def apply(  # noqa: PLR0912, PLR0915
        self, records: Columns, start: int = 0, end: int | None = None
    ) -> int:
        """Apply *records* from index *start* on, up to *end* (exclusive; all of them, without);
        return the index of the first one not applied.

        It is less than *end* where the content of a ruleset must come first
        (`awaiting`), where only a checkpoint makes room (`is_full`), or where what was decided has
        used up the `room`; call again then, with the index returned.
        """
        if end is None:
            end = len(records)
        if not self.make_ready():
            return start
        header_clock = self._header_clock
        number = records.partition
        offsets, timestamps, values = records.offsets, records.timestamps, records.values
        headers_of = records.headers
        cache, outcomes = self._cache, self.outcomes
        in_memory = cache.entries.get
        read = self._program.read
        on_message = self._program.on_message
        wake_at = self._program.wake_at
        applied = 0
        statuses = self.statuses
        for index in range(start, end):
            offset = offsets[index]
            if offset <= self.offset:
                statuses[_SKIPPED] += 1
                continue
            arrival = timestamp = timestamps[index]
            kind = origin = None
            headers: Sequence[Header] = _NONE
            if header_clock or headers_of:
                headers = headers_of.get(index, _NONE)
                played = self.clock if header_clock else None
                kind, arrival, origin = read_headers(headers, timestamp, played)
                if kind in _CONTROL:
                    is_done = self._control(records[index], kind, arrival)
                    if is_done and self.room > 0:
                        continue
                    statuses[_APPLIED] += applied
                    return index + is_done
                if origin is not None and origin[1] <= self._origins.get(origin[0], -1):
                    # A second copy: the intake was repeated after a crash.
                    statuses[_SKIPPED] += 1
                    self.offset = offset
                    continue
            try:
                message = read(values[index], timestamp, number, offset, kind, headers)
                customer = message.customer_id
                entry = in_memory(customer) or cache.find(customer) or self._meet(customer)
            except Rejected as rejected:
                self._reject(records[index], rejected)
                statuses[_REJECTED] += 1
                self.offset = offset
                continue
            # Looked at before the clock moves: a timer of this customer that the record makes
            # fire raises the fence to the record's own offset.
            contained = offset <= entry.fence
            clock = self.clock
            if arrival > clock:
                self.clock = clock = arrival
            elif arrival < 0:  # the record has no time: it arrives now
                arrival = clock
            told = said = len(outcomes)
            if clock >= cache.next_due:
                if not self._fire_due(offset, customer):
                    self._stamp(told, offset)
                    statuses[_APPLIED] += applied
                    return index
                said = len(outcomes)
            if contained:
                statuses[_SKIPPED] += 1
            elif (state := entry.state) is None:
                statuses[self._begin_anew(customer, entry, message, arrival, offset)] += 1
            else:
                status = on_message(state, message, self.ruleset, arrival, clock, offset, outcomes)
                if status == _APPLIED:
                    applied += 1
                else:
                    statuses[status] += 1
                if status == _UNTRACKED:
                    self._let_go(customer, entry)
                else:
                    entry.fence = offset
                    wake = wake_at(state)
                    if wake != entry.wake or not entry.dirty:
                        cache.changed(customer, entry, wake)
            if origin is not None:
                self._origins[origin[0]] = origin[1]
            self.offset = offset
            if len(outcomes) > told:
                is_used_up = self._uses_up(outcomes, said)
                self._stamp(told, offset)
                if is_used_up:
                    statuses[_APPLIED] += applied
                    return index + 1
        statuses[_APPLIED] += applied
        return end

    def _uses_up(self, outcomes: list[Any], said: int) -> bool:
        """Take what *outcomes* from index *said* on need off the room; return whether none is
        left."""
        if self._takes_room is None:
            return False
        self.room -= sum(map(self._takes_room, outcomes[said:]))
        return self.room < 1

    def _stamp(self, told: int, offset: int) -> None:
        """Put the clock and the *offset* of their record before the outcomes from index *told* on:
        they are what these are stamped with, wherever the batch that they were decided in ends."""
        if len(self.outcomes) > told and not self._in_one_piece:
            self.outcomes.insert(told, ClockMoved(self.clock, offset))

    def _meet(self, customer: str) -> Entry[State]:
        """Return the entry of a customer whom this partition has never seen."""
        self._check_placed(customer)
        return self._cache.add(customer, Entry(self._program.new_state(customer), -1, NEVER))

    def _let_go(self, customer: str, entry: Entry[State]) -> None:
        """Make nobody of a customer of whom nothing was known, and who is none by their record."""
        if entry.stored is None and not entry.dirty:
            self._cache.deleted(customer)

    def _check_placed(self, customer: str) -> None:
        if self._placed is not None and not self._placed(customer):
            raise Rejected(
                RejectReason.MISPLACED,
                f"partition {self.number} is not where murmur2 places this customer_id: produce "
                "keyed by customer_id under murmur2, or through the inbox topic",
            )

    def _begin_anew(
        self, customer: str, grave: Entry[State], message: MessageT, arrival: int, offset: int
    ) -> str:
        """Apply *message* of a customer who was erased; return its status.

        They are back, unless it is no news, such as a repeat of what was decided before. An
        erasure that is not known any more makes no difference, whether its grave is left or not.
        """
        program, is_known = self._program, grave.is_known(self.clock)
        state = program.new_state(customer, grave.erased if is_known else -1)
        status = program.on_message(
            state, message, self.ruleset, arrival, self.clock, offset, self.outcomes
        )
        if status == _UNTRACKED:
            return status
        if is_known and status == _DUPLICATE:
            # With its fence raised it stays for as long as this record may be decided again.
            grave.fence = offset
            self._cache.changed(customer, grave, NEVER)
            return status
        entry = self._cache.add(customer, Entry(state, offset, NEVER))
        self._cache.changed(customer, entry, program.wake_at(state))
        return status

    def _fire_due(self, offset: int, own: str | None) -> bool:
        """Do what has come due by the clock, in order of (due, customer); return whether all is
        done, or there must be room first: for more customers, or for what they lead to.

        *own* is the customer of the record at *offset*, who comes with that record: until then a
        fence at *offset* would say that the record itself is contained.
        """
        program, cache = self._program, self._cache
        decided: list[Any] = []
        dues: list[tuple[int, str, int]] = []
        done = True
        with closing(cache.due(self.clock)) as due:
            for customer, entry in due:
                if customer == own or entry.fence >= offset or entry.state is None:
                    continue
                said = len(decided)
                ripe = program.on_clock(entry.state, self.ruleset, self.clock, offset, decided)
                _note(dues, customer, ripe)
                entry.fence = offset
                cache.changed(customer, entry, program.wake_at(entry.state))
                is_full = cache.is_full and not self._in_one_piece
                # The rest, and the record itself, wait until there is room.
                if self._uses_up(decided, said) or is_full:
                    done = False
                    break
        if done and own is not None:
            self._fire_own(own, offset, decided, dues)
        self.outcomes.extend(_in_order(decided, dues))
        return done

    def _fire_own(
        self, own: str, offset: int, decided: list[Any], dues: list[tuple[int, str, int]]
    ) -> None:
        entry = self._cache.find(own)
        if entry is None or entry.state is None or entry.fence >= offset or entry.wake > self.clock:
            return
        said = len(decided)
        ripe = self._program.on_clock(entry.state, self.ruleset, self.clock, offset, decided)
        _note(dues, own, ripe)
        self._uses_up(decided, said)  # the record follows, whatever is left
        # The fence stays: `apply` sets it with the record. Both happen between two checkpoints.
        self._cache.changed(own, entry, self._program.wake_at(entry.state))

    def pass_by(self, offset: int, arrival: int) -> None:
        """Move the clock by an event at *offset* whose customer another process decides, and do
        what comes due by it. For partitions that decide in one piece."""
        self.clock = max(self.clock, arrival)
        if self.clock >= self._cache.next_due:
            self._fire_due(offset, None)
        self.offset = offset

    def pass_over(self, offset: int) -> None:
        """Note that up to *offset* the log holds no record that is not applied: what stands there
        are marks of transactions, records that were taken back, gaps of compaction."""
        self.offset = max(self.offset, offset)

    # ── control records ─────────────────────────────────────────────────────────────────────

    def _control(self, record: Record, kind: bytes, arrival: int) -> bool:
        """Apply a record of the process itself; return whether it is done."""
        offset = record.offset
        mark = erased = None
        try:
            if kind == Kind.RULESET:
                mark = read_mark(record.value)
            elif kind == Kind.ERASE:
                erased = self._read_erased(record.key)
        except Rejected as rejected:
            self._reject(record, rejected)
            self.statuses[_REJECTED] += 1
            self.offset = offset
            return True
        self.clock = max(self.clock, arrival)
        self.outcomes.append(ClockMoved(self.clock, offset))
        # Who is to be erased is as the customer of an event: a timer leaves the fence alone.
        if self.clock >= self._cache.next_due and not self._fire_due(offset, erased):
            return False
        if mark is not None and mark.version > self.version:
            before = self.version
            if not self._switch(mark.version):
                return False
            self.outcomes.append(RulesetMarked(mark.version, mark.hash, before))
        status = _APPLIED
        if erased is not None:
            status = self._bury(erased, offset, read_position(record.headers))
        self.statuses[status] += 1
        self.offset = offset
        return True

    def _read_erased(self, key: bytes | None) -> str:
        """Return the customer whom a `Kind.ERASE` record's *key* names."""
        if not key:
            raise Rejected(RejectReason.MISSING_FIELD, "key: whom to erase; found none")
        try:
            customer = key.decode()
        except UnicodeDecodeError as error:
            raise Rejected(RejectReason.BAD_UTF8, f"key: UTF-8; {error.reason}") from error
        self._check_placed(customer)
        return customer

    def _bury(self, customer: str, offset: int, erased: int) -> str:
        """Forget *customer*, by the erasure at *erased* upstream; return the record's status."""
        entry = self._cache.find(customer)
        clock, out = self.clock, self.outcomes
        if entry is not None and entry.fence >= offset:
            return _SKIPPED
        if entry is not None and entry.state is not None:
            if not self._program.on_erase(entry.state, self.ruleset, clock, erased, out):
                entry.fence = offset
                self._cache.changed(customer, entry, self._program.wake_at(entry.state))
                return _DUPLICATE
            out.append(Erased(customer))
        elif erased < 0:
            return _APPLIED  # nobody is here, and nobody upstream may repeat anything
        elif entry is not None and entry.is_known(clock):
            erased = max(erased, entry.erased)
        grave = self._cache.add(customer, Entry(None, offset, NEVER, dug=clock, erased=erased))
        self._cache.changed(customer, grave, NEVER)
        return _APPLIED

    def _reject(self, record: Record, rejected: Rejected) -> None:
        self.outcomes.append(
            DeadLetter(
                reason=rejected.reason,
                detail=rejected.detail,
                partition=self.number,
                offset=record.offset,
                timestamp=record.timestamp,
                key=record.key,
                value=record.value,
                headers=tuple(record.headers),
            )
        )

    # ── rulesets ────────────────────────────────────────────────────────────────────────────

    def _switch(self, version: int) -> bool:
        """Put *version* in force if its content is here; note what is awaited if not."""
        ruleset = self._rulesets(version)
        if ruleset is None:
            self.awaiting = version
            return False
        self.ruleset, self.version, self.awaiting = ruleset, version, None
        self._definitions, are_for_all = self._program.adopts(ruleset)
        if self._is_new or not are_for_all:
            self.swept = self._definitions
        self._is_new = False
        return True

    def make_ready(self) -> bool:
        """Put the first ruleset in force, if its content is here; return whether one is."""
        return self.ruleset is not None or self._switch(self.record.ruleset or 1)

    @property
    def wants_sweep(self) -> bool:
        """Whether each customer in the store is to be touched, who may not have heard of the
        ruleset in force. Only when all who came before it are stored."""
        return self.swept != self._definitions and self.record.ruleset == self.version

    def note_sweep(self) -> None:
        """Note that all of them are touched: the next cut says so."""
        self.swept = self._definitions

    # ── checkpoints ─────────────────────────────────────────────────────────────────────────

    @property
    def is_full(self) -> bool:
        """Whether only a checkpoint makes room for more customers."""
        return self._cache.is_full

    @property
    def cached(self) -> int:
        """How many customers are held in memory."""
        return len(self._cache)

    @property
    def has_changed(self) -> bool:
        """Whether a checkpoint would store anything."""
        return bool(self._cache.dirty) or self.offset != self.record.offset

    @property
    def next_due(self) -> int:
        """A lower bound of the earliest wake-up, or `NEVER`."""
        return self._cache.next_due

    def cut(self, rested: PartitionRecord | None = None) -> Cut:
        """Return what a checkpoint has to store now. The next one comes when it has `landed`;
        records may be applied meanwhile.

        Args:
            rested: This partition's record of a while ago (`Cuts.make`).
        """
        cuts = self.cutting(rested)
        cut = next(cuts)
        for _ in cuts:
            pass
        return cut

    def cutting(
        self, rested: PartitionRecord | None = None, *, slice_size: int = SLICE_SIZE
    ) -> Iterator[Cut]:
        """Make a `cut` in slices (`Cuts.make`), *slice_size* customers each."""
        return self._cuts.make(self._record(), rested, slice_size)

    def _record(self) -> PartitionRecord:
        return PartitionRecord(
            offset=self.offset,
            clock=self.clock,
            ruleset=self.version,
            topic_id=self.topic_id,
            origins=self._origins,
            engine=self._engine,
            swept=self.swept,
        )

    def landed(self, cut: Cut) -> None:
        """Note that *cut* is stored."""
        self.record = PartitionRecord.decode(cut.record)
        self._cuts.landed(cut)

    def state_of(self, customer: str) -> tuple[State, int] | None:
        """Return the customer's state, not to be changed, and its fence."""
        entry = self._cache.find(customer)
        return None if entry is None or entry.state is None else (entry.state, entry.fence)

    def pending_states(self) -> Iterator[State]:
        """Yield the states, not to be changed, that had something pending when last stored."""
        for customer in self._store.pending():
            entry = self._cache.find(customer.decode())
            if entry is not None and entry.state is not None:
                yield entry.state

    def pending(self) -> list[Any]:
        """Return what was under way when this partition was last stored (`Program.resume`)."""
        return [each for state in self.pending_states() for each in self._program.resume(state)]


_NONE: Final = ()
_CONTROL = frozenset({Kind.TICK, Kind.RULESET, Kind.ERASE})


def _note(dues: list[tuple[int, str, int]], customer: str, ripe: Dues) -> None:
    """Add what was *ripe* of *customer* to *dues*. They are told as they were done: nothing goes
    before what was done before it, whatever its own due time."""
    latest = 0
    for due, start in ripe:
        latest = max(latest, due)
        dues.append((latest, customer, start))


def _in_order(decided: list[Any], dues: list[tuple[int, str, int]]) -> list[Any]:
    """Return *decided* by (due, customer). *dues* says for each stretch when it was due, whose it
    is, and where it begins, in the order of these."""
    if len(dues) < 2 or not decided:
        return decided
    starts = [0, *[start for _, _, start in dues[1:]], len(decided)]
    stretches = sorted(
        (due, customer, start, end)
        for (due, customer, _), start, end in zip(dues, starts, starts[1:], strict=False)
        if end > start
    )
    return [each for _, _, start, end in stretches for each in decided[start:end]]
