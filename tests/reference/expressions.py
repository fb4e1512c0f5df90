"""Expressions (70-72), from the words of the rules: read by descent, and walked each time.

All numbers are doubles. What CEL calls an error is `Error`, which ``&&``, ``||``, ``exists`` and
``all`` absorb where the rest decides; `Spent` is the end of the budget, which nothing absorbs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import re2

OBJECTS = ("event_data", "device_info", "location_data", "metadata")
TEXTS = ("event_type", "event_id", "customer_id", "source", "session_id")
BUDGET = 10_000
"""Nodes that one evaluation may visit."""

Tree = tuple[Any, ...]
"""``(kind, ...)``, the parts of which are trees, or what is written."""


class Error(Exception):
    """There is no answer (72)."""


class Spent(Exception):  # noqa: N818 - it says what became of the budget
    """More nodes were visited than may be."""


def roots(event: Mapping[str, Any], profile: Mapping[str, Any] | None) -> dict[str, Any]:
    """The variables: the event's, and the profile where one is visible."""
    found: dict[str, Any] = {name: event.get(name) or {} for name in OBJECTS}
    found |= {name: event.get(name) for name in TEXTS}
    return found if profile is None else found | {"profile": profile}


def value(text: str, variables: Mapping[str, Any]) -> Any:
    """What *text* comes to.

    Raises:
        Error: There is no answer, or the budget is spent.
    """
    try:
        return Evaluation().of(parse(text), variables)
    except Spent as spent:
        raise Error from spent


def is_true(text: str, variables: Mapping[str, Any]) -> bool:
    """(72) An error is false, and so is what is neither true nor false."""
    try:
        return value(text, variables) is True
    except Error:
        return False


def profile_names(text: str) -> set[str]:
    """The names of the profile that *text* reads."""
    return {name for name in _names(parse(text)) if name}


def _names(tree: Any) -> Iterator[str]:
    if not isinstance(tree, tuple):
        return
    match tree:
        case ("select" | "has", ("name", "profile"), name):
            yield name
        case ("index", ("name", "profile"), ("literal", name)):
            yield name
        case ("in", ("literal", name), ("name", "profile")):
            yield name
    for part in tree[1:]:
        for each in part if isinstance(part, list) else [part]:
            yield from _names(each)


# ── reading ─────────────────────────────────────────────────────────────────────────────────

TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|\.\d+)"
    r"|(?P<raw>[rR](?:\"[^\"]*\"|'[^']*'))"
    r"|(?P<text>\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*')"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>&&|\|\||[=!<>]=|[-+*/!<>?:.,()\[\]]))",
    re.ASCII | re.DOTALL,
)
LEVELS: tuple[tuple[str, ...], ...] = (
    ("||",),
    ("&&",),
    ("==", "!=", "<", "<=", ">", ">=", "in"),
    ("+", "-"),
    ("*", "/"),
)
"""The signs between two, from those that bind least."""
CONSTANTS = {"true": True, "false": False, "null": None}
MACROS = ("exists", "all", "exists_one")


@lru_cache(maxsize=4096)
def parse(text: str) -> Tree:
    """The tree of *text*, which must have no fault."""
    return Reader(text).whole()


