"""A partition is moved to four of another log: what they decide is what it would have decided.

Both programs run in virtual time, as the shop's customers keep both busy. All partitions hear each
moment by a tick, so that what is due is due at the same clock, however many there are: what a
partition hears when is latency, and else shows in a delivery's time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from random import Random
from typing import Any

import msgspec
import pytest

from tests.simulation import shop
from triggerstream.core.detection.detect import Detect
from triggerstream.core.keyed.memory_store import MemoryStore
from triggerstream.core.keyed.partition import Partition
from triggerstream.core.keyed.partition_record import PartitionRecord
from triggerstream.core.keyed.transplant import first_record, transplant
from triggerstream.core.records.actions import Result, result_record
from triggerstream.core.records.columns import Row, in_columns
from triggerstream.core.records.deliveries import DELIVERIES, kind_of
from triggerstream.core.records.moved import Rest
from triggerstream.core.records.placement import partition_of
from triggerstream.core.records.record import ARRIVAL, KIND, POSITION, Header, Kind, Produce
from triggerstream.core.records.segments import SEGMENTS
from triggerstream.core.sending.deliveries import Attempt
from triggerstream.core.sending.send import Send
from triggerstream.stream.keyed.encoder import Encoder

NOON = 1_772_366_400_000
PARTITIONS = 4
PROGRAMS: dict[str, Any] = {"events": Detect("events"), "actions": Send()}
ENCODERS = {
    "events": Encoder(
        PROGRAMS["events"], input_topic="events", topic="events", downstream="actions",
        header_clock=True,
    ),
    "actions": Encoder(
        PROGRAMS["actions"], input_topic="actions", topic="actions", downstream=None,
        header_clock=True,
    ),
}  # fmt: skip


class Line(msgspec.Struct, frozen=True):
    """What comes in: an event, an erasure or a mark, at its moment. No key: to all partitions."""

    at: int
    key: bytes | None
    value: bytes | None
    kind: bytes | None = None

    def headers(self) -> tuple[Header, ...]:
        arrival = ((ARRIVAL, b"%d" % self.at),)
        return arrival if self.kind is None else (*arrival, (KIND, self.kind))


class Half:
    """One keyed process's partition, over a log in memory and a store that is cut when told to."""

    def __init__(self, topic: str, number: int, partitions: int) -> None:
        self.topic, self.number, self.partitions = topic, number, partitions
        self.log: list[Row] = []
        self.store = MemoryStore()
        self.open()

    def open(self) -> None:
        """Begin from what is stored, as after a kill."""
        self.partition: Partition[Any, Any] = Partition(
            PROGRAMS[self.topic],
            self.store,
            number=self.number,
            rulesets=shop.ruleset,
            placed=lambda customer: partition_of(customer.encode(), self.partitions) == self.number,
            header_clock=True,
        )

    def append(self, record: Produce) -> None:
        offset, headers = len(self.log), dict(record.headers)
        stamp = int(headers.get(ARRIVAL) or NOON)
        self.log.append(
            Row(self.number, offset, stamp, record.key, record.value, tuple(record.headers))
        )

    def decide(self) -> tuple[list[Produce], list[Any]]:
        """Decide the rest of the log; return what is told, and what was decided."""
        rest = self.log[self.partition.offset + 1 :]
        if rest:
            assert self.partition.apply(in_columns(rest)) == len(rest)
        outcomes, self.partition.outcomes = self.partition.outcomes, []
        return ENCODERS[self.topic].records(outcomes, self.partition), outcomes

    def cut(self) -> None:
        cut = self.partition.cut()
        self.store.write(cut.values, partition_record=cut.record, changelog_offset=0)
        self.partition.landed(cut)


