"""Replay: a log of events through the engine, in virtual time.

The same keyed partition and the same program as in a worker, over a store in memory; only the
clock is another one. Each event's arrival is its ``received_at`` where it has one, else its
timestamp, and moves the clock if that is ahead. So the decisions are those that a worker takes on
the same log, ids included.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec

from triggerstream.core.detect import Detect
from triggerstream.core.keyed.control import DeadLetter
from triggerstream.core.keyed.memory import MemoryStore
from triggerstream.core.keyed.partition import Partition
from triggerstream.core.keyed.program import KIND, Kind, Rejected
from triggerstream.core.outcomes import TriggerFailed
from triggerstream.core.telling import decision_line
from triggerstream.core.triggers.ruleset import Ruleset
from triggerstream.replay.arrivals import read_arrival

DAY = 86_400_000
MAX_GAP = 400 * DAY

TOPIC = "triggerstream.events.v1"
"""The topic in the ids of events that bring none, whatever the prefix of the real one."""

BATCH = 512
"""Lines that are handed to the partition at a time."""

OnReject = Callable[[int, str, str], None]
"""Called with (line number from 1, reason, what was required and found)."""
OnError = Callable[[TriggerFailed], None]


class _Line(msgspec.Struct, gc=False):
    """A line of the log as the partition takes it: *timestamp* is its arrival."""

    offset: int
    timestamp: int
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    key: bytes | None = None
    partition: int = 0


class Replay:
    """Decides a log of events under one ruleset, from an empty state.

    Args:
        max_gap: The furthest that one event may move the clock, in milliseconds; what is further
            is clamped and counted, so that one bad stamp cannot run the clock away.
        on_reject: Hears of each line that is no event, in order, batch by batch.
        on_error: Hears of each evaluation of a trigger that raised.

    Attributes:
        statuses: How many events ended how (`RecordStatus`, or ``rejected``).
        clamped: How many arrivals were clamped.
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
        self._ruleset = ruleset
        self._max_gap = max_gap
        self._on_reject = on_reject or _ignore
        self._on_error = on_error or _ignore
        self._store = MemoryStore()
        self._detect = Detect(TOPIC)
        self._partition: Partition[Any, Any] = Partition(
            self._detect, self._store, rulesets=lambda _version: ruleset
        )
        self._offset = -1
        self._number = 0
        self._numbers: dict[int, int] = {}
        self._rejected: list[tuple[int, str, str]] = []
        self.statuses: Counter[str] = Counter()
        self.clamped = 0
        self.failures = 0

    def decisions(self, values: Iterable[bytes]) -> Iterator[dict[str, Any]]:
        """Yield what is decided on *values*, one JSON object each, in log order.

        Blank lines are passed over: they have a number, but no offset.
        """
        lines = iter(values)
        while batch := list(islice(lines, BATCH)):
            self._read(batch)
            yield from self._taken()

    def run_until(self, moment: int) -> Iterator[dict[str, Any]]:
        """Yield what is decided when the log is silent up to *moment*, epoch milliseconds.

        The clock runs on to *moment* and the allowed lateness, so that exactly the dues at or
        before *moment* fire (semantics 29). Where it is ahead of that already, it stays, and what
        is overdue fires.
        """
        clock = moment + self._ruleset.policy.allowed_lateness
        self._offset += 1
        self._apply([_Line(self._offset, clock, None, ((KIND, Kind.TICK),))])
        self._partition.statuses.clear()  # it was no event
        yield from self._taken()

    # ── lines in ────────────────────────────────────────────────────────────────────────────

    def _read(self, values: list[bytes]) -> None:
        """Apply *values*, as many at a time as can be given their arrivals beforehand.

        A jump needs the exact clock, and so everything before it to be decided: what is rejected
        does not move the clock. Until then the clock at the last hand-over is a lower bound.
        """
        waiting: list[_Line] = []
        clock = self._partition.clock
        for value in values:
            self._number += 1
            text = value.strip()
            if not text:
                continue
            self._offset += 1
            self._numbers[self._offset] = self._number
            try:
                arrival, is_received = read_arrival(text)
            except Rejected as rejected:
                self.statuses["rejected"] += 1
                self._rejected.append((self._number, rejected.reason, rejected.detail))
                continue
            if (
                is_received is not self._detect.clamp_skew
                or not clock
                or arrival - clock > self._max_gap
            ):
                self._apply(waiting)
                waiting = []
                self._detect.clamp_skew = is_received
                clock = self._partition.clock
                if clock and arrival - clock > self._max_gap:
                    self.clamped += 1
                    arrival = clock + self._max_gap
            waiting.append(_Line(self._offset, arrival, text))
        self._apply(waiting)

    def _apply(self, lines: list[_Line]) -> None:
        partition = self._partition
        done = 0
        while done < len(lines):
            done = partition.apply(lines, done)
            if partition.is_full:
                cut = partition.cut()
                self._store.write(
                    cut.values, partition_record=cut.record, changelog_offset=cut.offset
                )
                partition.landed(cut)

    # ── decisions out ───────────────────────────────────────────────────────────────────────

    def _taken(self) -> Iterator[dict[str, Any]]:
        partition = self._partition
        outcomes, partition.outcomes = partition.outcomes, []
        self.statuses.update(partition.statuses)
        partition.statuses.clear()
        for outcome in outcomes:
            kind = type(outcome)
            if kind is DeadLetter:
                number = self._numbers[outcome.offset]
                self._rejected.append((number, outcome.reason, outcome.detail))
            elif kind is TriggerFailed:
                self.failures += 1
                self._on_error(outcome)
            elif (line := decision_line(outcome)) is not None:
                yield line
        self._numbers.clear()
        rejected, self._rejected = self._rejected, []
        for each in sorted(rejected):
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
