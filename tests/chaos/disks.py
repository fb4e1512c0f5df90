"""Faults of a worker's disk: full, and damaged."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import orjson

from tests.chaos.kafka_stage import KafkaStage
from tests.chaos.kafka_trial import KafkaTrial
from tests.chaos.rows import NotRunError, Row
from tests.chaos.stage import UNTIL
from tests.chaos.trial import RESTARTABLE, lines_of, until
from triggerstream.errors import StoreError

FULL = StoreError.exit_code
SIZE_MB = 24
CUSTOMERS = 6000
EACH = 6
"""Events of each customer, each time that the disk is full."""
_SPREAD = 8.0
"""Seconds of load on a full disk: checkpoints enough to fill the store's buffer, which has to be
written then."""
_START = UNTIL - 30 * 86_400_000


@contextmanager
def small_disk(path: Path, size: int = SIZE_MB) -> Iterator[None]:
    """Mount a file system of *size* MB at *path*."""
    path.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}m", "tmpfs", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotRunError(f"mounting a small disk takes root: {done.stderr.strip()}")
    try:
        yield
    finally:
        # At once, also where whoever was killed on it has not quite ended.
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def fill(path: Path) -> None:
    """Write until there is no room at all."""
    size = 1 << 20
    with path.open("ab", buffering=0) as ballast:
        while size:
            try:
                ballast.write(bytes(size))
            except OSError:
                size //= 2


def browsing(customers: int, each: int) -> Iterator[bytes]:
    """Yield events that leave a state of about a kilobyte with every customer."""
    for number in range(customers * each):
        event: dict[str, Any] = {
            "event_id": f"e{number}",
            "customer_id": f"browsing-{number % customers}",
            "event_type": ("product_view", "add_to_cart", "search")[number // customers % 3],
            "timestamp": _START + number * 10,
            "session_id": f"s{number % customers}-{number // customers // 3}",
        }
        yield orjson.dumps(event)


async def full(stage: KafkaStage, times: int) -> Row:
    """No byte is free on the state's disk: the worker stops, with the exit code of its store, and
    skips nothing; when there is room again, it goes on."""
    lines = lines_of(browsing(CUSTOMERS, EACH * times))
    with stage.deployment(partitions=1) as deployment:
        disk = deployment.disk("w1")
        with small_disk(disk):
            async with KafkaTrial(stage, deployment, lines, allowed=RESTARTABLE | {FULL}) as trial:
                for _ in range(times):
                    await trial.reading()
                    await asyncio.to_thread(fill, disk / "ballast")
                    before = trial.codes["w1"].count(FULL)

                    async def has_stopped(before: int = before) -> bool:
                        return trial.codes["w1"].count(FULL) > before

                    await trial.play(1 / times, _SPREAD)
                    await until(has_stopped, 60)
                    await trial.sleep_up_to(4)
                    (disk / "ballast").unlink()
                    await trial.recovered()
                return await trial.row("F8 disk full", times)


# ── damage ──────────────────────────────────────────────────────────────────────────────────


def _flip_in_table(store: Path, random: Random) -> None:
    """Flip a byte in the first half of the largest table: in a block of data, not in its index."""
    table = max(store.glob("*.sst"), key=lambda path: path.stat().st_size)
    content = bytearray(table.read_bytes())
    content[random.randrange(len(content) // 2)] ^= 0xFF
    table.write_bytes(content)


def _remove_table(store: Path, random: Random) -> None:
    random.choice(sorted(store.glob("*.sst"))).unlink()


def _fill_manifest(store: Path, random: Random) -> None:
    manifest = max(store.glob("MANIFEST-*"))
    manifest.write_bytes(random.randbytes(manifest.stat().st_size))


def _cut_manifest(store: Path, random: Random) -> None:
    manifest = max(store.glob("MANIFEST-*"))
    content = manifest.read_bytes()
    manifest.write_bytes(content[: random.randrange(len(content))])


def _remove_current(store: Path, _: Random) -> None:
    (store / "CURRENT").unlink()


def _fill_current(store: Path, random: Random) -> None:
    (store / "CURRENT").write_bytes(random.randbytes(16))


Damage = Callable[[Path, Random], None]

DAMAGES: tuple[Damage, ...] = (
    _remove_table,
    _flip_in_table,
    _fill_manifest,
    _remove_current,
    _cut_manifest,
    _fill_current,
)


async def damaged(stage: KafkaStage, times: int) -> Row:
    """A partition's files are damaged while the worker is down: it puts the store aside, restores
    it from the changelog by itself, and goes on."""
    with stage.deployment() as deployment:
        async with KafkaTrial(stage, deployment, allowed=RESTARTABLE | {FULL}) as trial:
            for number in range(times):
                async with trial.load(1 / times, 2.0):
                    await trial.sleep_up_to(1)
                    await trial.recovered()
                    trial.recoveries.pop()  # from nothing
                    await trial.stop("w1")
                    # Every damage comes to every partition, if there are enough of them.
                    partition = (number + number // len(DAMAGES)) % deployment.partitions
                    store = deployment.disk("w1") / "detect" / str(partition)
                    DAMAGES[number % len(DAMAGES)](store, stage.random)
                    deployment.worker("w1")
                    await trial.recovered()
            aside = len(list(deployment.disk("w1").glob("detect/*.damaged-*")))
            trial.notes.append(f"{aside} stores put aside")
            # What is not met is no damage: a flipped bit nobody reads, a manifest cut at its end.
            if not aside:
                trial.broken.append("no store was put aside")
            return await trial.row("F9 store damaged", times)
