"""Expressions as conditions: what they may start from, and that an error is no answer but false."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triggerstream.core.conditions.check import Check
from triggerstream.core.conditions.paths import FIELDS, MAPPINGS, PROFILE
from triggerstream.core.events.event import Event
from triggerstream.core.expressions.compile import (
    Evaluate,
    Root,
    compile_condition,
    compile_value,
)
from triggerstream.core.expressions.parser import parse
from triggerstream.core.expressions.reads import Paths, demands, reads
from triggerstream.core.expressions.tokens import tokenize
from triggerstream.core.expressions.tree import Node
from triggerstream.core.expressions.values import ExpressionError

Erred = Callable[[], None]
"""Hears of each evaluation that had no value: they are counted by trigger."""

ROOTS: dict[str, Root] = {
    **{name: Root(name, is_object=True) for name in MAPPINGS},
    **{name: Root(name, is_object=False) for name in FIELDS},
    PROFILE: Root(None, is_object=True),
}
OBJECTS = (*MAPPINGS, PROFILE)
EVENT_ROOTS = (*MAPPINGS, *FIELDS)
"""What a test of the event alone may start from."""

_NOBODY: dict[str, Any] = {}


def unheard() -> None:
    """Let an error pass: for who only asks whether a condition holds."""


def compile_event_expression(text: str, erred: Erred) -> Callable[[Event], bool]:
    """Return the predicate of an expression in ``where``; it has been checked."""
    evaluate = _compiled(text)

    def holds(event: Event) -> bool:
        try:
            return evaluate(event, _NOBODY)
        except ExpressionError:
            erred()
            return False

    return holds


def compile_expression(text: str, erred: Erred) -> Check:
    """Return the check of an expression in ``if``: ``None`` if it holds, else what stood against
    it."""
    evaluate = _compiled(text)
    against = f"expr {text}; it is false"

    def check(
        event: Event, profile: dict[str, Any], at: int, read_at: int | None = None
    ) -> str | None:
        try:
            return None if evaluate(event, profile) else against
        except ExpressionError as error:
            erred()
            return f"expr {text}; {error}"

    return check


def compile_profile_value(text: str, erred: Erred) -> Callable[[dict[str, Any]], Any]:
    """Return what takes the profile to the value of an expression over it; ``None`` where it has
    none."""
    evaluate = compile_value(_tree(text), text, ROOTS)

    def value(profile: dict[str, Any]) -> Any:
        try:
            return evaluate(None, profile)
        except ExpressionError:
            erred()
            return None

    return value


def read_by(text: str) -> list[str]:
    """Return the paths that an expression reads. One that ends with the name of an object, such as
    ``profile``, reads what nobody can tell before: any of it."""
    return [path for _, path in reads(_tree(text))]


def demanded_by(text: str, *, holds: bool) -> Paths:
    """Return the paths that are there, and not null, wherever an expression holds.

    It holds not where it errs, too; so that nothing is sure where it does not.
    """
    if not holds:
        return frozenset()
    # An object that the event has not is an empty one: of itself nothing is sure.
    found = demands(_tree(text)) - {*OBJECTS}
    return found | {path.partition(".")[0] for path in found}


def _compiled(text: str) -> Evaluate:
    return compile_condition(_tree(text), text, ROOTS)


def _tree(text: str) -> Node:
    return parse(tokenize(text, _nothing_is_wrong))


def _nothing_is_wrong(at: int, message: str) -> None:
    raise ValueError(f"an expression that has been checked; found at {at}: {message}")
