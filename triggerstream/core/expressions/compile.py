"""A tree to closures, as CEL evaluates it over the JSON of an event.

What a node does is decided here, so that a call does nothing but follow it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

import msgspec

from triggerstream.core.expressions import compare, functions, logic
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
    Member,
    Name,
    Node,
    Unary,
    key_of,
    size,
)
from triggerstream.core.expressions.values import BUDGET, MISSING, Code, Frame, NoValueError, double

Evaluate = Callable[[Any, Any], bool]
"""Takes the event and the profile; raises `values.ExpressionError`, and nothing else."""


class Root(msgspec.Struct, frozen=True):
    """A name that an expression may start from.

    Attributes:
        attribute: Of the event; ``None``: it is the profile.
        is_object: An object, which is empty where the event has none. Else it is a text or null.
    """

    attribute: str | None
    is_object: bool


def compile_value(tree: Node, text: str, roots: Mapping[str, Root]) -> Callable[[Any, Any], Any]:
    """Return the evaluation of *tree*, which was made of *text*, to whatever value it has. It takes
    the event and the profile, and raises `values.ExpressionError`."""
    code = _Compiler(text, roots).code(tree)
    left = BUDGET - size(tree, with_bodies=False)
    return lambda event, profile: code(event, profile, [left, None, None])


def compile_condition(tree: Node, text: str, roots: Mapping[str, Root]) -> Evaluate:
    """Return the same for what is to be true or false; any other value is an error."""
    code = _Compiler(text, roots).code(tree)
    left = BUDGET - size(tree, with_bodies=False)

    def evaluate(event: Any, profile: Any) -> bool:
        value = code(event, profile, [left, None, None])
        if value is True or value is False:
            return bool(value)
        raise NoValueError(text, "true or false", value)

    return evaluate


class _Compiler:
    """Compiles the nodes of one tree; *variables* are of the macros around a node."""

    def __init__(self, text: str, roots: Mapping[str, Root]) -> None:
        self._text = text
        self._roots = roots
        self._variables: tuple[str, ...] = ()

    def code(self, node: Node) -> Code:  # noqa: PLR0911 - one for each kind of node
        match node:
            case Literal(value=value):
                return _constant(value)
            case ListOf(items=items):
                return _list([self.code(item) for item in items])
            case Name(name=name):
                return self._name(name)
            case Member() | Index():
                return self._inner(node)
            case Has(of=of, key=key):
                return _has(self.code(of), key, self._of(of))
            case Unary(sign=sign, of=of):
                unary = logic.negation if sign == "!" else compare.negative
                return unary(self.code(of), self._of(of))
            case Binary():
                return self._binary(node)
            case Logic(sign=sign, parts=parts):
                chain = logic.every if sign == "&&" else logic.some
                return chain(
                    [self.code(part) for part in parts], [self._of(part) for part in parts]
                )
            case Choice(condition=condition, then=then, otherwise=otherwise):
                branches = (self.code(then), self.code(otherwise))
                return logic.choice(self.code(condition), *branches, self._of(condition))
            case Call():
                return self._call(node)
            case Macro():
                return self._macro(node)

    def _of(self, node: Node) -> str:
        return self._text[node.at : node.end]

    def _name(self, name: str) -> Code:
        if name in self._variables:
            return _variable(1 + self._variables.index(name))
        root = self._roots[name]
        if root.attribute is None:
            return lambda _event, profile, _frame: profile
        return (_object if root.is_object else _field)(root.attribute)

    def _inner(self, node: Member | Index) -> Code:
        key, text = key_of(node), self._of(node)
        if key is None:
            assert isinstance(node, Index)  # noqa: S101 - for the types: a member has a key
            return _item(self.code(node.of), self.code(node.index), text)
        root = self._roots.get(node.of.name) if isinstance(node.of, Name) else None
        if root is not None and root.is_object and root.attribute is not None:
            return _member_of_event(root.attribute, key, text)
        return _member(self.code(node.of), key, text)

    def _binary(self, node: Binary) -> Code:
        sign, left, text = node.sign, self.code(node.left), self._of(node)
        if sign == "in":
            among = node.right
            if isinstance(among, ListOf) and all(isinstance(each, Literal) for each in among.items):
                constants = [each.value for each in among.items if isinstance(each, Literal)]
                return functions.is_one_of(left, constants)
            return functions.is_in(left, self.code(among), text)
        if isinstance(node.right, Literal):
            short = compare.with_constant(sign, left, node.right.value, text)
            if short is not None:
                return short
        return compare.binary(sign, left, self.code(node.right), text)

    def _call(self, node: Call) -> Code:
        first, *others = node.arguments
        of, text = self.code(first), self._of(node)
        if node.name == "size":
            return functions.size(of, text)
        (other,) = others
        if node.name == "matches":
            assert isinstance(other, Literal)  # noqa: S101 - for the types: it has been checked
            return functions.matches(of, str(other.value), text)
        return functions.of_texts(node.name, of, self.code(other), text)

    def _macro(self, node: Macro) -> Code:
        over, before = self.code(node.over), self._variables
        self._variables = (*before, node.variable)
        body = self.code(node.body)
        self._variables = before
        variable, turn = 1 + len(before), size(node.body, with_bodies=False)
        texts = self._of(node.over), self._of(node.body)
        if node.name == "exists_one":
            return logic.exists_one(over, body, variable=variable, turn=turn, texts=texts)
        decides = node.name == "exists"
        return logic.quantifier(
            over, body, variable=variable, turn=turn, decides=decides, texts=texts
        )


# ── values ──────────────────────────────────────────────────────────────────────────────────


def _constant(value: Any) -> Code:
    return lambda _event, _profile, _frame: value


def _variable(place: int) -> Code:
    return lambda _event, _profile, frame: frame[place]


def _list(items: list[Code]) -> Code:
    return lambda event, profile, frame: [item(event, profile, frame) for item in items]


# ── what is read ────────────────────────────────────────────────────────────────────────────

_THERE = "a value"
_EMPTY: dict[str, Any] = {}


def _object(attribute: str) -> Code:
    get = attrgetter(attribute)
    return lambda event, _profile, _frame: get(event) or _EMPTY


def _field(attribute: str) -> Code:
    get = attrgetter(attribute)
    return lambda event, _profile, _frame: get(event)


def _member_of_event(attribute: str, key: str, text: str) -> Code:
    """Do the same as `_member` of `_object`, in one call."""
    get = attrgetter(attribute)

    def code(event: Any, _profile: Any, _frame: Frame) -> Any:
        value = (get(event) or _EMPTY).get(key, MISSING)
        if type(value) is int:
            return double(value)
        if value is MISSING:
            raise NoValueError(text, _THERE, value)
        return value

    return code


def _member(of: Code, key: str, text: str) -> Code:
    def code(event: Any, profile: Any, frame: Frame) -> Any:
        inside = of(event, profile, frame)
        value = inside.get(key, MISSING) if type(inside) is dict else MISSING
        if type(value) is int:
            return double(value)
        if value is MISSING:
            raise NoValueError(text, _THERE, value)
        return value

    return code


def _item(of: Code, index: Code, text: str) -> Code:
    """Return the item of a list at a whole number from 0, or the field of an object."""

    def code(event: Any, profile: Any, frame: Frame) -> Any:
        inside, place = of(event, profile, frame), index(event, profile, frame)
        value = MISSING
        if type(inside) is list:
            if type(place) is float and 0 <= place < len(inside) and place.is_integer():
                value = inside[int(place)]
        elif type(inside) is dict and type(place) is str:
            value = inside.get(place, MISSING)
        if type(value) is int:
            return double(value)
        if value is MISSING:
            raise NoValueError(text, _THERE, value)
        return value

    return code


def _has(of: Code, key: str, text: str) -> Code:
    def code(event: Any, profile: Any, frame: Frame) -> bool:
        inside = of(event, profile, frame)
        if type(inside) is dict:
            return key in inside
        raise NoValueError(text, "an object", inside)

    return code
