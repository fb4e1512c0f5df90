"""The topics: their names, how they are made, and whether those found will do.

A topic's full name is ``<prefix>.<short name>.v1``. Our code and `Produce` use the short names:
``events``, ``actions``, ``inbox``, ``deliveries``, ``rulesets``, ``events.dlq``, ``actions.dlq``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

import msgspec
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import IncompatibleBrokerVersion, for_code

from triggerstream.errors import SettingsError, WorldChangedError
from triggerstream.stream.ports import DEAD_LETTER_LIMIT, RECORD_LIMIT

INPUT_LIMIT: Final = 8 << 20
"""Bytes of the largest record batch on the topics that others write to: what is too large becomes
a dead letter, with its reason, rather than an error that only its producer sees."""

_HOUR: Final = 3_600_000
_DAY: Final = 24 * _HOUR
_OURS: Final = {"message.timestamp.type": "LogAppendTime"}
"""The clock of a machine of ours must not decide when a record is compacted or removed; and a
broker refuses one that is stamped more than an hour ahead of its own."""
_ESSENTIAL: Final = ("message.timestamp.type", "cleanup.policy")
_REPLICATION: Final = "default.replication.factor"
_KNOWN_WITHIN: Final = 20.0
"""Seconds for a new topic to be known to the broker that is asked."""
_EXISTS: Final = 36
"""Kafka's error code for a topic that is there already."""
_UNKNOWN: Final = 3
"""The same for one that the broker does not know, or not yet."""


class Topic(msgspec.Struct, frozen=True):
    """A topic as it must be. *config* is by Kafka's names."""

    name: str
    partitions: int
    config: Mapping[str, str]


class Topics(msgspec.Struct, frozen=True):
    """The names under one prefix."""

    prefix: str = "triggerstream"

    def name(self, short: str) -> str:
        """Return the full name of the topic with this short name."""
        return f"{self.prefix}.{short}.v1"

    def process(self, process: str) -> str:
        """Return the id of a keyed process, which is its consumer group's too."""
        return f"{self.prefix}.{process}"

    def changelog(self, process: str) -> str:
        """Return the name that Faust gives to the changelog of a process's one table."""
        return f"{self.process(process)}-states-changelog"


def wanted_topics(topics: Topics, partitions: int, *, header_clock: bool) -> tuple[Topic, ...]:
    """Return all topics, with *partitions* for those that carry customers.

    Where the broker is the clock, a record's timestamp is the time of its append.
    """
    clock = "CreateTime" if header_clock else "LogAppendTime"
    stamped = {"message.timestamp.type": clock, "max.message.bytes": str(INPUT_LIMIT)}
    inbox = {"max.message.bytes": str(INPUT_LIMIT)}
    plain = {"max.message.bytes": str(RECORD_LIMIT)} | _OURS
    dead = {"max.message.bytes": str(DEAD_LETTER_LIMIT), "retention.ms": str(30 * _DAY)} | _OURS
    # Deletions stay readable for a week, and nothing is compacted for an hour: a restore that is
    # late still sees them, and still sees both of two writers' records.
    compacted = {
        "cleanup.policy": "compact",
        "compression.type": "lz4",
        "delete.retention.ms": str(7 * _DAY),
        "min.compaction.lag.ms": str(_HOUR),
        "segment.ms": str(_HOUR),
    } | plain
    return (
        Topic(topics.name("events"), partitions, stamped),
        Topic(topics.name("actions"), partitions, stamped),
        Topic(topics.changelog("detect"), partitions, compacted),
        Topic(topics.changelog("send"), partitions, compacted),
        Topic(topics.name("inbox"), partitions, inbox),
        Topic(topics.name("deliveries"), partitions, plain),
        rulesets_topic(topics),
        Topic(topics.name("events.dlq"), 1, dead),
        Topic(topics.name("actions.dlq"), 1, dead),
    )


def rulesets_topic(topics: Topics) -> Topic:
    """Return the topic of the published rulesets.

    Content is kept while it may be referred to: never deleted, only compacted by key.
    """
    settings = {"cleanup.policy": "compact", "max.message.bytes": str(RECORD_LIMIT)} | _OURS
    return Topic(topics.name("rulesets"), 1, settings)


