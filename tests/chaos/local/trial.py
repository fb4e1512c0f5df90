"""A trial in one directory: the load comes by the engine's door, the disk says how far it is."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from tests.chaos.local import system
from tests.chaos.local.installation import Installation
from tests.chaos.local.sent import Sent
from tests.chaos.trial import LIMIT, TAILS, Line, Trial, until
from tests.e2e.sinks import Sinks
from triggerstream.core.records.record import Produce
from triggerstream.stream.shutdown import STUCK

KILLED = -9
ENDS_WITHIN = 45.0
"""Seconds within which an engine whose supervisor is gone must end: what a stop may take, and
some."""


class LocalTrial(Trial[Installation]):
    """The engine is started again by its own supervisor; where that ends, it is by a row.

    Args:
        sinks: Where its messages end.

    Attributes:
        acknowledged: By value: how many appends of it were acknowledged.
    """

    def __init__(
        self, *args: Any, sinks: Sinks, allowed: Iterable[int] = (STUCK,), **options: Any
    ) -> None:
        super().__init__(*args, allowed={KILLED, *allowed}, **options)
        self.sinks = sinks
        self.acknowledged: Counter[bytes | None] = Counter()
        self._strike: asyncio.Event | None = None

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
        below = self.deployment.strike_supervisor()
        began = time.monotonic()

        async def are_gone() -> bool:
            return not any(map(system.is_running, below))

        await until(are_gone, ENDS_WITHIN)
        return time.monotonic() - began

    async def strike_when_acknowledged(self) -> None:
        """SIGKILL the engine at the very moment at which it has acknowledged the next append:
        what is acknowledged is durable by then, or lost."""
        self._strike = asyncio.Event()
        await self._strike.wait()

    async def produce(self, lines: Iterable[Line]) -> None:
        sent = list(lines)
        records = [Produce("events", 0, line.key, line.value, line.headers) for line in sent]
        strike = self._strike
        if strike is not None:
            await self.ready()
        engine = self.deployment.running_engine() if strike is not None else None
        async with asyncio.timeout(LIMIT):  # nobody waits for ever for what has ended
            await self.deployment.append(records)
        if strike is not None and engine is not None:
            self.deployment.strike(engine)
            self._strike = None
            strike.set()
        self.acknowledged.update(line.value for line in sent)

    def following(self, count: int) -> list[bytes]:
        """Return the next events of the load, which stay to be played."""
        lines = self._lines[self._played : self._played + count]
        return [line.value for line in lines if line.value is not None]

    async def stop(self) -> None:
        """End it with SIGTERM; anything but an exit with 0 is wrong."""
        code = await asyncio.to_thread(self.deployment.stop)
        if code != 0:
            self.broken.append(f"SIGTERM: up exited with {code}")

    # ── how far it is ───────────────────────────────────────────────────────────────────────

    async def _ends(self) -> Mapping[Any, int]:
        return {0: self.deployment.end_offset("events")}

    async def _behind(self, ends: Mapping[Any, int]) -> int:
        code = self.deployment.has_ended()
        assert code is None, f"up has ended with {code}"
        # What whoever polls does must not hold up who plays.
        contained = await asyncio.to_thread(self.deployment.contained, "detect")
        return max(0, ends[0] - contained)

    async def _are_well(self) -> bool:
        return self.deployment.listening() is not None

    async def sent(self) -> None:
        """Return when the sender contains all that stands in the log, and nothing is under way."""

        async def is_done() -> bool:
            end = self.deployment.end_offset("actions")
            if await asyncio.to_thread(self.deployment.contained, "send") < end:
                return False
            return not (await asyncio.to_thread(self.deployment.stored, "send")).pending()

        await until(is_done, LIMIT)

    async def _stop_all(self) -> None:
        await self.sent()
        await self.stop()
        self.codes["engine"] = self.deployment.codes()
        await self._look_for_losses()
        await self._look_at_what_was_sent()
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

    async def _look_at_what_was_sent(self) -> None:
        sent = Sent(await self.deployment.firings(), await self.deployment.deliveries(), self.sinks)
        self.notes.append(str(sent))
        self.broken += sent.wrong

    async def _look_for_the_forgotten(self) -> None:
        """Note as broken what a killed parent has left running."""

        async def are_gone() -> bool:
            return not any(map(system.is_running, self.deployment.left_behind))

        try:
            await until(are_gone, ENDS_WITHIN)
        except TimeoutError:
            left = sum(map(system.is_running, self.deployment.left_behind))
            self.broken.append(f"{left} processes outlive their parent")
