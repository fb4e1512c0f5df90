"""Workers and senders as real processes on a real broker, under a prefix of their own."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self
from uuid import uuid4

import aiohttp
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests.e2e.told import LATENESS, Told, arrival_of
from triggerstream.core.records.record import ARRIVAL, KIND, Kind
from triggerstream.stream.kafka.consumer import open_consumer
from triggerstream.stream.kafka.topics import Topics

SHORT_SESSION: Mapping[str, str] = {"TRIGGERSTREAM_KAFKA__SESSION_TIMEOUT": "6"}
"""A setting for who kills processes: their partitions are free again after six seconds, the least
that a broker allows. Everybody else leaves it, since a lease runs out after half of it, which for
three seconds a busy machine may keep a process waiting."""


class Bootstrapped(Protocol):
    """A running broker: our own, or one that was there."""

    @property
    def bootstrap(self) -> str: ...


class Deployment(Told):
    """One installation. `close` ends every process that it started.

    Args:
        bootstrap: The broker.
        directory: For data and logs; one folder a process.
        triggers: The directory of triggers that workers publish.
        settings: Environment of all processes, by the settings' names.

    Attributes:
        settings: The environment of all processes and commands.
        environments: What single processes have beside it, by their names.
    """

    def __init__(
        self,
        bootstrap: str,
        directory: Path,
        triggers: Path,
        *,
        partitions: int = 4,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.bootstrap = bootstrap
        self.directory = directory
        self.triggers = triggers
        self.partitions = partitions
        self.prefix = f"t{uuid4().hex[:8]}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.environments: dict[str, Mapping[str, str]] = {}
        self._began: dict[str, int] = {}
        self.settings = {
            "TRIGGERSTREAM_KAFKA__BOOTSTRAP": bootstrap,
            "TRIGGERSTREAM_KAFKA__TOPIC_PREFIX": self.prefix,
            "TRIGGERSTREAM_KAFKA__PARTITIONS": str(partitions),
            "TRIGGERSTREAM_CLOCK": "header",
            "TRIGGERSTREAM_CHECKPOINT_INTERVAL": "0.5",
            **(settings or {}),
        }

    # ── processes ───────────────────────────────────────────────────────────────────────────

    @property
    def header_clock(self) -> bool:
        """Whether time is data here."""
        return self.settings["TRIGGERSTREAM_CLOCK"] == "header"

    def worker(self, name: str = "worker") -> subprocess.Popen[bytes]:
        """Start a worker on its own disk, or start it again on the same one."""
        return self._start(name, "worker", "--triggers", str(self.triggers))

    def sender(self, name: str = "sender") -> subprocess.Popen[bytes]:
        return self._start(name, "sender")

    def _start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            **self.settings,
            "TRIGGERSTREAM_DATA_DIR": str(self.disk(name)),
            "TRIGGERSTREAM_HTTP__NAME": name,
            **self.environments.get(name, {}),
        }
        with self.log(name).open("ab") as log:
            self._began[name] = log.tell()
            process = subprocess.Popen(
                [sys.executable, "-m", "triggerstream", *command],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.processes[name] = process
        return process

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of this installation to its end."""
        return subprocess.run(
            [sys.executable, "-m", "triggerstream", *command],
            env={**os.environ, **self.settings, "TRIGGERSTREAM_DATA_DIR": str(self.disk("cli"))},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    async def wait_until_reading(self, name: str, seconds: float = 60) -> None:
        """Return when the process that was started last under *name* reads its partitions."""
        async with asyncio.timeout(seconds):
            while not self.is_reading(name):
                self._check_alive()
                await asyncio.sleep(0.1)

    async def wait_until_followed(self, name: str, partitions: int, seconds: float = 60) -> None:
        """Return when *name* follows so many partitions of others, and is behind in none."""
        standbys = re.compile(rb"standby_partitions\{.*\} (\S+)")
        behind = re.compile(rb"standby_lag_records\{.*\} (\S+)")
        async with asyncio.timeout(seconds), aiohttp.ClientSession() as session:
            while True:
                self._check_alive()
                async with session.get(f"http://{self._http(name)}/metrics") as answer:
                    shown = await answer.read()
                followed = sum(map(float, standbys.findall(shown)))
                left = [float(records) for records in behind.findall(shown)]
                if followed == partitions == len(left) and not any(left):
                    return
                await asyncio.sleep(0.1)

    def _http(self, name: str) -> str:
        log = self.log(name).read_bytes()[self._began[name] :]
        found = re.search(rb"health on [^ @]+@([^ ,]+),", log)
        assert found, self.tails()
        return found[1].decode()

    def restored(self, name: str) -> list[tuple[int, int]]:
        """Return (partitions, records) of each restore of the process started under *name*."""
        log = self.log(name).read_bytes()[self._began[name] :]
        lines = re.findall(rb"restored (\d+) partitions from \S+: (\d+) records", log)
        return [(int(partitions), int(records)) for partitions, records in lines]

    def is_reading(self, name: str) -> bool:
        """Return whether the process started last under *name* has come to read its partitions."""
        return b"reading" in self.log(name).read_bytes()[self._began[name] :]

    def is_ending(self, name: str) -> bool:
        """Return whether the process started last under *name* has said that it must end."""
        return b"stopping: " in self.log(name).read_bytes()[self._began[name] :]

    def disk(self, name: str) -> Path:
        return self.directory / name

    def log(self, name: str) -> Path:
        return self.directory / f"{name}.log"

    def kill(self, name: str) -> None:
        """End it with SIGKILL."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self, name: str) -> int:
        """End it with SIGTERM, and return its exit code."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        return process.wait(45)

    def close(self) -> None:
        for name in list(self.processes):
            self.kill(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def tails(self) -> str:
        """Return the ends of all logs, for the message of a failure."""
        logs = sorted(self.directory.glob("*.log"))
        return "\n".join(
            f"── {log.stem}\n{log.read_text(errors='replace')[-6000:]}" for log in logs
        )

    # ── topics ──────────────────────────────────────────────────────────────────────────────

    def topic(self, short: str) -> str:
        return f"{self.prefix}.{short}.v1"

    async def wait_for_topics(self, seconds: float = 60) -> None:
        """Return when the first worker has made the topics."""
        async with asyncio.timeout(seconds):
            while True:
                admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
                await admin.start()
                try:
                    found = set(await admin.list_topics())
                finally:
                    await admin.close()
                if {self.topic(short) for short in ("events", "actions", "inbox")} <= found:
                    return
                await asyncio.sleep(0.2)

    async def produce(
        self, values: Iterable[bytes], *, pause: float = 0.0, chunk: int = 500
    ) -> None:
        """Append events, keyed by customer, stamped with their own time as their arrival."""
        async with self._producer() as producer:
            for count, value in enumerate(values, 1):
                customer, arrival = arrival_of(value)
                await producer.send(
                    self.topic("events"),
                    value,
                    key=customer,
                    headers=[(ARRIVAL, b"%d" % arrival)],
                )
                if pause and count % chunk == 0:
                    await asyncio.sleep(pause)
            await producer.flush()

    async def produce_raw(self, value: bytes, key: bytes) -> None:
        """Append *value* as it is, stamped with nothing."""
        async with self._producer() as producer:
            await producer.send_and_wait(self.topic("events"), value, key=key)

    async def tick(self, until: int) -> None:
        """Move the clock of every partition to *until* and the allowed lateness."""
        headers = [(KIND, Kind.TICK), (ARRIVAL, b"%d" % (until + LATENESS))]
        async with self._producer() as producer:
            for partition in range(self.partitions):
                await producer.send(self.topic("events"), b"", partition=partition, headers=headers)
            await producer.flush()

    def _producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            bootstrap_servers=self.bootstrap, linger_ms=5, max_request_size=16 << 20
        )

    async def lag(self, process: str, short: str) -> int:
        """Return how many records of a topic the group of *process* has not committed.

        Raises:
            KafkaError: The group is on its way to another coordinator; ask again.
        """
        group, topic = f"{self.prefix}.{process}", self.topic(short)
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, group_id=None)
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await consumer.start()
        await admin.start()
        try:
            tps = [TopicPartition(topic, p) for p in range(self.partitions)]
            ends = await consumer.end_offsets(tps)
            committed = await admin.list_consumer_group_offsets(group, partitions=tps)
            return sum(
                end - max(0, committed[tp].offset if tp in committed else 0)
                for tp, end in ends.items()
            )
        finally:
            await admin.close()
            await consumer.stop()

    async def changelog_end(self, process: str) -> int:
        """Return how many records the changelog of *process* has been appended."""
        topic = Topics(self.prefix).changelog(process)
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, group_id=None)
        await consumer.start()
        try:
            tps = [TopicPartition(topic, number) for number in range(self.partitions)]
            return sum((await consumer.end_offsets(tps)).values())
        finally:
            await consumer.stop()

    async def wait_until_done(self, process: str, short: str, seconds: float = 90) -> None:
        """Return when everything in a topic is contained in committed checkpoints."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    self._check_alive()
                    with suppress(KafkaError):
                        if not await self.lag(process, short):
                            return
                    await asyncio.sleep(0.2)
        except TimeoutError as error:
            left = await self.lag(process, short)
            raise AssertionError(f"{left} records of {short} are left\n{self.tails()}") from error

    def _check_alive(self) -> None:
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise AssertionError(f"{name} ended with {process.returncode}\n{self.tails()}")

    async def read(self, short: str) -> list[Any]:
        """Return all records of a topic, by partition, in log order."""
        return await self.read_topic(
            self.topic(short), 1 if short.endswith(".dlq") else self.partitions
        )

    async def read_topic(self, topic: str, partitions: int) -> list[Any]:
        """The same, of any topic by its full name."""
        consumer = open_consumer(
            {"bootstrap_servers": self.bootstrap},
            fetch_max_bytes=64 << 20,
            max_partition_fetch_bytes=16 << 20,
        )
        await consumer.start()
        try:
            tps = [TopicPartition(topic, p) for p in range(partitions)]
            consumer.assign(tps)
            await consumer.seek_to_beginning(*tps)
            ends = await consumer.end_offsets(tps)
            found: list[Any] = []
            for tp in tps:
                while await consumer.position(tp) < ends[tp]:
                    batch = await consumer.getmany(tp, timeout_ms=1000)
                    found.extend(batch.get(tp, []))
            return found
        finally:
            await consumer.stop()

    async def wait_for_records(self, short: str, seconds: float = 30) -> list[Any]:
        """Return all records of a topic, when there are any."""
        async with asyncio.timeout(seconds):
            while True:
                self._check_alive()
                if found := await self.read(short):
                    return found
                await asyncio.sleep(0.1)
