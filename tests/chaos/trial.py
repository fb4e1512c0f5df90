"""One installation under load, its faults, how long each took to recover from, and the verdict.

What a trial asks of the world it is played in is said by `KafkaTrial` and by `local.LocalTrial`.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import chain
from typing import Any, Generic, TypeVar

import msgspec
import orjson

from tests.chaos.judging import Installed, judge
from tests.chaos.rows import Row
from tests.chaos.stage import Stage
from triggerstream.core.records.record import ARRIVAL
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.errors import LeaseExpiredError, ProtocolError, UnreachableError
from triggerstream.replay.lines import read_arrival
from triggerstream.stream.shutdown import STUCK

RESTARTABLE = frozenset(
    {LeaseExpiredError.exit_code, ProtocolError.exit_code, UnreachableError.exit_code, STUCK}
)
"""Exit codes after which a supervisor is right to start a process again: lost its lease, could
not append, could not reach the broker, did not stop in time. Any other one is counted as wrong."""

_CHUNK = 50
TAILS = 12_000
"""Characters of the processes' logs that are told of what went wrong."""
POLL = 0.1
QUIET = 16.0
"""Seconds until everything has come due where the broker is the clock: the longest wait of the
live triggers, the allowed lateness, and some."""
LIMIT = 240.0
"""Seconds after which a recovery is given up: the row is wrong."""


World = TypeVar("World", bound=Installed)


