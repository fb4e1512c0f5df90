"""Where a scenario plays: a broker, a directory, seeded chance, and the shop's log."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

from tests.e2e.deployment import SHORT_SESSION, Deployment
from tests.e2e.told import decided
from triggerstream.authoring.files import read_files
from triggerstream.core.rulesets.ruleset import Ruleset, load_ruleset
from triggerstream.core.timestamps import parse_moment
from triggerstream.replay.driver import replay_lines

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


class Stage:
    """One scenario's.

    Args:
        bootstrap: The broker that the rows share. Who breaks a broker starts one of their own.
        directory: Of this scenario alone; removed afterwards.
        random: All chance of this scenario.
    """

    def __init__(self, bootstrap: str, directory: Path, random: Random, shop: Shop) -> None:
        self.bootstrap = bootstrap
        self.directory = directory
        self.random = random
        self.shop = shop

    @property
    def expected(self) -> dict[str, dict[str, Any]]:
        """What `replay` decides on the shop's log, by firing id (`tests.e2e.deployment.decided`
        brings what was produced into the same form)."""
        return self.shop.expected

    def deployment(
        self,
        name: str = "deployment",
        *,
        triggers: Path = TRIGGERS,
        partitions: int = 4,
        settings: Mapping[str, str] | None = None,
        bootstrap: str | None = None,
    ) -> Deployment:
        """Return an installation in a directory of its own. Use it as a context manager."""
        directory = self.directory / name
        directory.mkdir()
        return Deployment(
            bootstrap or self.bootstrap,
            directory,
            triggers,
            partitions=partitions,
            settings={**SHORT_SESSION, **(settings or {})},
        )

    def say(self, text: str) -> None:
        """Tell who waits how far it is."""
        sys.stderr.write(f"    {text}\n")
        sys.stderr.flush()
