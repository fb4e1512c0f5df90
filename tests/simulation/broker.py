"""The broker: topics, changelogs, what is on its way to them, and committed offsets.

A process's batches of one topic land in their order, one at a time; those of different topics in
any order. What a process had on its way when it died may still land, later. Each batch is answered
some time after it has landed; one that fails may have landed or not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from triggerstream.core.keyed import header
from triggerstream.core.keyed.partition_record import PARTITION_KEY, PartitionRecord
from triggerstream.core.records.record import Header, Produce
from triggerstream.errors import ProtocolError
from triggerstream.stream.ports import Acknowledged, Entry


@dataclass(frozen=True)
class Line:
    """One record of a topic. *author* is who appended it: a process, a call, or a producer.

    One that *is_gap* is an offset without a record, which nobody is given: a mark of a
    transaction, or what one has taken back.
    """

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()
    partition: int = 0
    author: str = "producer"
    is_gap: bool = False


class Kept(NamedTuple):
    """One record of a changelog."""

    offset: int
    key: bytes
    value: bytes | None


class Changelog:
    """One process's changelog.

    Attributes:
        entries: In offset order; compaction leaves gaps.
        end: The next offset.
        image: By customer, what a restore must find: (fence, value), the highest fence wins.
        position: The highest input offset of any partition record.
        settled: Up to here an owner has answered what others wrote.
    """

    def __init__(self) -> None:
        self.entries: list[Kept] = []
        self.end = 0
        self.settled = -1
        self._forget()

    def _forget(self) -> None:
        self.image: dict[bytes, tuple[int, bytes]] = {}
        self._gone: dict[bytes, int] = {}
        self._stale: set[bytes] = set()
        self.position = -1

    def write(self, entry: Entry) -> int:
        self.entries.append(Kept(self.end, *entry))
        self._note(*entry)
        self.end += 1
        return self.end - 1

    def _note(self, key: bytes, value: bytes | None) -> None:
        if key == PARTITION_KEY:
            if value is not None:
                self.position = max(self.position, PartitionRecord.decode(value).offset)
            return
        customer = key[1:]
        known = max(self.image.get(customer, (-1, b""))[0], self._gone.get(customer, -1))
        if value is None:
            # It is as stale as the grave before it.
            if customer not in self._stale or customer not in self.image:
                self._gone[customer] = known
                self.image.pop(customer, None)
        elif (fence := header.unpack(value)[3]) >= known:
            self._stale.discard(customer)
            self.image[customer] = fence, value
        else:
            self._stale.add(customer)

    def between(self, start: int, end: int) -> list[Kept]:
        """Return the entries with *start* <= offset < *end*."""
        return [entry for entry in self.entries if start <= entry[0] < end]

    def compact(self, until: int) -> None:
        """Keep the last record of each key at or below offset *until*, and all above."""
        last = {key: offset for offset, key, _ in self.entries if offset <= until}
        self.entries = [
            entry for entry in self.entries if entry[0] > until or last[entry[1]] == entry[0]
        ]
        self._forget()
        for _, key, value in self.entries:
            self._note(key, value)


@dataclass(eq=False)
class Batch:
    """Records on their way to *topic*, or entries on their way to the changelog of that name.

    Attributes:
        fails: Whether its answer is an error; *lands* says whether it gets there all the same.
        base: Its first offset, once it has landed.
        is_over: Whether the broker is done with it.
    """

    topic: str
    author: str
    records: Sequence[Produce] = ()
    entries: Sequence[Entry] = ()
    fails: bool = False
    lands: bool = True
    base: int = -1
    timestamp: int = -1
    is_over: bool = False

    def __len__(self) -> int:
        return len(self.records) + len(self.entries)


class Answer:
    """To be awaited: comes when every one of *batches* is over, and a while later."""

    def __init__(self, batches: Sequence[Batch], delay: int) -> None:
        self._batches = batches
        self._delay = delay

    def __await__(self) -> Generator[None, None, Sequence[Acknowledged]]:
        while not all(batch.is_over for batch in self._batches):
            yield
        for _ in range(self._delay):
            yield
        if any(batch.fails for batch in self._batches):
            raise ProtocolError("the append failed")
        return [Acknowledged(b.base, len(b), b.timestamp) for b in self._batches]


@dataclass
class Broker:
    """What outlives every process.

    Attributes:
        committed: By process, the next offset of its input.
        on_line: Told of every record that has landed: (topic, line).
    """

    random: Random
    now: int
    on_line: Callable[[str, Line], None]
    topics: dict[str, list[Line]] = field(default_factory=dict)
    changelogs: dict[str, Changelog] = field(default_factory=dict)
    committed: dict[str, int] = field(default_factory=dict)
    queues: list[deque[Batch]] = field(default_factory=list)
    last: int = 0

    def append(self, topic: str, record: Produce, author: str) -> Line:
        lines = self.topics[topic]
        line = Line(len(lines), self.last, record.key, record.value, record.headers, 0, author)
        lines.append(line)
        self.on_line(topic, line)
        return line

    def leave_gap(self, topic: str) -> None:
        """Let *topic* go on one offset further on."""
        line = Line(len(self.topics[topic]), self.last, None, None, is_gap=True)
        self.topics[topic].append(line)
        self.on_line(topic, line)

    def stamp(self, *, steps_back: bool) -> None:
        """Take the time for what lands next; another leader's clock may be a little behind."""
        self.last = self.now - 3 if steps_back else self.now

    def deliver(self) -> Batch | None:
        """Let the next batch of any queue be over; return it."""
        if not self.queues:
            return None
        at = int(self.random.random() * len(self.queues))
        queue = self.queues[at]
        batch = queue.popleft()
        if batch.fails and not batch.lands:
            for following in queue:  # an idempotent producer's: they are out of sequence
                following.fails, following.lands = True, False
        if not queue:
            del self.queues[at]
        if batch.lands:
            self._land(batch)
        batch.is_over = True
        return batch

    def _land(self, batch: Batch) -> None:
        self.stamp(steps_back=self.random.random() < 0.02)
        batch.timestamp = self.last
        if batch.entries:
            changelog = self.changelogs[batch.topic]
            batch.base = changelog.end
            for entry in batch.entries:
                changelog.write(entry)
        else:
            batch.base = len(self.topics[batch.topic])
            for record in batch.records:
                self.append(record.topic, record, batch.author)
