"""Values that nobody folds, since they follow from others: the first case that holds, and what an
expression comes to. They keep nothing; who watches one remembers its last value."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from triggerstream.core.conditions.check import Check
from triggerstream.core.conditions.compile import compile_if
from triggerstream.core.conditions.expressions import Erred, compile_profile_value, read_by, unheard
from triggerstream.core.derive.attributes.compile import CompiledAttribute, key_of
from triggerstream.core.derive.attributes.folds import Value
from triggerstream.core.derive.segments import CompiledSegment
from triggerstream.core.derive.sight import NO_EVENT, Sight
from triggerstream.core.model import Attribute
from triggerstream.core.state.customer import CustomerState

COMPUTED = frozenset({"case", "expr"})
"""The heads of attributes that are none of events."""


class Computed(Value):
    """A value that follows from what *sight* shows of a customer."""

    def __init__(self, attribute: Attribute, sight: Sight) -> None:
        super().__init__(key_of((attribute, sight.below)))
        self.reads = sight.reads
        self._sight = sight

    def next(self, state: CustomerState, at: int) -> int:
        return self._sight.next(state, at)


class FirstCase(Computed):
    """What the first case says whose condition holds; ``None`` where none does."""

    def __init__(self, attribute: Attribute, sight: Sight, erred: Erred) -> None:
        super().__init__(attribute, sight)
        self._cases: list[tuple[Check | None, Any]] = [
            (
                None if case.condition is None else compile_if(case.condition, "UTC", erred),
                case.then,
            )
            for case in attribute.cases
        ]

    def value(self, state: CustomerState, at: int) -> Any:
        seen = self._sight.see(state, at)
        for check, then in self._cases:
            if check is None or check(NO_EVENT, seen, at) is None:
                return then
        return None


class Formula(Computed):
    """What an expression over the profile comes to; ``None`` for an error, and for a number that
    is not finite, which no record can hold."""

    def __init__(self, attribute: Attribute, sight: Sight, erred: Erred) -> None:
        super().__init__(attribute, sight)
        self._evaluate = compile_profile_value(attribute.text or "", erred)

    def value(self, state: CustomerState, at: int) -> Any:
        value = self._evaluate(self._sight.see(state, at))
        return None if type(value) is float and not isfinite(value) else value


def compile_computed(
    attribute: Attribute,
    attributes: Mapping[str, CompiledAttribute],
    segments: Mapping[str, CompiledSegment],
    erred: Erred = unheard,
) -> CompiledAttribute:
    """Return *attribute* compiled; what it reads is among *attributes* and *segments* already.
    *erred* hears of each of its expressions that had no value."""
    conditions = [each.condition for each in attribute.cases if each.condition is not None]
    paths = read_by(attribute.text) if attribute.text is not None else []
    sight = Sight(conditions, paths, attributes, segments)
    kind = FirstCase if attribute.head == "case" else Formula
    return CompiledAttribute(attribute.name, attribute, kind(attribute, sight, erred), {})
