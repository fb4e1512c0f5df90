"""The local Kafka: it comes back with what it had, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local_kafka import jars
from deploy.local_kafka.broker import Broker
from deploy.local_kafka.errors import LocalKafkaError
from deploy.local_kafka.run import BOOTSTRAP
from deploy.local_kafka.topics import Topic, create_topics

ROOT = Path(__file__).parents[2]
NEWS = TopicPartition("news", 0)

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif(
        bool(jars.missing_tools()) and not os.environ.get("CI"), reason="no Java or no Maven"
    ),
]


@pytest.fixture(name="broker")
def _broker() -> Iterator[Broker]:
    with Broker() as broker:
        yield broker


async def write(broker: Broker, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, acks="all")
    await producer.start()
    try:
        await producer.send_and_wait(NEWS.topic, value, partition=NEWS.partition)
    finally:
        await producer.stop()


async def read(broker: Broker) -> bytes:
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([NEWS])
        await consumer.seek_to_beginning(NEWS)
        record = await consumer.getone(NEWS)
    finally:
        await consumer.stop()
    assert record.value is not None
    return bytes(record.value)


def test_a_killed_broker_comes_back_on_its_address_with_its_records(broker: Broker) -> None:
    address = broker.bootstrap
    asyncio.run(create_topics(address, [Topic(NEWS.topic)]))
    asyncio.run(write(broker, b"still here"))

    broker.kill()
    broker.start()

    assert broker.bootstrap == address
    assert asyncio.run(read(broker)) == b"still here"


def test_a_topic_that_exists_is_left_as_it_is(broker: Broker) -> None:
    asyncio.run(create_topics(broker.bootstrap, [Topic(NEWS.topic)]))
    asyncio.run(create_topics(broker.bootstrap, [Topic(NEWS.topic, 7)]))

    with pytest.raises(LocalKafkaError, match="'bad/name' could not be made"):
        asyncio.run(create_topics(broker.bootstrap, [Topic("bad/name")]))


def test_a_setting_that_kafka_refuses_is_told_with_its_log() -> None:
    with pytest.raises(LocalKafkaError, match=r"num\.partitions"), Broker({"num.partitions": "x"}):
        pass


def test_a_broker_joins_the_cluster_of_another_and_has_a_copy_of_its_records() -> None:
    async def make_two_copies(broker: Broker) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
        await admin.start()
        try:
            while len((await admin.describe_cluster())["brokers"]) < 2:
                pass  # it answers before it is let in
            await admin.create_topics([NewTopic(NEWS.topic, 1, 2)])
        finally:
            await admin.close()

    with Broker() as first, Broker(joins=first) as second:
        asyncio.run(asyncio.wait_for(make_two_copies(first), 30))
        asyncio.run(write(first, b"in two places"))

        assert second.bootstrap != first.bootstrap
        assert asyncio.run(read(second)) == b"in two places"


TWO = """
from deploy.local_kafka.broker import Broker
with Broker() as first, Broker(joins=first) as second:
    print(second.bootstrap, flush=True)
    input()
"""


@pytest.mark.parametrize(
    "arguments", [("-m", "deploy.local_kafka.broker"), ("-c", TWO)], ids=["one", "two"]
)
def test_brokers_whose_starter_is_killed_go_with_their_data(
    arguments: tuple[str, str], tmp_path: Path
) -> None:
    command = [sys.executable, *arguments]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    starter = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert starter.stdout is not None
    with starter, starter.stdout:
        assert starter.stdout.readline().startswith(b"127.0.0.1:")
        starter.send_signal(signal.SIGKILL)

    deadline = time.monotonic() + 30
    while list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(tmp_path.iterdir()) == []


def test_a_command_runs_with_the_address_and_its_status_is_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(BOOTSTRAP, raising=False)  # it starts a broker of its own
    script = f"import os, sys; sys.exit(len(os.environ['{BOOTSTRAP}'].split(':')))"
    command = [sys.executable, "-m", "deploy.local_kafka.run", sys.executable, "-c", script]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)

    assert done.returncode == 2
