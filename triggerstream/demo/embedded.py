"""The demo on this machine alone: ``triggerstream up`` over a copy of the shop's triggers."""

from __future__ import annotations

import shutil
from asyncio import to_thread
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import aiohttp

from triggerstream.core.records.record import Produce, Record
from triggerstream.demo.history import Played
from triggerstream.demo.processes import Process, ProcessEndedError
from triggerstream.demo.stage import Progress
from triggerstream.demo.tally import counts
from triggerstream.ops.entered import Entered
from triggerstream.ops.owner import APPEND, pack
from triggerstream.stream.local.directory import Directory
from triggerstream.stream.local.reader import LogReader

_READ: Final = 1000
"""Records that are read at once: the messages' receivers have their turn in between."""


class EmbeddedStage(Entered):
    """The `Stage` of one engine and its directory. An asynchronous context manager.

    What is appended goes by the engine, the only one to write to its log; what came of it is read
    from that log's file. How many records it has read are the engine's own numbers: the positions
    in the log are written down with the next append, so that the last ones would not show.

    Args:
        shop: A directory with ``triggers/``.
        directory: For a copy of it, the installation, and its logs.
        settings: The engine's, without the prefix of settings.
    """

    elsewhere = (
        "The same on a real Apache Kafka: make demo KAFKA=1 (it is fetched; Java 17 and Maven are\n"
        "required), or KAFKA_BOOTSTRAP=host:port make demo for one that you have."
    )

    def __init__(self, shop: Path, directory: Path, settings: Mapping[str, str]) -> None:
        self._shop = directory / "shop"
        shutil.copytree(shop / "triggers", self._shop / "triggers")
        self._directory = Directory(self._shop)
        self._settings = {**settings, "CLOCK": "header", "INGEST__PORT": "0"}
        self._states = directory
        self._pid = 0

    async def _enter(self, stack: AsyncExitStack) -> None:
        self._session = await stack.enter_async_context(aiohttp.ClientSession())
        command = ["up", str(self._shop)]
        self._engine = Process("engine", command, self._settings, self._states)
        stack.push_async_callback(to_thread, self._engine.stop)

    async def wait_until_ready(self) -> None:
        await self._engine.wait_until_ready()
        self._pid = self._directory.owner() or 0
        self._log = self._stack.enter_context(LogReader(self._directory.log))

    async def append(self, records: Sequence[Played]) -> None:
        self._check()
        body = pack(
            [Produce("events", 0, each.key, each.value, tuple(each.headers)) for each in records]
        )
        entitled = {"Authorization": f"Bearer {self._directory.token()}"}
        try:
            async with self._session.post(
                f"{self._engine.http}{APPEND}", data=body, headers=entitled
            ) as answer:
                if answer.status == 200:
                    return
                said = f"{answer.status}: {(await answer.text()).strip()}"
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._lost(error) from error
        raise ProcessEndedError(f"the engine did not append ({said}); its log: {self._engine.log}")

    async def progress(self) -> Progress:
        self._check()
        read = counts(await self.metrics(), "records_total", "records_rejected_total", by="topic")
        end = self._log.end_offset
        return Progress(read["events"], end("events"), read["actions"], end("actions"))

    async def read(self, topic: str) -> AsyncIterator[Record]:
        offset, end = self._log.start_offset(topic), self._log.end_offset(topic)
        while offset < end:
            records, offset = self._log.read(topic, offset, _READ)
            for record in records:
                yield record

    async def metrics(self) -> str:
        try:
            return await self._engine.metrics()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._lost(error) from error

    @property
    def places(self) -> Mapping[str, str]:
        engine = self._directory.engine()
        return {
            "way in": "" if engine is None else engine.ingest,
            "engine": f"{self._engine.http}/metrics",
            "its log": str(self._engine.log),
            "all it keeps": str(self._directory.path),
        }

    def _lost(self, error: Exception) -> ProcessEndedError:
        said = str(error) or repr(error)
        return ProcessEndedError(
            f"the engine does not answer ({said}); its log: {self._engine.log}"
        )

    def _check(self) -> None:
        """Require the engine that was started: one that was started again has counted from zero."""
        self._engine.check()
        if self._directory.owner() != self._pid:
            raise ProcessEndedError(f"the engine has ended; its log: {self._engine.log}")
