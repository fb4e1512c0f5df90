"""The topic of the published rulesets in the local log: read to its end, then followed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from triggerstream.core.rulesets.ruleset import Ruleset, load_ruleset
from triggerstream.stream.local.log import LocalLog
from triggerstream.stream.rulesets import PublishedRulesets

TOPIC: Final = "rulesets"
_MOST: Final = 1000
"""Records read at a time."""


class LocalRulesets(PublishedRulesets):
    """Reads the topic of *log*.

    Args:
        on_failure: Told of an error that ends the reading; the process must stop by it.
    """

    def __init__(
        self,
        log: LocalLog,
        *,
        on_failure: Callable[[BaseException], None],
        load: Callable[..., Ruleset] = load_ruleset,
    ) -> None:
        super().__init__(load)
        self._log = log
        self._on_failure = on_failure
        self._offset = 0
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the topic to its present end, and put its newest ruleset in force.

        Raises:
            TriggerstreamError: The newest ruleset cannot be loaded by this version of the code.
        """
        self._offset = self._log.start_offset(TOPIC)
        await self._read()
        await self.begin()
        self._log.on_append(TOPIC, self._go_on)

    async def stop(self) -> None:
        """Wait for what is being read."""
        if self._reading is not None:
            await self._reading

    async def _read(self) -> int | None:
        """Read to the end; return the newest version that came, if one did."""
        version = None
        while self._offset < self._log.end_offset(TOPIC):
            records, self._offset = self._log.read(TOPIC, self._offset, _MOST)
            version = await self.take(records, self._offset) or version
        return version

    def _go_on(self) -> None:
        if self._reading is None or self._reading.done():
            self._reading = asyncio.ensure_future(self._follow())

    async def _follow(self) -> None:
        try:
            # What comes while a ruleset is compiled is read before this ends.
            while self._offset < self._log.end_offset(TOPIC):
                if (version := await self._read()) is not None:
                    await self.try_in_force(version)
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the process
            self._on_failure(error)
