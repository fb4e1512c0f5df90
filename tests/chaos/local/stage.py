"""A stage in one directory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.chaos.local.installation import Installation
from tests.chaos.local.trial import LocalTrial
from tests.chaos.local.watch import LocalWatch
from tests.chaos.stage import TRIGGERS, Stage
from tests.chaos.trial import Line, until

READY = 60.0
"""Seconds within which an installation is ready, on a machine that has other things to do."""


class LocalStage(Stage):
    """One scenario's."""

    partitions = 1

    def installation(
        self,
        name: str = "installation",
        *,
        triggers: Path = TRIGGERS,
        settings: Mapping[str, str] | None = None,
    ) -> Installation:
        """Return an installation in a directory of its own. Use it as a context manager."""
        directory = self.directory / name
        directory.mkdir(exist_ok=True)
        return Installation(directory, triggers, settings=settings)

    @asynccontextmanager
    async def trial(self, lines: Sequence[Line], **options: Any) -> AsyncIterator[LocalTrial]:
        with self.installation() as installation:
            async with LocalTrial(self, installation, lines, **options) as trial:
                yield trial

    @asynccontextmanager
    async def sending(
        self,
        name: str,
        triggers: Path,
        settings: Mapping[str, str],
        senders: Sequence[str],
        **options: Any,
    ) -> AsyncIterator[tuple[Installation, LocalWatch]]:
        with self.installation(name, triggers=triggers, settings=settings) as installation:
            installation.up()

            async def is_listening() -> bool:
                return installation.listening() is not None

            await until(is_listening, READY)
            yield installation, LocalWatch(installation)
