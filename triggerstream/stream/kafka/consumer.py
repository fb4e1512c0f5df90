"""How topics are read: committed records only, by every consumer of ours.

A record of a transaction is there for us once the transaction is committed, at its place in the
log, and never if it was taken back. So what is read remains a function of the log. While a
transaction is open, nothing behind its first record is read: the *last stable offset* is where
reading ends, and the log's end may be further on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import copy
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import READ_UNCOMMITTED, Fetcher

from triggerstream.stream.kafka.records import lighten

COMMITTED: Final = "read_committed"
UNCOMMITTED: Final = "read_uncommitted"

ROUND: Final = 1.0
"""Seconds after which aiokafka goes through its partitions though nothing has happened."""

_ASK_WITHIN: Final = 40_000
"""Milliseconds for a question about offsets, as aiokafka has it."""


class Consumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka is untyped
    """An aiokafka consumer without a group, whose records come in columns (`Columns`).

    ``end_offsets`` gives last stable offsets, `log_ends` where the logs end.
    """

    async def start(self) -> None:
        await super().start()
        lighten(self._fetcher)
        calm(self._fetcher)


def calm(fetcher: Fetcher) -> None:
    """Have *fetcher* turn seldom in silence.

    What concerns it wakes it: an answer, records being taken, partitions that come, go or go on. By
    itself it would look after 0.2 s, which is a fifth of what a process without load costs.
    """
    fetcher._fetcher_timeout = ROUND  # noqa: SLF001 - see the plug-point tests


def open_consumer(
    options: Mapping[str, Any], *topics: str, isolation: str = COMMITTED, **more: Any
) -> Consumer:
    """Return a consumer that commits nothing, to be started.

    Args:
        options: How to reach the brokers (`client.client_options`).
        isolation: `UNCOMMITTED` only for who must know of everything that was appended.
        more: Arguments by aiokafka's names.
    """
    return Consumer(*topics, **options, enable_auto_commit=False, isolation_level=isolation, **more)


async def log_ends(
    consumer: AIOKafkaConsumer, tps: Collection[TopicPartition]
) -> dict[TopicPartition, int]:
    """Return where the logs of *tps* end: the offsets to be written next, whatever is open.

    *consumer* has been started.
    """
    # It asks as it reads; a copy of what asks for it, with the same connections, asks otherwise.
    asking = copy(consumer._fetcher)  # noqa: SLF001 - see the plug-point tests
    asking._isolation_level = READ_UNCOMMITTED  # noqa: SLF001
    ends: dict[TopicPartition, int] = await asking.end_offsets(list(tps), _ASK_WITHIN)
    return ends
