"""What a single thread decides, record by record, as they come: the measure of everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.simulation.broker import Changelog, Line
from tests.simulation.disk import is_grave
from triggerstream.core.keyed.entry import EntryCodec
from triggerstream.core.keyed.memory_store import MemoryStore
from triggerstream.core.keyed.partition import Partition
from triggerstream.core.keyed.program import Program
from triggerstream.core.records.columns import in_columns
from triggerstream.core.records.record import KIND, Header, Kind
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.stream.keyed.encoder import Encoder

Rulesets = Callable[[int], Ruleset | None]
Told = tuple[str, bytes | None, bytes | None, tuple[Header, ...]]
"""What a process tells: topic, key, value, headers."""

GAP = "gap"
"""What becomes of an offset without a record."""

_BY_TIME = {Kind.TICK, Kind.RULESET, Kind.TOUCH}
"""What a process appends to its own input, when it sees fit."""


@dataclass(frozen=True)
class Role:
    """One keyed process of the world.

    Attributes:
        program: Makes its program.
        has_attempts: Whether it calls channels.
    """

    name: str
    input: str
    downstream: str | None
    program: Callable[[], Program[Any, Any]]
    marks: bool
    has_attempts: bool = False

    def encoder(self, program: Program[Any, Any]) -> Encoder:
        return Encoder(
            program,
            input_topic=self.input,
            topic=f"t.{self.input}.v1",
            downstream=self.downstream,
            header_clock=False,
        )


class Oracle:
    """Runs *role*'s program in one thread over every record of its input.

    Attributes:
        statuses: By offset, what became of the record.
        partition: What it has decided by now.
        told: Everything that was decided and is told to other topics.
        history: By customer and fence, in their order, the stored form of the state.
    """

    def __init__(self, role: Role, rulesets: Rulesets) -> None:
        program = role.program()
        self._encoder = role.encoder(program)
        self.partition: Partition[Any, Any] = Partition(
            program, MemoryStore(), rulesets=rulesets, capacity=10**9
        )
        self._codec: EntryCodec[Any] = EntryCodec(program, 0, 1 << 30)
        self.statuses: list[str] = []
        self.told: set[Told] = set()
        self.history: dict[bytes, dict[int, bytes]] = {}

    def take(self, line: Line) -> None:
        """Decide one more record."""
        if line.is_gap:
            self.statuses.append(GAP)
            return
        partition = self.partition
        assert partition.apply(in_columns([line])) == 1, f"offset {line.offset} is not decided"
        statuses = [status for status, count in partition.statuses.items() if count]
        assert len(statuses) == 1, f"I8: offset {line.offset} ends as {statuses}"
        self.statuses.append(statuses[0])
        partition.statuses.clear()
        if partition.outcomes:
            for told in self._encoder.records(partition.outcomes, partition):
                self.told.add((told.topic, told.key, told.value, told.headers))
            partition.outcomes = []
        for name, entry in partition._cache.entries.items():
            if entry.fence == line.offset:
                customer = name.encode()
                self.history.setdefault(customer, {})[line.offset] = self._codec.dump(entry)

    def live(self) -> Iterator[tuple[str, Any]]:
        """Yield the customers who are known, with their states."""
        for customer, entry in self.partition._cache.entries.items():
            if entry.state is not None:
                yield customer, entry.state

    def states(self) -> dict[bytes, bytes]:
        """Return every customer's final state."""
        latest = {customer: states[max(states)] for customer, states in self.history.items()}
        return {customer: value for customer, value in latest.items() if not is_grave(value)}

    def not_contained(self, changelog: Changelog, committed: int) -> str | None:
        """Return what a commit of *committed* would pass although *changelog* lacks it."""
        if changelog.position < committed - 1:
            return f"the changelog's partition record is at {changelog.position}"
        for customer, states in self.history.items():
            wanted = next((fence for fence in reversed(states) if fence < committed), None)
            if wanted is None:
                continue
            found = changelog.image.get(customer)
            if found is None:
                if not is_grave(states[wanted]):
                    return f"{customer!r} as of {wanted} is not in the changelog"
                continue
            fence, value = found
            if fence < wanted:
                return f"{customer!r} in the changelog is as of {fence}, not of {wanted}"
            if fence not in states:
                return f"{customer!r} in the changelog is as of {fence}, when nothing happened"
            expected = states[fence]
            if value != expected and not (is_grave(value) and is_grave(expected)):
                return f"{customer!r} as of {fence} is {value!r} in the changelog, not {expected!r}"
        return None


def tells(line: Line, topic: str, role: Role) -> bool:
    """Return whether *line* of *topic* tells what *role*'s process has decided."""
    if line.author != role.name:
        return False
    return topic != role.input or dict(line.headers).get(KIND) not in _BY_TIME
