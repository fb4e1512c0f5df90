"""A log, a broker and disks in memory, where anything may happen at any await.

Nodes are coroutines driven by hand: each port of the process yields a `Pause`, and the scheduler
decides which node goes on, or whether one ever does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Coroutine, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import Any

import msgspec

from tests.simulation.toy import Toy
from triggerstream.core.keyed import header
from triggerstream.core.keyed.memory import MemoryStore
from triggerstream.core.keyed.partition import Cut, Partition
from triggerstream.core.keyed.program import KIND, Kind, Produce
from triggerstream.core.keyed.restore import Restore
from triggerstream.errors import ProtocolError
from triggerstream.stream.owned import Cadence
from triggerstream.stream.ports import Acknowledged, Entry
from triggerstream.stream.process import KeyedProcess
from triggerstream.stream.told import Teller


class Pause:
    """A point where a node may be stopped for a moment, or for good."""

    def __await__(self) -> Generator[Pause, None, None]:
        yield self


class Disk(MemoryStore):
    """A store that does not believe what it is told of itself."""

    def write(self, values: Mapping[bytes, bytes | None], **rest: Any) -> None:
        for customer, told in (rest.get("old") or {}).items():
            held = self.get(customer)
            found = None if held is None else held[: header.SIZE]
            if found != (told and told[: header.SIZE]):
                raise AssertionError(f"{customer!r}: the store holds {found!r}; told was {told!r}")
        super().write(values, **rest)


@dataclass(frozen=True)
class Line:
    """One record of the input."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int = 0


@dataclass
class World:
    """What outlives a node: the topics, the committed offset, the published rulesets."""

    random: Random
    now: int = 1_000
    lines: list[Line] = field(default_factory=list)
    changelog: list[tuple[int, bytes, bytes | None]] = field(default_factory=list)
    changelog_end: int = 0
    fired: list[bytes] = field(default_factory=list)
    dead: list[int] = field(default_factory=list)
    committed: int = 0
    versions: int = 1
    owner: Node | None = None
    reached: Counter[str] = field(default_factory=Counter)

    def say(self, value: bytes | None, key: bytes | None = None, kind: bytes | None = None) -> None:
        headers = ((KIND, kind),) if kind else ()
        self.lines.append(Line(len(self.lines), self.now, key, value, headers))

    def take(self, record: Produce) -> None:
        if record.topic == "events":
            self.lines.append(
                Line(len(self.lines), self.now, record.key, record.value, record.headers)
            )
        elif record.topic == "actions" and record.value is not None and not record.headers:
            self.fired.append(record.value)
        elif record.topic == "events.dlq":
            self.dead.append(int(dict(record.headers)["x-dlq-offset"]))

    def write(self, entry: Entry) -> int:
        self.changelog.append((self.changelog_end, *entry))
        self.changelog_end += 1
        return self.changelog_end - 1

    def ruleset(self, version: int) -> Any:
        return (
            SimpleNamespace(version=version, hash=f"v{version}")
            if version <= self.versions
            else None
        )


class _Acknowledgement:
    """Comes when the scheduler lets it, in any order; fails where its append failed."""

    def __init__(self, world: World, records: Sequence[Produce], lost: bool) -> None:
        self._world = world
        self._records = list(records)
        self._lost = lost
        self._landed = False

    def land(self) -> None:
        if not self._landed and not self._lost:
            self._landed = True
            for record in self._records:
                self._world.take(record)

    def __await__(self) -> Generator[Pause, None, Sequence[Acknowledged]]:
        yield Pause()
        if self._lost:
            raise ProtocolError("the append failed")
        self.land()
        yield Pause()
        return [Acknowledged(0, len(self._records), self._world.now)]


