"""All rows, in the order in which they are run and printed."""

from __future__ import annotations

from tests.chaos import (
    brokers,
    changelogs,
    clocks,
    disks,
    logs,
    network,
    replicas,
    rulesets,
    workers,
)
from tests.chaos.local.rows import CATALOGUE as LOCAL
from tests.chaos.rows import Entry
from tests.chaos.senders.rows import CATALOGUE as SENDERS

WORKERS = [
    Entry("killed", workers.killed, 50),
    Entry("wiped", workers.killed_and_robbed, 12),
    Entry("paused", workers.paused, 8, 1),
    Entry("rolling", workers.restarted_in_order, 10, 2),
    Entry("joining", workers.joining_and_leaving, 14, 3),
    Entry("broker-killed", brokers.killed, 5),
    Entry("network", network.broken_lines, 8),
    Entry("coordinator", network.cut_off_from_the_coordinator, 4),
    Entry("disk-full", disks.full, 2),
    Entry("damaged", disks.damaged, 12, 2),
    Entry("poison", logs.poisoned, 130),
    Entry("flood", logs.flooded, 1_000_000, 20_000),
    Entry("disorder", logs.disordered, 8_000),
    Entry("clock", clocks.jumping, 6),
    Entry("rulesets", rulesets.deployed, 6, 2),
    Entry("compacted", changelogs.compacted, 2),
    Entry("kafka-away", brokers.away, 3),
    Entry("too-few-replicas", replicas.too_few, 3),
    Entry("topic-deleted", brokers.topic_deleted, 1),
]


WORLDS = {"kafka": [*WORKERS, *SENDERS], "local": LOCAL}
"""By world: on a real Kafka the rows of workers and brokers, then those of senders."""


def catalogue(world: str = "kafka") -> list[Entry]:
    """Return the rows of *world*."""
    return WORLDS[world]
