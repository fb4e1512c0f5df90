"""One process's share of a replay: the customers whose hash is its own.

Every process reads the whole log, since a customer's timers fire by a clock that all lines move.
Reading the events is divided: for each chunk of lines, one process makes a *survey*, which says
whose each line is and when it arrived, and all decide by it. So a process reads one in so many of
the lines for the survey, and the lines of its customers to decide them.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, chain, compress
from operator import attrgetter
from typing import Any
from zlib import crc32

import msgspec

from triggerstream.core.decisions import TriggerFailed
from triggerstream.core.events.event import Event
from triggerstream.core.keyed.program import Dues
from triggerstream.core.records.record import Header, Rejected
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.replay.clock import may_move, read_said
from triggerstream.replay.lines import decision_line, read_line
from triggerstream.replay.partition import MAX_GAP, SLICE, Deciding, Decoded, as_line

MOST = 250
"""Shares: a line's owner is one byte, and two of these say that it has none."""
_REJECTED = 254
_BLANK = 255
_NEVER_ARRIVED = -1


class Survey(msgspec.Struct, array_like=True, tag="survey"):
    """What all have to know of a chunk of lines.

    Attributes:
        owners: Whose share each line is, a byte a line.
        arrivals: When each line arrived, as 64-bit integers; -1 where it is no event.
        rejected: (index, reason, detail) of the lines that are no events, in order.
    """

    owners: bytes
    arrivals: bytes
    rejected: list[tuple[int, str, str]]


class Told(msgspec.Struct, array_like=True):
    """A decision, and what puts those of all shares in order (see `merge`).

    Attributes:
        position: (offset, whether it is the event's own and no timer's).
        due: (time, customer) of a timer's; the same for all of an event's own.
        line: What is printed, a line of JSON; empty for a failure.
    """

    position: tuple[int, bool]
    due: tuple[int, str]
    line: bytes
    failed: TriggerFailed | None = None


def merge(shares: Iterable[Sequence[Told]]) -> list[Told]:
    """Return what all shares decided on the same lines, in the order of one process: by offset, at
    each first the timers by (due, customer), then the event's own."""
    told = [each for share in shares for each in share]
    told.sort(key=attrgetter("position", "due"))
    return told


class _Own(msgspec.Struct, gc=False):
    """A line of this share: the *index*-th of its chunk, with the clock *before* it."""

    event: Event
    index: int
    before: int


class Shard:
    """Decides the customers of share *number* (from 0) among *of*.

    Feed it with every chunk of the log, in order: `decide`, with the chunk's `Survey`, which any
    share makes.

    Attributes:
        number: Which one it is.
        statuses: How many of its events ended how.
        clamped: How many arrivals of the whole log were taken for the clock, being too far ahead.
    """

    def __init__(self, ruleset: Ruleset, number: int, of: int, *, max_gap: int = MAX_GAP) -> None:
        self.number = number
        self._of = of
        self._max_gap = max_gap
        self._program = _Noting()
        self._deciding = Deciding(ruleset, self._program)
        self._program.partition = self._deciding.partition
        self._clock = 0
        self._offset = -1
        self.statuses: Counter[str] = self._deciding.partition.statuses
        self.clamped = 0

    # ── surveying ───────────────────────────────────────────────────────────────────────────

    def survey(self, lines: Sequence[bytes]) -> Survey:
        """Return the survey of *lines*."""
        owners = bytearray()
        arrivals = array("q")
        rejected: list[tuple[int, str, str]] = []
        for index, value in enumerate(lines):
            owner, arrival = _REJECTED, _NEVER_ARRIVED
            text = value.strip()
            if not text:
                owner = _BLANK
            else:
                try:
                    event, arrival, _ = read_line(text, 0)
                    owner = crc32(event.customer_id.encode()) % self._of
                except Rejected as found:
                    rejected.append((index, found.reason, found.detail))
            owners.append(owner)
            arrivals.append(arrival)
        return Survey(bytes(owners), arrivals.tobytes(), rejected)

    # ── deciding ────────────────────────────────────────────────────────────────────────────

    def decide(
        self,
        lines: Sequence[bytes],
        survey: Survey,
        following: Callable[[], Iterable[bytes]] = tuple,
    ) -> list[Told]:
        """Return what *lines*, the log's next chunk, decide for this share, in order.

        Args:
            following: Returns the lines behind them, `clock.WINDOW` at least.

        Raises:
            Rejected: The lines are not those that were surveyed.
        """
        owners = survey.owners
        arrivals = array("q", survey.arrivals)
        clocks = self._clocks(arrivals, lines, following)
        offsets = self._offsets(owners)
        program = self._program
        program.enter(arrivals, clocks, offsets)
        taken: list[int] = []
        arrived: list[int] = []
        waiting: list[_Own] = []
        for index in compress(range(len(owners)), map(self.number.__eq__, owners)):
            offset = offsets[index]
            event, _, is_received = read_line(lines[index].strip(), offset)
            if is_received is not program.clamp_skew or len(waiting) == SLICE:
                self._deciding.apply(taken, arrived, waiting)
                taken, arrived, waiting = [], [], []
                program.clamp(is_received)
            taken.append(offset)
            arrived.append(arrivals[index])
            waiting.append(_Own(event, index, clocks[index]))
        self._deciding.apply(taken, arrived, waiting)
        program.pass_by(len(owners))
        return self._told()

    def run_until(self, moment: int) -> list[Told]:
        """Return what is decided when the log is silent up to *moment*; see `Replay.run_until`."""
        self._offset += 1
        statuses = self.statuses.copy()
        self._deciding.run_until(moment, self._offset)
        self.statuses.update(statuses)
        self._program.note(self._offset, is_own=False)
        return self._told()

    def _clocks(
        self,
        arrivals: array[int],
        lines: Sequence[bytes],
        following: Callable[[], Iterable[bytes]],
    ) -> list[int]:
        """Return the clock before each line and, last, after all of them. In *arrivals*, what is
        not believed becomes the clock."""
        clock, max_gap = self._clock, self._max_gap
        if not clock or max(arrivals, default=clock) - clock > max_gap:
            for index, arrival in enumerate(arrivals):
                if arrival <= clock:
                    continue
                if not clock or arrival - clock > max_gap:
                    said = read_said(lines[index])
                    behind = chain(lines[index + 1 :], following())
                    if said is None or not may_move(clock, said, behind, max_gap):
                        self.clamped += 1
                        arrivals[index] = clock
                        continue
                clock = arrival
        clocks = list(accumulate(arrivals, max, initial=self._clock))
        self._clock = clocks[-1]
        return clocks

    def _offsets(self, owners: bytes) -> Sequence[int]:
        """Return the offset of each line; a blank one has the next one's."""
        first = self._offset + 1
        self._offset += len(owners) - owners.count(_BLANK)
        if _BLANK not in owners:
            return range(first, first + len(owners))
        return list(accumulate((owner != _BLANK for owner in owners), initial=first))

    def _told(self) -> list[Told]:
        outcomes = self._deciding.take()
        dues = self._program.take_dues()
        return [
            told
            for offset, is_own, start, end in self._program.take_notes()
            for told in _tell(outcomes[start:end], (offset, is_own), dues)
        ]


