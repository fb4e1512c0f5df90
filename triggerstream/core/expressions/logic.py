"""What decides by truth: ``&& || ! ?:``, and the macros, which are ``&&`` and ``||`` over a list.

An error does not matter where the rest decides: ``a || b`` is true if one of them is, whatever the
other comes to. What is neither true nor false counts as an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triggerstream.core.expressions.values import Code, Frame, NoValueError, double, spend

_BOOL = "true or false"


def every(parts: Sequence[Code], texts: Sequence[str]) -> Code:
    """Return ``a && b && …``."""
    return _chain(parts, texts, decides=False)


def some(parts: Sequence[Code], texts: Sequence[str]) -> Code:
    """Return ``a || b || …``."""
    return _chain(parts, texts, decides=True)


def _chain(parts: Sequence[Code], texts: Sequence[str], *, decides: Any) -> Code:
    pairs = list(zip(parts, texts, strict=True))

    def code(event: Any, profile: Any, frame: Frame) -> bool:
        erred: NoValueError | None = None
        for part, text in pairs:
            try:
                value = part(event, profile, frame)
            except NoValueError as error:
                erred = erred or error
                continue
            if value is decides:
                return bool(decides)
            if value is not True and value is not False:
                erred = erred or NoValueError(text, _BOOL, value)
        if erred is not None:
            raise erred
        return not decides

    return code


def negation(of: Code, text: str) -> Code:
    def code(event: Any, profile: Any, frame: Frame) -> bool:
        value = of(event, profile, frame)
        if value is True:
            return False
        if value is False:
            return True
        raise NoValueError(text, _BOOL, value)

    return code


def choice(condition: Code, then: Code, otherwise: Code, text: str) -> Code:
    def code(event: Any, profile: Any, frame: Frame) -> Any:
        value = condition(event, profile, frame)
        if value is True:
            return then(event, profile, frame)
        if value is False:
            return otherwise(event, profile, frame)
        raise NoValueError(text, _BOOL, value)

    return code


# ── macros ──────────────────────────────────────────────────────────────────────────────────


def quantifier(
    over: Code, body: Code, *, variable: int, turn: int, decides: bool, texts: tuple[str, str]
) -> Code:
    """Return ``exists``, which a true item *decides*, or ``all``, which a false one does.

    Args:
        variable: Where in the frame an item stands.
        turn: Nodes that the test of one item counts as, whichever of them it comes to.
        texts: Of the list and of the test.
    """
    of, test = texts

    def code(event: Any, profile: Any, frame: Frame) -> bool:
        erred: NoValueError | None = None
        for item in _items(over(event, profile, frame), of):
            spend(frame, turn)
            frame[variable] = double(item) if type(item) is int else item
            try:
                value = body(event, profile, frame)
            except NoValueError as error:
                erred = erred or error
                continue
            if value is decides:
                return bool(decides)
            if value is not True and value is not False:
                erred = erred or NoValueError(test, _BOOL, value)
        if erred is not None:
            raise erred
        return not decides

    return code


def exists_one(over: Code, body: Code, *, variable: int, turn: int, texts: tuple[str, str]) -> Code:
    """Return whether the test is true of one item and no other; any error is one of the whole."""
    of, test = texts

    def code(event: Any, profile: Any, frame: Frame) -> bool:
        held = 0
        for item in _items(over(event, profile, frame), of):
            spend(frame, turn)
            frame[variable] = double(item) if type(item) is int else item
            value = body(event, profile, frame)
            if value is True:
                held += 1
            elif value is not False:
                raise NoValueError(test, _BOOL, value)
        return held == 1

    return code


def _items(value: Any, text: str) -> list[Any]:
    if type(value) is list:
        return value
    raise NoValueError(text, "a list", value)
