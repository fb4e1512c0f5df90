"""What keyed processes run in: topics that are read and written, and the rulesets in force.

There are two: Kafka (`kafka`), where each process has its share of the partitions, and one
directory (`local`), where all of them share a process.
"""

from __future__ import annotations

from typing import Protocol

from triggerstream.stream.rulesets import PublishedRulesets
from triggerstream.stream.shutdown import Shutdown


class World(Protocol):
    """Where keyed processes run."""

    @property
    def partitions(self) -> int:
        """The number of partitions of every topic that carries customers."""
        ...

    @property
    def shutdown(self) -> Shutdown: ...

    @property
    def rulesets(self) -> PublishedRulesets: ...

    def topic(self, short: str) -> str:
        """Return the full name of the topic with this short name: part of ids that are made."""
        ...

    def topic_id(self, short: str) -> str:
        """Return the topic's id, by which a topic made anew is told from the one before."""
        ...
