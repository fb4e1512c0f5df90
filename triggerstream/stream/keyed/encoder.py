"""From outcomes to records: what a keyed process tells the world, and under which headers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from triggerstream.core.keyed.control import ClockMoved, Erased, RulesetMarked
from triggerstream.core.keyed.partition import Partition
from triggerstream.core.keyed.program import Program
from triggerstream.core.records.dead_letters import DeadLetter, dead_letter
from triggerstream.core.records.record import ARRIVAL, KIND, POSITION, Kind, Produce
from triggerstream.core.records.segments import SEGMENTS
from triggerstream.core.records.touch import touch_record

_STEPS = (ClockMoved, Erased, RulesetMarked)


class Encoder:
    """Encodes one process's outcomes.

    Args:
        input_topic: Short name of the input; its dead letters go to ``<input>.dlq``.
        topic: Its full name, for the origin of a dead letter.
        downstream: Short name of the co-partitioned topic that hears of marks, erasures and,
            where time is data, of the clock; ``None`` where nothing stands downstream.
        header_clock: Whether time is data: records then carry the clock as their arrival.
    """

    def __init__(
        self,
        program: Program[Any, Any],
        *,
        input_topic: str,
        topic: str,
        downstream: str | None,
        header_clock: bool,
    ) -> None:
        self._program = program
        self._input = input_topic
        self._dead_letters = f"{input_topic}.dlq"
        self._topic = topic
        self._downstream = downstream
        # A key of segments is more than a customer, and stands where its customer's events do.
        self._copartitioned = {input_topic, downstream, SEGMENTS}
        self._header_clock = header_clock

    def records(self, outcomes: Sequence[Any], partition: Partition[Any, Any]) -> list[Produce]:
        """Return what *outcomes* of *partition* ask to be appended, in their order.

        Each is told under the ruleset and the clock under which it was decided, which may be
        earlier than the partition's present ones.
        """
        records: list[Produce] = []
        number, clock, position = partition.number, partition.clock, -1
        marks = (outcome.before for outcome in outcomes if isinstance(outcome, RulesetMarked))
        version = next(marks, partition.version)
        for outcome in outcomes:
            if isinstance(outcome, DeadLetter):
                records.append(dead_letter(outcome, to=self._dead_letters, topic=self._topic))
            elif isinstance(outcome, _STEPS):
                if isinstance(outcome, ClockMoved):
                    clock, position = outcome.clock, outcome.position
                elif isinstance(outcome, RulesetMarked):
                    version = outcome.version
                if self._downstream is not None:
                    records.extend(self._step(outcome, self._downstream, number, clock, position))
            else:
                told = self._program.encode(outcome, version, clock)
                records.extend(self._placed(record, number, clock, position) for record in told)
        return records

    def tick(self, partition: Partition[Any, Any]) -> Produce:
        """Return a record that only moves the clock of *partition*'s input, by its own arrival."""
        return Produce(self._input, partition.number, None, None, ((KIND, Kind.TICK),))

    def touch(self, partition: Partition[Any, Any], customer: bytes) -> Produce:
        """Return the record by which *customer* hears of the ruleset in force."""
        number = partition.number
        return self._placed(touch_record(self._input, number, customer), number, partition.clock)

    def mark(self, partition: Partition[Any, Any], version: int, content: str) -> Produce:
        """Return the mark that puts a ruleset in force in *partition*'s input."""
        mark = _mark(self._input, partition.number, version, content)
        return self._placed(mark, partition.number, partition.clock)

    def clock(self, partition: Partition[Any, Any]) -> list[Produce]:
        """Return what tells the downstream of a clock that moved without a firing."""
        if self._downstream is None or not self._header_clock:
            return []
        clock = partition.clock
        return self._step(ClockMoved(clock), self._downstream, partition.number, clock)

    def _step(
        self,
        outcome: ClockMoved | Erased | RulesetMarked,
        topic: str,
        number: int,
        clock: int,
        position: int = -1,
    ) -> list[Produce]:
        if isinstance(outcome, RulesetMarked):
            record = _mark(topic, number, outcome.version, outcome.hash)
        elif isinstance(outcome, Erased):
            key = outcome.customer_id.encode()
            record = Produce(topic, number, key, None, ((KIND, Kind.ERASE),))
        elif self._header_clock:
            record = Produce(topic, number, None, None, ((KIND, Kind.TICK),))
        else:
            # Where the broker is the clock, each topic has ticks of its own owner.
            return []
        return [self._placed(record, number, clock, position)]

    def _placed(self, record: Produce, number: int, clock: int, position: int = -1) -> Produce:
        """Return *record* stamped, and in this partition where its topic is co-partitioned.

        Positions are of the log that everything begins with: who stands at its end tells none.
        """
        headers = record.headers
        if position >= 0 and self._downstream is not None:
            headers = (*headers, (POSITION, b"%d" % position))
        if self._header_clock:
            headers = (*headers, (ARRIVAL, b"%d" % clock))
        partition = number if record.topic in self._copartitioned else record.partition
        if headers is record.headers and partition == record.partition:
            return record
        return Produce(record.topic, partition, record.key, record.value, headers)


def _mark(topic: str, number: int, version: int, content: str) -> Produce:
    value = orjson.dumps({"version": version, "hash": content})
    return Produce(topic, number, None, value, ((KIND, Kind.RULESET),))
