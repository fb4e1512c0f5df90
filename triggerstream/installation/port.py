"""What commands ask of an installation, wherever it is.

Topics are named by their short names. Every topic is there in both worlds; on Kafka a worker makes
them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Protocol

import msgspec

from triggerstream.stream.following import Follower
from triggerstream.stream.ports import Appending


class Entrance(Appending, Protocol):
    """Where records are appended, and where they come to lie."""

    async def place(self, topic: str, key: bytes | None) -> int:
        """Return the partition of *topic* for *key*."""
        ...


class Detection(Protocol):
    """How far detection has come."""

    async def has_committed(self, offsets: Mapping[int, int]) -> bool:
        """Return whether detection is done with what stands at *offsets* of events, by partition:
        what it decided is in the log, and what it remembers is durable. ``False`` where nobody can
        tell now."""
        ...


class Remembered(msgspec.Struct, frozen=True):
    """What one process answers, when it is asked for a customer.

    Attributes:
        found: What it remembers; ``None`` for nothing.
        why_unknown: Why it could not be asked, in words; empty where it answered.
    """

    found: Mapping[str, Any] | None = None
    why_unknown: str = ""


class Installation(Protocol):
    """One installation, reached by a command. Each method opens what it needs."""

    @property
    def engine(self) -> str:
        """The command that starts what detects, as people type it."""
        ...

    def topic_name(self, topic: str) -> str:
        """Return what *topic* is called here: part of the ids of events that bring none."""
        ...

    def talking(self) -> AbstractContextManager[None]:
        """Tell what is raised inside, by whatever reaches the installation, in the words of whoever
        set it up.

        Raises:
            UnreachableError: It does not answer, or refuses.
            SettingsError: A certificate or key file cannot be read.
        """
        ...

    async def reach(self, needs: Collection[str] = ()) -> None:
        """Return when the installation has answered and has the topics that are *needs*.

        Raises:
            UnreachableError: It has not, and that is known within five seconds.
        """
        ...

    def follow(self, topics: Collection[str], customers: Collection[str] | None = None) -> Follower:
        """Return what reads *topics*, as far as they concern *customers* where there are several
        partitions."""
        ...

    def entrance(self) -> AbstractAsyncContextManager[Entrance]:
        """Return what appends records: by whoever may."""
        ...

    async def make_rulesets_topic(self) -> None:
        """Make the topic of the published rulesets, where it is not there: deploying may come
        first."""
        ...

    def detection(self) -> AbstractAsyncContextManager[Detection]:
        """Return what tells how far detection has come."""
        ...

    async def inspect(self, customer: str) -> Mapping[str, Remembered]:
        """Return what detecting (``detect``) and sending (``send``) remember of *customer*.

        Raises:
            UnreachableError: Whoever must know was found, and does not answer, or refuses.
        """
        ...
