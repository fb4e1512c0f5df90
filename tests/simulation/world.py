"""The world around the nodes: time, the broker, who owns what, and what was really reached."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from tests.simulation.broker import Broker, Changelog, Line
from tests.simulation.oracle import Oracle, Role
from triggerstream.core.records.record import Produce

if TYPE_CHECKING:
    from tests.simulation.node import Node


class ViolationError(AssertionError):
    """An invariant is broken; the message names the seed that shows it again."""


@dataclass
class Weather:
    """How likely each small fault is: of an append, an acknowledgement, a commit, a delivery."""

    failing: float = 0.006
    delayed: float = 0.05
    lost: float = 0.05
    repeated: float = 0.01

    def clear_up(self) -> None:
        """Let nothing fail any more."""
        self.failing = self.delayed = self.lost = self.repeated = 0.0


class World:
    """Everything that outlives a node.

    Attributes:
        now: Epoch milliseconds; moves as the schedule says.
        versions: How many rulesets have been published.
        owners: By process, who owns its partition by the group's word.
        reached: How often each fault, and each of its effects, was really reached.
        trace: What happened, line by line, where somebody wants to read it.
    """

    def __init__(
        self,
        seed: int,
        roles: Sequence[Role],
        ruleset: Callable[[int], Any],
        *,
        now: int = 1_000,
        traced: bool = False,
        random: Random | None = None,
    ) -> None:
        self.seed = seed
        self.random = random or Random(seed)
        self.weather = Weather()
        self.versions = 1
        self.owners: dict[str, Node] = {}
        self.reached: Counter[str] = Counter()
        self.trace: list[str] | None = [] if traced else None
        self.broker = Broker(self.random, now, self._on_line)
        self._ruleset = ruleset
        self.oracles = {role.name: Oracle(role, ruleset) for role in roles}
        self._readers = {role.input: self.oracles[role.name] for role in roles}
        for role in roles:
            self.broker.changelogs[role.name] = Changelog()
            self.broker.committed[role.name] = 0
            for topic in (role.input, f"{role.input}.dlq", role.downstream):
                if topic is not None:
                    self.broker.topics.setdefault(topic, [])

    @property
    def now(self) -> int:
        return self.broker.now

    @now.setter
    def now(self, now: int) -> None:
        self.broker.now = now

    def ruleset(self, version: int) -> Any:
        return self._ruleset(version) if version <= self.versions else None

    def _on_line(self, topic: str, line: Line) -> None:
        if self.trace is not None:
            text = f"{line.key!r} {line.value!r} {dict(line.headers) or ''}"
            self.note(topic, "%d (%s): %s", line.offset, line.author, text)
        if (reader := self._readers.get(topic)) is not None:
            try:
                reader.take(line)
            except AssertionError as error:
                self.violated(str(error))

    def say(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None = None,
        headers: tuple[tuple[str, bytes], ...] = (),
    ) -> None:
        """Let a producer append to *topic*."""
        self.broker.stamp(steps_back=False)
        self.broker.append(topic, Produce(topic, 0, key, value, headers), "producer")

    def commit(self, node: Node, offset: int) -> bool:
        """Take a commit of *node*; return whether it was taken. A former owner's is refused."""
        name = node.role.name
        committed = self.broker.committed
        if offset <= committed[name]:
            return True
        if self.owners[name] is not node:
            self.reach(node.name, "commit refused")
            return False
        if self.random.random() < self.weather.lost:
            self.reach(node.name, "commit lost")
            return False
        committed[name] = offset
        self.note(node.name, "has committed %d", offset)
        missing = self.oracles[name].not_contained(self.broker.changelogs[name], offset)
        if missing is not None:
            self.violated(f"I6: {name} commits {offset}, but {missing}")
        return True

    def reach(self, who: str, what: str) -> None:
        """Count that *what* has happened, to *who*."""
        self.reached[what] += 1
        self.note(who, what)

    def note(self, who: str, what: str, *details: object) -> None:
        if self.trace is not None:
            self.trace.append(f"{self.now:>14} {who:<14} {what % details if details else what}")

    def violated(self, what: str) -> None:
        """Raise `ViolationError`."""
        raise ViolationError(f"seed {self.seed}: {what}")
