"""One incarnation of a worker or sender: the real keyed process, its ports in the world's hands."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Awaitable, Coroutine, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tests.simulation.broker import Answer, Batch, Line
from tests.simulation.disk import Disk
from tests.simulation.kernel import PAUSE, Side
from tests.simulation.oracle import Role
from triggerstream.core.keyed.cuts import Cut
from triggerstream.core.keyed.partition import Partition
from triggerstream.core.keyed.partition_record import PartitionRecord
from triggerstream.core.keyed.restore import Restore
from triggerstream.core.records.columns import in_columns
from triggerstream.core.records.record import Produce
from triggerstream.errors import LeaseExpiredError, ProtocolError
from triggerstream.stream.keyed.owned_partition import Cadence
from triggerstream.stream.keyed.process import KeyedProcess
from triggerstream.stream.ports import Acknowledged, Attempts, Entry

if TYPE_CHECKING:
    from tests.simulation.world import World

CADENCE = Cadence(checkpoint=0.02, idle=0.1, tick=0.01, gather=0.005, touches=50.0, slice_size=2)


class Node:
    """Owns the only partition of *role*'s input, on *disk*, as far as it knows.

    Attributes:
        lease: Whether it knows at once when it has lost the partition; else it never does.
        acked: The last input offset that its process called done.
        alive: ``False`` when it has crashed or ended.
        asleep: For so many turns it does nothing: its machine is stopped.
        leaving: Asked to give the partition away in order, or ``None``; then what follows.
        idle: Whether it has read all there is.
        observed: What its process told of times: (what, seconds).
    """

    def __init__(
        self, world: World, role: Role, disk: Disk, *, lease: bool, capacity: int, name: str = ""
    ) -> None:
        self.world = world
        self.role = role
        self.disk = disk
        self.lease = lease
        self.name = name or role.name
        self.acked = -1
        self.alive = True
        self.asleep = 0
        self.leaving: str | None = None
        self.restoring = False
        self.idle = False
        self.observed: list[tuple[str, float]] = []
        self._queues: dict[str, deque[Batch]] = {}
        self._statuses: Counter[str] = Counter()
        self._known = world.versions
        self._committed = 0
        self._main: Coroutine[Any, Any, None] | None = None
        self._sides: list[Side] = []
        self.attempts = self.make_attempts()
        program = role.program()
        self.process = KeyedProcess(
            program,
            role.encoder(program),
            log=self,
            rulesets=self,
            consumer=self,
            open_store=lambda _: self.disk,
            observer=self,
            attempts=self.attempts,
            placed=lambda _: lambda customer: True,
            monotonic=self.monotonic,
            marks=role.marks,
            header_clock=False,
            cadence=CADENCE,
            capacity=capacity,
            spawn=self._spawn,
            sleep=self._breathe,
        )

    def make_attempts(self) -> Attempts | None:
        """Return what runs the process's attempts; a worker has none."""
        return None

    # ── the node's life ─────────────────────────────────────────────────────────────────────

    def step(self) -> None:
        """Go on to the next pause. Whatever the process raises on purpose ends the node."""
        if self.asleep:
            self.asleep -= 1
            if not self.asleep:
                self.world.note(self.name, "goes on after its pause")
            return
        try:
            self.go_on()
        except LeaseExpiredError:
            self.world.reach(self.name, "lease expired")
            self.crash()
        except (ProtocolError, StopIteration) as error:
            self.world.note(self.name, "ends: %r", error)
            self.crash()

    def has_ended(self) -> bool:
        return not self.alive

    def go_on(self) -> None:
        """Go on with the main coroutine, or with what runs beside it."""
        self._sides = [side for side in self._sides if not side.done()]
        if self._sides and self.world.random.getrandbits(1):
            self._sides[0].step()
            return
        self._main = self._main or self.main()
        self._main.send(None)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> Side:
        side = Side(coroutine)
        self._sides.append(side)
        return side

    async def _breathe(self, seconds: float) -> None:
        until = self.monotonic() + seconds
        while self.monotonic() < until:
            await PAUSE

    def crash(self) -> None:
        """End here and now. Of what was on its way, at most one batch a topic still lands."""
        self.alive = False
        if self._main is not None:
            self._main.close()
        for side in self._sides:
            side.cancel()
        for queue in self._queues.values():
            while len(queue) > 1:
                queue.pop()
            if queue and self.world.random.random() < 0.5:
                queue[0].lands = False
        self._queues.clear()

    def break_off(self) -> None:
        """The generation is over, in the midst of whatever is under way: the call is broken off,
        everything is forgotten, and the same process takes the partition over again."""
        old = self._main
        self._main = None
        if old is not None:
            old.close()
        self.process.drop()

    async def main(self) -> None:
        while True:
            position = await self.take_over()
            while not self._is_to_leave():
                await PAUSE
                position = await self.turn(position)
            await self.process.close(0)
            await self.commit()
            self.process.drop()
            if self.leaving == "for good":
                return
            self.leaving = None

    def _is_to_leave(self) -> bool:
        return self.leaving is not None

    async def turn(self, position: int) -> int:
        """Read on from *position*; return where to read next."""
        random, lines = self.world.random, self.world.broker.topics[self.role.input]
        if position and random.random() < self.world.weather.repeated:
            position = random.randrange(position)
            self.world.reach(self.name, "delivered again")
        fetched = lines[position : position + 1 + int(random.random() * 6)]
        self.idle = not fetched
        if batch := [line for line in fetched if not line.is_gap]:
            await self.process.on_batch(0, in_columns(batch))
            self._check_statuses(batch)
        if fetched:
            position += len(fetched)
            self.process.pass_over(0, position - 1)
            if fetched[-1].is_gap:
                self.world.reach(self.name, "passed over")
        await self.process.turn(0)
        await self.commit()
        return position

    def _check_statuses(self, batch: Sequence[Line]) -> None:
        """Each record of *batch* ended as it must, or was skipped as contained already."""
        expected = self.world.oracles[self.role.name].statuses
        left = Counter(expected[line.offset] for line in batch)
        found = self._statuses
        left["skipped"] = len(batch)
        if found.total() != len(batch) or found - left:
            span = f"{batch[0].offset} to {batch[-1].offset}"
            self.world.violated(f"I8: offsets {span} end as {dict(found)}; expected {dict(left)}")
        found.clear()

    async def take_over(self) -> int:
        """Restore and open the partition; return where to read on."""
        self.restoring = True
        await self.restore()
        self.restoring = False
        await self.process.open(0)
        stored = self.disk.partition_record()
        return 0 if stored is None else PartitionRecord.decode(stored).offset + 1

    async def restore(self) -> None:
        changelog = self.world.broker.changelogs[self.role.name]
        restore = Restore(self.disk)
        contained = self.disk.changelog_offset()
        start, end = 0 if contained is None else contained + 1, changelog.end
        entries = changelog.between(start, end)
        for at in range(0, len(entries), 5):
            restore.apply(entries[at : at + 5])
            await PAUSE
        restore.finish(end)
        if restore.dropped:
            self.world.reach(self.name, "stale record dropped")

    # ── the log ─────────────────────────────────────────────────────────────────────────────

    async def append(self, records: Sequence[Produce]) -> Awaitable[Sequence[Acknowledged]]:
        return await self.append_as(self.role.name, records)

    async def append_as(
        self, author: str, records: Sequence[Produce]
    ) -> Awaitable[Sequence[Acknowledged]]:
        by_topic: dict[str, list[Produce]] = {}
        for record in records:
            by_topic.setdefault(record.topic, []).append(record)
        batches = [Batch(topic, author, group) for topic, group in by_topic.items()]
        for batch in batches:
            self._send(batch)
        await PAUSE
        return self._answer(batches)

    async def append_changelog(
        self, partition: int, entries: Sequence[Entry]
    ) -> Sequence[Acknowledged]:
        size = 1 + int(self.world.random.random() * 4)
        batches = [
            Batch(self.role.name, self.role.name, entries=some) for some in _batched(entries, size)
        ]
        for batch in batches:
            self._send(batch)
            await PAUSE
        return await self._answer(batches)

    def _send(self, batch: Batch) -> None:
        if not self.alive:
            return
        random = self.world.random
        # What a call has to tell is little; it shall fail as often as the rest.
        often = 1 if batch.author == self.role.name else 6
        if random.random() < often * self.world.weather.failing:
            batch.fails, batch.lands = True, random.random() < 0.5
            self.world.reach(
                self.name, "changelog append failed" if batch.entries else "append failed"
            )
        queue = self._queues.get(batch.topic)
        if not queue:
            queue = self._queues[batch.topic] = deque()
            self.world.broker.queues.append(queue)
        queue.append(batch)

    def _answer(self, batches: Sequence[Batch]) -> Answer:
        delayed = self.world.random.random() < self.world.weather.delayed
        if delayed:
            self.world.reach(self.name, "acknowledgement delayed")
        return Answer(batches, 40 if delayed else 1)

    async def read_changelog(
        self, partition: int, start: int, end: int
    ) -> list[tuple[int, bytes, bytes | None]]:
        await PAUSE
        self.world.reach(self.name, "foreign write answered")
        return list(self.world.broker.changelogs[self.role.name].between(start, end))

    # ── the rulesets ────────────────────────────────────────────────────────────────────────

    def newest(self) -> tuple[int, str] | None:
        if self._known < self.world.versions and self.world.random.random() < 0.1:
            self._known = self.world.versions
        return self._known, f"v{self._known}"

    def get(self, version: int) -> Any:
        return self.world.ruleset(version) if version <= self._known else None

    async def wait_for(self, version: int) -> Any:
        if version > self._known:
            self.world.reach(self.name, "waited for a ruleset")
        while self.get(version) is None:
            await PAUSE
            self.newest()
        return self.get(version)

    # ── the consuming side ──────────────────────────────────────────────────────────────────

    def done(self, partition: int, offset: int) -> None:
        self.acked = offset

    async def commit(self) -> None:
        if self.acked < self._committed:
            return
        await PAUSE
        if self.world.commit(self, self.acked + 1):
            self._committed = self.acked + 1

    def end_offset(self, partition: int) -> int | None:
        return len(self.world.broker.topics[self.role.input])

    def still_ours(self) -> bool:
        return not self.lease or self.world.owners[self.role.name] is self

    # ── the observer ────────────────────────────────────────────────────────────────────────

    def opened(self, partition: int, pending: Iterable[Any]) -> None:
        self.world.note(self.name, "opens its partition")
        self._statuses.clear()

    def decided(self, partition: int, statuses: Mapping[str, int], outcomes: Sequence[Any]) -> None:
        for status, count in statuses.items():
            if count:
                self._statuses[status] += count
        if statuses.get("skipped"):
            self.world.reach(self.name, "skipped by fence")
        if statuses.get("applied") and not all(side.done() for side in self._sides):
            self.world.reach(self.name, "decided beside a cut")

    def checkpointed(self, partition: Partition[Any, Any], cut: Cut, seconds: float) -> None:
        self.world.note(self.name, "has a checkpoint up to offset %d", cut.offset)
        contained = self.disk.changelog_offset()
        if self.world.owners[self.role.name] is self and contained is not None:
            self.world.broker.changelogs[self.role.name].settled = contained
        if self.world.random.random() < 0.2:
            self.disk.flush()
        if any(value is None for value in cut.values.values()):
            self.world.reach(self.name, "null written")

    def foreign(self, partition: int, customers: int) -> None:
        self.world.reach(self.name, "foreign write")

    def took(self, seconds: float) -> None:
        self.observed.append(("took", seconds))

    def told(self, seconds: float) -> None:
        self.observed.append(("told", seconds))

    def ticked(self) -> None:
        self.observed.append(("ticked", 0.0))

    def monotonic(self) -> float:
        return self.world.now / 1000


def _batched(entries: Sequence[Entry], size: int) -> Iterator[Sequence[Entry]]:
    """Yield *entries*, *size* at a time, or one more where a null would be parted from its
    grave."""
    at = 0
    while at < len(entries):
        end = at + size
        end += end < len(entries) and entries[end][1] is None
        yield entries[at:end]
        at = end
