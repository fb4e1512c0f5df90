"""What decides in a replay: the worker's partition, over a store in memory, on events that have
been read already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from triggerstream.core.detection.detect import Detect
from triggerstream.core.detection.engine import Engine
from triggerstream.core.keyed.memory_store import MemoryStore
from triggerstream.core.keyed.partition import Partition
from triggerstream.core.records.columns import Columns
from triggerstream.core.records.record import KIND, Header, Kind
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.replay.lines import TOPIC

MAX_GAP = 400 * 86_400_000

BATCH = 2048
"""Lines after which decisions and findings are told."""
SLICE = 32
"""Lines that are handed to the partition at a time: few, so that their events are still near (in
the processor's caches) when they are decided."""


def as_line(decision: dict[str, Any]) -> bytes:
    """Return *decision* as the line of JSON that is printed."""
    return orjson.dumps(decision, option=orjson.OPT_APPEND_NEWLINE)


class Decoded(Detect):
    """Detecting, where the events have been read already."""

    def __init__(self) -> None:
        super().__init__(TOPIC)
        self.read = self._take
        self.clamp(True)

    def clamp(self, clamp_skew: bool) -> None:
        """Say whether the events that come next have an arrival that their timestamps must not be
        far ahead of, or one that is made up from the timestamp."""
        self.clamp_skew = clamp_skew
        self.on_message = Engine(clamp_skew=clamp_skew).on_message

    def _take(
        self,
        value: Any,
        timestamp: int,
        partition: int,
        offset: int,
        kind: bytes | None,
        headers: Sequence[Header],
    ) -> Any:
        return value


class Deciding:
    """One partition under one ruleset, from an empty state."""

    def __init__(self, ruleset: Ruleset, program: Decoded) -> None:
        self._lateness = ruleset.policy.allowed_lateness
        self._program = program
        self._store = MemoryStore()
        self.partition: Partition[Any, Any] = Partition(
            program, self._store, rulesets=lambda _version: ruleset, in_one_piece=True
        )

    def apply(self, offsets: list[int], arrivals: list[int], values: list[Any]) -> None:
        """Decide lines by what their program reads of each; all of them say when they were
        received, or none does."""
        partition = self.partition
        partition.apply(Columns(0, offsets, arrivals, [None] * len(offsets), values, {}))
        if partition.is_full:
            cut = partition.cut(partition.record)  # nobody else writes
            self._store.write(cut.values, partition_record=cut.record, changelog_offset=cut.offset)
            partition.landed(cut)

    def run_until(self, moment: int, offset: int) -> None:
        """Let the clock run on to *moment* and the allowed lateness, by a tick at *offset*."""
        arrival, headers = moment + self._lateness, {0: ((KIND, Kind.TICK),)}
        self.partition.apply(Columns(0, [offset], [arrival], [None], [None], headers))
        self.partition.statuses.clear()  # it was no event

    def take(self) -> list[Any]:
        """Return what was decided since it was last asked for, in order."""
        partition = self.partition
        outcomes, partition.outcomes = partition.outcomes, []
        return outcomes
