"""The demo's composition: a broker to play on, a directory to play in, and an end to both."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from triggerstream.demo.history import Played
from triggerstream.demo.mock import MockBroker
from triggerstream.demo.run import Stage, read_shop, run_demo
from triggerstream.errors import TriggerstreamError, UnreachableError
from triggerstream.stream.kafka.topics import Topic, Topics, wanted_topics

_PARTITIONS = 4


def main(*, shop: Path, bootstrap: str | None, keep: bool) -> None:
    """Run the demo on the Kafka at *bootstrap*, or on a stand-in, and leave nothing behind.

    Raises:
        UsageError: The shop's files are not where they should be.
        UnreachableError: No broker answers at *bootstrap*.
        TriggerstreamError: What else `run_demo` raises.
    """
    records = read_shop(shop)
    # A prefix of its own, so that a broker that somebody uses is not disturbed.
    topics = Topics(f"triggerstream-demo-{os.getpid()}")
    wanted = wanted_topics(topics, _PARTITIONS, header_clock=True)
    with _directory() as directory:
        if bootstrap is not None:
            stage = Stage(bootstrap, shop, directory, topics, _PARTITIONS, {})
            asyncio.run(_on_kafka(stage, records, wanted, keep=keep))
            return
        _say(
            "No KAFKA_BOOTSTRAP: the demo runs on an in-memory stand-in for Kafka, librdkafka's\n"
            "mock broker. For the real one, install Java 17 and Maven, and call 'make demo'."
        )
        with MockBroker() as broker:
            broker.make(wanted)
            stage = Stage(broker.bootstrap, shop, directory, topics, _PARTITIONS, {})
            asyncio.run(_until_told(stage, records, keep=keep))


@contextmanager
def _directory() -> Iterator[Path]:
    """Make a directory for states and logs; it stays only where the logs have to tell why."""
    directory = Path(tempfile.mkdtemp(prefix="triggerstream-demo-"))
    try:
        yield directory
    except TriggerstreamError:
        if not any(directory.iterdir()):
            directory.rmdir()
        else:
            _say(f"the logs stay in {directory}")
        raise
    except BaseException:
        shutil.rmtree(directory)
        raise
    shutil.rmtree(directory)


async def _on_kafka(
    stage: Stage, records: Sequence[Played], wanted: Iterable[Topic], *, keep: bool
) -> None:
    """Run the demo on a broker that others may use: its topics go when it ends."""
    admin = AIOKafkaAdminClient(bootstrap_servers=stage.bootstrap)
    try:
        await admin.start()
    except KafkaError as error:
        message = f"KAFKA_BOOTSTRAP: required is a broker that answers; found {stage.bootstrap}"
        raise UnreachableError(f"{message} ({error})") from error
    try:
        await _until_told(stage, records, keep=keep)
    finally:
        await admin.delete_topics([topic.name for topic in wanted])
        await admin.close()


async def _until_told(stage: Stage, records: Sequence[Played], *, keep: bool) -> None:
    """Run the demo; SIGTERM ends it in order, as Ctrl-C does."""
    task = asyncio.ensure_future(run_demo(stage, records, keep=keep))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await task


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
