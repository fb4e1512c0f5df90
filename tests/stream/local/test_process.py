"""What a keyed process sees of the world on one machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stream.local.logs import NOW, append, opened, record
from triggerstream.core.keyed.memory_store import MemoryStore
from triggerstream.core.keyed.partition_record import PartitionRecord
from triggerstream.errors import DamagedError
from triggerstream.processes.supervisor import STAYS_DOWN
from triggerstream.stream.local.process import LocalInput, ProcessLog
from triggerstream.stream.ports import Acknowledged


async def test_changelog_offsets_go_on_from_what_the_store_contains(tmp_path: Path) -> None:
    contained = {0: 41, 1: None}
    async with opened(tmp_path / "log.db") as log:
        process = ProcessLog(log, contained.__getitem__, now=lambda: NOW)

        answers = [
            *await process.append_changelog(0, [(b"ca", b"1"), (b"cb", None)]),
            *await process.append_changelog(0, [(b"r", b"2")]),
            *await process.append_changelog(1, [(b"r", b"3")]),
        ]

        assert answers == [
            Acknowledged(42, 2, NOW),
            Acknowledged(44, 1, NOW),
            Acknowledged(0, 1, NOW),
        ]
        assert await process.read_changelog(0, 0, 50) == []
        assert log.topics() == []


async def test_two_processes_do_not_count_in_each_others_changelog(tmp_path: Path) -> None:
    async with opened(tmp_path / "log.db") as log:
        detect = ProcessLog(log, lambda _: None, now=lambda: NOW)
        send = ProcessLog(log, lambda _: 6, now=lambda: NOW)

        answers = [
            (await process.append_changelog(0, [(b"r", b"")]))[0].base_offset
            for process in (detect, send, detect, send)
        ]

    assert answers == [0, 7, 1, 8]


async def test_the_time_of_a_changelog_does_not_go_back(tmp_path: Path) -> None:
    """How long a grave has lain is told by it."""
    clock = iter([5, 3, 9])
    async with opened(tmp_path / "log.db") as log:
        process = ProcessLog(log, lambda _: None, now=lambda: next(clock))

        times = [(await process.append_changelog(0, [(b"r", b"")]))[0].timestamp for _ in range(3)]

    assert times == [5, 5, 9]


@pytest.mark.parametrize("contained", [-1, 5])
async def test_a_store_that_contains_less_than_it_did_is_damaged(
    tmp_path: Path, contained: int
) -> None:
    """It would send again what it has forgotten; a store whose files are gone is one, too."""
    async with opened(tmp_path / "log.db") as log:
        consumer = LocalInput(log, "send", "actions", still_ours=lambda: True)
        consumer.done(0, 6)
        store = MemoryStore()
        if contained >= 0:
            store.write(
                {},
                partition_record=PartitionRecord(offset=contained).encode(),
                changelog_offset=0,
            )

        with pytest.raises(
            DamagedError, match=rf"send/0 is damaged: .* ends at {contained + 1}\. .*from a backup"
        ) as refused:
            consumer.check(store)

    assert refused.value.exit_code in STAYS_DOWN


@pytest.mark.parametrize("contained", [6, 7])
async def test_a_store_that_contains_what_it_did_or_more_is_sound(
    tmp_path: Path, contained: int
) -> None:
    async with opened(tmp_path / "log.db") as log:
        consumer = LocalInput(log, "send", "actions", still_ours=lambda: True)
        consumer.done(0, 6)
        store = MemoryStore()
        record = PartitionRecord(offset=contained).encode()
        store.write({}, partition_record=record, changelog_offset=0)

        consumer.check(store)


async def test_what_is_done_is_known_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path / "log.db") as log:
        consumer = LocalInput(log, "intake", "inbox", still_ours=lambda: True)
        assert consumer.position == 0
        assert consumer.end_offset(0) == 0
        await append(log, record("a", topic="inbox"), record("b", topic="inbox"))
        consumer.done(0, 0)
        await consumer.commit()
        assert consumer.end_offset(0) == 2

    async with opened(tmp_path / "log.db") as log:
        held = [True]
        consumer = LocalInput(log, "intake", "inbox", still_ours=lambda: held[0])
        assert consumer.position == 1
        assert consumer.end_offset(0) == 2
        assert consumer.still_ours()
        held[0] = False
        assert not consumer.still_ours()
