"""What an expression reads, and what it makes sure of: dot paths, as the operators have them.

A path ends before a name that is computed, or that a dot path cannot say.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

from triggerstream.core.expressions.tree import (
    Binary,
    Call,
    Choice,
    Has,
    Index,
    Literal,
    Logic,
    Macro,
    Member,
    Name,
    Node,
    Unary,
    children,
    key_of,
)

Paths = frozenset[str]

_NOTHING: Paths = frozenset()


def reads(tree: Node) -> list[tuple[int, str]]:
    """Return the paths that are read, each with the place in the text where it begins. An item of a
    list is ``[]``, whichever it is."""
    found: list[tuple[int, str]] = []
    _reads(tree, {}, found)
    return found


_Variables = dict[str, str | None]
"""The paths that the items of macros have, by variable; ``None`` where there is no such path."""


def _reads(node: Node, variables: _Variables, found: list[tuple[int, str]]) -> None:
    if isinstance(node, Name) and node.name in variables:
        return  # its list has been told
    path = _path(node, variables)
    if path is not None:
        found.append((_start(node).at, path))
    elif isinstance(node, Macro):
        _reads(node.over, variables, found)
        over = _path(node.over, variables)
        _reads(node.body, variables | {node.variable: over and f"{over}.[]"}, found)
    else:
        for child in children(node):
            _reads(child, variables, found)


def _path(node: Node, variables: _Variables | None = None) -> str | None:
    """Return the path that *node* is, or asks for, if it is one; into lists only with
    *variables*."""
    if isinstance(node, Name):
        return node.name if variables is None else variables.get(node.name, node.name)
    key = node.key if isinstance(node, Has) else key_of(node)
    if variables is not None and isinstance(node, Index) and _is_number(node.index):
        key = "[]"
    if not key or "." in key or not isinstance(node, Member | Index | Has):
        return None
    of = _path(node.of, variables)
    return None if of is None else f"{of}.{key}"


def _is_number(node: Node) -> bool:
    return isinstance(node, Literal) and type(node.value) is float


def _start(node: Node) -> Node:
    while isinstance(node, Member | Index | Has):
        node = node.of
    return node


# ── what it makes sure of ───────────────────────────────────────────────────────────────────


def demands(tree: Node, *, holds: bool = True) -> Paths:  # noqa: PLR0911 - one for each kind of node
    """Return the paths that are there, and not null, wherever *tree* is true, or false if not
    *holds*. What goes through another comes with it."""
    match tree:
        case Logic(sign=sign, parts=parts):
            each = [demands(part, holds=holds) for part in parts]
            return frozenset().union(*each) if (sign == "&&") is holds else _in_each(each)
        case Unary(sign="!", of=of):
            return demands(of, holds=not holds)
        case Choice(condition=condition, then=then, otherwise=otherwise):
            return _in_each(
                (
                    demands(condition) | demands(then, holds=holds),
                    demands(condition, holds=False) | demands(otherwise, holds=holds),
                )
            )
        case Binary(sign="==" | "!=" as sign, left=left, right=right):
            found = _evaluated(left) | _evaluated(right)
            if (sign == "==") is holds:
                # One of them is what the other is: of two paths, both may be null.
                return found | (_solid(left) | _solid(right) if _is_value(left, right) else found)
            is_null = any(
                isinstance(each, Literal) and each.value is None for each in (left, right)
            )
            return found | (_solid(left) | _solid(right) if is_null else found)
        case Has(of=of):
            # A field that is there may be null; what it is a field of is not.
            return _solid(of)
        case Macro(over=over):
            return _solid(over)
        case _:
            return _solid(tree)


def _is_value(left: Node, right: Node) -> bool:
    return any(isinstance(each, Literal) and each.value is not None for each in (left, right))


def _solid(node: Node) -> Paths:
    """Return the paths that are there, and not null, where *node* has a value that is not null."""
    found = _evaluated(node)
    path = None if isinstance(node, Has) else _path(node)
    return found if path is None else found | {path}


def _evaluated(node: Node) -> Paths:  # noqa: PLR0911 - one for each kind of node
    """Return the paths that are there, and not null, where *node* has a value."""
    match node:
        case Member(of=of) | Has(of=of):
            return _solid(of)
        case Index(of=of, index=index):
            return _solid(of) | _solid(index)
        case Binary(sign="==" | "!=", left=left, right=right):
            return _evaluated(left) | _evaluated(right)
        case Binary(sign="in", left=left, right=right):
            return _evaluated(left) | _solid(right)
        case Binary(left=left, right=right):
            return _solid(left) | _solid(right)
        case Unary(of=of) | Macro(over=of):
            return _solid(of)
        case Call(arguments=arguments):
            return frozenset().union(*map(_solid, arguments))
        case Choice(condition=condition, then=then, otherwise=otherwise):
            return _solid(condition) | _in_each((_evaluated(then), _evaluated(otherwise)))
        case Logic():
            return _in_each((demands(node), demands(node, holds=False)))
        case _:
            return frozenset().union(*map(_evaluated, children(node)))


def _in_each(parts: Iterable[Paths]) -> Paths:
    return reduce(frozenset.intersection, parts)