class Node:
    """One incarnation of a worker that owns the only partition, on its *disk*."""

    def __init__(self, world: World, disk: MemoryStore, *, lease: bool, capacity: int) -> None:
        self.world = world
        self.disk = disk
        self.lease = lease
        self.acked = -1
        self.alive = True
        self.in_flight: list[_Acknowledgement] = []
        self.idle = False
        self.refetch = False
        self.observed: list[tuple[str, float]] = []
        program = Toy()
        self.process = KeyedProcess(
            program,
            Teller(
                program,
                input_topic="events",
                topic="t.events.v1",
                downstream="actions",
                header_clock=False,
            ),
            log=self,
            rulesets=self,
            consumer=self,
            open_store=lambda _: self.disk,
            observer=self,
            attempts=None,
            placed=lambda _: lambda customer: True,
            monotonic=self.monotonic,
            marks=True,
            header_clock=False,
            cadence=Cadence(checkpoint=0.02, idle=0.2, tick=0.01),
            capacity=capacity,
        )
        self._main: Coroutine[Pause, None, None] | None = None

    # ── the node's life ─────────────────────────────────────────────────────────────────────

    def step(self) -> None:
        """Go on to the next pause. Whatever the process raises on purpose ends the node."""
        self._main = self._main or self.main()
        try:
            self._main.send(None)
        except (ProtocolError, StopIteration):
            self.crash()

    def has_ended(self) -> bool:
        return not self.alive

    def crash(self) -> None:
        self.alive = False
        for acknowledgement in self.in_flight:
            if self.world.random.random() < 0.5:
                acknowledgement.land()

    async def main(self) -> None:
        while True:
            await self.restore()
            await self.process.open(0)
            position = self.world.committed
            while not self.refetch:
                await Pause()
                batch = self.world.lines[position : position + self.world.random.randint(1, 6)]
                self.idle = not batch
                if batch:
                    await self.process.on_batch(0, batch)
                    position += len(batch)
                await self.process.turn(0)
                await self.commit()
            self.refetch = False
            self.process.drop()

    async def restore(self) -> None:
        restore = Restore(self.disk)
        contained = self.disk.changelog_offset()
        start = 0 if contained is None else contained + 1
        while True:
            end = self.world.changelog_end
            entries = [entry for entry in self.world.changelog if start <= entry[0] < end]
            for at in range(0, len(entries), 5):
                restore.apply(entries[at : at + 5])
                await Pause()
            start = end
            if end == self.world.changelog_end:
                break
        restore.finish(start)
        if restore.dropped:
            self.world.reached["stale record dropped"] += 1

    # ── its ports ───────────────────────────────────────────────────────────────────────────

    async def append(self, records: Sequence[Produce]) -> Awaitable[Sequence[Acknowledged]]:
        lost = self.world.random.random() < 0.01
        self.world.reached["append failed"] += lost
        acknowledgement = _Acknowledgement(self.world, records, lost)
        self.in_flight.append(acknowledgement)
        await Pause()
        if self.world.random.random() < 0.5:
            acknowledgement.land()
        return acknowledgement

    async def append_changelog(
        self, partition: int, entries: Sequence[Entry]
    ) -> Sequence[Acknowledged]:
        answers = []
        size = self.world.random.randint(1, 4)
        for at in range(0, len(entries), size):
            await Pause()
            base = self.world.changelog_end
            for entry in entries[at : at + size]:
                self.world.write(entry)
            answers.append(Acknowledged(base, len(entries[at : at + size]), -1))
            await Pause()
        return answers

    async def read_changelog(
        self, partition: int, start: int, end: int
    ) -> list[tuple[int, bytes, bytes | None]]:
        await Pause()
        self.world.reached["foreign write answered"] += 1
        return [entry for entry in self.world.changelog if start <= entry[0] < end]

    def newest(self) -> tuple[int, str] | None:
        return self.world.versions, f"v{self.world.versions}"

    def get(self, version: int) -> Any:
        return self.world.ruleset(version)

    async def wait_for(self, version: int) -> Any:
        while (ruleset := self.world.ruleset(version)) is None:
            await Pause()
        return ruleset

    def done(self, partition: int, offset: int) -> None:
        self.acked = offset

    async def commit(self) -> None:
        await Pause()
        # A former owner's commit is refused: its generation is over.
        if self.world.owner is self:
            self.world.committed = max(self.world.committed, self.acked + 1)

    def end_offset(self, partition: int) -> int | None:
        return len(self.world.lines)

    def still_ours(self) -> bool:
        return self.world.owner is self or not self.lease

    def opened(self, partition: int, pending: Iterable[Any]) -> None:
        self.world.reached["opened"] += 1

    def decided(self, partition: int, statuses: Mapping[str, int], outcomes: Sequence[Any]) -> None:
        self.world.reached["skipped by fence"] += statuses.get("skipped", 0)

    def checkpointed(self, partition: Partition[Any, Any], cut: Cut, seconds: float) -> None:
        self.world.reached["null written"] += sum(value is None for value in cut.values.values())

    def foreign(self, partition: int, customers: int) -> None:
        self.world.reached["foreign write"] += 1

    def took(self, seconds: float) -> None:
        self.observed.append(("took", seconds))

    def told(self, seconds: float) -> None:
        self.observed.append(("told", seconds))

    def ticked(self) -> None:
        self.observed.append(("ticked", 0.0))

    def monotonic(self) -> float:
        return self.world.now / 1000


def say_word(world: World, customer: str, word: int, wait: int) -> None:
    world.say(
        msgspec.json.encode({"customer_id": customer, "word": word, "wait": wait}),
        customer.encode(),
    )


def compact(world: World, until: int) -> None:
    """Keep the last record of each key at or below offset *until*, and all above."""
    last = {key: offset for offset, key, _ in world.changelog if offset <= until}
    world.changelog = [
        entry for entry in world.changelog if entry[0] > until or last[entry[1]] == entry[0]
    ]


def erase(world: World, customer: str) -> None:
    world.say(None, customer.encode(), Kind.ERASE)
