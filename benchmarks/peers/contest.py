"""Peer and triggerstream in turn, on one broker, with one load: what an event costs each.

Before a peer is measured it is checked: on the sample it must find exactly what triggerstream
finds, so that what is compared is equal work.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import Popen

import msgspec

from benchmarks.bench import Bench, cpu_seconds, delete_topics, measure_worker, until_committed
from benchmarks.load import PARTITIONS, Keyed, append, open_producer
from benchmarks.peers.running import Command, End, Firings, Setting, started
from benchmarks.peers.sample import Found, Sample
from benchmarks.peers.specs import write_specs
from deploy.local_kafka.topics import Topic, create_topics
from triggerstream.demo.lag import Lag

OURS = "triggerstream"
STARTING = 2_000
"""Events that are worked off before anything is measured."""


class Peer(msgspec.Struct, frozen=True):
    """One peer in one configuration.

    Attributes:
        commits: Whether it commits offsets to its group, by which it is followed.
    """

    name: str
    command: Command
    commits: bool = True


class Plan(msgspec.Struct, frozen=True):
    """What is measured: *events* behind *warm_up* others, *rounds* times; *interval* seconds lie
    between two checkpoints, of all."""

    rules: str
    peers: tuple[Peer, ...]
    events: int
    warm_up: int
    rounds: int
    interval: float


class Cost(msgspec.Struct, frozen=True):
    """CPU microseconds an event: behind the warm-up, and of the warm-up where it is known."""

    warm: float
    cold: float | None = None


class Running:
    """A peer at work."""

    def __init__(
        self, process: Popen[bytes], progress: Lag | End, topic: str, bootstrap: str, log: Path
    ) -> None:
        self._process = process
        self._progress = progress
        self._topic = topic
        self._bootstrap = bootstrap
        self._log = log

    async def work_off(self, records: Sequence[Keyed]) -> float:
        """Append *records*, and return the CPU seconds that it takes until all are done."""
        if isinstance(self._progress, End):
            records = [*records, *self._progress.marks()]
        producer = open_producer(self._bootstrap)
        await producer.start()
        try:
            before = cpu_seconds(self._process.pid)
            await append(producer, self._topic, records)
            await until_committed(self)
            return cpu_seconds(self._process.pid) - before
        finally:
            await producer.stop()

    async def read(self) -> tuple[int, int]:
        """Return how far it is; end the run with its log if it has ended."""
        status = self._process.poll()
        if status is not None:
            told = self._log.read_text(encoding="utf-8", errors="replace")[-3000:]
            sys.exit(f"{self._process.args!r} ended with {status}; its log ends:\n{told}")
        return await self._progress.read()


@asynccontextmanager
async def at_work(
    bench: Bench, peer: Peer, rules: str, interval: float
) -> AsyncIterator[tuple[Running, Firings]]:
    """Start *peer* with topics, a group and a directory of its own; end it at the end."""
    prefix = bench.next_prefix()
    directory = bench.directory / prefix
    directory.mkdir()
    specs = directory / "triggers.tsv"
    write_specs(rules, specs)
    async with bench.topics(prefix) as topic:
        firings_topic = f"{prefix}.firings"
        await create_topics(bench.bootstrap, [Topic(firings_topic, PARTITIONS)])
        group = f"{prefix}-peer"
        setting = Setting(bench.bootstrap, topic, firings_topic, group, specs, directory, interval)
        log = directory / "log"
        try:
            with started(peer.command(setting), log) as process:
                async with (
                    Firings(bench.bootstrap, firings_topic) as firings,
                    Lag(bench.bootstrap, setting.group, topic, PARTITIONS) as lag,
                ):
                    progress = lag if peer.commits else End(firings)
                    yield Running(process, progress, topic, bench.bootstrap, log), firings
        finally:
            await delete_topics(bench.bootstrap, f"changelog__{prefix}")


async def check(bench: Bench, peer: Peer, plan: Plan, sample: Sample) -> None:
    """End the run unless *peer* finds in *sample* exactly what triggerstream finds."""
    async with at_work(bench, peer, plan.rules, plan.interval) as (running, firings):
        await running.work_off(sample.records)
        await firings.read_until(lambda: sample.expected <= set(firings.found))
    found = [each for each in firings.found if each[0] != "end"]
    if told := difference(found, sample.expected):
        sys.exit(f"{peer.name}: {told}")


def difference(found: Sequence[Found], expected: AbstractSet[Found]) -> str:
    """Return in words how *found* differs from *expected*, each once; nothing if it does not."""
    missing = sorted(expected - set(found))
    unknown = sorted(set(found) - expected)
    if not missing and not unknown and len(found) == len(expected):
        return ""
    return (
        f"the {len(expected)} firings of triggerstream are required; found {len(found)},"
        f" {len(set(found))} of them different; {len(missing)} are missing, such as {missing[:3]};"
        f" {len(unknown)} are too many, such as {unknown[:3]}"
    )


async def measure(bench: Bench, peer: Peer, plan: Plan) -> Cost:
    """Return what an event costs *peer*."""
    warm = STARTING + plan.warm_up
    async with at_work(bench, peer, plan.rules, plan.interval) as (running, firings):
        await running.work_off(bench.load[:STARTING])
        cold_s = await running.work_off(bench.load[STARTING:warm])
        warm_s = await running.work_off(bench.load[warm : warm + plan.events])
        await firings.read_until(lambda: bool(firings.found))
        if not firings.found:
            sys.exit(f"{peer.name}: firings are required; found none")
    return Cost(warm_s / plan.events * 1e6, cold_s / plan.warm_up * 1e6)


async def hold(bench: Bench, plan: Plan, sample: Sample) -> dict[str, list[Cost]]:
    """Return the costs by name, one for each round; triggerstream's are under `OURS`."""
    for peer in plan.peers:
        await check(bench, peer, plan, sample)
        told = f"finds the {len(sample.expected):,} firings of the sample that {OURS} finds"
        print(f"{peer.name} {told}", file=sys.stderr)
    found: dict[str, list[Cost]] = {OURS: [], **{peer.name: [] for peer in plan.peers}}
    for number in range(plan.rounds):
        warm_up = STARTING + plan.warm_up
        ours = await measure_worker(
            bench,
            plan.rules,
            plan.events,
            warm_up=warm_up,
            settings={"CHECKPOINT_INTERVAL": str(plan.interval)},
        )
        _tell(number, OURS, ours)
        found[OURS].append(Cost(ours))
        for peer in plan.peers:
            cost = await measure(bench, peer, plan)
            _tell(number, peer.name, cost.warm)
            found[peer.name].append(cost)
    return found


def _tell(number: int, name: str, figure: float) -> None:
    print(f"round {number + 1} {name}: {figure:.1f} us/event", file=sys.stderr)
