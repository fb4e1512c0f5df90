"""What a command learns of a local installation: from its engine, and from its log."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from triggerstream.core.records.record import Produce
from triggerstream.errors import UnreachableError
from triggerstream.installation.local import LocalInstallation
from triggerstream.installation.port import Remembered
from triggerstream.ops.health import Health, HealthServer
from triggerstream.ops.owner import Inspect, Owner
from triggerstream.stream.local.directory import Directory, Engine
from triggerstream.stream.local.log import LocalLog

NOW = 1_772_359_200_000
KNOWN = {"customer_id": "a/b", "known": True}
UNKNOWN = {"customer_id": "a/b", "known": False}


@pytest.fixture(name="directory")
def _directory(tmp_path: Path) -> Directory:
    return Directory(tmp_path)


@pytest.fixture(name="installation")
def _installation(tmp_path: Path) -> LocalInstallation:
    return LocalInstallation(tmp_path, now=lambda: NOW)


@contextmanager
def engine(directory: Directory, inspect: Inspect) -> Iterator[None]:
    """Run an engine's health server, which asks *inspect*."""
    with directory:
        owner = Owner(inspect=inspect, token=directory.token())
        server = HealthServer(Health(), CollectorRegistry(), host="127.0.0.1", port=0, owner=owner)
        server.start()
        directory.tell(Engine(os.getpid(), f"http://127.0.0.1:{server.port}", "", ""))
        yield
        server.stop()


@asynccontextmanager
async def log(directory: Directory) -> AsyncIterator[LocalLog]:
    with directory:
        log = LocalLog(directory.log, now=lambda: NOW)
        await log.start()
        try:
            yield log
        finally:
            await log.stop()


# ── what is remembered ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("answer", "detect", "send"),
    [
        ({"detect": KNOWN, "send": KNOWN}, KNOWN, KNOWN),
        ({"detect": KNOWN, "send": UNKNOWN}, KNOWN, None),
        ({"detect": UNKNOWN, "send": UNKNOWN}, None, None),
        ({"detect": KNOWN}, KNOWN, None),
        (None, None, None),
    ],
    ids=["by both", "by one", "by neither", "by the only one", "nothing at all"],
)
async def test_the_engine_answers_for_both_programs(
    directory: Directory, installation: LocalInstallation, answer: Any, detect: Any, send: Any
) -> None:
    asked: list[str] = []

    def inspect(customer: str) -> Any:
        asked.append(customer)
        return answer

    with engine(directory, inspect):
        found = await installation.inspect("a/b")

    assert found == {"detect": Remembered(detect), "send": Remembered(send)}
    assert asked == ["a/b"]


async def test_an_engine_that_cannot_answer_says_why(
    directory: Directory, installation: LocalInstallation
) -> None:
    def inspect(_: str) -> Any:
        raise LookupError("partition 0 is not owned by this process")

    with engine(directory, inspect), pytest.raises(UnreachableError) as told:
        await installation.inspect("ada")

    assert str(told.value) == (
        f"the engine of {directory.path.parent} (process {os.getpid()}): an answer from its health "
        "server; found: partition 0 is not owned by this process"
    )


@pytest.mark.parametrize("has_told", [False, True], ids=["starting", "stopping"])
async def test_an_engine_that_does_not_listen_cannot_be_asked(
    directory: Directory, installation: LocalInstallation, has_told: bool
) -> None:
    with directory:
        if has_told:
            directory.tell(Engine(os.getpid(), "http://127.0.0.1:1", "", ""))
        found = await installation.inspect("ada")

    shop = directory.path.parent
    why = f"{shop}: no engine runs here now that could be asked; start `triggerstream up {shop}`"
    assert found == dict.fromkeys(("detect", "send"), Remembered(why_unknown=why))


# ── how far detection has come ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("position", "is_done"), [(7, False), (8, True), (9, True)])
async def test_detection_is_done_with_what_is_before_its_position(
    directory: Directory, installation: LocalInstallation, position: int, is_done: bool
) -> None:
    async with log(directory) as writing:
        writing.note_position("detect", "events", position)
        writing.note_position("detect", "inbox", 100)
        writing.note_position("send", "events", 100)
        await (await writing.append([Produce("events", 0, b"c", b"{}")]))

        async with installation.detection() as detection:
            assert await detection.has_committed({0: 7}) == is_done


async def test_where_nothing_was_ever_decided_detection_is_not_done(
    directory: Directory, installation: LocalInstallation
) -> None:
    async with log(directory), installation.detection() as detection:
        assert not await detection.has_committed({0: 0})
