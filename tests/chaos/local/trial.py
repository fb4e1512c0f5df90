"""A trial in one directory: the load comes by the engine's door, and the disk says how far it is."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from tests.chaos.local import system
from tests.chaos.local.installation import Installation
from tests.chaos.trial import LIMIT, TAILS, Line, Trial, until
from triggerstream.core.records.record import Produce
from triggerstream.stream.shutdown import STUCK

KILLED = -9
ENDS_WITHIN = 45.0
"""Seconds within which an engine whose supervisor is gone must end: what a stop may take, and
some."""


class LocalTrial(Trial[Installation]):
    """The engine is started again by its own supervisor; where that ends, it is by a row.

    Attributes:
        acknowledged: By value: how many appends of it were acknowledged.
    """

    def __init__(self, *args: Any, allowed: Iterable[int] = (STUCK,), **options: Any) -> None:
        super().__init__(*args, allowed={KILLED, *allowed}, **options)
        self.acknowledged: Counter[bytes | None] = Counter()

    async def __aenter__(self) -> Self:
        self.deployment.up()
        await self.ready()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self.stage.say(self.deployment.tails()[-TAILS:])
        self.deployment.close()

    async def ready(self, seconds: float = LIMIT) -> None:
        """Return when an engine listens."""

        async def is_listening() -> bool:
            code = self.deployment.has_ended()
            assert code is None, f"up has ended with {code}\n{self.deployment.tails()[-TAILS:]}"
            return self.deployment.listening() is not None

        await until(is_listening, seconds)

    async def end_without_supervisor(self) -> float:
        """Kill the supervisor; return after how many seconds all that ran below it has ended, by
        itself."""
        below = self.deployment.kill_supervisor()
        began = time.monotonic()

        async def are_gone() -> bool:
            return not any(map(system.is_running, below))

        await until(are_gone, ENDS_WITHIN)
        return time.monotonic() - began

    async def produce(self, lines: Iterable[Line]) -> None:
        sent = list(lines)
        await self.deployment.append(
            [Produce("events", 0, line.key, line.value, line.headers) for line in sent]
        )
        self.acknowledged.update(line.value for line in sent)

    # ── how far it is ───────────────────────────────────────────────────────────────────────

    async def _ends(self) -> Mapping[Any, int]:
        return {0: self.deployment.end_offset("events")}

    async def _behind(self, ends: Mapping[Any, int]) -> int:
        # What whoever polls does must not hold up who plays.
        contained = await asyncio.to_thread(self.deployment.contained, "detect")
        return max(0, ends[0] - contained)

    async def _are_well(self) -> bool:
        return self.deployment.listening() is not None

    async def settled(self) -> None:
        """Return when the sender, too, contains all that stands in the log."""

        async def is_done() -> bool:
            end = self.deployment.end_offset("actions")
            return await asyncio.to_thread(self.deployment.contained, "send") >= end

        await until(is_done, LIMIT)

    async def _stop_all(self) -> None:
        await self.settled()
        code = await asyncio.to_thread(self.deployment.stop)
        if code != 0:
            self.broken.append(f"SIGTERM: up exited with {code}")
        self.codes["engine"] = self.deployment.codes()
        await self._look_for_losses()
        await self._look_for_the_forgotten()

    # ── the verdict ─────────────────────────────────────────────────────────────────────────

    async def _look_for_losses(self) -> None:
        """Note as broken what was acknowledged, and is not in the log. What was repeated after a
        failure may be there more often."""
        found = Counter(record.value for record in await self.deployment.read("events"))
        lost = (self.acknowledged - found).total()
        if lost:
            self.broken.append(f"{lost} acknowledged events are not in the log")
        again = sum(min(found[v] - n, 1) for v, n in self.acknowledged.items() if found[v] > n)
        self.notes.append(f"{self.acknowledged.total()} acknowledged, {again} in the log again")

    async def _look_for_the_forgotten(self) -> None:
        """Note as broken what a killed parent has left running."""

        async def are_gone() -> bool:
            return not any(map(system.is_running, self.deployment.left_behind))

        try:
            await until(are_gone, ENDS_WITHIN)
        except TimeoutError:
            left = sum(map(system.is_running, self.deployment.left_behind))
            self.broken.append(f"{left} processes outlive their parent")
