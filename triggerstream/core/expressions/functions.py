"""``size``, the functions of texts, and ``in``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from triggerstream.core.expressions.values import (
    Code,
    Frame,
    NoValueError,
    Said,
    double,
    equal,
    kind_of,
    spend,
)
from triggerstream.core.regex import compile_regex


def size(of: Code, text: str) -> Code:
    """Return how many characters (code points), items or fields there are."""

    def code(event: Any, profile: Any, frame: Frame) -> float:
        value = of(event, profile, frame)
        if type(value) in (str, list, dict):
            return float(len(value))
        raise NoValueError(text, "a text, a list or an object", value)

    return code


_TEXT_TESTS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "startsWith": str.startswith,
    "endsWith": str.endswith,
}


def of_texts(name: str, of: Code, other: Code, text: str) -> Code:
    """Return ``of.name(other)`` for one of the functions that two texts have."""
    holds = _TEXT_TESTS[name]

    def code(event: Any, profile: Any, frame: Frame) -> bool:
        value = of(event, profile, frame)
        part = other(event, profile, frame)
        if type(value) is str and type(part) is str:
            return holds(value, part)
        raise NoValueError(text, "two texts", Said(f"{kind_of(value)} and {kind_of(part)}"))

    return code


def matches(of: Code, pattern: str, text: str) -> Code:
    """Return whether RE2 finds *pattern* anywhere in the text."""
    search = compile_regex(pattern)

    def code(event: Any, profile: Any, frame: Frame) -> bool:
        value = of(event, profile, frame)
        if type(value) is str:
            return search(value.encode(errors="replace")) is not None
        raise NoValueError(text, "a text", value)

    return code


# ── in ──────────────────────────────────────────────────────────────────────────────────────


def is_in(left: Code, right: Code, text: str) -> Code:
    """Return whether a value is an item of a list, or names a field of an object. It counts each
    item that it looks at as a node."""

    def code(event: Any, profile: Any, frame: Frame) -> bool:
        value = left(event, profile, frame)
        among = right(event, profile, frame)
        if type(among) is list:
            for item in among:
                spend(frame, 1)
                if equal(value, double(item) if type(item) is int else item, frame):
                    return True
            return False
        if type(among) is dict:
            return _is_field(value, among, text)
        raise NoValueError(text, "a list or an object behind 'in'", among)

    return code


def _is_field(value: Any, among: dict[str, Any], text: str) -> bool:
    if type(value) is str:
        return value in among
    if type(value) is float or type(value) is bool:
        return False
    raise NoValueError(text, "the name of a field before 'in'", value)


def is_one_of(left: Code, constants: Sequence[Any]) -> Code:
    """Return whether a value is one of those that are written in the text."""
    # By kind, for to Python 1.0 and true are the same.
    texts = frozenset(each for each in constants if type(each) is str)
    numbers = frozenset(each for each in constants if type(each) is float)
    others = [each for each in constants if each is None or type(each) is bool]

    def code(event: Any, profile: Any, frame: Frame) -> bool:
        value = left(event, profile, frame)
        kind = type(value)
        if kind is str:
            return value in texts
        if kind is float:
            return value in numbers
        return any(value is other for other in others)

    return code
