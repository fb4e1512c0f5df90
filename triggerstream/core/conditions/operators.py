"""The fourteen operators: each turns its operand into a test of one value (semantics 26).

The test is decided when it is built, so that a call does nothing but compare. Tests are total:
they take whatever JSON can hold, missing being ``None``, and never raise.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isfinite
from typing import Any, get_args

from triggerstream.core.model import Operator
from triggerstream.core.regex import compile_regex

ValueTest = Callable[[Any], bool]

OPERATORS: tuple[str, ...] = get_args(Operator)


def compile_operator(operator: str, operand: Any) -> ValueTest:
    """Return the test of a value against *operand*, which is of the operator's kind."""
    return _COMPILERS[operator](operand)


def number_of(value: Any) -> float | None:
    """Return what the comparisons take *value* for: a number, or a numeric string as a number.

    ASCII text that ``float`` reads is numeric; booleans, NaN and infinities are no numbers.
    """
    kind = type(value)
    if kind is int:
        return value  # type: ignore[no-any-return]  # an int is told by its exact type
    if kind is str:
        if not value.isascii():
            return None
        try:
            value = float(value)
        except ValueError:
            return None
    elif kind is not float:
        return None
    return value if isfinite(value) else None


def same(value: Any, operand: Any) -> bool:
    """Return whether the two are equal, typed as JSON is.

    ``1`` is ``1.0``; it is neither ``"1"`` nor ``true``.
    """
    if isinstance(value, bool) or isinstance(operand, bool):
        return value is operand
    if isinstance(value, list) and isinstance(operand, list):
        return len(value) == len(operand) and all(map(same, value, operand))
    if isinstance(value, dict) and isinstance(operand, dict):
        return value.keys() == operand.keys() and all(
            same(value[key], operand[key]) for key in operand
        )
    return bool(value == operand)


# ── equality ────────────────────────────────────────────────────────────────────────────────


def _equals(operand: Any) -> ValueTest:
    if operand is None or isinstance(operand, bool):
        return lambda value: value is operand
    if isinstance(operand, (int, float)):
        return lambda value: value == operand and type(value) is not bool
    if isinstance(operand, str):
        return lambda value: bool(value == operand)
    return lambda value: same(value, operand)


def _in_list(operand: list[Any]) -> ValueTest:
    strings = frozenset(element for element in operand if type(element) is str)
    numbers = frozenset(element for element in operand if type(element) in {int, float})
    others = [element for element in operand if type(element) not in {str, int, float}]

    def holds(value: Any) -> bool:
        kind = type(value)
        if kind is str:
            return value in strings
        if kind is int or kind is float:
            return value in numbers
        return any(same(value, other) for other in others)

    return holds


def _exists(operand: Any) -> ValueTest:
    if operand:
        return lambda value: value is not None
    return lambda value: value is None


# ── order: the far bound shuts NaN and infinities out ───────────────────────────────────────


def _greater_than(operand: float) -> ValueTest:
    def holds(value: Any) -> bool:
        kind = type(value)
        if kind is not float and kind is not int:
            value = number_of(value)
            if value is None:
                return False
        verdict: bool = operand < value < inf
        return verdict

    return holds


def _greater_than_or_equal(operand: float) -> ValueTest:
    def holds(value: Any) -> bool:
        kind = type(value)
        if kind is not float and kind is not int:
            value = number_of(value)
            if value is None:
                return False
        verdict: bool = operand <= value < inf
        return verdict

    return holds


def _less_than(operand: float) -> ValueTest:
    def holds(value: Any) -> bool:
        kind = type(value)
        if kind is not float and kind is not int:
            value = number_of(value)
            if value is None:
                return False
        verdict: bool = -inf < value < operand
        return verdict

    return holds


def _less_than_or_equal(operand: float) -> ValueTest:
    def holds(value: Any) -> bool:
        kind = type(value)
        if kind is not float and kind is not int:
            value = number_of(value)
            if value is None:
                return False
        verdict: bool = -inf < value <= operand
        return verdict

    return holds


def _between(operand: tuple[float, float] | list[float]) -> ValueTest:
    low, high = operand

    def holds(value: Any) -> bool:
        number = number_of(value)
        return number is not None and low <= number <= high

    return holds


# ── text ────────────────────────────────────────────────────────────────────────────────────


def _contains(operand: Any) -> ValueTest:
    if not isinstance(operand, str):
        return lambda value: (
            type(value) is list and any(same(element, operand) for element in value)
        )
    wanted = operand.casefold()

    def holds(value: Any) -> bool:
        if type(value) is str:
            return wanted in value.casefold()
        return type(value) is list and any(
            type(element) is str and element.casefold() == wanted for element in value
        )

    return holds


def _starts_with(operand: str) -> ValueTest:
    return lambda value: type(value) is str and value.startswith(operand)


def _matches(operand: str) -> ValueTest:
    search = compile_regex(operand)

    def holds(value: Any) -> bool:
        return type(value) is str and search(value.encode(errors="replace")) is not None

    return holds


def _negative(compiler: Callable[[Any], ValueTest]) -> Callable[[Any], ValueTest]:
    def compile_negative(operand: Any) -> ValueTest:
        holds = compiler(operand)
        return lambda value: not holds(value)

    return compile_negative


_COMPILERS: dict[str, Callable[[Any], ValueTest]] = {
    "equals": _equals,
    "not_equals": _negative(_equals),
    "greater_than": _greater_than,
    "less_than": _less_than,
    "greater_than_or_equal": _greater_than_or_equal,
    "less_than_or_equal": _less_than_or_equal,
    "contains": _contains,
    "not_contains": _negative(_contains),
    "in_list": _in_list,
    "not_in_list": _negative(_in_list),
    "exists": _exists,
    "between": _between,
    "starts_with": _starts_with,
    "matches": _matches,
}
