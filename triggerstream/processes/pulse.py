"""About once a second: what the health server and the metrics say of the keyed processes here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from triggerstream.ops.health import Health
from triggerstream.ops.interpreter import spare_new_states
from triggerstream.processes.keyed import Keyed
from triggerstream.stream.rulesets import PublishedRulesets

_log = logging.getLogger(__name__)

BEAT = 1.0
"""Seconds between two beats of the loop."""
LOOK = 0.02
"""Seconds between two looks at whether the process is ready, for as long as it is not: who waits
for that is not to wait for a beat."""
PATIENCE = 3
"""Beats without a ruleset before that is said: one that was just published is being compiled."""


class Pulse:
    """Beats until it is cancelled.

    Args:
        is_settled: Whether all partitions that are ours are restored, opened and being read.
        follows: Whether partitions are followed for others: a process that owns none, and follows
            some, is of use.
    """

    def __init__(
        self,
        health: Health,
        parts: Sequence[Keyed],
        rulesets: PublishedRulesets,
        *,
        is_settled: Callable[[], bool],
        follows: Callable[[], bool] = lambda: False,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._health = health
        self._parts = parts
        self._rulesets = rulesets
        self._is_settled = is_settled
        self._follows = follows
        self._sleep = sleep
        self._owned: dict[str, list[int]] = {part.role.name: [] for part in parts}
        self._shown: tuple[int, str] | None = None
        self._without = 0

    async def beat(self) -> None:
        while True:
            self._health.beat()
            spare_new_states()
            self._look()
            for part in self._parts:
                self._tell(part)
                part.notices.flush()
            self._look_at_rulesets()
            left = BEAT
            while left > 0 and self._health.why_not_ready():
                await self._sleep(LOOK)
                left -= LOOK
                self._look()
            await self._sleep(max(left, 0))

    def _look(self) -> None:
        """See whether the process is ready."""
        self._health.is_recovered = self._is_settled()
        running = [part.process for part in self._parts if part.process is not None]
        if len(running) == len(self._parts):
            self._health.is_assigned = self._follows() or all(
                process.numbers for process in running
            )
            self._health.has_ruleset = all(process.is_ready for process in running)

    def _tell(self, part: Keyed) -> None:
        process = part.process
        if process is None:
            return
        if process.numbers != self._owned[part.role.name]:
            self._owned[part.role.name] = process.numbers
            part.metrics.assign(process.numbers)
        for number, records, seconds in process.lags():
            part.metrics.set_lag(number, records, seconds)
        part.metrics.set_cached(process.cached)

    def _look_at_rulesets(self) -> None:
        newest = self._rulesets.newest()
        if newest is None and self._health.is_recovered:
            self._without += 1
            if self._without == PATIENCE:
                _log.warning("no ruleset is in force: publish one by `triggerstream deploy DIR`")
        if newest is None or newest == self._shown:
            return
        self._shown = newest
        ruleset = self._rulesets.get(newest[0])
        if ruleset is None:
            return
        for part in self._parts:
            part.metrics.use_ruleset(*newest, ruleset.source.triggers)
        count = len(ruleset.source.triggers)
        _log.info("newest ruleset: version %d, %d triggers", newest[0], count)
