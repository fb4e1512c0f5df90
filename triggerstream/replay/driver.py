"""Replay: a log of events through the engine, in virtual time.

The same keyed partition and the same program as in a worker, over a store in memory; only the
clock is another one. Each event's arrival is its ``received_at`` where it has one, else its
timestamp, and moves the clock if that is ahead, as far as it is to be believed (`replay.clock`).
So the decisions are those that a worker takes on the same log, ids included.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

from triggerstream.core.decisions import Firing, SegmentChanged, Suppressed, TriggerFailed
from triggerstream.core.detection.describe import profile_of
from triggerstream.core.events.event import Event
from triggerstream.core.records.record import Rejected
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.replay.clock import Ahead, Said, may_move
from triggerstream.replay.lines import decision_line, read_line
from triggerstream.replay.partition import BATCH, MAX_GAP, SLICE, Deciding, Decoded, as_line

OnReject = Callable[[int, str, str], None]
"""Called with (line number from 1, reason, what was required and found)."""
OnError = Callable[[TriggerFailed], None]
Decision = Firing | Suppressed | SegmentChanged


class Replay:
    """Decides a log of events under one ruleset, from an empty state.

    Args:
        max_gap: The furthest that one event may move the clock on its own word, in milliseconds;
            what is further must be borne out by those behind it (`replay.clock`).
        on_reject: Hears of each line that is no event, in order, batch by batch.
        on_error: Hears of each evaluation of a trigger that raised.

    Attributes:
        statuses: How many events ended how (`RecordStatus`, or ``rejected``).
        clamped: How many arrivals were taken for the clock, being too far ahead of it.
        failures: How many evaluations of a trigger raised.
    """

    def __init__(
        self,
        ruleset: Ruleset,
        *,
        max_gap: int = MAX_GAP,
        on_reject: OnReject | None = None,
        on_error: OnError | None = None,
    ) -> None:
        self._max_gap = max_gap
        self._on_reject = on_reject or _ignore
        self._on_error = on_error or _ignore
        self._program = Decoded()
        self._ruleset = ruleset
        self._deciding = Deciding(ruleset, self._program)
        self._offset = -1
        self._number = 0
        self._rejected: list[tuple[int, str, str]] = []
        self.statuses: Counter[str] = Counter()
        self.clamped = 0
        self.failures = 0

    def decisions(self, values: Iterable[bytes]) -> Iterator[dict[str, Any]]:
        """Yield what is decided on *values*, one JSON object each, in log order.

        Blank lines are passed over: they have a number, but no offset.
        """
        return map(decision_line, self.decided(values))

    def decided(self, values: Iterable[bytes]) -> Iterator[Decision]:
        """Yield what is decided on *values*, in log order: what `decisions` tells."""
        for batch in self._batches(values):
            yield from batch

    def printed(self, values: Iterable[bytes], *, until: int | None = None) -> Iterator[bytes]:
        """Yield what is decided on *values*, and then up to *until*, as lines of JSON, a batch of
        lines at a time."""
        for batch in self._batches(values):
            yield b"".join(map(as_line, map(decision_line, batch)))
        if until is not None:
            yield b"".join(map(as_line, self.run_until(until)))

    def _batches(self, values: Iterable[bytes]) -> Iterator[Iterator[Decision]]:
        lines = Ahead(values)
        is_over = False
        while not is_over:
            for start in range(0, BATCH, SLICE):
                some = lines.take(min(SLICE, BATCH - start))
                is_over = not some
                if is_over:
                    break
                self._read(some, lines)
            yield self._taken()

    def run_until(self, moment: int) -> Iterator[dict[str, Any]]:
        """Yield what is decided when the log is silent up to *moment*, epoch milliseconds.

        The clock runs on to *moment* and the allowed lateness, so that exactly the dues at or
        before *moment* fire (semantics 29). Where it is ahead of that already, it stays, and what
        is overdue fires.
        """
        return map(decision_line, self.decided_until(moment))

    def decided_until(self, moment: int) -> Iterator[Decision]:
        """Yield what `run_until` tells."""
        self._offset += 1
        self._deciding.run_until(moment, self._offset)
        yield from self._taken()

    def profile(self, customer: str, at: int) -> dict[str, Any]:
        """Return what is known of *customer* at *at*, which no event is behind: the profile, with
        what is derived; nothing where there is no such customer."""
        found = self._deciding.partition.state_of(customer)
        return {} if found is None else profile_of(found[0], self._ruleset, at)

    # ── lines in ────────────────────────────────────────────────────────────────────────────

    def _read(self, values: list[bytes], ahead: Ahead) -> None:
        """Read and apply *values*, behind which the lines of *ahead* come.

        What is rejected does not move the clock: so it is known for each line how far that may
        jump, and so its arrival, before anything is applied.
        """
        offsets: list[int] = []
        arrivals: list[int] = []
        events: list[Event] = []
        clock, offset = self._deciding.partition.clock, self._offset
        is_clamping, max_gap = self._program.clamp_skew, self._max_gap
        for number, value in enumerate(values, self._number + 1):
            text = value.strip()
            if not text:
                continue
            offset += 1
            try:
                event, arrival, is_received = read_line(text, offset)
            except Rejected as rejected:
                self._rejected.append((number, rejected.reason, rejected.detail))
                continue
            if arrival > clock:
                if not clock or arrival - clock > max_gap:
                    said = Said(event.customer_id, arrival, is_received)
                    following = chain(values[number - self._number :], ahead.peek())
                    if not may_move(clock, said, following, max_gap):
                        self.clamped += 1
                        arrival = clock
                clock = arrival
            if is_received is not is_clamping:
                self._deciding.apply(offsets, arrivals, events)
                offsets, arrivals, events = [], [], []
                is_clamping = is_received
                self._program.clamp(is_clamping)
            offsets.append(offset)
            arrivals.append(arrival)
            events.append(event)
        self._number += len(values)
        self._offset = offset
        self._deciding.apply(offsets, arrivals, events)

    # ── decisions out ───────────────────────────────────────────────────────────────────────

    def _taken(self) -> Iterator[Decision]:
        statuses = self._deciding.partition.statuses
        self.statuses.update(statuses)
        statuses.clear()
        for outcome in self._deciding.take():
            if type(outcome) is TriggerFailed:
                self.failures += 1
                self._on_error(outcome)
            elif isinstance(outcome, Firing | Suppressed | SegmentChanged):
                yield outcome
        rejected, self._rejected = self._rejected, []
        self.statuses["rejected"] += len(rejected)
        for each in rejected:
            self._on_reject(*each)


def replay_lines(
    ruleset: Ruleset,
    values: Iterable[bytes],
    *,
    until: int | None = None,
    max_gap: int = MAX_GAP,
    on_reject: OnReject | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield what *ruleset* decides on *values*, and then up to *until*; see `Replay`."""
    replay = Replay(ruleset, max_gap=max_gap, on_reject=on_reject)
    yield from replay.decisions(values)
    if until is not None:
        yield from replay.run_until(until)


def _ignore(*_: object) -> None:
    """Hear nothing."""