class Installation:
    """As many partitions of both processes, and what they told the world.

    Attributes:
        is_sending: Whether the sender runs.
        calls: What was handed to a channel: (action id, attempt).
    """

    def __init__(self, partitions: int) -> None:
        self.detect = [Half("events", n, partitions) for n in range(partitions)]
        self.send = [Half("actions", n, partitions) for n in range(partitions)]
        self.is_sending = True
        self.calls: list[tuple[str, int]] = []
        self.deliveries: list[bytes] = []
        self.memberships: set[tuple[bytes | None, bytes | None]] = set()
        self.letters: list[Produce] = []

    def play(self, lines: Iterable[Line]) -> None:
        for line in lines:
            for half in self.detect:
                half.append(Produce("events", half.number, None, None,
                                    Line(line.at, None, None, Kind.TICK).headers()))  # fmt: skip
            targets = self.detect
            if line.key is not None:
                targets = [self.detect[partition_of(line.key, len(self.detect))]]
            for half in targets:
                half.append(Produce("events", half.number, line.key, line.value, line.headers()))
            self.work()

    def work(self) -> None:
        """Decide, send and answer until nothing is left to do."""
        for number, detect in enumerate(self.detect):
            send = self.send[number]
            while self._is_behind(detect) or (self.is_sending and self._is_behind(send)):
                for record in detect.decide()[0]:
                    self._take(record, number)
                if self.is_sending:
                    told, outcomes = send.decide()
                    for record in told:
                        self._take(record, number)
                    for attempt in outcomes:
                        if isinstance(attempt, Attempt):
                            self._call(attempt, number)

    def _is_behind(self, half: Half) -> bool:
        return half.partition.offset + 1 < len(half.log)

    def _take(self, record: Produce, number: int) -> None:
        if record.topic == "actions":
            self.send[number].append(record)
        elif record.topic == "events":
            self.detect[number].append(record)
        elif record.topic == DELIVERIES:
            row = Row(0, 0, 0, record.key, record.value, record.headers)
            if kind_of(row) == Kind.DELIVERY:
                self.deliveries.append(record.value or b"")
        elif record.topic == SEGMENTS:
            self.memberships.add((record.key, record.value))
        else:
            self.letters.append(record)

    def _call(self, attempt: Attempt, number: int) -> None:
        self.calls.append((attempt.action_id, attempt.attempt))
        luck = Random(f"{attempt.action_id}/{attempt.attempt}").random()
        outcome = "sent" if luck < 0.6 else "failed" if luck < 0.75 else "retry"
        result = Result(attempt.action_id, attempt.customer_id, attempt.attempt, outcome)  # type: ignore[arg-type]  # one of them
        record = result_record(number, result)
        stamp = (ARRIVAL, b"%d" % self.send[number].partition.clock)
        self._take(Produce(record.topic, number, record.key, record.value,
                           (*record.headers, stamp)), number)  # fmt: skip

    def told(self) -> dict[str, bytes]:
        """Return the firings by id; each was told once or in the same words."""
        found: dict[str, bytes] = {}
        for half in self.send:
            for row in half.log:
                if (KIND, Kind.FIRING) in row.headers:
                    firing = msgspec.json.decode(row.value)["firing_id"]
                    assert found.setdefault(firing, row.value) == row.value
        return found


def move(one: Installation) -> Installation:
    """Return the installation that goes on from *one*, all of whose events were decided."""
    four = Installation(PARTITIONS)
    for old, new in ((one.detect[0], four.detect), (one.send[0], four.send)):
        stored = old.store.partition_record()
        left = PartitionRecord() if stored is None else PartitionRecord.decode(stored)
        for half in new:
            mine = {
                customer: transplant(PROGRAMS[old.topic], value)
                for customer, value in old.store.values.items()
                if partition_of(customer, PARTITIONS) == half.number
            }
            record = first_record(left, topic_id="").encode()
            half.store.write(mine, partition_record=record, changelog_offset=0)
            half.open()
    # The last of both: where the sender stands.
    rest = Rest(PARTITIONS, since=left.offset + 1, clock=left.clock, header_clock=True)
    for row in one.send[0].log:
        for told in rest.take(row):
            four.send[told.partition or 0].append(told)
    four.calls, four.deliveries = one.calls, one.deliveries
    four.memberships = one.memberships
    return four


