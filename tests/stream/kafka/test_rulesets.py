"""`KafkaRulesets`: who is told that another ruleset is the newest."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from triggerstream.core.rulesets.published import pack
from triggerstream.errors import TriggerFileError
from triggerstream.stream.kafka.rulesets import KafkaRulesets
from triggerstream.stream.kafka.topics import Topics

FILES = {"a.yaml": "whatever: the loader says"}


class Read:
    """Rulesets of which one version has been read, and what was newest at each call."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.told: list[Any] = []
        self.rulesets = KafkaRulesets({}, Topics(), on_failure=self.told.append, load=self._load)
        self.rulesets.on_newest = lambda: self.told.append(self.rulesets.newest())
        self.head, records = pack(FILES, 0)
        for key, value in records:
            self.rulesets._published.take(key, value)

    def _load(self, _: Any, *, version: int) -> Any:
        if self.error is not None:
            raise self.error
        return SimpleNamespace(version=version)


async def test_who_waits_for_another_ruleset_is_told_when_it_can_be_had() -> None:
    read = Read()

    await read.rulesets.try_in_force(1)

    assert read.told == [(1, read.head.hash)]
    assert read.rulesets.get(1) is not None


async def test_nobody_is_told_of_a_ruleset_that_cannot_be_loaded() -> None:
    read = Read(TriggerFileError([]))

    await read.rulesets.try_in_force(1)

    assert read.told == []
