"""One installation under load, its faults, how long each took to recover from, and the verdict."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import chain
from types import TracebackType
from typing import Any, Self

import msgspec
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests.chaos.judging import judge, position, restored
from tests.chaos.rows import Row
from tests.chaos.stage import Stage
from tests.e2e.deployment import Deployment
from triggerstream.core.records.record import ARRIVAL
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.errors import LeaseExpiredError, ProtocolError, UnreachableError
from triggerstream.replay.lines import read_arrival
from triggerstream.stream.shutdown import STUCK

CLIENT = "chaos"
"""What the load and the measurements call themselves to the broker: faults pass them by."""

RESTARTABLE = frozenset(
    {LeaseExpiredError.exit_code, ProtocolError.exit_code, UnreachableError.exit_code, STUCK}
)
"""Exit codes after which a supervisor is right to start a process again: lost its lease, could
not append, could not reach the broker, did not stop in time. Any other one is counted as wrong."""

_CHUNK = 50
_TAILS = 12_000
"""Characters of the processes' logs that are told of what went wrong."""
_POLL = 0.1
QUIET = 16.0
"""Seconds until everything has come due where the broker is the clock: the longest wait of the
live triggers, the allowed lateness, and some."""
LIMIT = 240.0
"""Seconds after which a recovery is given up: the row is wrong."""


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
            await asyncio.sleep(_POLL)


