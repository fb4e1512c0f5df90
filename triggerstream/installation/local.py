"""An installation in a directory of this machine, which `triggerstream up` runs.

What is read is read in its log. What is appended goes to the engine, which is the log's only
writer; where no engine runs, the command takes its place for that moment.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext, suppress
from pathlib import Path
from typing import Final

from triggerstream.errors import UnreachableError
from triggerstream.installation.port import Detection, Entrance, Remembered
from triggerstream.ops.health_client import NotAskedError, ask, customer_path
from triggerstream.stream.following import Follower
from triggerstream.stream.local.directory import Directory, Engine
from triggerstream.stream.local.entrance import LocalEntrance
from triggerstream.stream.local.follow import LocalFollower
from triggerstream.stream.local.reader import LogReader

_READER: Final = ("detect", "events")
"""By what name the log keeps how far detection has come, and in which topic."""
_PROCESSES: Final = ("detect", "send")


class LocalInstallation:
    """The `Installation` whose triggers are in *triggers*.

    Args:
        now: The machine's clock, epoch milliseconds.
    """

    def __init__(
        self, triggers: Path, *, now: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    ) -> None:
        self._triggers = triggers
        self._directory = Directory(triggers)
        self._now = now

    @property
    def engine(self) -> str:
        return f"triggerstream up {self._triggers}"

    def topic_name(self, topic: str) -> str:
        return topic

    def talking(self) -> AbstractContextManager[None]:
        return nullcontext()  # what is raised is in these words already

    async def reach(self, needs: Collection[str] = ()) -> None:
        self._directory.check()
        if needs and not self._directory.log.exists():
            msg = (
                f"required is the log {self._directory.log}; there is no such file: has "
                f"`{self.engine}` run yet?"
            )
            raise UnreachableError(msg)

    def follow(self, topics: Collection[str], customers: Collection[str] | None = None) -> Follower:
        return LocalFollower(self._directory.log, topics)  # all customers are in one partition

    @asynccontextmanager
    async def entrance(self) -> AsyncIterator[Entrance]:
        yield LocalEntrance(self._directory, now=self._now)

    async def make_rulesets_topic(self) -> None:
        if not self._directory.log.exists():
            async with self.entrance() as entrance:
                await (await entrance.append(()))

    @asynccontextmanager
    async def detection(self) -> AsyncIterator[Detection]:
        with LogReader(self._directory.log) as reader:
            yield _Detection(reader)

    async def inspect(self, customer: str) -> Mapping[str, Remembered]:
        engine = self._directory.engine()
        if engine is not None:
            with suppress(NotAskedError):
                return self._ask(engine, customer)
        why = (
            f"{self._triggers}: no engine runs here now that could be asked; start `{self.engine}`"
        )
        return dict.fromkeys(_PROCESSES, Remembered(why_unknown=why))

    def _ask(self, engine: Engine, customer: str) -> Mapping[str, Remembered]:
        """Return what *engine*, in which both programs run, remembers.

        Raises:
            NotAskedError: It has gone.
        """
        name = f"the engine of {self._triggers} (process {engine.pid})"
        token = self._directory.token()
        answers = ask(name, engine.health + customer_path(customer), token) or {}
        found = {process: answers.get(process) for process in _PROCESSES}
        return {
            process: Remembered(answer if answer and answer["known"] else None)
            for process, answer in found.items()
        }


class _Detection:
    def __init__(self, reader: LogReader) -> None:
        self._reader = reader

    async def has_committed(self, offsets: Mapping[int, int]) -> bool:
        position = self._reader.positions().get(_READER, 0)
        return all(position > offset for offset in offsets.values())
