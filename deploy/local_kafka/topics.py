"""Making topics on a broker that makes none by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local_kafka.errors import LocalKafkaError

_TOPIC_EXISTS = 36


class Topic(msgspec.Struct, frozen=True):
    """A topic to be made, with one replica.

    Attributes:
        config: Topic settings by Kafka's names, such as ``cleanup.policy``.
    """

    name: str
    partitions: int = 1
    config: Mapping[str, str] = {}


async def create_topics(bootstrap: str, topics: Iterable[Topic]) -> None:
    """Make *topics*; one that exists is left as it is.

    Raises:
        LocalKafkaError: The broker refused one; the message says which, and why.
    """
    wanted = [
        NewTopic(topic.name, topic.partitions, 1, topic_configs=dict(topic.config))
        for topic in topics
    ]
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        answer = await admin.create_topics(wanted)
    finally:
        await admin.close()
    for name, code, *text in answer.topic_errors:
        if code not in (0, _TOPIC_EXISTS):
            msg = f"{bootstrap}: topic {name!r} could not be made: error {code} {text}"
            raise LocalKafkaError(msg)
