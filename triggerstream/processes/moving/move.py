"""The move of an installation from one machine to Kafka, step by step.

1. The directory is taken, and what came in is decided (`settling`): from then on nothing changes
   in it. Topics there must be empty, and nobody may read them.
2. The directory says where it moves to, so that nothing is decided in it any more.
3. Rulesets are appended as they are, states to the changelogs (`core.keyed.transplant`), and what
   the sender has not read to ``actions`` (`core.records.moved`); and who is in which segment.
4. Partition records are appended: with them the states are whole.
5. The directory says that it has moved.

Broken off after the second step, it goes on when it is called again. Rulesets, states, partition
records and segments may stand there twice. Actions may not, and do not: what is appended to a
partition follows from the directory alone, in order, so it goes on behind as many as there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from triggerstream.core.detection.detect import Detect
from triggerstream.core.keyed.program import Program
from triggerstream.core.keyed.transplant import first_record, transplant
from triggerstream.core.records.moved import Rest
from triggerstream.core.records.placement import partition_of
from triggerstream.core.records.record import Produce
from triggerstream.core.records.segments import SEGMENTS
from triggerstream.core.sending.send import Send
from triggerstream.errors import ProtocolError, WorldChangedError
from triggerstream.ops.settings import Settings
from triggerstream.processes.moving.settling import settle
from triggerstream.processes.moving.source import INPUTS, RECORDS, Source
from triggerstream.processes.moving.target import Target
from triggerstream.stream.local.directory import Directory
from triggerstream.stream.local.moved import Moved, refusal

Progress = Callable[[str, int], None]
"""Told what is being moved, and how many of it have been by now."""

_SETTLES: Final = 3
"""Times that the directory is settled before it must be: an answer may have come behind it."""

_PROGRAMS: Final[dict[str, Program]] = {"detect": Detect("events"), "send": Send()}  # type: ignore[type-arg]  # of any state


class Report(msgspec.Struct):
    """What was moved.

    Attributes:
        states: Customers, by process.
        actions: Records that the sender has not read yet; marks count once a partition.
        rulesets: Records of the topic.
        memberships: Customers and segments of which anything is known.
    """

    to: Moved
    states: dict[str, int] = {}
    actions: int = 0
    rulesets: int = 0
    memberships: int = 0


async def move(
    settings: Settings,
    directory: Directory,
    *,
    accept_clock: bool = False,
    on_progress: Progress = lambda *_: None,
) -> Report:
    """Move the installation in *directory*, which this process holds, to the Kafka in *settings*.

    Raises:
        WorldChangedError: It has moved already, or another move was begun; or the topics there are
            not empty, or in use.
        TriggerstreamError: What else may end a process on either side. Nothing is lost: it can be
            called again.
    """
    begun = directory.moved()
    if begun is not None and begun.is_done:
        raise refusal(begun, str(directory.path))
    async with Target(settings) as target:
        place = await target.place()
        await target.require_idle()
        if begun is None:
            await target.require_empty()
            await _settle(settings, directory, accept_clock=accept_clock, on_progress=on_progress)
            directory.move_to(place)
        elif msgspec.structs.replace(begun, bootstrap=place.bootstrap) != place:
            raise refusal(begun, str(directory.path))
        with Source(directory) as source:
            report = await _Transfer(settings, source, target, place, on_progress).run()
        await target.require_idle()
    report.to = msgspec.structs.replace(place, is_done=True)
    directory.move_to(report.to)
    return report


async def _settle(
    settings: Settings, directory: Directory, *, accept_clock: bool, on_progress: Progress
) -> None:
    for count in range(_SETTLES):
        on_progress("deciding what came in", count)
        await settle(settings, directory, accept_clock=accept_clock)
        with Source(directory) as source:
            if source.is_settled():
                return
    message = f"{directory.path}: events keep coming in; nothing was moved"
    raise ProtocolError(message)


class _Transfer:
    """Appends all that *source* holds to *target*."""

    def __init__(
        self,
        settings: Settings,
        source: Source,
        target: Target,
        place: Moved,
        on_progress: Progress,
    ) -> None:
        self._header_clock = settings.clock == "header"
        self._source = source
        self._target = target
        self._place = place
        self._tell = on_progress
        self._report = Report(place)

    async def run(self) -> Report:
        await self._rulesets()
        for process in INPUTS:
            await self._states(process)
        await self._actions()
        await self._segments()
        for process in INPUTS:
            await self._begin(process)
        return self._report

    async def _rulesets(self) -> None:
        for records in self._source.records("rulesets"):
            await self._target.append([Produce("rulesets", 0, r.key, r.value) for r in records])
            self._report.rulesets += len(records)
            self._tell("rulesets", self._report.rulesets)

    async def _states(self, process: str) -> None:
        program, moved = _PROGRAMS[process], 0
        for states in self._source.states(process):
            await self._target.store(
                process, [(customer, transplant(program, value)) for customer, value in states]
            )
            moved += len(states)
            self._tell(f"states of {process}", moved)
        self._report.states[process] = moved

    async def _actions(self) -> None:
        there = await self._target.appended("actions")
        for records in self._rest():
            missing: list[Produce] = []
            for record in records:
                number = record.partition or 0
                if there[number]:
                    there[number] -= 1
                else:
                    missing.append(record)
            await self._target.append(missing)
            self._report.actions += len(records)
            self._tell("actions", self._report.actions)
        if any(there.values()):
            message = (
                f"topics {self._place.prefix}.*: somebody else has appended actions there while "
                "they were moved. Begin anew under another prefix: `triggerstream move --abandon`"
            )
            raise WorldChangedError(message)

    def _rest(self) -> Iterator[list[Produce]]:
        record = self._source.record("send")
        rest = Rest(
            self._place.partitions,
            since=record.offset + 1,
            clock=record.clock,
            header_clock=self._header_clock,
        )
        placed: list[Produce] = []
        for records in self._source.records("actions"):
            placed.extend(one for each in records for one in rest.take(each))
            if len(placed) >= RECORDS:
                yield placed
                placed = []
        if placed:
            yield placed

    async def _segments(self) -> None:
        """Append who is in which segment, under no position: the first that is decided over the
        new log is newer. It may stand there twice."""
        newest: dict[bytes, bytes | None] = {}
        for records in self._source.records(SEGMENTS):
            newest.update({each.key: each.value for each in records if each.key is not None})
        rows = [(key, value) for key, value in newest.items() if value is not None]
        for start in range(0, len(rows), RECORDS):
            await self._target.append(
                [
                    Produce(SEGMENTS, partition_of(key.rpartition(b"/")[0], self._place.partitions),
                            key, value)
                    for key, value in rows[start : start + RECORDS]
                ]
            )  # fmt: skip
        self._report.memberships = len(rows)
        self._tell(SEGMENTS, len(rows))

    async def _begin(self, process: str) -> None:
        first = first_record(
            self._source.record(process), topic_id=self._place.topic_ids[INPUTS[process]]
        )
        numbers = range(self._place.partitions)
        await self._target.begin(process, dict.fromkeys(numbers, first.encode()))
        self._tell(f"partitions of {process}", self._place.partitions)
