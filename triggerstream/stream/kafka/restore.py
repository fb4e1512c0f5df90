"""Reading changelogs into stores, in batches.

A restore ends at the offset at which the changelog ended when it began. Compaction leaves gaps, as
do transactions, which nobody of ours has: reading moves over them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from triggerstream.core.keyed.program import Store
from triggerstream.core.keyed.restore import Restore
from triggerstream.errors import ProtocolError, WorldChangedError
from triggerstream.stream.kafka.consumer import log_ends, open_consumer

_log = logging.getLogger(__name__)

Progress = Callable[[int, int, int], None]
"""Told of a restore: records read since it was told last, how many of them were stale, and how
many are left; less than that, where compaction has left gaps."""

MOST_RECORDS: Final = 5000
"""Records applied in one go: bounds how long a restore keeps the loop."""

STALLED: Final = 60.0
"""Seconds without any record after which a restore is given up."""

_FETCH: Final = 4 << 20


def changelog_consumer(options: Mapping[str, Any], **fetching: int) -> AIOKafkaConsumer:
    """Return the consumer that changelogs are read with, to be started and assigned.

    It never begins elsewhere by itself where an offset is not there.

    Args:
        fetching: How it fetches, by aiokafka's names, where not as a restore does.
    """
    more: dict[str, Any] = {"max_partition_fetch_bytes": _FETCH, "fetch_max_wait_ms": 100}
    return open_consumer(options, auto_offset_reset="none", **{**more, **fetching})


class ChangelogReader:
    """One partition's changelog on its way into *store*.

    Attributes:
        position: The next offset to be read.
        end: Where the changelog ended when this began.
    """

    def __init__(self, store: Store) -> None:
        self.restore = Restore(store)
        self.store = store
        self.position = 0
        self.end = 0

    def apply(self, records: Sequence[Any], end: float = inf) -> None:
        """Take those of *records* (in offset order, one at least) below the offset *end*."""
        if records[-1].offset >= end:
            records = [record for record in records if record.offset < end]
        self.restore.apply(records)


async def restore(
    options: Mapping[str, Any],
    changelog: str,
    stores: Mapping[int, Store],
    *,
    on_progress: Progress = lambda *_: None,
) -> None:
    """Bring *stores* (by partition) up to date with *changelog* (its full name).

    May be cancelled between two batches, and goes on from there in another process or later.

    Args:
        on_progress: Told how far it is, once at the beginning and then about once a batch.

    Raises:
        WorldChangedError: A store contains offsets that the changelog does not have: it was
            deleted, or made anew.
        ProtocolError: It cannot be read.
    """
    if not stores:
        on_progress(0, 0, 0)
        return
    consumer = changelog_consumer(options)
    began = time.monotonic()
    try:
        await consumer.start()
        readings = {number: ChangelogReader(store) for number, store in stores.items()}
        left = await begin(consumer, changelog, readings)
        count = await _read(consumer, left, on_progress)
    except KafkaError as error:
        message = f"{changelog}: cannot be read: {error!r}"
        raise ProtocolError(message) from error
    finally:
        await consumer.stop()
    _log.info(
        "restored %d partitions from %s: %d records in %.1f s",
        len(stores), changelog, count, time.monotonic() - began,
    )  # fmt: skip


async def begin(
    consumer: AIOKafkaConsumer, changelog: str, readings: Mapping[int, ChangelogReader]
) -> dict[TopicPartition, ChangelogReader]:
    """Set *consumer* to read on where each of *readings* (by partition) stands.

    Returns:
        The same by topic partition.

    Raises:
        WorldChangedError: A store contains offsets that the changelog does not have.
    """
    tps = {TopicPartition(changelog, number): readings[number] for number in sorted(readings)}
    starts = await consumer.beginning_offsets(list(tps))
    # A transaction that somebody has open there is waited for: what we wrote stands behind it,
    # reservations too, and whoever did not know of them would send again.
    ends = await log_ends(consumer, list(tps))
    for tp, reading in tps.items():
        contained = reading.store.changelog_offset()
        following = 0 if contained is None else contained + 1
        if following > ends[tp]:
            message = (
                f"{tp.topic}/{tp.partition}: the local store contains offset {contained}; found a "
                f"changelog that ends at {ends[tp]}: it was deleted or made anew. Bring it back, "
                "or remove the local store to begin from what the changelog has"
            )
            raise WorldChangedError(message)
        reading.position, reading.end = max(following, starts[tp]), ends[tp]
    consumer.assign(list(tps))
    for tp, reading in tps.items():
        consumer.seek(tp, reading.position)
    return tps


async def _read(
    consumer: AIOKafkaConsumer,
    left: dict[TopicPartition, ChangelogReader],
    on_progress: Progress,
) -> int:
    restores = [reading.restore for reading in left.values()]
    before = began = _tally(restores)
    moved = time.monotonic()
    while True:
        for tp, reading in list(left.items()):
            position = await consumer.position(tp)
            if position > reading.position:
                reading.position, moved = position, time.monotonic()
            if position >= reading.end:
                reading.restore.finish(reading.end)
                del left[tp]
                consumer.pause(tp)
        read, dropped = _tally(restores)
        on_progress(read - before[0], dropped - before[1], _distance(left))
        before = read, dropped
        if not left:
            return read - began[0]
        if time.monotonic() - moved > STALLED:
            raise ProtocolError(_stalled(left))
        found = await consumer.getmany(*left, timeout_ms=200, max_records=MOST_RECORDS)
        for tp, records in found.items():
            left[tp].apply(records, left[tp].end)
        await asyncio.sleep(0)


def _distance(left: Mapping[TopicPartition, ChangelogReader]) -> int:
    return sum(plan.end - plan.position for plan in left.values())


def _tally(restores: Iterable[Restore]) -> tuple[int, int]:
    """Return how many records were read, and how many of them were stale."""
    tallies = [(restore.records, restore.dropped) for restore in restores]
    return sum(read for read, _ in tallies), sum(dropped for _, dropped in tallies)


def _stalled(left: Mapping[TopicPartition, ChangelogReader]) -> str:
    tp, plan = next(iter(left.items()))
    return (
        f"{tp.topic}/{tp.partition}: records from offset {plan.position} to {plan.end} are there, "
        f"and none has come for {STALLED:.0f} s: the broker sends none, or a transaction that is "
        "not ours is open there (kafka-transactions.sh find-hanging)"
    )