async def ensure_topics(
    options: Mapping[str, Any], wanted: Iterable[Topic], *, replication: int | None = None
) -> None:
    """Make the topics that are missing, and check the partitions of those that are there.

    Args:
        options: How to reach the brokers (`client.client_options`).
        replication: Copies of each new topic; the broker's default if ``None``.

    Raises:
        WorldChangedError: One has another number of partitions than the others or the settings,
            or would let its producers set the clock, or lose what must be kept.
        SettingsError: The broker refused to make one; the message says why.
    """
    topics = tuple(wanted)
    admin = AIOKafkaAdminClient(**options)
    await admin.start()
    try:
        with suppress(IncompatibleBrokerVersion):  # it makes none: then all must be there already
            await _create(admin, topics, replication or await _default_replication(admin))
            await _check_settings(admin, topics)
        found = await _partitions(admin, [topic.name for topic in topics])
    finally:
        await admin.close()
    wrong = [
        f"{topic.name} has {found.get(topic.name, 0)}, required are {topic.partitions}"
        for topic in topics
        if found.get(topic.name) != topic.partitions
    ]
    if wrong:
        message = (
            "the numbers of partitions do not match, and are fixed for life: "
            + "; ".join(wrong)
            + ". Correct the setting, or start under a new prefix"
        )
        raise WorldChangedError(message)


async def _create(admin: AIOKafkaAdminClient, topics: Iterable[Topic], replication: int) -> None:
    answer = await admin.create_topics(
        [
            NewTopic(topic.name, topic.partitions, replication, topic_configs=dict(topic.config))
            for topic in topics
        ]
    )
    for name, code, *text in answer.topic_errors:
        if code not in (0, _EXISTS):
            reason = text[0] if text and text[0] else for_code(code).__name__
            message = f"topic {name}: the broker refused to make it: {reason}"
            raise SettingsError(message)


async def _check_settings(admin: AIOKafkaAdminClient, topics: Iterable[Topic]) -> None:
    """Check what a topic that was there already must not have otherwise: its clock, its keeping."""
    required = {
        topic.name: {key: topic.config[key] for key in _ESSENTIAL if key in topic.config}
        for topic in topics
    }
    asked = [
        ConfigResource(ConfigResourceType.TOPIC, name, settings)
        for name, settings in required.items()
        if settings
    ]
    wrong = [
        f"kafka-configs.sh --alter --entity-type topics --entity-name {resource[3]} "
        f"--add-config {entry[0]}={required[resource[3]][entry[0]]} (found {entry[1]})"
        for resource in await _described(admin, asked)
        for entry in resource[4]
        if entry[1] != required[resource[3]].get(entry[0], entry[1])
    ]
    if wrong:
        raise WorldChangedError("topics are not set as they must be: " + "; ".join(wrong))


async def _described(admin: AIOKafkaAdminClient, asked: list[ConfigResource]) -> list[Any]:
    """Return what the broker says of each resource. It may not know a topic that was just made.

    Raises:
        SettingsError: It refuses, or does not know one in time. An answer without settings would
            pass for a topic that is as it must be.
    """
    refused = ""
    with suppress(TimeoutError):
        async with asyncio.timeout(_KNOWN_WITHIN):
            while True:
                answers = await admin.describe_configs(asked)
                found = [resource for answer in answers for resource in answer.resources]
                bad = [resource for resource in found if resource[0]]
                if not bad:
                    return found
                refused = f"{bad[0][3]}: {for_code(bad[0][0]).__name__}"
                if bad[0][0] != _UNKNOWN:
                    break
                await asyncio.sleep(0.05)
    message = f"required is a broker that tells a topic's settings; found {refused}"
    raise SettingsError(message)


async def _default_replication(admin: AIOKafkaAdminClient) -> int:
    """Return the brokers' own default; aiokafka cannot ask them to apply it."""
    broker = (await admin.describe_cluster())["brokers"][0]["node_id"]
    asked = ConfigResource(ConfigResourceType.BROKER, str(broker), {_REPLICATION: ""})
    answers = await admin.describe_configs([asked])
    entries = [
        entry for answer in answers for resource in answer.resources for entry in resource[4]
    ]
    return next((int(entry[1]) for entry in entries if entry[0] == _REPLICATION), 1)


async def _partitions(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, int]:
    """Return the number of partitions by topic. One just made may take a moment to be known."""
    found: dict[str, int] = {}
    with suppress(TimeoutError):
        async with asyncio.timeout(_KNOWN_WITHIN):
            while not all(found.get(name) for name in names):
                described = await admin.describe_topics(names)
                found = {topic["topic"]: len(topic["partitions"]) for topic in described}
                await asyncio.sleep(0.05)
    return found