class Reader:
    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        at, end = 0, len(text.rstrip())
        while at < end:
            found = TOKEN.match(text, at)
            if found is None:
                raise ValueError(f"{text!r} at {at}")
            self.tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
            at = found.end()
        self.at = 0

    def whole(self) -> Tree:
        tree = self.choice()
        if self.at < len(self.tokens):
            raise ValueError(self.tokens[self.at :])
        return tree

    def take(self, *signs: str) -> str | None:
        """The next sign, if it is one of *signs*, and go on behind it."""
        if self.at < len(self.tokens):
            kind, said = self.tokens[self.at]
            if said in signs and kind in ("sign", "name"):
                self.at += 1
                return said
        return None

    def want(self, sign: str) -> None:
        if self.take(sign) is None:
            raise ValueError(f"{sign} before {self.tokens[self.at :]}")

    def choice(self) -> Tree:
        condition = self.level(0)
        if not self.take("?"):
            return condition
        one = self.level(0)
        self.want(":")
        return ("?", condition, one, self.choice())

    def level(self, number: int) -> Tree:
        if number == len(LEVELS):
            return self.unary()
        left = self.level(number + 1)
        while (sign := self.take(*LEVELS[number])) is not None:
            left = (sign, left, self.level(number + 1))
        return left

    def unary(self) -> Tree:
        """CEL reads a row of signs as one, or as none where they are even: ``!!x`` is ``x``."""
        for mark, kind in (("!", "not"), ("-", "minus")):
            if self.take(mark):
                signs = 1
                while self.take(mark):
                    signs += 1
                return (kind, self.unary()) if signs % 2 else self.unary()
        tree = self.primary()
        while (sign := self.take(".", "[")) is not None:
            if sign == "[":
                tree = ("index", tree, self.choice())
                self.want("]")
                continue
            _, name = self.tokens[self.at]
            self.at += 1
            tree = self.call(name, tree) if self.take("(") else ("select", tree, name)
        return tree

    def call(self, name: str, receiver: Tree | None) -> Tree:
        arguments = self.listed(")")
        if name in MACROS and receiver is not None:
            variable, body = arguments
            return (name, receiver, variable[1], body)
        if name == "has":
            kind, over, *rest = arguments[0]
            key = rest[0] if kind == "select" else rest[0][1]
            return ("has", over, key)
        return ("call", name, [*([] if receiver is None else [receiver]), *arguments])

    def primary(self) -> Tree:
        if self.take("("):
            tree = self.choice()
            self.want(")")
            return tree
        if self.take("["):
            return ("list", self.listed("]"))
        kind, said = self.tokens[self.at]
        self.at += 1
        if kind in LITERALS:
            return ("literal", LITERALS[kind](said))
        if said in CONSTANTS:
            return ("literal", CONSTANTS[said])
        return self.call(said, None) if self.take("(") else ("name", said)

    def listed(self, end: str) -> list[Tree]:
        found: list[Tree] = []
        while not self.take(end):
            found.append(self.choice())
            if not self.take(","):
                self.want(end)
                break
        return found


ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def unescaped(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        said = found[1]
        return chr(int(said[1:], 16)) if said[0] in "uU" else ESCAPES.get(said, said)

    return re.sub(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", one, text, flags=re.DOTALL)


LITERALS: dict[str, Callable[[str], Any]] = {
    "number": float,
    "raw": lambda said: said[2:-1],
    "text": lambda said: unescaped(said[1:-1]),
}


# ── evaluating ──────────────────────────────────────────────────────────────────────────────


class Evaluation:
    """One evaluation, with what is left of its budget."""

    def __init__(self) -> None:
        self.visited = 0

    def visit(self, nodes: int = 1) -> None:
        self.visited += nodes
        if self.visited > BUDGET:
            raise Spent

    def of(self, tree: Tree, names: Mapping[str, Any]) -> Any:
        self.visit()
        kind, *parts = tree
        if kind in MACROS:
            name, over, variable, body = tree
            return self.macro(name, over, variable, body, names)
        if kind in KINDS:
            return KINDS[kind](self, names, *parts)
        left, right = (self.of(part, names) for part in parts)
        return self.two(kind, left, right)

    def literal(self, _names: Mapping[str, Any], said: Any) -> Any:
        return said

    def name(self, names: Mapping[str, Any], name: str) -> Any:
        return number_if_one(names[name])

    def list_(self, names: Mapping[str, Any], items: list[Tree]) -> list[Any]:
        return [self.of(item, names) for item in items]

    def select(self, names: Mapping[str, Any], over: Tree, key: str) -> Any:
        return item_of(self.of(over, names), key)

    def index(self, names: Mapping[str, Any], over: Tree, key: Tree) -> Any:
        return item_of(self.of(over, names), self.of(key, names))

    def has(self, names: Mapping[str, Any], over: Tree, key: str) -> bool:
        return key in wanted(dict, self.of(over, names))

    def not_(self, names: Mapping[str, Any], one: Tree) -> bool:
        return not wanted(bool, self.of(one, names))

    def minus(self, names: Mapping[str, Any], one: Tree) -> float:
        return -float(wanted(float, self.of(one, names)))

    def choice(self, names: Mapping[str, Any], condition: Tree, one: Tree, other: Tree) -> Any:
        return self.of(one if wanted(bool, self.of(condition, names)) else other, names)

    def and_(self, names: Mapping[str, Any], one: Tree, other: Tree) -> bool:
        return self.decided(False, [(one, names), (other, names)])

    def or_(self, names: Mapping[str, Any], one: Tree, other: Tree) -> bool:
        return self.decided(True, [(one, names), (other, names)])

    def call(self, names: Mapping[str, Any], name: str, arguments: list[Tree]) -> Any:
        return called(name, [self.of(each, names) for each in arguments])

    def decided(self, by: bool, asked: Sequence[tuple[Tree, Mapping[str, Any]]]) -> bool:
        """*by*, if one of them is it; else an error where one is; else not *by*."""
        erred: Error | None = None
        for tree, names in asked:
            try:
                answer: bool = wanted(bool, self.of(tree, names))
                if answer is by:
                    return by
            except Error as error:
                erred = error
        if erred:
            raise erred
        return not by

    def macro(
        self, name: str, over: Tree, variable: str, body: Tree, names: Mapping[str, Any]
    ) -> bool:
        items = wanted(list, self.of(over, names))
        asked = [(body, {**names, variable: item}) for item in items]
        if name == "exists_one":
            answers: list[bool] = [wanted(bool, self.of(*each)) for each in asked]
            return sum(answers) == 1
        return self.decided(name == "exists", asked)

    def two(self, sign: str, left: Any, right: Any) -> Any:
        if sign in ("==", "!="):
            return self.same(left, right) is (sign == "==")
        if sign == "in":
            if isinstance(right, dict):
                return isinstance(left, str) and left in right
            return any(self.same(left, item) for item in wanted(list, right))
        if sign in ("<", "<=", ">", ">="):
            if type(left) is not type(right) or not isinstance(left, float | str | bool):
                raise Error
            less = left < right if sign in ("<", "<=") else left > right
            return less or (len(sign) == 2 and left == right)
        return arithmetic(sign, wanted(float, left), wanted(float, right))

    def same(self, left: Any, right: Any) -> bool:
        """Values of different kinds are never equal."""
        left, right = number_if_one(left), number_if_one(right)
        if type(left) is not type(right):
            return False
        if isinstance(left, list):
            self.visit(min(len(left), len(right)))
            return len(left) == len(right) and all(map(self.same, left, right))
        if isinstance(left, dict):
            self.visit(min(len(left), len(right)))
            return left.keys() == right.keys() and all(self.same(left[k], right[k]) for k in left)
        return bool(left == right)


KINDS: dict[str, Callable[..., Any]] = {
    "literal": Evaluation.literal,
    "name": Evaluation.name,
    "list": Evaluation.list_,
    "select": Evaluation.select,
    "index": Evaluation.index,
    "has": Evaluation.has,
    "not": Evaluation.not_,
    "minus": Evaluation.minus,
    "?": Evaluation.choice,
    "&&": Evaluation.and_,
    "||": Evaluation.or_,
    "call": Evaluation.call,
}


def number_if_one(found: Any) -> Any:
    """(71) All numbers are doubles."""
    if isinstance(found, int) and not isinstance(found, bool):
        return float(found)
    return found


def wanted(kind: type, found: Any) -> Any:
    if type(found) is not kind:
        raise Error
    return found


def item_of(over: Any, key: Any) -> Any:
    if isinstance(over, dict) and isinstance(key, str) and key in over:
        return number_if_one(over[key])
    if isinstance(over, list) and isinstance(key, float) and key in range(len(over)):
        return number_if_one(over[int(key)])
    raise Error


def arithmetic(sign: str, left: float, right: float) -> float:
    if sign == "+":
        return left + right
    if sign == "-":
        return left - right
    if sign == "*":
        return left * right
    if right:
        return left / right
    if not left or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1, right)


def called(name: str, arguments: list[Any]) -> Any:
    over, *rest = arguments
    if name == "size":
        if not isinstance(over, str | list | dict):
            raise Error
        return float(len(over))
    text, part = wanted(str, over), wanted(str, rest[0])
    if name == "contains":
        return part in text
    if name == "startsWith":
        return text.startswith(part)
    if name == "endsWith":
        return text.endswith(part)
    assert name == "matches"
    return re2.search(part, text) is not None
