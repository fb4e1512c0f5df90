"""One keyed process in a world: its stores, what it tells of itself, and how it is built."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import msgspec

from triggerstream import __version__
from triggerstream.core.keyed.program import Program
from triggerstream.core.records.placement import partition_of
from triggerstream.core.zones import DATA_VERSION
from triggerstream.ops.metrics import Children, ProcessMetrics
from triggerstream.ops.notices import Notices
from triggerstream.ops.settings import Settings
from triggerstream.processes.world import World
from triggerstream.stream.keyed.encoder import Encoder
from triggerstream.stream.keyed.owned_partition import Cadence
from triggerstream.stream.keyed.process import KeyedProcess
from triggerstream.stream.lanes import BuildProcess
from triggerstream.stream.ports import Attempts, Input, Log
from triggerstream.stream.rocksdb.stores import Stores


class Role(msgspec.Struct, frozen=True):
    """Which keyed process it is.

    Attributes:
        name: Of its group, its changelog, its stores.
        title: What people call it: the command that starts it on Kafka.
        input_topic: Short name of what it reads.
        downstream: Short name of the co-partitioned topic it writes to, if there is one.
        channels: The channels that it delivers by, for the metrics.
    """

    name: str
    title: str
    input_topic: str
    downstream: str | None = None
    channels: tuple[str, ...] = ()


class Keyed:
    """What a keyed process has of its own.

    Args:
        log: The log, with the changelog of this process.
        logged: Whether there is no changelog, and each of its stores is its own log.

    Attributes:
        reads: What reads each topic (short name): first its input, with which its state is
            partitioned.
        process: The process, once its input is being read.
    """

    def __init__(
        self,
        settings: Settings,
        world: World,
        children: Children,
        role: Role,
        log: Log,
        *,
        logged: bool = False,
    ) -> None:
        self.settings = settings
        self.world = world
        self.role = role
        self.log = log
        self.header_clock = settings.clock == "header"
        self.notices = Notices(role.input_topic)
        self.metrics = ProcessMetrics(
            children, role.input_topic, role.channels, also=self.notices.decided
        )
        self.stores = Stores(
            settings.data_dir, role.name, on_damage=self.metrics.put_aside, logged=logged
        )
        self.reads: dict[str, BuildProcess] = {}
        self.process: KeyedProcess | None = None

    def decide_with(
        self, program: Program[Any, Any], *, marks: bool, attempts: Attempts | None = None
    ) -> None:
        """Have the input topic read by *program*; see `KeyedProcess`."""
        self.reads[self.role.input_topic] = partial(self._build, program, marks, attempts)

    def also_read(self, topic: str, build: BuildProcess) -> None:
        """Have *topic* (short name), which keeps no state, read by what *build* makes."""
        self.metrics.also_reads(topic)
        self.reads[topic] = build

    def _build(
        self,
        program: Program[Any, Any],
        marks: bool,
        attempts: Attempts | None,
        consumer: Input,
    ) -> KeyedProcess:
        world, settings = self.world, self.settings
        self.process = KeyedProcess(
            program,
            Encoder(
                program,
                input_topic=self.role.input_topic,
                topic=world.topic(self.role.input_topic),
                downstream=self.role.downstream,
                header_clock=self.header_clock,
            ),
            log=self.log,
            rulesets=world.rulesets,
            consumer=consumer,
            open_store=self.stores.open,
            observer=self.metrics,
            attempts=attempts,
            placed=lambda number: lambda customer: self.place(customer) == number,
            monotonic=time.monotonic,
            marks=marks,
            header_clock=self.header_clock,
            topic_id=world.topic_id(self.role.input_topic),
            engine=f"triggerstream {__version__}, tzdata {DATA_VERSION}",
            cadence=Cadence(checkpoint=settings.checkpoint_interval),
            # Partitions share the memory evenly; a process seldom owns less than all of one.
            capacity=max(1000, settings.cache_size // world.partitions),
        )
        return self.process

    def place(self, customer: str) -> int:
        """Return the partition where *customer* belongs."""
        return partition_of(customer.encode(), self.world.partitions)

    def behind(self) -> int:
        """Return how many records of the input are not decided yet."""
        process = self.process
        return 0 if process is None else sum(records for _, records, _ in process.lags())

    def inspect(self, customer: str) -> dict[str, Any]:
        """Return what is known of *customer*.

        Raises:
            LookupError: The customer's partition is not ours.
        """
        number = self.place(customer)
        found = None if self.process is None else self.process.inspect(number, customer)
        if found is None:
            raise LookupError(f"partition {number} is not owned by this process")
        return found
