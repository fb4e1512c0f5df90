"""Where a scenario plays: a world, a directory, seeded chance, and the shop's log."""

from __future__ import annotations

import gzip
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import cached_property
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from tests.e2e.told import decided
from triggerstream.authoring.files import read_files
from triggerstream.core.rulesets.ruleset import Ruleset, load_ruleset
from triggerstream.core.timestamps import parse_moment
from triggerstream.replay.driver import replay_lines

if TYPE_CHECKING:
    from tests.chaos.trial import Line, Trial

TRIGGERS = Path(__file__).parents[1] / "e2e/triggers"
LOG = Path(__file__).parents[2] / "examples/shop/events.jsonl.gz"
UNTIL = parse_moment("2024-07-04T00:00:00Z")
"""When everything of the shop's log has come due."""


class Shop:
    """The shop's half-year, and what `replay` decides on it. Read and computed once."""

    triggers = TRIGGERS
    until = UNTIL

    @cached_property
    def log(self) -> list[bytes]:
        return gzip.decompress(LOG.read_bytes()).splitlines()

    @cached_property
    def ruleset(self) -> Ruleset:
        return load_ruleset(read_files(TRIGGERS), version=1)

    @cached_property
    def expected(self) -> dict[str, dict[str, Any]]:
        """What `replay` decides, by firing id."""
        lines = replay_lines(self.ruleset, self.log, until=UNTIL)
        return decided(line for line in lines if line["kind"] == "firing")


class Stage(ABC):
    """One scenario's. What it is in a world is said by `KafkaStage` and by `local.LocalStage`.

    Args:
        directory: Of this scenario alone; removed afterwards.
        random: All chance of this scenario.

    Attributes:
        partitions: Of the events topic of an installation here.
        largest: Bytes of a record, about, that this topic takes.
    """

    partitions: int
    largest: int

    def __init__(self, directory: Path, random: Random, shop: Shop) -> None:
        self.directory = directory
        self.random = random
        self.shop = shop

    @property
    def expected(self) -> dict[str, dict[str, Any]]:
        """What `replay` decides on the shop's log, by firing id (`tests.e2e.deployment.decided`
        brings what was produced into the same form)."""
        return self.shop.expected

    @abstractmethod
    def trial(
        self, lines: Sequence[Line], **options: Any
    ) -> AbstractAsyncContextManager[Trial[Any]]:
        """Open an installation that detects, and a trial on it; *options* are of `Trial`."""

    @abstractmethod
    def sending(
        self,
        name: str,
        triggers: Path,
        settings: Mapping[str, str],
        senders: Sequence[str],
        **options: Any,
    ) -> AbstractAsyncContextManager[tuple[Any, Any]]:
        """Open an installation that detects and sends, in *senders* where those are processes of
        their own; yield it and a `Watch` of it when it reads. *options* are of the world."""

    def say(self, text: str) -> None:
        """Tell who waits how far it is."""
        sys.stderr.write(f"    {text}\n")
        sys.stderr.flush()
