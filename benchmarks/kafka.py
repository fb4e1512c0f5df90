"""The broker that a benchmark runs on, and what it leaves behind there: nothing."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from aiokafka.admin import AIOKafkaAdminClient

from benchmarks.load import PARTITIONS
from deploy.local_kafka.broker import Broker
from deploy.local_kafka.run import BOOTSTRAP
from triggerstream.stream.kafka.topic_admin import ensure_topics
from triggerstream.stream.kafka.topics import Topics, wanted_topics


@contextmanager
def broker() -> Iterator[str]:
    """Give the address of the broker that ``KAFKA_BOOTSTRAP`` names, or of one of our own."""
    if given := os.environ.get(BOOTSTRAP):
        yield given
        return
    with Broker() as own:
        yield own.bootstrap


@asynccontextmanager
async def topics(bootstrap: str, prefix: str) -> AsyncIterator[Topics]:
    """Make the topics of an installation under *prefix*; delete them at the end."""
    names = Topics(prefix)
    options = {"bootstrap_servers": bootstrap}
    await ensure_topics(options, wanted_topics(names, PARTITIONS, header_clock=False))
    try:
        yield names
    finally:
        admin = AIOKafkaAdminClient(**options)
        await admin.start()
        try:
            found = [name for name in await admin.list_topics() if name.startswith(f"{prefix}.")]
            await admin.delete_topics(found)
        finally:
            await admin.close()
