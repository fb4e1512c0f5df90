"""Reading an expression: its problems are told where they stand in the file."""

from __future__ import annotations

from triggerstream.core.conditions.expressions import EVENT_ROOTS, OBJECTS, ROOTS
from triggerstream.core.conditions.paths import PROFILE
from triggerstream.core.expressions.check import check
from triggerstream.core.expressions.reads import reads
from triggerstream.core.model import Expression
from triggerstream.core.parsing.conditions.activity import check_session
from triggerstream.core.parsing.source import reader as read
from triggerstream.core.parsing.source.nodes import Node, Scalar
from triggerstream.core.parsing.source.places import place_in
from triggerstream.core.parsing.source.reader import Reader

_NO_TIME = "an expression knows no time: there are tests of the calendar beside it, under 'if'"
_REFUSED = dict.fromkeys(
    ("timestamp", "at", "now", "today", "time_of_day", "day_of_week", "date_range"), _NO_TIME
)
_NO_EVENT = "it is about the customer, not about an event"
_OF_THE_EVENT = {**_REFUSED, PROFILE: "it belongs under 'if'"}


def expression_of(reader: Reader, node: Node, what: str, *, at_firing: bool) -> Expression | None:
    """Read a text as an expression; after telling all its problems there is none."""
    text = read.text(reader, node, what)
    if text is None or not isinstance(node, Scalar):
        return None
    roots, refused = (tuple(ROOTS), _REFUSED) if at_firing else (EVENT_ROOTS, _OF_THE_EVENT)
    spelled = _checked(reader, node, what, text, roots, refused, is_condition=True)
    return None if spelled is None else Expression(spelled)


def value_of(reader: Reader, node: Node, what: str) -> str | None:
    """Read an expression over the profile that may come to any value; return its one spelling."""
    text = read.text(reader, node, what)
    if text is None or not isinstance(node, Scalar):
        return None
    refused = {**_REFUSED, **dict.fromkeys(EVENT_ROOTS, _NO_EVENT)}
    return _checked(reader, node, what, text, (PROFILE,), refused, is_condition=False)


def _checked(
    reader: Reader,
    node: Scalar,
    what: str,
    text: str,
    roots: tuple[str, ...],
    refused: dict[str, str],
    *,
    is_condition: bool,
) -> str | None:
    spelled, tree, faults = check(text, roots, OBJECTS, refused, is_condition=is_condition)
    for fault in faults:
        line, col, is_exact = place_in(node, fault.at)
        column = "" if is_exact else f" (column {fault.at + 1} of the text)"
        reader.report_at(line, col, f"{what}: {fault.message}{column}")
    for at, path in reads(tree) if tree is not None else ():
        check_session(reader, Scalar(*place_in(node, at)[:2], path, path), path)
    return None if faults else spelled


def paths_in(node: Scalar) -> list[Scalar]:
    """Return the dot paths that an expression without problems reads, each at its place. An item of
    a list is ``[]`` in its text, and stands with its list in its value."""
    _, tree, _ = check(node.text, tuple(ROOTS), OBJECTS, {})
    if tree is None:
        return []
    return [
        Scalar(*place_in(node, at)[:2], path.replace(".[]", "[]"), path) for at, path in reads(tree)
    ]
