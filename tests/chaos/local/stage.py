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
from tests.chaos.trial import Line
from tests.e2e.sinks import open_sinks
from triggerstream.stream.ports import RECORD_LIMIT


class LocalStage(Stage):
    """One scenario's."""

    partitions = 1
    largest = RECORD_LIMIT

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
        return Installation(directory, triggers, settings)

    @asynccontextmanager
    async def trial(
        self,
        lines: Sequence[Line] | None = None,
        *,
        triggers: Path = TRIGGERS,
        settings: Mapping[str, str] | None = None,
        **options: Any,
    ) -> AsyncIterator[LocalTrial]:
        async with open_sinks() as sinks:
            reached = {**sinks.settings, **(settings or {})}
            with self.installation(triggers=triggers, settings=reached) as installation:
                async with LocalTrial(self, installation, lines, sinks=sinks, **options) as trial:
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
        """As `Stage.sending`: the engine is all of it. An option is ``module``, what is run in the
        place of ``triggerstream up``, with ``engine DIR``."""
        with self.installation(name, triggers=triggers, settings=settings) as installation:
            if (module := options.get("module")) is None:
                installation.up()
            else:
                installation.start(module, "engine", str(installation.directory))
            await installation.ready()
            yield installation, LocalWatch(installation)
