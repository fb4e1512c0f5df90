"""What an app's parts share: the topics being read, the lease, the offsets, the shutdown."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

import faust
from faust.types import TP

from triggerstream.stream.kafka.faust.lease import Lease
from triggerstream.stream.kafka.faust.offsets import Offsets
from triggerstream.stream.lanes import TopicReader
from triggerstream.stream.shutdown import Shutdown

SERVICES = logging.getLogger("faust.services")
"""What Faust's services say of themselves is theirs, in our subclasses too."""


class Edge:
    """Shared by the consumer, its thread, the recovery and the watchdog of one app.

    Attributes:
        readings: The topics being read, by full name.
        ends: By partition, the log's end as found when it was assigned.
        is_settled: Whether all assigned partitions are restored, opened and being read.
    """

    def __init__(self, shutdown: Shutdown, lease: Lease) -> None:
        self.shutdown = shutdown
        self.lease = lease
        self.offsets = Offsets()
        self.readings: dict[str, TopicReader] = {}
        self.ends: dict[TP, int] = {}
        self.is_settled = False

    def look(self) -> None:
        """Have each partition look for what it may do now (`TopicReader.look`)."""
        for reading in self.readings.values():
            reading.look()

    async def close(self, revoked: Iterable[TP], *, are_lost: bool) -> None:
        """Give *revoked* away, topic by topic."""
        self.is_settled = False
        by_topic = partitions_by_topic(revoked)
        for topic, reading in self.readings.items():
            await reading.close(by_topic.get(topic, []), are_lost=are_lost)

    async def open(self, generation: int, assigned: Iterable[TP]) -> None:
        by_topic = partitions_by_topic(assigned)
        for topic, reading in self.readings.items():
            await reading.open(generation, by_topic.get(topic, []))


class EdgeApp(faust.App):
    """A Faust app that knows its edge, and whose crash is the process's shutdown."""

    logger = SERVICES
    edge: Edge

    def _create_directories(self) -> None:
        """Make none: Faust keeps nothing on disk here."""

    def _crash(self, reason: BaseException) -> None:
        is_stopping = self._stopped.is_set()
        super()._crash(reason)
        if not is_stopping:  # what Faust's services say of being stopped is no failure
            self.edge.shutdown.fail(reason)


def partitions_by_topic(tps: Iterable[TP]) -> Mapping[str, list[int]]:
    found: dict[str, list[int]] = {}
    for tp in tps:
        found.setdefault(tp.topic, []).append(tp.partition)
    return found
