"""One installation of ``triggerstream up`` that is disturbed, and looked at from outside."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import aiohttp
from rocksdict import AccessType, Options, Rdict

from tests.chaos.local import system
from tests.chaos.local.system import Running
from tests.e2e import installation
from triggerstream.core.keyed.memory_store import MemoryStore
from triggerstream.core.keyed.partition_record import PartitionRecord
from triggerstream.core.records.record import Produce
from triggerstream.errors import TriggerstreamError
from triggerstream.ops.owner import APPEND, pack
from triggerstream.stream.local.directory import Engine

_ENDED: Final = re.compile(r"engine has ended \((-?\d+)\)")
_AGAIN: Final = 0.05
_CUSTOMER, _RECORD = b"c", b"mrecord"
"""Keys of a store, as `stream.rocksdb.store` says them."""


class Installation(installation.Installation):
    """A project in a directory, with a supervisor and an engine.

    Args:
        directory: For the project, a copy of *triggers*, and for the logs.

    Attributes:
        settings: The environment of processes that are started from now on.
        left_behind: Processes whose parent was killed: they must end by themselves.
    """

    partitions = 1

    def __init__(
        self, directory: Path, triggers: Path, settings: Mapping[str, str] | None = None
    ) -> None:
        home = directory / "home"
        shutil.copytree(triggers, home / "triggers", dirs_exist_ok=True)
        super().__init__(home, settings)
        self.left_behind: list[Running] = []

    @property
    def header_clock(self) -> bool:
        """Whether time is data here."""
        return self.settings["TRIGGERSTREAM_CLOCK"] == "header"

    def topic(self, short: str) -> str:
        return short

    # ── processes ───────────────────────────────────────────────────────────────────────────

    def start(self, module: str, *words: str) -> subprocess.Popen[bytes]:
        """Start *module*, which runs the engine, in its place."""
        with self.log.open("ab") as log:
            self._up = subprocess.Popen(
                [sys.executable, "-m", module, *words],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self._up

    def has_ended(self) -> int | None:
        """Return the exit code of ``up`` where it has ended by itself."""
        return None if self._up is None else self._up.poll()

    def running_engine(self) -> int | None:
        """Return the number of the supervisor's engine, ready or not; ``None`` where none runs."""
        if self._up is None or self._up.poll() is not None:
            return None
        found = system.children(self._up.pid)
        return found[0].number if found else None

    def kill(self) -> None:
        """SIGKILL what was started, where nothing supervises it."""
        assert self._up is not None
        self.left_behind += system.descendants(self._up.pid)
        self._up.kill()
        self._up.wait()

    def strike_engine(self) -> bool:
        """SIGKILL the supervisor's engine, ready or not, if there is one just now."""
        engine = self.running_engine()
        if engine is None:
            return False
        self.strike(engine)
        return True

    def strike(self, engine: int) -> None:
        """SIGKILL the engine with that number, at once."""
        system.stop(engine)  # so that it goes on with nothing while its children are looked up
        self.left_behind += system.descendants(engine)
        system.kill(engine)

    def strike_supervisor(self) -> list[Running]:
        """SIGKILL the supervisor; return what ran below it, and must end by itself."""
        process, self._up = self._up, None
        if process is None or process.poll() is not None:
            return []
        below = system.descendants(process.pid)
        self.left_behind += below
        process.kill()
        process.wait()
        return below

    def close(self) -> None:
        for each in self.strike_supervisor() + self.left_behind:
            if system.is_running(each):
                system.kill(each.number)

    # ── what it says ────────────────────────────────────────────────────────────────────────

    def tails(self) -> str:
        """Return all that its processes have said."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def codes(self) -> list[int]:
        """Return what engines have ended with, by what supervisors said."""
        return [int(each) for each in _ENDED.findall(self.tails())]

    def listening(self) -> Engine | None:
        """Return where the running engine listens, if it is ready."""
        try:
            return self.place.engine()
        except TriggerstreamError:
            return None

    @property
    def health(self) -> str:
        """The address of the engine's health server."""
        engine = self.listening()
        assert engine is not None, "no engine is ready"
        return engine.health

    # ── appending ───────────────────────────────────────────────────────────────────────────

    async def append(self, records: Sequence[Produce]) -> None:
        """Append *records* as a producer of Kafka's does: again and again until they are
        acknowledged, also while nothing runs.

        Raises:
            AssertionError: They are refused for good.
        """
        body = pack(records)
        async with aiohttp.ClientSession() as session:
            while True:
                if (engine := self.listening()) is not None:
                    headers = {"Authorization": f"Bearer {self.place.token()}"}
                    with suppress(aiohttp.ClientError, ConnectionError):
                        url = engine.health + APPEND
                        async with session.post(url, data=body, headers=headers) as answer:
                            if answer.status == HTTPStatus.OK:
                                return
                            assert answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR, answer
                await asyncio.sleep(_AGAIN)

    # ── what is on disk ─────────────────────────────────────────────────────────────────────

    def end_offset(self, short: str) -> int:
        with self._reader() as log:
            return log.end_offset(short)

    def stored(self, process: str) -> MemoryStore:
        """Return what the store of *process* holds, also while it is being written to."""
        database = self._look_into(process)
        try:
            content: dict[bytes, Any] = dict(database.items())  # type: ignore[arg-type] # the stub errs
        finally:
            database.close()
        store = MemoryStore()
        store.write(
            {key[1:]: value for key, value in content.items() if key[:1] == _CUSTOMER},
            partition_record=content.get(_RECORD),
            changelog_offset=0,
        )
        return store

    def contained(self, process: str) -> int:
        """Return the offset behind what the store of *process* durably contains; 0 if unknown."""
        try:
            database = self._look_into(process)
        except Exception:  # noqa: BLE001 - it is being made, or written to: rocksdict's own class
            return 0
        try:
            record: bytes | None = database.get(_RECORD)
        finally:
            database.close()
        return 0 if record is None else PartitionRecord.decode(record).offset + 1

    def _look_into(self, process: str) -> Rdict:
        """Open a store beside its owner: what is durable by now is seen."""
        return Rdict(
            str(self.place.path / process / "0"),
            Options(raw_mode=True),
            access_type=AccessType.read_only(),
        )
