"""Appending to a local log from a command: through its engine, or in its place."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from triggerstream.core.records.record import KIND, Kind, Produce
from triggerstream.errors import SettingsError, UnreachableError
from triggerstream.ops.health import Health, HealthServer
from triggerstream.ops.settings import load_settings
from triggerstream.processes.local import LocalWorld
from triggerstream.stream.local import entrance as module
from triggerstream.stream.local.directory import Directory, Engine
from triggerstream.stream.local.entrance import AGAIN, READY_WITHIN, LocalEntrance
from triggerstream.stream.local.reader import LogReader

NOW = 1_772_359_200_000


class Patience:
    """A clock that goes on as far as somebody pauses, and something that happens meanwhile."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.happens: list[AsyncIterator[None]] = []

    def __call__(self) -> float:
        return self.now

    async def pause(self, seconds: float) -> None:
        self.now += seconds
        for each in self.happens:
            await anext(each, None)


@pytest.fixture(name="directory")
def _directory(tmp_path: Path) -> Directory:
    return Directory(tmp_path)


@pytest.fixture(name="patience")
def _patience() -> Patience:
    return Patience()


@pytest.fixture(name="entrance")
def _entrance(directory: Directory, patience: Patience) -> LocalEntrance:
    return LocalEntrance(
        Directory(directory.path.parent), now=lambda: NOW, pause=patience.pause, clock=patience
    )


@asynccontextmanager
async def engine(directory: Directory, pid: int = os.getpid()) -> AsyncIterator[None]:
    """Run an engine's log and its health server, by which it appends for others."""
    with directory:
        async with LocalWorld(load_settings({}), directory, accept_clock=True) as world:
            directory.tell(Engine(pid, world.health_url, "", ""))
            yield
            directory.hush()


def event(name: str, topic: str = "events") -> Produce:
    return Produce(topic, None, name.encode(), b"{}", ((KIND, Kind.ERASE), ("x", None)))


def keys(directory: Directory, topic: str = "events") -> list[bytes | None]:
    with LogReader(directory.log) as reader:
        return [record.key for record in reader.read(topic, 0, 10_000)[0]]


async def append(entrance: LocalEntrance, *names: str, topic: str = "events") -> list[int]:
    """Append records of *names*, and return where they lie."""
    answers = await (await entrance.append([event(name, topic) for name in names]))
    return [answer.base_offset + number for answer in answers for number in range(answer.count)]


async def test_where_an_engine_runs_it_appends(
    directory: Directory, entrance: LocalEntrance
) -> None:
    async with engine(directory):
        offsets = await append(entrance, "a", "b")
        with LogReader(directory.log) as reader:
            [first, _] = reader.read("events", 0, 10)[0]

    assert offsets == [0, 1]
    assert (first.key, first.value, first.partition) == (b"a", b"{}", 0)
    assert tuple(first.headers) == ((KIND, Kind.ERASE), ("x", None))


async def test_where_none_runs_the_command_does_and_gives_the_lock_back(
    directory: Directory, entrance: LocalEntrance
) -> None:
    first = await append(entrance, "a", "b")
    second = await append(entrance, "c")

    assert (first, second) == ([0, 1], [2])
    assert directory.owner() is None
    with LogReader(directory.log) as reader:
        assert [record.timestamp for record in reader.read("events", 0, 10)[0]] == [NOW] * 3


async def test_an_engine_may_start_and_stop_between_two_appends(
    directory: Directory, entrance: LocalEntrance
) -> None:
    await append(entrance, "a")
    async with engine(directory):
        await append(entrance, "b")
    await append(entrance, "c")

    assert keys(directory) == [b"a", b"b", b"c"]


async def test_what_a_killed_engine_has_left_is_no_engine(
    directory: Directory, entrance: LocalEntrance
) -> None:
    with directory:
        directory.tell(Engine(os.getpid(), "http://127.0.0.1:1", "", ""))

    assert await append(entrance, "a") == [0]


