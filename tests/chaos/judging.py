"""The judge: what a single thread makes of the log that is really there, against what was found.

The records of each events partition are read back and applied in one go, in memory, by the same
partition code, without a crash, a checkpoint or a second owner. So whatever the fault put into the
log, duplicates, marks and erasures included, the expectation is exact: every firing with its bytes,
every dead letter, every state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from tests.chaos.local.installation import Installation
from tests.e2e.deployment import Deployment
from tests.e2e.told import SHOWN
from triggerstream.core.detection.detect import Detect
from triggerstream.core.keyed import header
from triggerstream.core.keyed.memory_store import MemoryStore
from triggerstream.core.keyed.partition import Partition
from triggerstream.core.keyed.partition_record import PartitionRecord
from triggerstream.core.records.columns import in_columns
from triggerstream.core.records.placement import partition_of
from triggerstream.core.records.record import KIND, Header, Kind
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.errors import StoreError
from triggerstream.stream.kafka.restore import restore
from triggerstream.stream.kafka.topics import Topics
from triggerstream.stream.keyed.encoder import Encoder
from triggerstream.stream.rocksdb.stores import Stores

Told = tuple[int, bytes, bytes | None, bytes | None]
"""Partition, kind, key and value of a record in the actions topic."""
Letter = tuple[int, int, bytes]
"""Partition, offset and reason of a dead record."""
States = dict[tuple[int, bytes], Any]
"""By partition and customer: fence, wake-up, and the stored content, decoded."""

_IN_ONE_GO = 1 << 40
_PASSED_OVER = frozenset({Kind.TICK, Kind.RESULT})
"""How often the clock is told follows from how records were batched; results are the sender's."""


class Installed(Protocol):
    """An installation, in whichever world."""

    directory: Path
    partitions: int

    @property
    def header_clock(self) -> bool: ...
    def topic(self, short: str) -> str: ...
    async def read(self, short: str) -> list[Any]: ...
    async def tick(self, until: int) -> None: ...
    def tails(self) -> str: ...


class Outcome(msgspec.Struct):
    """What came of a log: expected, or found.

    Attributes:
        firings: By id, the record's value.
        repeats: Firings beyond the first under one id, with the same bytes.
        conflicts: The same with other bytes.
        others: Goals, consents, erasures and marks told downstream.
        letters: What was dead-lettered.
        states: Without the graves.
        records: The partition records' offset, clock, ruleset and origins.
    """

    firings: dict[str, bytes] = {}
    repeats: int = 0
    conflicts: int = 0
    others: set[Told] = set()
    letters: set[Letter] = set()
    states: States = {}
    records: dict[int, tuple[int, int, int, dict[int, int]]] = {}

    def tell(self, partition: int, key: bytes | None, value: bytes | None, headers: Any) -> None:
        """Take one record of the actions topic."""
        named = dict(headers)
        kind = named.get(KIND, b"")
        if kind == Kind.FIRING:
            firing_id = named["ce_id"].decode()
            known = self.firings.get(firing_id)
            if known is None:
                self.firings[firing_id] = value or b""
            elif known == value:
                self.repeats += 1
            else:
                self.conflicts += 1
        elif kind not in _PASSED_OVER:
            self.others.add((partition, kind, key, value))


class Verdict(msgspec.Struct):
    """The comparison. *differences* names kinds of them with their numbers, for the note."""

    compared: int
    doubled: int
    differences: Counter[str]

    @property
    def wrong(self) -> int:
        return self.differences.total()

    def note(self) -> str:
        return ", ".join(f"{count} {what}" for what, count in self.differences.items() if count)


async def judge(
    deployment: Installed,
    rulesets: Mapping[int, Ruleset],
    *,
    decided: Mapping[str, Mapping[str, Any]] | None = None,
    but: str = "",
) -> Verdict:
    """Compare what *deployment* has made of its log. All its processes have stopped.

    Args:
        rulesets: By version.
        decided: What `replay` decides on the same events, by firing id, if that is known.
        but: A customer whom it was not told of.
    """
    found = await _found(deployment)
    expected, left = await _expected(deployment, rulesets, found)
    differences: Counter[str] = Counter()
    ids = found.firings.keys() | expected.firings.keys()
    differences["firings missing"] = len(expected.firings.keys() - found.firings.keys())
    differences["firings extra"] = len(found.firings.keys() - expected.firings.keys())
    differences["payloads different"] = found.conflicts + sum(
        found.firings[each] != expected.firings[each]
        for each in found.firings.keys() & expected.firings.keys()
    )
    differences["goals, consents, marks"] = len(found.others ^ expected.others)
    differences["dead letters"] = len(found.letters ^ expected.letters)
    differences["states"] = _unequal(found.states, expected.states)
    differences["partition records"] = _unequal(found.records, expected.records)
    differences["records not decided"] = left
    if not isinstance(deployment, Installation):  # where the disk is all there is
        stores = _local(deployment.directory, found)
        differences["states on disk"] = sum(_unequal(mine, theirs) for mine, theirs in stores)
        if not stores:
            differences["no store on disk"] += 1
    if decided is not None:
        lines = {each: msgspec.json.decode(value) for each, value in found.firings.items()}
        told = {each: _like(line) for each, line in lines.items() if line["customer_id"] != but}
        differences["firings not as in replay"] = _unequal(told, decided)
    return Verdict(len(ids), found.repeats, differences)


