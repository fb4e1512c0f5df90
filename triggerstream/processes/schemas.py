"""What the doors of a process ask of events: the schemas of the newest ruleset."""

from __future__ import annotations

from triggerstream.core.schemas.schemas import Schemas
from triggerstream.stream.ports import Rulesets


class NewestSchemas:
    """Returns, when it is called, what the newest published ruleset asks of events; ``None`` where
    it asks nothing, or none is published.

    A door does not wait for the mark by which partitions change to a ruleset: what comes in after
    it was published is checked by it.
    """

    def __init__(self, rulesets: Rulesets) -> None:
        self._rulesets = rulesets
        self._version = 0
        self._schemas: Schemas | None = None

    def __call__(self) -> Schemas | None:
        newest = self._rulesets.newest()
        if newest is not None and newest[0] != self._version:
            ruleset = self._rulesets.get(newest[0])
            if ruleset is not None:  # else it goes by the last one until this one is here
                self._version, self._schemas = ruleset.version, ruleset.schemas
        return self._schemas