async def test_appends_keep_the_order_of_their_calls(
    directory: Directory, entrance: LocalEntrance
) -> None:
    names = [str(number) for number in range(20)]
    async with engine(directory):
        under_way = [await entrance.append([event(name)]) for name in names]
        for each in reversed(under_way):
            await each

    assert keys(directory) == [name.encode() for name in names]


async def test_what_is_too_much_for_one_request_goes_in_several(
    directory: Directory, entrance: LocalEntrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REQUEST", 100)
    names = [str(number) * 30 for number in range(9)]
    async with engine(directory):
        answers = await (await entrance.append([event(name) for name in names]))

    assert [(each.base_offset, each.count) for each in answers] == [(n, 1) for n in range(9)]
    assert keys(directory) == [name.encode() for name in names]


async def test_nothing_may_be_appended_too_and_makes_the_log(
    directory: Directory, entrance: LocalEntrance
) -> None:
    assert await append(entrance) == []
    assert directory.log.exists()
    async with engine(directory):
        assert await append(entrance) == []


async def test_who_holds_the_lock_is_waited_for_and_named_in_the_end(
    directory: Directory, entrance: LocalEntrance, patience: Patience
) -> None:
    with directory, pytest.raises(UnreachableError) as refused:
        await append(entrance, "a")

    assert f"found that process {os.getpid()} has had the directory for 10 s" in str(refused.value)
    assert READY_WITHIN <= patience.now - 1000 < READY_WITHIN + 2 * AGAIN


async def test_an_engine_that_becomes_ready_meanwhile_appends(
    directory: Directory, entrance: LocalEntrance, patience: Patience
) -> None:
    async with engine(directory, pid=0):

        async def becomes_ready() -> AsyncIterator[None]:
            yield
            told = directory.path / "engine.json"
            told.write_text(told.read_text().replace('"pid":0', f'"pid":{os.getpid()}'))

        patience.happens.append(becomes_ready())

        assert await append(entrance, "a") == [0]


async def test_an_engine_that_is_stopping_is_waited_for(
    directory: Directory, entrance: LocalEntrance, patience: Patience
) -> None:
    directory.claim()
    directory.tell(Engine(os.getpid(), "http://127.0.0.1:1", "", ""))  # it listens no more

    async def stops() -> AsyncIterator[None]:
        yield
        directory.release()

    patience.happens.append(stops())

    assert await append(entrance, "a") == [0]


async def test_who_has_another_token_is_refused(
    directory: Directory, entrance: LocalEntrance
) -> None:
    async with engine(directory):
        (directory.path / "token").write_text("another one\n")
        with pytest.raises(UnreachableError, match="required is the admin token"):
            await append(entrance, "a")

    assert keys(directory) == []


async def test_a_topic_that_is_not_for_others_is_refused(
    directory: Directory, entrance: LocalEntrance
) -> None:
    async with engine(directory):
        with pytest.raises(UnreachableError, match=r"events, inbox, rulesets; found 'actions'"):
            await append(entrance, "a", topic="actions")


async def test_a_process_that_does_not_append_for_others_is_told(
    directory: Directory, entrance: LocalEntrance
) -> None:
    server = HealthServer(Health(), CollectorRegistry(), host="127.0.0.1", port=0)
    server.start()
    try:
        with directory:
            directory.tell(Engine(os.getpid(), f"http://127.0.0.1:{server.port}", "", ""))
            with pytest.raises(UnreachableError, match="found one that does not"):
                await append(entrance, "a")
    finally:
        server.stop()


async def test_a_directory_that_cannot_be_had_is_told_at_once(
    tmp_path: Path, patience: Patience
) -> None:
    (tmp_path / ".triggerstream").write_text("not a directory")
    entrance = LocalEntrance(
        Directory(tmp_path), now=lambda: NOW, pause=patience.pause, clock=patience
    )

    with pytest.raises(SettingsError, match="required is a directory"):
        await append(entrance, "a")

    assert patience.now == 1000
