"""One expression over one event, for tests."""

from __future__ import annotations

from typing import Any

from triggerstream.core.conditions.expressions import OBJECTS, ROOTS
from triggerstream.core.events.event import Event
from triggerstream.core.expressions.check import check
from triggerstream.core.expressions.compile import compile_condition, compile_value
from triggerstream.core.expressions.parser import parse
from triggerstream.core.expressions.tokens import Fault, tokenize
from triggerstream.core.expressions.tree import Node
from triggerstream.core.expressions.values import ExpressionError


def event_of(data: Any = None, **fields: Any) -> Event:
    return Event(
        customer_id="c", event_type="t", event_id="e", timestamp=0, event_data=data, **fields
    )


def faults_of(text: str) -> list[Fault]:
    return check(text, tuple(ROOTS), OBJECTS, {})[2]


def tree_of(text: str) -> Node:
    """Return the tree, whatever `check` would say of it."""
    return parse(tokenize(text, _refuse))


def value_of(text: str, data: Any = None, **fields: Any) -> Any:
    """Return what *text* comes to; the message of its error in a list."""
    try:
        return compile_value(tree_of(text), text, ROOTS)(event_of(data, **fields), {})
    except ExpressionError as error:
        return [str(error)]


def holds(text: str, data: Any = None, **fields: Any) -> bool | str:
    """Return whether *text*, which must have no fault, is true; the message of its error."""
    assert faults_of(text) == []
    try:
        return compile_condition(tree_of(text), text, ROOTS)(event_of(data, **fields), {})
    except ExpressionError as error:
        return str(error)


def _refuse(at: int, message: str) -> None:
    raise AssertionError(f"{at}: {message}")