def _tell(
    outcomes: Iterable[Any], position: tuple[int, bool], dues: Mapping[int, tuple[int, str]]
) -> Iterator[Told]:
    for outcome in outcomes:
        has_failed = type(outcome) is TriggerFailed
        line = None if has_failed else decision_line(outcome)
        if has_failed or line is not None:
            due = (0, "") if position[1] else dues[id(outcome)]
            text = b"" if line is None else as_line(line)
            yield Told(position, due, text, outcome if has_failed else None)


class _Noting(Decoded):
    """Notes at which line each outcome was decided, and lets the lines of others pass by.

    Timers must fire at the very line that makes the clock reach them, whosever it is. Such a line
    is looked for only where the clock has gone beyond the earliest wake-up.
    """

    partition: Any

    def __init__(self) -> None:
        super().__init__()
        self._dues: dict[int, tuple[int, str]] = {}
        self._notes: list[tuple[int, bool, int, int]] = []
        self._noted = 0

    def clamp(self, clamp_skew: bool) -> None:
        super().clamp(clamp_skew)
        self._decide, self.on_message = self.on_message, self._decide_and_note

    def enter(self, arrivals: Sequence[int], clocks: Sequence[int], offsets: Sequence[int]) -> None:
        """Begin a chunk."""
        self._arrivals, self._clocks, self._offsets = arrivals, clocks, offsets
        self._next = 0

    def _take(
        self,
        value: Any,
        timestamp: int,
        partition: int,
        offset: int,
        kind: bytes | None,
        headers: Sequence[Header],
    ) -> Event:
        line: _Own = value
        if line.before >= self.partition.next_due:
            self.pass_by(line.index)
        # Lines of others have moved the clock, also where nothing came due by them: what a line
        # opens that is overdue already fires by the next one, as it does in one process.
        self.partition.clock = max(self.partition.clock, line.before)
        self._next = line.index + 1
        return line.event

    def pass_by(self, end: int) -> None:
        """Fire what the lines of others, from the last own one up to index *end*, make due."""
        clocks, partition = self._clocks, self.partition
        while (due := partition.next_due) <= clocks[end]:
            index = max(bisect_left(clocks, due) - 1, self._next)
            while index < end and self._arrivals[index] == _NEVER_ARRIVED:
                index += 1
            if index >= end:
                return
            partition.pass_by(self._offsets[index], clocks[index + 1])
            self.note(self._offsets[index], is_own=False)
            self._next = index + 1

    def _decide_and_note(
        self,
        state: Any,
        message: Event,
        ruleset: Ruleset,
        arrival: int,
        clock: int,
        position: int,
        out: list[Any],
    ) -> str:
        if len(out) > self._noted:
            self.note(position, is_own=False)
        status = self._decide(state, message, ruleset, arrival, clock, position, out)
        if len(out) > self._noted:
            self.note(position, is_own=True)
        return status

    def on_clock(
        self, state: Any, ruleset: Ruleset, clock: int, position: int, out: list[Any]
    ) -> Dues:
        begin = len(out)
        ripe = super().on_clock(state, ruleset, clock, position, out)
        ends = [*[start for _, start in ripe[1:]], len(out)]
        latest = 0
        for (due, _), end in zip(ripe, ends, strict=False):
            latest = max(latest, due)
            # Until they are taken, no other is in the place of one of these.
            for outcome in out[begin:end]:
                self._dues[id(outcome)] = latest, state.customer_id
            begin = end
        return ripe

    def take_dues(self) -> dict[int, tuple[int, str]]:
        """Return when the timer was due that led to each outcome, and whose it is, as `merge` sorts
        by it; by the outcome's identity."""
        dues, self._dues = self._dues, {}
        return dues

    def note(self, offset: int, *, is_own: bool) -> None:
        """Note that what is new among the outcomes was decided at *offset*."""
        end = len(self.partition.outcomes)
        self._notes.append((offset, is_own, self._noted, end))
        self._noted = end

    def take_notes(self) -> list[tuple[int, bool, int, int]]:
        """Return the (offset, is_own, start, end) of the outcomes that have just been taken."""
        notes, self._notes, self._noted = self._notes, [], 0
        return notes