def _like(firing: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `replay` prints of *firing*."""
    return {key: firing[key] for key in SHOWN}


def _unequal(found: Mapping[Any, Any], expected: Mapping[Any, Any]) -> int:
    return sum(found.get(each) != expected.get(each) for each in found.keys() | expected.keys())


# ── what is there ───────────────────────────────────────────────────────────────────────────


async def _found(deployment: Installed) -> Outcome:
    outcome = Outcome()
    for record in await deployment.read("actions"):
        outcome.tell(record.partition, record.key, record.value, record.headers)
    for record in await deployment.read("events.dlq"):
        outcome.letters.add(_letter(record.headers))
    stores = await restored(deployment)
    outcome.states = _states(stores)
    outcome.records = {number: _mark(store) for number, store in stores.items()}
    return outcome


async def restored(deployment: Installed) -> dict[int, MemoryStore]:
    """Return every partition, restored from the whole changelog; or, where there is none, what
    its store holds on disk."""
    if isinstance(deployment, Installation):
        return {0: deployment.stored("detect")}
    assert isinstance(deployment, Deployment)
    stores = {number: MemoryStore() for number in range(deployment.partitions)}
    changelog = Topics(deployment.prefix).changelog("detect")
    await restore({"bootstrap_servers": deployment.bootstrap}, changelog, stores)
    return stores


def _local(directory: Path, found: Outcome) -> list[tuple[States, States]]:
    """Return (on disk, in the changelog) of the stores that stand where the partition ended."""
    pairs = []
    for disk in sorted(directory.glob("*/detect")):
        stores = Stores(disk.parent, "detect")
        for number in (int(path.name) for path in disk.iterdir() if path.name.isdigit()):
            try:
                store = stores.open(number)
                values = {(number, key[1:]): store.get(key[1:]) for key in store._scan(b"c", b"d")}
                record = store.partition_record()
            except StoreError:
                continue  # a damaged one that nobody has read since
            if record is not None and _read(record) == found.records[number]:
                theirs = {each: v for each, v in found.states.items() if each[0] == number}
                pairs.append((_decoded(values.items()), theirs))
        stores.close_others()
    return pairs


# ── what must be there ──────────────────────────────────────────────────────────────────────


async def _expected(
    deployment: Installed, rulesets: Mapping[int, Ruleset], found: Outcome
) -> tuple[Outcome, int]:
    """Return what the log comes to, and how many records but ticks lie beyond what was decided."""
    outcome, left = Outcome(), 0
    stores: dict[int, MemoryStore] = {}
    by_partition: dict[int, list[Any]] = {number: [] for number in range(deployment.partitions)}
    for record in await deployment.read("events"):
        if record.offset <= found.records[record.partition][0]:
            by_partition[record.partition].append(record)
        elif dict(record.headers).get(KIND) != Kind.TICK:
            left += 1
    for number, records in by_partition.items():
        stores[number] = _alone(deployment, number, records, rulesets, outcome)
    outcome.states = _states(stores)
    outcome.records = {number: _mark(store) for number, store in stores.items()}
    return outcome, left


def _alone(
    deployment: Installed,
    number: int,
    records: list[Any],
    rulesets: Mapping[int, Ruleset],
    outcome: Outcome,
) -> MemoryStore:
    store = MemoryStore()
    program = Detect(deployment.topic("events"))
    partition: Partition[Any, Any] = Partition(
        program,
        store,
        number=number,
        rulesets=rulesets.get,
        placed=lambda customer: place(customer, deployment.partitions) == number,
        header_clock=deployment.header_clock,
        capacity=_IN_ONE_GO,
    )
    encoder = Encoder(
        program,
        input_topic="events",
        topic=deployment.topic("events"),
        downstream="actions",
        header_clock=deployment.header_clock,
    )
    assert partition.apply(in_columns(records)) == len(records), f"no ruleset {partition.awaiting}"
    for told in encoder.records(partition.outcomes, partition):
        if told.topic == "actions":
            outcome.tell(number, told.key, told.value, told.headers)
        elif told.topic == "events.dlq":
            outcome.letters.add(_letter(told.headers))
    cut = partition.cut()
    store.write(cut.values, partition_record=cut.record, changelog_offset=0)
    return store


def place(customer: str, partitions: int) -> int:
    """Return where murmur2 places a customer."""
    return partition_of(customer.encode(), partitions)


def _letter(headers: Iterable[Header]) -> Letter:
    named = {name: content or b"" for name, content in headers}
    return int(named["x-dlq-partition"]), int(named["x-dlq-offset"]), named["x-dlq-reason"]


def _states(stores: Mapping[int, MemoryStore]) -> States:
    states: States = {}
    for number, store in stores.items():
        states |= _decoded(((number, each), value) for each, value in store.values.items())
    return states


def _decoded(values: Iterable[tuple[tuple[int, bytes], bytes | None]]) -> States:
    """Decode *values*; a grave says no more than that nobody is there."""
    states: States = {}
    for each, value in values:
        assert value is not None
        form, flags, wake, fence = header.unpack(value)
        if not flags & header.GRAVE:
            content = msgspec.msgpack.decode(value[header.SIZE :])
            states[each] = (form, flags, wake, fence, content)
    return states


def _mark(store: MemoryStore) -> tuple[int, int, int, dict[int, int]]:
    stored = store.partition_record()
    return (-1, 0, 0, {}) if stored is None else _read(stored)


def position(store: MemoryStore) -> int:
    """Return the last input offset that *store* contains; -1 for none."""
    return _mark(store)[0]


def _read(stored: bytes) -> tuple[int, int, int, dict[int, int]]:
    record = PartitionRecord.decode(stored)
    return record.offset, record.clock, record.ruleset, record.origins
