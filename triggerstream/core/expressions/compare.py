"""Arithmetic and comparisons. Those with what is written in the text are decided when compiled."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from triggerstream.core.expressions.values import (
    Code,
    Frame,
    NoValueError,
    Said,
    divide,
    equal,
    kind_of,
)

_ORDERS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_SUMS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": divide,
}


def binary(sign: str, left: Code, right: Code, text: str) -> Code:
    """Return the comparison or the arithmetic of *sign* between two."""
    if sign in _SUMS:
        return _arithmetic(_SUMS[sign], left, right, text)
    if sign in _ORDERS:
        return _order(_ORDERS[sign], left, right, text)
    return _equality(left, right, wanted=sign == "==")


def negative(of: Code, text: str) -> Code:
    def code(event: Any, profile: Any, frame: Frame) -> float:
        value = of(event, profile, frame)
        if type(value) is float:
            return -value
        raise NoValueError(text, "a number behind -", value)

    return code


def _arithmetic(apply: Callable[[Any, Any], Any], left: Code, right: Code, text: str) -> Code:
    def code(event: Any, profile: Any, frame: Frame) -> Any:
        one = left(event, profile, frame)
        other = right(event, profile, frame)
        if type(one) is float and type(other) is float:
            return apply(one, other)
        raise NoValueError(text, "two numbers", _both(one, other))

    return code


def _order(apply: Callable[[Any, Any], Any], left: Code, right: Code, text: str) -> Code:
    """Texts compare by code point, as Python's do; false is less than true."""

    def code(event: Any, profile: Any, frame: Frame) -> Any:
        one = left(event, profile, frame)
        other = right(event, profile, frame)
        kind = type(one)
        if kind is type(other) and (kind is float or kind is str or kind is bool):
            return apply(one, other)
        raise NoValueError(text, "two numbers, two texts or two booleans", _both(one, other))

    return code


def _both(one: Any, other: Any) -> Said:
    return Said(f"{kind_of(one)} and {kind_of(other)}")


def _equality(left: Code, right: Code, *, wanted: bool) -> Code:
    def code(event: Any, profile: Any, frame: Frame) -> bool:
        one = left(event, profile, frame)
        return equal(one, right(event, profile, frame), frame) is wanted

    return code


# ── with a constant on the right ────────────────────────────────────────────────────────────


def with_constant(sign: str, left: Code, constant: Any, text: str) -> Code | None:
    """Return what `binary` does with *constant* as the right side, in fewer calls; ``None`` where
    there is no shorter way."""
    if sign in ("==", "!="):
        return _equals_constant(left, constant, wanted=sign == "==")
    if sign not in _ORDERS or constant is None:
        return None
    apply, kind = _ORDERS[sign], type(constant)

    def code(event: Any, profile: Any, frame: Frame) -> Any:
        value = left(event, profile, frame)
        if type(value) is kind:
            return apply(value, constant)
        raise NoValueError(text, "two numbers, two texts or two booleans", _both(value, constant))

    return code


def _equals_constant(left: Code, constant: Any, *, wanted: bool) -> Code:
    kind = type(constant)

    def code(event: Any, profile: Any, frame: Frame) -> bool:
        value = left(event, profile, frame)
        return (type(value) is kind and value == constant) is wanted

    return code
