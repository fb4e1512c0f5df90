"""What an installation on one machine holds, read to be moved. Nothing is written here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Self

from triggerstream.core.keyed.partition_record import PartitionRecord
from triggerstream.core.records.record import Record
from triggerstream.errors import WorldChangedError
from triggerstream.stream.local.directory import Directory
from triggerstream.stream.local.reader import LogReader
from triggerstream.stream.rocksdb.stores import Stores

STATES: Final = 2000
"""Customers that are read at a time."""
RECORDS: Final = 2000
"""Records that are read at a time."""

INPUTS: Final = {"detect": "events", "send": "actions"}
"""The input (short name) of each process with states."""


class Source:
    """The installation in *directory*, whose lock this process holds. A context manager."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._stores = {name: Stores(directory.path, name, logged=True) for name in INPUTS}
        self._log = LogReader(directory.log)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for stores in self._stores.values():
            stores.close_others()
        self._log.close()

    def record(self, process: str) -> PartitionRecord:
        """Return how far the states of *process* have come.

        Raises:
            WorldChangedError: The log does not hold what they have not read yet.
        """
        stored = self._stores[process].open(0).partition_record()
        record = PartitionRecord() if stored is None else PartitionRecord.decode(stored)
        topic, following = INPUTS[process], record.offset + 1
        start, end = self._log.start_offset(topic), self._log.end_offset(topic)
        if not start <= following <= end:
            message = (
                f"{self._directory.path}: required are the records of {topic} from offset "
                f"{following} on; found a log from {start} to {end}: records were removed before "
                "they were read, or one of both is of an older copy"
            )
            raise WorldChangedError(message)
        return record

    def is_settled(self) -> bool:
        """Return whether the detecting states contain all events."""
        return self.record("detect").offset + 1 == self._log.end_offset("events")

    def states(self, process: str) -> Iterator[list[tuple[bytes, bytes]]]:
        """Yield (customer, stored value) of all customers of *process*, `STATES` at a time."""
        store = self._stores[process].open(0)
        found = store.states(STATES)
        while found:
            yield found
            found = store.states(STATES, found[-1][0])

    def records(self, topic: str) -> Iterator[list[Record]]:
        """Yield the records of *topic* (short name) that are there, in order."""
        offset, end = self._log.start_offset(topic), self._log.end_offset(topic)
        while offset < end:
            columns, offset = self._log.read(topic, offset, RECORDS)
            yield list(columns)
