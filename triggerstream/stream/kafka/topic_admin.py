"""Making the topics, looking at those that are there, and setting them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Container, Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import IncompatibleBrokerVersion, for_code

from triggerstream.errors import SettingsError
from triggerstream.stream.kafka.topic_alter import AlterTopics
from triggerstream.stream.kafka.topic_findings import (
    PARTITIONS,
    Found,
    findings_of,
    refuse_to_start,
    told,
)
from triggerstream.stream.kafka.topics import Topic

_log = logging.getLogger(__name__)

_REPLICATION: Final = "default.replication.factor"
_KNOWN_WITHIN: Final = 20.0
"""Seconds for a new topic to be known to the broker that is asked."""
_EXISTS: Final = 36
"""Kafka's error code for a topic that is there already."""
_UNKNOWN: Final = 3
"""The same for one that the broker does not know, or not yet."""


async def ensure_topics(
    options: Mapping[str, Any],
    wanted: Iterable[Topic],
    *,
    replication: int | None = None,
    own: Container[str] | None = None,
) -> None:
    """Make the topics that are missing, and check those that are there; warn of what differs.

    Args:
        options: How to reach the brokers (`client.client_options`).
        replication: Copies of each new topic; the broker's default if ``None``.
        own: Full names of those that the caller touches: the others are made where that is
            allowed, and are else none of its business. ``None``: all.

    Raises:
        WorldChangedError: One has another number of partitions than the others or the settings,
            or would let its producers set the clock, or does not keep for long enough what must be
            found again after an outage.
        SettingsError: The broker refused to make one; the message says why.
    """
    topics = tuple(wanted)
    owned = [topic for topic in topics if own is None or topic.name in own]
    async with TopicAdmin(options) as admin:
        there = await admin.names()
        missing = [topic for topic in topics if topic.name not in there]
        refused = await admin.make(missing, replication)
        _raise_for([refused[topic.name] for topic in owned if topic.name in refused])
        found = await admin.look(owned)
    findings = findings_of(owned, found)
    refuse_to_start(findings)
    _raise_for([f"topic {each.topic}: the broker does not know it" for each in findings
                if each.setting == PARTITIONS])  # fmt: skip
    if findings:
        differing = "; ".join(
            f"{each.topic}: {each.setting} is {told(each.setting, each.found)}, "
            f"wanted is {told(each.setting, each.wanted)}"
            for each in findings
        )
        _log.warning(
            "topics are set otherwise than the settings say, which `triggerstream topics create "
            "--apply` mends: %s", differing,
        )  # fmt: skip


class TopicAdmin:
    """What may be asked of the brokers about topics. An asynchronous context manager.

    Args:
        options: How to reach the brokers (`client.client_options`).
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._admin = AIOKafkaAdminClient(**options)

    async def __aenter__(self) -> Self:
        await self._admin.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._admin.close()

    async def names(self) -> frozenset[str]:
        """Return the full names of the topics that are there and may be seen.

        All are asked for, since a broker may make one that is asked for by name.
        """
        return frozenset(await self._admin.list_topics())

    async def make(self, topics: Iterable[Topic], replication: int | None) -> dict[str, str]:
        """Make *topics*; return in words why the broker refused one, by its name.

        One that somebody else has made meanwhile is none of them. Nor is any of a broker that makes
        no topics at all: they are found missing later.
        """
        wanted = list(topics)
        if not wanted:
            return {}
        with suppress(IncompatibleBrokerVersion):
            copies = replication or await self._default_replication()
            answer = await self._admin.create_topics(
                [
                    NewTopic(each.name, each.partitions, copies, topic_configs=dict(each.config))
                    for each in wanted
                ]
            )
            return {
                name: f"topic {name}: the broker refused to make it: {_words(code, *text)}"
                for name, code, *text in answer.topic_errors
                if code not in (0, _EXISTS)
            }
        return {}

    async def look(self, topics: Iterable[Topic]) -> dict[str, Found]:
        """Return *topics* as they are, by full name. They must be there: one just made may take a
        moment to be known.

        Raises:
            SettingsError: The broker does not tell their settings.
        """
        wanted = list(topics)
        config: Mapping[str, Mapping[str, str]] = {}
        with suppress(IncompatibleBrokerVersion):  # then it tells none
            config = await self._config(wanted)
        partitions = await self._partitions([topic.name for topic in wanted])
        return {name: Found(number, config.get(name, {})) for name, number in partitions.items()}

    async def alter(self, settings: Mapping[str, Mapping[str, str]]) -> None:
        """Change *settings*, by topic and by Kafka's names; others stay as they are.

        Raises:
            SettingsError: The broker refused one; the message says why.
        """
        if not settings:
            return
        answer = await self._admin._send_request(AlterTopics(settings))  # noqa: SLF001 - see the plug-point tests
        _raise_for(
            [
                f"topic {name}: the broker refused to set it: {_words(code, text)}"
                for code, text, _, name in answer.responses
                if code
            ]
        )

    async def _config(self, topics: list[Topic]) -> dict[str, dict[str, str]]:
        """Return the settings by topic that each of *topics* says something about.

        Raises:
            SettingsError: The broker refuses, or does not know one in time. An answer without
                settings would pass for a topic that is as it must be.
        """
        asked = [
            ConfigResource(ConfigResourceType.TOPIC, topic.name, dict(topic.config))
            for topic in topics
        ]
        refused = ""
        with suppress(TimeoutError):
            async with asyncio.timeout(_KNOWN_WITHIN):
                while True:
                    answers = await self._admin.describe_configs(asked)
                    found = [resource for answer in answers for resource in answer.resources]
                    bad = [resource for resource in found if resource[0]]
                    if not bad:
                        return {
                            resource[3]: {entry[0]: entry[1] for entry in resource[4]}
                            for resource in found
                        }
                    refused = f"{bad[0][3]}: {_words(bad[0][0])}"
                    if bad[0][0] != _UNKNOWN:
                        break
                    await asyncio.sleep(0.05)
        message = f"required is a broker that tells a topic's settings; found {refused}"
        raise SettingsError(message)

    async def _default_replication(self) -> int:
        """Return the brokers' own default; aiokafka cannot ask them to apply it."""
        broker = (await self._admin.describe_cluster())["brokers"][0]["node_id"]
        asked = ConfigResource(ConfigResourceType.BROKER, str(broker), {_REPLICATION: ""})
        answers = await self._admin.describe_configs([asked])
        entries = [
            entry for answer in answers for resource in answer.resources for entry in resource[4]
        ]
        return next((int(entry[1]) for entry in entries if entry[0] == _REPLICATION), 1)

    async def _partitions(self, names: list[str]) -> dict[str, int]:
        """Return the number of partitions by topic. One just made may take a moment to be known."""
        found: dict[str, int] = {}
        with suppress(TimeoutError):
            async with asyncio.timeout(_KNOWN_WITHIN):
                while not all(found.get(name) for name in names):
                    described = await self._admin.describe_topics(names)
                    found = {topic["topic"]: len(topic["partitions"]) for topic in described}
                    await asyncio.sleep(0.05)
        return found


def _words(code: int, text: str | None = None) -> str:
    return text or str(for_code(code).__name__)


def _raise_for(problems: list[str]) -> None:
    if problems:
        raise SettingsError("; ".join(problems))
