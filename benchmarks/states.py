"""Changelogs of the benchmarks: states as a worker stores them, where a worker would put them.

A thousand customers are decided for real, by ten triggers and a dozen events each; what is stored
of them is some 500 bytes. All other customers have the state of one of the thousand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from benchmarks.load import PARTITIONS, Line, events, triggers
from triggerstream.core.detection.detect import Detect
from triggerstream.core.keyed import header
from triggerstream.core.keyed.memory_store import MemoryStore
from triggerstream.core.keyed.partition import Partition
from triggerstream.core.keyed.partition_record import (
    CUSTOMER_PREFIX,
    PARTITION_KEY,
    PartitionRecord,
)
from triggerstream.core.records.columns import in_columns
from triggerstream.core.records.placement import partition_of
from triggerstream.core.rulesets.ruleset import load_ruleset
from triggerstream.stream.kafka.log import KafkaLog
from triggerstream.stream.ports import Entry

TRIGGERS: Final = 10
BEFORE: Final = -1
"""The fence of every state, and the offset of every partition record: the log is still unread."""
_DECIDED: Final = 1_000
_EVENTS: Final = 12
_CUT: Final = 2_000
"""States of one checkpoint."""


def decided_states(until: int) -> list[bytes]:
    """Return what is stored of customers, the last of whose events came at *until* (epoch ms)."""
    ruleset = load_ruleset({"bench.yaml": triggers(TRIGGERS)}, version=1)
    partition: Partition[Any, Any] = Partition(
        Detect("events"), MemoryStore(), rulesets=lambda _: ruleset
    )
    count = _DECIDED * _EVENTS
    for position, (key, value) in enumerate(events(count, until=until)):
        # As one of the thousand, in turn, and at the time that the event bears.
        renamed = value.replace(key, customer(position % _DECIDED), 1)
        at = until - 10 * (count - 1 - position)
        partition.apply(in_columns([Line(position, at, renamed)]))
    stored = partition.cut().values
    return [_unread(stored[customer(number)] or b"") for number in range(_DECIDED)]


def _unread(value: bytes) -> bytes:
    """Return a stored *value* with the fence `BEFORE`."""
    kind, flags, wake_at, _ = header.unpack(value)
    return header.pack(kind, flags, wake_at, BEFORE) + value[header.SIZE :]


def customer(number: int) -> bytes:
    """Return the id of a customer of whom a filled changelog has a state."""
    return b"customer-%07d" % number


def place(key: bytes) -> int:
    """Return the partition of a customer."""
    return partition_of(key, PARTITIONS)


async def fill(options: Mapping[str, Any], changelog: str, count: int, *, until: int) -> int:
    """Append *count* states to *changelog* (its full name), with a partition record after each cut.

    Returns:
        How many records that were.
    """
    stored = decided_states(until)
    record = PartitionRecord(offset=BEFORE, clock=until, ruleset=1).encode()
    by_partition: dict[int, list[Entry]] = {number: [] for number in range(PARTITIONS)}
    for number in range(count):
        key = customer(number)
        by_partition[place(key)].append((CUSTOMER_PREFIX + key, stored[number % _DECIDED]))
    log = KafkaLog(options, topic_name=str, changelog=changelog)
    await log.start()
    try:
        return sum(
            await asyncio.gather(
                *(_append(log, number, rows, record) for number, rows in by_partition.items())
            )
        )
    finally:
        await log.stop()


async def _append(log: KafkaLog, number: int, rows: list[Entry], record: bytes) -> int:
    appended = 0
    for start in range(0, len(rows), _CUT):
        cut = [*rows[start : start + _CUT], (PARTITION_KEY, record)]
        await log.append_changelog(number, cut)
        appended += len(cut)
    return appended
