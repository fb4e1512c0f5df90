"""Kinds of values, as far as a text tells them: what would be an error, or no test, at each event.

A path may be anything; what is written, and what an operator makes, is of a kind that is known.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Literal as OneOf

from triggerstream.core.expressions.tree import (
    Binary,
    Call,
    Choice,
    Has,
    Index,
    ListOf,
    Literal,
    Logic,
    Macro,
    Name,
    Node,
    Unary,
    children,
)
from triggerstream.core.regex import compile_regex

Kind = OneOf["a number", "a text", "true or false", "null", "a list", "an object"]

_NUMBER: Kind = "a number"
_TEXT: Kind = "a text"
_BOOL: Kind = "true or false"
_LIST: Kind = "a list"
_OBJECT: Kind = "an object"
_ORDERED = (_NUMBER, _TEXT, _BOOL)


class Kinds:
    """Reports of a tree what it can never come to.

    Args:
        objects: Names that are objects.
        report: Takes the place in the text, and what is required and was found.
    """

    def __init__(
        self, text: str, objects: Collection[str], report: Callable[[int, str], None]
    ) -> None:
        self._text = text
        self._objects = objects
        self._report = report

    def condition(self, tree: Node) -> None:
        """Look at all of a condition."""
        self._must(tree, (_BOOL,), "an expression that is true or false", "")

    def kind(self, node: Node) -> Kind | None:  # noqa: PLR0911, PLR0912 - one for each kind of node
        """Return the kind of *node*; ``None``: any."""
        match node:
            case Literal(value=value):
                return _kind_of(value)
            case ListOf(items=items):
                for item in items:
                    self.kind(item)
                return _LIST
            case Name(name=name):
                return _OBJECT if name in self._objects else None
            case Has(of=of):
                self._must(of, (_OBJECT,), "has: a field of an object", "")
                return _BOOL
            case Unary(sign=sign, of=of):
                wanted = _BOOL if sign == "!" else _NUMBER
                self._must(of, (wanted,), f"{sign} before {wanted}", _NOT if sign == "!" else "")
                return wanted
            case Binary():
                return self._binary(node)
            case Logic(sign=sign, parts=parts):
                for part in parts:
                    self._must(part, (_BOOL,), f"{sign} between what is true or false", "")
                return _BOOL
            case Choice(condition=condition, then=then, otherwise=otherwise):
                self._must(condition, (_BOOL,), "? behind what is true or false", "")
                kinds = {self.kind(then), self.kind(otherwise)}
                return kinds.pop() if len(kinds) == 1 else None
            case Call():
                return self._call(node)
            case Macro(name=name, over=over, body=body):
                self._must(over, (_LIST,), f"{name}: of a list", "")
                self._must(body, (_BOOL,), f"{name}: a test that is true or false", "")
                return _BOOL
            case Index(of=of, index=index):
                self._must(of, (_LIST, _OBJECT), "[…] behind a list or an object", "")
                self._must(index, (_NUMBER, _TEXT), "[…] with a number or the name of a field", "")
                return None
            case _:
                for child in children(node):
                    self.kind(child)
                return None

    def _must(self, node: Node, kinds: Collection[Kind], required: str, remedy: str) -> Kind | None:
        kind = self.kind(node)
        if kind is not None and kind not in kinds:
            self._report(node.at, f"{required}; found {self._shown(node)}, {kind}{remedy}")
            return None
        return kind

    def _binary(self, node: Binary) -> Kind:
        sign, left, right = node.sign, node.left, node.right
        if sign == "in":
            self.kind(left)
            self._must(right, (_LIST, _OBJECT), "in: a list or an object behind it", _IN)
            return _BOOL
        if sign in "+-*/":
            for side in (left, right):
                self._must(side, (_NUMBER,), f"{sign} between numbers", "")
            return _NUMBER
        if sign in ("==", "!="):
            one, other = self.kind(left), self.kind(right)
            required = f"{sign} between values of one kind"
        else:
            required = f"{sign} between two numbers, or two texts"
            one = self._must(left, _ORDERED, required, "")
            other = self._must(right, _ORDERED, required, "")
        if one is not None and other is not None and one != other:
            is_not = isinstance(left, Unary) and left.sign == "!"
            self._report(node.at, f"{required}; found {one} and {other}{_NOT if is_not else ''}")
        return _BOOL

    def _call(self, node: Call) -> Kind:
        first, *others = node.arguments
        if node.name == "size":
            self._must(first, (_TEXT, _LIST, _OBJECT), "size: of a text or a list", "")
            return _NUMBER
        (other,) = others
        self._must(first, (_TEXT,), f"{node.name}: of a text", "")
        self._must(other, (_TEXT,), f"{node.name}: a text in brackets", "")
        if node.name == "matches":
            self._pattern(other)
        return _BOOL

    def _pattern(self, node: Node) -> None:
        if not isinstance(node, Literal):
            required = "matches: a pattern that is written here, as a text"
            self._report(node.at, f"{required}; found {self._shown(node)}")
        elif isinstance(node.value, str):
            try:
                compile_regex(node.value)
            except ValueError as error:
                required = "matches: a regular expression that RE2 knows"
                self._report(node.at, f"{required}; found {self._shown(node)}: {error}")

    def _shown(self, node: Node) -> str:
        text = " ".join(self._text[node.at : node.end].split())
        return text if len(text) <= 60 else f"{text[:59]}…"


_NOT = ": ! goes before all that it is to negate, in brackets, such as !(a > 5)"
_IN = ": part of a text is found by text.contains(…)"


def _kind_of(value: object) -> Kind:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return _BOOL
    return _NUMBER if isinstance(value, float) else _TEXT