class Line(msgspec.Struct, frozen=True):
    """One record to be produced; without a partition it goes where its key belongs."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int | None = None


def lines_of(events: Iterable[bytes], *, stamped: bool = True) -> list[Line]:
    """Return *events* as records, with their own time as their arrival where they are *stamped*."""
    lines = []
    for value in events:
        headers: tuple[tuple[str, bytes], ...] = ()
        if stamped:
            headers = ((ARRIVAL, b"%d" % read_arrival(value)[0]),)
        lines.append(Line(orjson.loads(value)["customer_id"].encode(), value, headers))
    return lines


async def until(is_so: Callable[[], Awaitable[bool]], seconds: float) -> None:
    """Return when *is_so*; ask again and again.

    Raises:
        TimeoutError: It was not within *seconds*.
    """
    async with asyncio.timeout(seconds):
        while True:
            if await is_so():
                return
            await asyncio.sleep(POLL)


class Trial(ABC, Generic[World]):
    """Plays a log to an installation while faults are injected. An asynchronous context manager.

    Processes that end by themselves are started again.

    Args:
        lines: The load; the shop's log if ``None``.
        decided: What `replay` decides on the load, if that is known.
        others: A customer whom `replay` was not told of.
        allowed: Exit codes of a process that ends by itself which are in order here.

    Attributes:
        recoveries: Seconds, one for each fault that was waited for.
        codes: What processes that ended by themselves exited with, by name.
        notes: What else the row should say.
    """

    def __init__(
        self,
        stage: Stage,
        deployment: World,
        lines: Sequence[Line] | None = None,
        *,
        rulesets: Mapping[int, Ruleset] | None = None,
        decided: Mapping[str, Mapping[str, Any]] | None = None,
        others: bytes = b"",
        allowed: Iterable[int] = RESTARTABLE,
    ) -> None:
        self.stage = stage
        self.deployment = deployment
        self.rulesets = dict(rulesets or {1: stage.shop.ruleset})
        self.recoveries: list[float] = []
        self.codes: defaultdict[str, list[int]] = defaultdict(list)
        self.notes: list[str] = []
        self.broken: list[str] = []
        self._decided = stage.expected if lines is None else decided
        self._others = others.decode()
        self._lines = lines_of(stage.shop.log) if lines is None else lines
        self._played = 0
        self._allowed = frozenset(allowed)

    # ── the world ───────────────────────────────────────────────────────────────────────────

    @abstractmethod
    async def produce(self, lines: Iterable[Line]) -> None:
        """Append *lines* to the events topic, and return when they are acknowledged."""

    @abstractmethod
    async def _ends(self) -> Mapping[Any, int]:
        """Return where the events topic ends, by partition."""

    @abstractmethod
    async def _behind(self, ends: Mapping[Any, int]) -> int:
        """Return how many records below *ends* no committed checkpoint contains; more than 0 if
        unknown."""

    @abstractmethod
    async def _are_well(self) -> bool:
        """Return whether every process does its part, and none is about to end."""

    @abstractmethod
    async def _stop_all(self) -> None:
        """End every process in order."""

    # ── load ────────────────────────────────────────────────────────────────────────────────

    @asynccontextmanager
    async def load(self, share: float, seconds: float) -> AsyncIterator[None]:
        """Play the next *share* of the log, evenly over *seconds*, while the block runs."""
        playing = asyncio.create_task(self.play(share, seconds))
        try:
            yield
            await playing
        finally:
            playing.cancel()

    async def play(self, share: float, seconds: float = 0.0) -> None:
        """Append the next *share* of the log, evenly over *seconds*; return when it is there."""
        end = min(len(self._lines), self._played + round(share * len(self._lines)))
        chunks = max(1, -(-(end - self._played) // _CHUNK))
        while self._played < end:
            chunk = self._lines[self._played : min(end, self._played + _CHUNK)]
            self._played += len(chunk)
            await self.produce(chunk)
            await asyncio.sleep(seconds / chunks)

    # ── recovery ────────────────────────────────────────────────────────────────────────────

    async def recovered(self, seconds: float = LIMIT) -> float:
        """Wait until all that is in the log now is committed; note and return the seconds."""
        began = time.monotonic()
        ends = await self._ends()

        async def is_committed() -> bool:
            return not await self._behind(ends)

        await until(is_committed, seconds)
        took = time.monotonic() - began
        self.recoveries.append(took)
        return took

    @property
    def clock(self) -> int:
        """The arrival of what was played last, where it is data."""
        return int(dict(self._lines[self._played - 1].headers)[ARRIVAL])

    async def settle(self) -> None:
        """Play what is left, let everything come due, and return when all of it is committed, by
        processes that are all at work."""
        await self.play(1.0)
        if self.deployment.header_clock:
            await self.deployment.tick(self.stage.shop.until)
        else:
            await asyncio.sleep(QUIET)

        async def is_done() -> bool:
            return not await self._behind(await self._ends())

        await until(is_done, LIMIT)
        await until(self._are_well, LIMIT)

    # ── the verdict ─────────────────────────────────────────────────────────────────────────

    async def row(self, fault: str, injected: int, *, repeats_are_wrong: bool = False) -> Row:
        """Settle, stop every process in order, and return what came of it."""
        await self.settle()
        await self._stop_all()
        verdict = await judge(
            self.deployment, self.rulesets, decided=self._decided, but=self._others
        )
        wrong, notes = verdict.wrong, [*self.notes]
        if repeats_are_wrong and verdict.doubled:
            wrong += verdict.doubled
            notes.append("no repeat is allowed here")
        unforeseen = [
            f"{name} exited with {code}"
            for name, codes in self.codes.items()
            for code in codes
            if code not in self._allowed
        ]
        wrong += len(unforeseen) + len(self.broken)
        worst = f"worst recovery {max(self.recoveries):.1f} s" if self.recoveries else ""
        ended = list(chain.from_iterable(self.codes.values()))
        if ended:
            told = ", ".join(f"{ended.count(code)} times {code}" for code in sorted(set(ended)))
            notes.append(f"ended by themselves: {told}")
        if wrong:
            self.stage.say(self.deployment.tails()[-TAILS:])
        said = [worst, *notes, *unforeseen, *self.broken[:5], verdict.note()]
        return Row(
            fault,
            injected,
            verdict.compared,
            wrong,
            verdict.doubled,
            statistics.median(self.recoveries) if self.recoveries else None,
            "; ".join(each for each in said if each),
        )

    def sleep_up_to(self, seconds: float) -> Any:
        """Return an awaitable that takes a random time."""
        return asyncio.sleep(self.stage.random.uniform(0, seconds))
