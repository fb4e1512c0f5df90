"""What a condition demands: the paths that have a value wherever it holds.

Nothing is said of an operator here. One that a missing value does not pass demands a value, and so
does the negation of one that it passes.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

from triggerstream.core.conditions.expressions import demanded_by
from triggerstream.core.conditions.operators import compile_operator
from triggerstream.core.model import AllOf, AnyOf, Condition, Expression, Negation, Test

Paths = frozenset[str]

NOTHING: Paths = frozenset()


def demanded(condition: Condition | None, *, holds: bool = True) -> Paths:
    """Return the paths that are there, and not null, wherever *condition* holds.

    With ``cart.total`` there is ``cart``, so that both are returned.

    Args:
        holds: ``False`` asks for those that are there wherever it does not hold.
    """
    match condition:
        case Test(path, operator, operand):
            passes = compile_operator(operator, operand)(None)
            return NOTHING if passes is holds else with_parents(path)
        case Expression(text):
            return demanded_by(text, holds=holds)
        case Negation(inner):
            return demanded(inner, holds=not holds)
        case AllOf(conditions):
            parts = [demanded(each, holds=holds) for each in conditions]
            return frozenset().union(*parts) if holds else in_each(parts)
        case AnyOf(conditions):
            parts = [demanded(each, holds=holds) for each in conditions]
            return in_each(parts) if holds else frozenset().union(*parts)
        case _:
            return NOTHING


def with_parents(path: str) -> Paths:
    """Return *path* and all that it goes through."""
    keys = path.split(".")
    return frozenset(".".join(keys[:number]) for number in range(1, len(keys) + 1))


def in_each(parts: Iterable[Paths]) -> Paths:
    """Return what is in each of *parts*; nothing where there are none."""
    found = list(parts)
    return reduce(frozenset.intersection, found) if found else NOTHING
