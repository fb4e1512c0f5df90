"""What an expression is once it has been parsed. ``text[at:end]`` of each node is its own text."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec


class _Node(msgspec.Struct, frozen=True):
    at: int
    end: int


class Literal(_Node, frozen=True):
    value: str | float | bool | None


class ListOf(_Node, frozen=True):
    items: tuple[Node, ...]


class Name(_Node, frozen=True):
    """What an expression starts from, or the variable of a macro."""

    name: str


class Member(_Node, frozen=True):
    """``of.key``."""

    of: Node
    key: str


class Index(_Node, frozen=True):
    """``of[index]``: an item of a list, or a field."""

    of: Node
    index: Node


class Has(_Node, frozen=True):
    """``has(of.key)``."""

    of: Node
    key: str


class Unary(_Node, frozen=True):
    """``!of`` or ``-of``."""

    sign: str
    of: Node


class Binary(_Node, frozen=True):
    """Arithmetic, a comparison, or ``in``."""

    sign: str
    left: Node
    right: Node


class Logic(_Node, frozen=True):
    """``a && b && …``, or the same with ``||``: one node for all of a chain."""

    sign: str
    parts: tuple[Node, ...]


class Choice(_Node, frozen=True):
    """``condition ? then : otherwise``."""

    condition: Node
    then: Node
    otherwise: Node


class Call(_Node, frozen=True):
    """A function, of which the first argument is what a method is called on."""

    name: str
    arguments: tuple[Node, ...]


class Macro(_Node, frozen=True):
    """``over.name(variable, body)``."""

    name: str
    over: Node
    variable: str
    body: Node


Node = (
    Literal | ListOf | Name | Member | Index | Has | Unary | Binary | Logic | Choice | Call | Macro
)


def children(node: Node) -> tuple[Node, ...]:  # noqa: PLR0911 - one for each kind of node
    """Return what *node* is made of, in the order of the text."""
    match node:
        case Literal() | Name():
            return ()
        case ListOf(items=parts) | Logic(parts=parts) | Call(arguments=parts):
            return parts
        case Member(of=of) | Has(of=of) | Unary(of=of):
            return (of,)
        case Index(of=of, index=index):
            return of, index
        case Binary(left=left, right=right):
            return left, right
        case Choice(condition=condition, then=then, otherwise=otherwise):
            return condition, then, otherwise
        case Macro(over=over, body=body):
            return over, body


def walk(node: Node) -> Iterator[Node]:
    """Yield *node* and all that is in it, in the order of the text."""
    yield node
    for child in children(node):
        yield from walk(child)


def size(node: Node, *, with_bodies: bool = True) -> int:
    """Return how many nodes there are; without those that each turn of a macro visits anew, if
    not *with_bodies*."""
    if isinstance(node, Macro) and not with_bodies:
        return 1 + size(node.over, with_bodies=False)
    return 1 + sum([size(child, with_bodies=with_bodies) for child in children(node)])


def depth(node: Node) -> int:
    """Return how many levels there are; a literal has one."""
    return 1 + max((depth(child) for child in children(node)), default=0)


def key_of(node: Node) -> str | None:
    """Return the name of the field that *node* is, where it is one with a name that is written."""
    if isinstance(node, Member):
        return node.key
    if isinstance(node, Index) and isinstance(node.index, Literal):
        return node.index.value if isinstance(node.index.value, str) else None
    return None
