"""What may not stand in an expression although it is one: told when it is read, all at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches

from triggerstream.core.expressions.kinds import Kinds
from triggerstream.core.expressions.parser import ExpressionSyntaxError, parse
from triggerstream.core.expressions.tokens import Fault, spell, tokenize
from triggerstream.core.expressions.tree import Macro, Name, Node, children, depth, size

LONGEST = 2_000
"""Characters of an expression."""
MOST_NODES = 200
DEEPEST = 16
"""Levels of a tree; a chain of ``&&`` or ``||`` is one."""
MOST_MACROS = 2
"""Macros within each other."""

Report = Callable[[int, str], None]


def check(
    text: str,
    roots: Collection[str],
    objects: Collection[str],
    refused: Mapping[str, str],
    *,
    is_condition: bool = True,
) -> tuple[str, Node | None, list[Fault]]:
    """Return *text* in its one spelling, its tree, and all that is wrong with it, in the order of
    the text. There is no tree where it cannot be parsed.

    Args:
        roots: The names that it may start from.
        objects: Those of them that are objects.
        refused: Other names that people may well expect there, and what to do about each.
        is_condition: It is to be true or false; else any value will do.
    """
    faults: list[Fault] = []

    def report(at: int, message: str) -> None:
        faults.append(Fault(at, message))

    if len(text) > LONGEST:
        report(0, f"at most {LONGEST:,} characters; found {len(text):,}")
        return "", None, faults
    tokens = tokenize(text, report)
    if faults:
        return "", None, faults
    try:
        tree = parse(tokens)
    except ExpressionSyntaxError as fault:
        report(fault.at, fault.message)
        return "", None, faults
    _bounds(tree, report)
    _Names(text, roots, refused, report).look_at(tree, ())
    if not faults:
        kinds = Kinds(text, objects, report)
        if is_condition:
            kinds.condition(tree)
        else:
            kinds.kind(tree)
    return spell(tokens), tree, sorted(faults, key=lambda fault: fault.at)


def _bounds(tree: Node, report: Report) -> None:
    nodes, levels = size(tree), depth(tree)
    if nodes > MOST_NODES:
        report(0, f"at most {MOST_NODES} names, values and operators; found {nodes}")
    if levels > DEEPEST:
        report(0, f"at most {DEEPEST} levels within each other; found {levels}")


class _Names:
    def __init__(
        self, text: str, roots: Collection[str], refused: Mapping[str, str], report: Report
    ) -> None:
        self._text = text
        self._roots = roots
        self._refused = refused
        self._report = report

    def look_at(self, node: Node, variables: tuple[str, ...]) -> None:
        if isinstance(node, Name) and node.name not in (*self._roots, *variables):
            self._unknown(node, variables)
        if not isinstance(node, Macro):
            for child in children(node):
                self.look_at(child, variables)
            return
        self.look_at(node.over, variables)
        if node.variable in (*self._roots, *self._refused, *variables):
            required = f"{node.name}: a name for each item that means nothing else"
            self._report(node.at, f"{required}; found {node.variable!r}")
        if len(variables) >= MOST_MACROS:
            required = f"at most {MOST_MACROS} macros within each other"
            self._report(node.at, f"{required}; found {node.name} as one more")
        self.look_at(node.body, (*variables, node.variable))

    def _unknown(self, node: Name, variables: tuple[str, ...]) -> None:
        name = node.name
        required = f"a name that there is ({', '.join((*variables, *self._roots))})"
        if name in self._refused:
            hint = f": {self._refused[name]}"
        elif (
            self._text[: node.at].endswith("-") and self._text[node.at - 2 : node.at - 1].isalnum()
        ):
            hint = ': - is minus; a name that has one is written event_data["my-field"]'
        else:
            close = get_close_matches(name, (*variables, *self._roots), n=1, cutoff=0.7)
            hint = f": did you mean {close[0] if close else f'event_data.{name}'!r}?"
        self._report(node.at, f"{required}; found {name!r}{hint}")
