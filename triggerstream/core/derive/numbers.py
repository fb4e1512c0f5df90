"""Numbers that patterns compare with, and that go by something: looked up at each test (75)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from triggerstream.core.conditions.numbers import compile_number, in_force, numbers_in
from triggerstream.core.conditions.unnamed import segments_of
from triggerstream.core.derive.attributes.compile import CompiledAttribute
from triggerstream.core.derive.segments import CompiledSegment
from triggerstream.core.derive.sight import Sight
from triggerstream.core.events.event import Event
from triggerstream.core.model import (
    SEGMENT,
    AllPattern,
    AnyPattern,
    Named,
    Number,
    Pattern,
    RulesetSource,
    Table,
    TrendPattern,
)
from triggerstream.core.patterns.base import LookUp
from triggerstream.core.patterns.progress import Progress
from triggerstream.core.state.customer import CustomerState


class Numbers:
    """Compiles numbers for who knows a customer's state, and neither attributes nor segments."""

    def __init__(
        self,
        attributes: Mapping[str, CompiledAttribute],
        segments: Mapping[str, CompiledSegment],
    ) -> None:
        self._attributes = attributes
        self._segments = segments

    def look_up(self, number: Number) -> LookUp | None:
        """Return what looks *number* up, or ``None`` where it goes by nothing."""
        table = in_force(number)
        if not isinstance(table, Table):
            return None
        paths = [] if table.by == SEGMENT else [table.by]
        sight = Sight((), paths, self._attributes, self._segments, segments_of(table))
        look = compile_number(table)

        def look_up(event: Event, progress: Progress, at: int) -> float:
            state = cast("CustomerState", progress)
            return look(event, sight.see(state, max(at, state.tau)))

        return look_up


NO_NUMBERS = Numbers({}, {})
"""Where no number goes by an attribute or a segment."""


def deciding(source: RulesetSource) -> dict[str, int | float | Table]:
    """Return what those numbers that have a name come to which decide what is derived, or what time
    alone does: of segments, of cases, and of what falls below its past."""
    found: list[Any] = []
    for segment in source.segments:
        found += [segment.condition, segment.leave]
    for attribute in source.attributes:
        found.append(attribute)
    found += [each.of for each in source.changes]
    named = {
        each.name: each.in_force.said
        for one in found
        for each in numbers_in(one)
        if isinstance(each, Named)
    }
    for trigger in source.triggers:
        for pattern in _trends_in(trigger.when):
            if pattern.direction == "below" and isinstance(pattern.factor, Named):
                named[pattern.factor.name] = pattern.factor.in_force.said
    return named


def _trends_in(pattern: Pattern) -> Iterator[TrendPattern]:
    if isinstance(pattern, TrendPattern):
        yield pattern
    elif isinstance(pattern, AllPattern | AnyPattern):
        for child in pattern.children:
            yield from _trends_in(child)