@asynccontextmanager
async def opened_admin(bootstrap: str, **options: Any) -> AsyncIterator[AIOKafkaAdminClient]:
    """Connect an admin client, with aiokafka's *options* besides, for the length of the block."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, client_id=CLIENT, **options)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


class Trial:
    """Plays a log to a deployment while faults are injected. An asynchronous context manager.

    Workers that end by themselves are started again, as a supervisor would.

    Args:
        lines: The load; the shop's log if ``None``.
        decided: What `replay` decides on the load, if that is known.
        others: A customer whom `replay` was not told of.
        allowed: Exit codes of a worker that ends by itself which are in order here.

    Attributes:
        recoveries: Seconds, one for each fault that was waited for.
        codes: What workers that ended by themselves exited with, by name.
        notes: What else the row should say.
    """

    def __init__(
        self,
        stage: Stage,
        deployment: Deployment,
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
        self._producer = AIOKafkaProducer(
            bootstrap_servers=deployment.bootstrap,
            client_id=CLIENT,
            enable_idempotence=True,
            linger_ms=5,
            max_request_size=16 << 20,
            request_timeout_ms=600_000,
        )
        self._supervisor: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start the first worker, ``w1``."""
        self.deployment.worker("w1")
        await self.deployment.wait_for_topics()
        await self._producer.start()
        self._supervisor = asyncio.create_task(self._supervise())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._supervisor is not None:
            self._supervisor.cancel()
            with suppress(asyncio.CancelledError):
                await self._supervisor
        if error is not None:
            self.stage.say(self.deployment.tails()[-_TAILS:])
        self.deployment.close()
        with suppress(KafkaError):
            await asyncio.wait_for(self._producer.stop(), 10)

    # ── workers ─────────────────────────────────────────────────────────────────────────────

    async def _supervise(self) -> None:
        while True:
            for name, process in list(self.deployment.processes.items()):
                code = process.poll()
                if code is not None and self.deployment.processes.get(name) is process:
                    self.codes[name].append(code)
                    self.deployment.worker(name)
            await asyncio.sleep(_POLL)

    async def reading(self, name: str = "w1", seconds: float = LIMIT) -> None:
        """Return when the newest process under *name* reads its partitions."""

        async def is_reading() -> bool:
            return self.deployment.is_reading(name)

        await until(is_reading, seconds)

    async def stop(self, name: str) -> None:
        """End it with SIGTERM; anything but an exit with 0 is wrong."""
        code = await asyncio.to_thread(self.deployment.stop, name)
        if code != 0:
            self.broken.append(f"SIGTERM: {name} exited with {code}")

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

    async def produce(self, lines: Iterable[Line]) -> None:
        """Append *lines* to the events topic, and return when they are acknowledged."""
        topic = self.deployment.topic("events")
        sent = [
            await self._producer.send(
                topic,
                line.value,
                key=line.key,
                headers=list(line.headers),
                partition=line.partition,
            )
            for line in lines
        ]
        await asyncio.gather(*sent)

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
    def _partitions(self) -> list[TopicPartition]:
        topic = self.deployment.topic("events")
        return [TopicPartition(topic, number) for number in range(self.deployment.partitions)]

    async def _ends(self) -> dict[TopicPartition, int]:
        while True:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self.deployment.bootstrap, group_id=None, client_id=CLIENT
            )
            try:
                await consumer.start()
                return dict(await consumer.end_offsets(self._partitions))
            except KafkaError:
                await asyncio.sleep(_POLL)
            finally:
                await consumer.stop()

    async def _committed(self) -> dict[TopicPartition, int]:
        """Return the offset that is to be read next, by partition.

        Raises:
            KafkaError: The broker or the group's coordinator does not answer.
        """
        async with opened_admin(self.deployment.bootstrap, request_timeout_ms=5000) as admin:
            found = await admin.list_consumer_group_offsets(
                self._group, partitions=self._partitions
            )
        return {tp: max(0, found[tp].offset) if tp in found else 0 for tp in self._partitions}

    async def _are_members(self) -> bool:
        """Return whether every worker reads, none is about to end, and the group counts in as
        many: who was cut off for long enough knows it, and is back."""
        deployment, names = self.deployment, list(self.deployment.processes)
        if not all(
            deployment.is_reading(name) and not deployment.is_ending(name) for name in names
        ):
            return False
        try:
            async with opened_admin(self.deployment.bootstrap, request_timeout_ms=5000) as admin:
                (answer,) = await admin.describe_consumer_groups([self._group])
        except KafkaError:
            return False
        _, _, state, _, _, members, *_ = answer.groups[0]
        return state == "Stable" and len(members) == len(names)

    @property
    def _group(self) -> str:
        return f"{self.deployment.prefix}.detect"

    async def _behind(self, ends: Mapping[TopicPartition, int]) -> int:
        """Return how many records below *ends* are not committed; more than 0 if unknown."""
        try:
            committed = await self._committed()
        except KafkaError:
            return 1
        return sum(max(0, end - committed[tp]) for tp, end in ends.items())

    async def check_commits(self) -> None:
        """Note as broken, while no worker runs, a commit behind which the changelog stands back:
        what it passed would be lost."""
        committed = await self._committed()
        for number, store in (await restored(self.deployment)).items():
            contained = position(store)
            found = committed[self._partitions[number]]
            if found > contained + 1:
                self.broken.append(f"{found} was committed; the changelog contains {contained}")

    @property
    def clock(self) -> int:
        """The arrival of what was played last, where it is data."""
        return int(dict(self._lines[self._played - 1].headers)[ARRIVAL])

    async def settle(self) -> None:
        """Play what is left, let everything come due, and return when all of it is committed, by
        workers who are all in the group."""
        await self.play(1.0)
        if self.deployment.header_clock:
            await self.deployment.tick(self.stage.shop.until)
        else:
            await asyncio.sleep(QUIET)

        async def is_done() -> bool:
            return not await self._behind(await self._ends())

        await until(is_done, LIMIT)
        await until(self._are_members, LIMIT)

    # ── the verdict ─────────────────────────────────────────────────────────────────────────

    async def row(self, fault: str, injected: int, *, repeats_are_wrong: bool = False) -> Row:
        """Settle, stop every worker in order, and return what came of it."""
        await self.settle()
        for name in list(self.deployment.processes):
            await self.stop(name)
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
            self.stage.say(self.deployment.tails()[-_TAILS:])
        said = [worst, *notes, *unforeseen, *self.broken, verdict.note()]
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
