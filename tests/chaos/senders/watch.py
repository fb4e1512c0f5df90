"""Watching an installation from outside: its deliveries, and how far its senders have come."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self
from urllib.request import urlopen

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests.chaos.local.installation import Installation
from tests.e2e.deployment import Deployment
from triggerstream.core.records.deliveries import kind_of
from triggerstream.core.records.record import Kind

_HEALTH = re.compile(rb"starts: health on \S+@([\d.]+:\d+)")


class Watch:
    """An asynchronous context manager. A broker that is away is waited for.

    Attributes:
        deliveries: Every delivery on its topic so far: its append time in epoch milliseconds,
            and its value.
    """

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._group = f"{deployment.prefix}.send"
        numbers = range(deployment.partitions)
        self._actions = [TopicPartition(deployment.topic("actions"), n) for n in numbers]
        self._delivered = [TopicPartition(deployment.topic("deliveries"), n) for n in numbers]
        self.deliveries: list[tuple[int, dict[str, Any]]] = []
        self._ended: set[str] = set()

    async def __aenter__(self) -> Self:
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=self._deployment.bootstrap, group_id=None, fetch_max_wait_ms=50
        )
        await self._consumer.start()
        self._consumer.assign(self._delivered)
        await self._consumer.seek_to_beginning(*self._delivered)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._consumer.stop()

    # ── deliveries ──────────────────────────────────────────────────────────────────────────

    async def read(self) -> None:
        """Take in what has been delivered since."""
        with suppress(KafkaError):
            for records in (await self._consumer.getmany(timeout_ms=100)).values():
                for record in records:
                    if kind_of(record) != Kind.DELIVERY:
                        continue
                    delivery = orjson.loads(record.value)
                    self.deliveries.append((record.timestamp, delivery))
                    self._ended.add(delivery["action_id"])

    async def read_all(self) -> None:
        """Take in everything that has been delivered by now."""
        ends = await self._consumer.end_offsets(self._delivered)
        while [tp for tp, end in ends.items() if await self._consumer.position(tp) < end]:
            await self.read()

    async def until_ended(
        self,
        actions: Collection[str],
        seconds: float,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> set[str]:
        """Return which of *actions* have no end after so many seconds; none, as soon as all have.

        *meanwhile* is called again and again.
        """
        late = time.monotonic() + seconds
        while (left := set(actions) - self._ended) and time.monotonic() < late:
            meanwhile()
            await self.read()
        return left

    # ── offsets ─────────────────────────────────────────────────────────────────────────────

    async def ends(self) -> dict[TopicPartition, int]:
        """Return where the topic of actions ends."""
        while True:
            with suppress(KafkaError):
                return dict(await self._consumer.end_offsets(self._actions))
            await asyncio.sleep(0.1)

    async def changelog_ends(self) -> int:
        """Return how many records the changelog of senders has, over all partitions."""
        topic = f"{self._group}-states-changelog"
        partitions = [TopicPartition(topic, n) for n in range(self._deployment.partitions)]
        return sum((await self._consumer.end_offsets(partitions)).values())

    async def until_contained(
        self,
        seconds: float,
        meanwhile: Callable[[], None] = lambda: None,
        since: float | None = None,
    ) -> float:
        """Return how long it took, since now or *since*, until all that stands in the topic of
        actions now was contained in committed checkpoints.

        Raises:
            TimeoutError: It was not after so many seconds.
        """
        began = time.monotonic() if since is None else since
        ends = await self.ends()
        late = time.monotonic() + seconds
        while behind := await self._behind(ends):
            meanwhile()
            if time.monotonic() > late:
                raise TimeoutError(f"after {seconds:g} s not committed: {behind}")
            await asyncio.sleep(0.1)
        return time.monotonic() - began

    async def _behind(self, ends: Mapping[TopicPartition, int]) -> str:
        """Return what of *ends* is not committed, in words; nothing if all of it is."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._deployment.bootstrap)
        try:
            await admin.start()
            found = await admin.list_consumer_group_offsets(self._group, partitions=self._actions)
        except KafkaError as error:
            return repr(error)
        finally:
            await admin.close()
        reached = {tp: max(0, found[tp].offset) if tp in found else 0 for tp in ends}
        return ", ".join(
            f"partition {tp.partition} is at {reached[tp]} of {end}"
            for tp, end in ends.items()
            if reached[tp] < end
        )


def metrics_of(deployment: Deployment | Installation, name: str) -> dict[str, float]:
    """Return the sums, over all labels, of the metrics of a process that runs, by name."""
    if isinstance(deployment, Installation):  # one process is all of them
        url = deployment.health
    else:
        url = f"http://{_HEALTH.findall(deployment.log(name).read_bytes())[-1].decode()}"
    with urlopen(f"{url}/metrics", timeout=10) as answer:  # noqa: S310 - an address of ours
        lines = answer.read().decode().splitlines()
    found: dict[str, float] = {}
    for line in lines:
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            name = name.partition("{")[0]
            found[name] = found.get(name, 0.0) + float(value)
    return found
