"""Values as expressions have them, and the errors that an evaluation may end in.

There is one kind of number, a double: `double` is asked of each number that comes out of data. A
text, a boolean, null, a list and an object are what JSON has; what stands in lists and objects is
converted when it is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from math import copysign, inf, nan
from typing import Any

Frame = list[Any]
"""What one evaluation holds: how many nodes it may still visit, and the items of its macros."""

MISSING = object()
"""What is not there, to messages."""


class ExpressionError(Exception):
    """An evaluation has no value: *what*, a part of the text, *required* something, and *found*
    something else."""

    def __init__(self, what: str, required: str, found: object) -> None:
        self.what = what
        self.required = required
        self.found = found

    def __str__(self) -> str:
        found = self.found if isinstance(self.found, Said) else kind_of(self.found)
        return f"{self.what}: {self.required}; found {found}"


class NoValueError(ExpressionError):
    """One that does not matter where the rest decides."""


class BudgetError(ExpressionError):
    """More nodes were to be visited than one evaluation may."""


class Said(str):
    """What was found, in words."""

    __slots__ = ()


def kind_of(value: object) -> str:
    """Return what *value* is, for people; it may be a customer's, and is not shown."""
    if value is MISSING:
        return "nothing"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    names = {float: "a number", int: "a number", str: "a text", list: "a list", dict: "an object"}
    return names.get(type(value), "a value")


def double(value: int) -> float:
    """Return the double nearest to *value*; beyond all of them there is infinity."""
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf


def divide(left: float, right: float) -> float:
    """Divide as IEEE 754 says, where there is no error."""
    if right:
        return left / right
    if not left or left != left:  # noqa: PLR0124 - not a number
        return nan
    return copysign(inf, left) * copysign(1.0, right)


def equal(left: Any, right: Any, frame: Frame) -> bool:
    """Return whether the two are equal; values of different kinds are not.

    Raises:
        BudgetError: They have more elements than may be looked at.
    """
    kind = type(left)
    if kind is float or kind is str:
        return type(right) is kind and bool(left == right)
    if kind is bool or left is None:
        return left is right
    return _equal_inside([(left, right)], frame)


def _equal_inside(pairs: list[tuple[Any, Any]], frame: Frame) -> bool:
    while pairs:
        one, other = map(_as_value, pairs.pop())
        kind = type(one)
        if type(other) is not kind:
            return False
        if kind is not list and kind is not dict:
            if one != other:
                return False
            continue
        keys = one.keys() if kind is dict else range(len(one))
        if keys != (other.keys() if kind is dict else range(len(other))):
            return False
        spend(frame, len(one))
        pairs += [(one[key], other[key]) for key in keys]
    return True


def _as_value(value: Any) -> Any:
    return double(value) if type(value) is int else value


def spend(frame: Frame, nodes: int) -> None:
    """Take *nodes* from what may still be visited.

    Raises:
        BudgetError: There are not as many.
    """
    frame[0] -= nodes
    if frame[0] < 0:
        raise BudgetError("expr", f"at most {BUDGET:,} nodes visited", Said("more"))


BUDGET = 10_000
"""Nodes of the tree that one evaluation visits, with the elements that it looks at."""

Code = Callable[[Any, Any, Frame], Any]
"""An expression, compiled: takes the event, the profile and the frame; returns its value, or raises
`NoValueError` or `BudgetError`."""