def lines(seed: int, number: int) -> list[Line]:
    """Return what the shop's customers do, with deployments and erasures among it."""
    random = Random(seed)
    now, found = NOON, []
    for count in range(number):
        now += random.choice([1_000, 20_000, 90_000, 400_000])
        if random.random() < 0.05:
            customer = random.choice(shop.CUSTOMERS).encode()
            found.append(Line(now, customer, None, Kind.ERASE))
        elif random.random() < 0.03:
            mark = b'{"version": %d, "hash": ""}' % random.randint(2, 4)
            found.append(Line(now, None, mark, Kind.RULESET))
        customer_id, body = shop.event(random, count, now)
        found.append(Line(now, customer_id.encode(), body))
    return [*found, Line(now + 4 * 86_400_000, None, None, Kind.TICK)]


SEEDS = range(80)


def stop(installation: Installation, play: list[Line], seed: int) -> tuple[int, list[Row]]:
    """Play until the sender has been stopped for a while, and the worker is killed behind what it
    told, so that it tells it again; return up to which line, and what was told again."""
    # Within an hour: a repeat that comes later than that behind an erasure is taken for new.
    random = Random(seed)
    begin = random.randrange(20, 120)
    stored, stopped, killed = sorted(begin + each for each in random.sample(range(20), 3))
    installation.play(play[:stored])
    installation.detect[0].cut()
    installation.play(play[stored:stopped])
    installation.send[0].cut()
    installation.is_sending = False
    installation.play(play[stopped:killed])
    before = len(installation.send[0].log)
    installation.detect[0].open()
    installation.work()
    installation.detect[0].cut()
    return killed, installation.send[0].log[before:]


@pytest.mark.covers("M1")
@pytest.mark.parametrize("seed", SEEDS)
def test_partitions_that_were_moved_decide_what_the_one_would_have(seed: int) -> None:
    play = lines(seed, 160)
    whole = Installation(1)
    one = Installation(1)
    killed, _ = stop(whole, play, seed)
    assert stop(one, play, seed)[0] == killed

    whole.is_sending = True
    whole.work()
    whole.play(play[killed:])
    four = move(one)
    four.work()
    four.play(play[killed:])

    assert one.told() | four.told() == whole.told()
    assert four.memberships == whole.memberships
    assert Counter(four.deliveries) == Counter(whole.deliveries)
    assert Counter(four.calls) == Counter(whole.calls)
    assert max(Counter(four.calls).values()) == 1
    assert not four.letters


def test_the_schedules_have_in_them_what_they_are_for() -> None:
    """Repeats, goals in the rest, pending actions, graves: else the test above shows nothing."""
    seen: Counter[str] = Counter()
    for seed in SEEDS:
        one = Installation(1)
        _, repeats = stop(one, lines(seed, 160), seed)
        seen["repeats"] += len(repeats)
        rest = one.send[0].log[one.send[0].partition.offset + 1 : -len(repeats) or None]
        for kind in (Kind.FIRING, Kind.GOAL, Kind.CONSENT, Kind.ERASE, Kind.RULESET):
            seen[kind.decode()] += sum((KIND, kind) in row.headers for row in rest)
        seen["pending"] += len(one.send[0].store.pending())
        seen["graves"] += len(one.send[0].store.graves(1 << 60, 100))

    assert len(seen) == 8
    assert min(seen.values()) >= 3, seen


def test_no_position_of_the_old_log_is_left_in_what_is_moved() -> None:
    one = Installation(1)
    one.play(lines(5, 160))
    rest = Rest(PARTITIONS, since=0, clock=0, header_clock=True)

    moved = [record for row in one.send[0].log for record in rest.take(row)]

    assert moved
    assert not [record for record in moved for name, _ in record.headers if name == POSITION]
    goals = [record for record in moved if (KIND, Kind.GOAL) in record.headers]
    assert goals
    assert all(msgspec.json.decode(each.value or b"")["position"] < -(1 << 61) for each in goals)
