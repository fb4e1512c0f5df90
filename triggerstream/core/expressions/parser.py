"""Tokens to a tree: a Pratt parser. What binds how is CEL's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches

from triggerstream.core.expressions.tokens import Token
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
)

METHODS = ("contains", "endsWith", "matches", "size", "startsWith")
MACROS = ("all", "exists", "exists_one")
FUNCTIONS = ("has", "size")

DEEPEST_BRACKETS = 64
"""Levels of brackets and signs that are followed: far more than a tree may have."""

_CHOICE, _OR, _AND, _RELATION, _SUM, _PRODUCT, _UNARY = range(1, 8)
_POWERS = {
    "?": _CHOICE,
    "||": _OR,
    "&&": _AND,
    **dict.fromkeys(("<", "<=", ">", ">=", "==", "!=", "in"), _RELATION),
    **dict.fromkeys("+-", _SUM),
    **dict.fromkeys("*/", _PRODUCT),
}
_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_SLIPS = {
    "and": "write &&",
    "or": "write ||",
    "not": "write !(…)",
    "is": "write ==",
    "if": "write condition ? a : b",
}
_OTHER_FUNCTIONS = {
    **dict.fromkeys(("len", "length", "count"), "write size(…)"),
    **dict.fromkeys(("includes", "indexOf", "like"), "write text.contains(…)"),
    **dict.fromkeys(("startswith", "starts_with"), "write text.startsWith(…)"),
    **dict.fromkeys(("endswith", "ends_with"), "write text.endsWith(…)"),
    **dict.fromkeys(("matches", "regex"), "write text.matches(…)"),
    **dict.fromkeys(("contains", "startsWith", "endsWith"), "write text.contains(…), as a method"),
    **dict.fromkeys(("exists", "all", "exists_one", "any"), "write list.exists(x, …)"),
    **dict.fromkeys(("map", "filter"), "there are exists, all and exists_one"),
    **dict.fromkeys(
        ("int", "double", "uint", "string", "bool", "type", "dyn"),
        "there are no conversions, and one kind of number",
    ),
    **dict.fromkeys(
        ("timestamp", "duration", "now", "date"),
        "an expression knows no time: there are tests of the calendar beside it",
    ),
}


class ExpressionSyntaxError(Exception):
    """The text is no expression; nothing behind the place can be told."""

    def __init__(self, at: int, message: str) -> None:
        super().__init__(message)
        self.at = at
        self.message = message


def parse(tokens: Sequence[Token]) -> Node:
    """Return the tree.

    Raises:
        ExpressionSyntaxError: The author corrects it.
    """
    parser = _Parser(tokens)
    node = parser.expression(0)
    parser.expect_end()
    return node


class _Parser:
    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._token
        self._next += token.kind != "end"
        return token

    def _sees(self, *signs: str) -> bool:
        token = self._token
        return token.kind in ("sign", "name") and token.value in signs

    def _expect(self, sign: str, why: str) -> Token:
        if not self._sees(sign):
            raise ExpressionSyntaxError(
                self._token.at, f"{sign!r} {why}; found {_shown(self._token)}"
            )
        return self._take()

    def expect_end(self) -> None:
        token = self._token
        if token.kind != "end":
            remedy = _SLIPS.get(str(token.value)) if token.kind == "name" else None
            hint = f": {remedy}" if remedy else ""
            required = "an operator, or the end of the expression"
            raise ExpressionSyntaxError(token.at, f"{required}; found {_shown(token)}{hint}")

    def expression(self, power: int) -> Node:
        """Read what binds more than *power*."""
        self._depth += 1
        if self._depth > DEEPEST_BRACKETS:
            raise ExpressionSyntaxError(
                self._token.at, f"at most {DEEPEST_BRACKETS} levels of brackets; found more"
            )
        left = self._operand()
        while True:
            token = self._token
            sign = token.value if token.kind in ("sign", "name") else ""
            binds = _POWERS.get(sign, 0)
            if binds <= power:
                break
            self._take()
            left = self._joined(token, binds, left)
        self._depth -= 1
        return left

    def _joined(self, token: Token, binds: int, left: Node) -> Node:
        sign = str(token.value)
        if binds == _CHOICE:
            then = self.expression(_CHOICE)
            self._expect(":", "between what is meant if it holds and if not")
            otherwise = self.expression(0)
            return Choice(left.at, otherwise.end, left, then, otherwise)
        right = self.expression(binds)
        if binds in (_OR, _AND):
            # One node for a chain, so that its length is no depth; brackets do not matter to it.
            parts = left.parts if isinstance(left, Logic) and left.sign == sign else (left,)
            more = right.parts if isinstance(right, Logic) and right.sign == sign else (right,)
            return Logic(left.at, right.end, sign, (*parts, *more))
        if binds == _RELATION and self._is_comparison(left):
            required = f"one comparison, or two with && between them; found {sign!r} behind one"
            remedy = "write a < b && b < c, or brackets around the first"
            raise ExpressionSyntaxError(token.at, f"{required}: {remedy}")
        return Binary(left.at, right.end, sign, left, right)

    def _is_comparison(self, node: Node) -> bool:
        """Return whether *node* is a comparison without brackets around it."""
        if not isinstance(node, Binary) or _POWERS[node.sign] != _RELATION:
            return False
        first = next(token for token in self._tokens if token.at >= node.at)
        return bool(first.value != "(")

    # ── operands ────────────────────────────────────────────────────────────────────────────

    def _operand(self) -> Node:
        token = self._take()
        if token.kind in ("number", "text"):
            return self._followed(Literal(token.at, token.end, token.value))
        if token.kind == "name":
            return self._followed(self._named(token))
        if token.kind == "sign":
            if token.value in ("!", "-"):
                return self._unary(token)
            if token.value == "(":
                inner = self.expression(0)
                close = self._expect(")", "that closes '('")
                return self._followed(_placed(inner, token.at, close.end))
            if token.value == "[":
                items, end = self._listed("]")
                return self._followed(ListOf(token.at, end, items))
        raise ExpressionSyntaxError(token.at, f"a value; found {_shown(token)}")

    def _unary(self, token: Token) -> Node:
        is_odd = True
        while self._sees(str(token.value)):  # two of a kind are none, as CEL has it
            self._take()
            is_odd = not is_odd
        of = self.expression(_UNARY)
        if not is_odd:
            return of
        if token.value == "-" and isinstance(of, Literal) and type(of.value) is float:
            return Literal(token.at, of.end, -of.value)
        return Unary(token.at, of.end, str(token.value), of)

    def _named(self, token: Token) -> Node:
        name = str(token.value)
        if name in _CONSTANTS:
            return Literal(token.at, token.end, _CONSTANTS[name])
        if name == "in" or name in _SLIPS:
            hint = f": {_SLIPS[name]}" if name in _SLIPS else ""
            raise ExpressionSyntaxError(token.at, f"a value; found {name!r}{hint}")
        if self._sees("("):
            self._take()
            return self._called(token)
        return Name(token.at, token.end, name)

    def _called(self, token: Token) -> Node:
        name = str(token.value)
        if name not in FUNCTIONS:
            known = f"a function ({' or '.join(FUNCTIONS)})"
            raise ExpressionSyntaxError(token.at, f"{known}; found {name!r}{_function_hint(name)}")
        arguments, end = self._listed(")")
        if len(arguments) != 1:
            raise ExpressionSyntaxError(
                token.at, f"{name}: one value in brackets; found {len(arguments)}"
            )
        (of,) = arguments
        if name == "size":
            return Call(token.at, end, name, (of,))
        if not isinstance(of, Member):
            form = 'has(event_data.total); of a name that is no word, say "my-name" in event_data'
            raise ExpressionSyntaxError(of.at, f"has: a field of something, such as {form}")
        return Has(token.at, end, of.of, of.key)

    def _followed(self, node: Node) -> Node:
        while True:
            if self._sees("."):
                self._take()
                node = self._member(node)
            elif self._sees("["):
                self._take()
                index = self.expression(0)
                end = self._expect("]", "that closes '['").end
                node = Index(node.at, end, node, index)
            else:
                return node

    def _member(self, of: Node) -> Node:
        token = self._take()
        key = str(token.value)
        if token.kind != "name" or key in ("in", *_CONSTANTS):
            remedy = f": write [{key!r}]" if token.kind in ("name", "number", "text") else ""
            raise ExpressionSyntaxError(
                token.at, f"the name of a field behind '.'; found {_shown(token)}{remedy}"
            )
        if not self._sees("("):
            return Member(of.at, token.end, of, key)
        self._take()
        if key in MACROS:
            return self._macro(of, key)
        if key not in METHODS:
            known = f"a function ({', '.join((*METHODS, *MACROS))})"
            raise ExpressionSyntaxError(token.at, f"{known}; found {key!r}{_function_hint(key)}")
        arguments, end = self._listed(")")
        wanted = 0 if key == "size" else 1
        if len(arguments) != wanted:
            required = f"{key}: {'one value' if wanted else 'nothing'} in brackets"
            raise ExpressionSyntaxError(token.at, f"{required}; found {len(arguments)}")
        return Call(of.at, end, key, (of, *arguments))

    def _macro(self, over: Node, name: str) -> Node:
        form = f"{name}(x, x.price > 50)"
        variable = self._take()
        if variable.kind != "name" or variable.value in ("in", *_CONSTANTS) or not self._sees(","):
            required = f"{name}: a name for each item, and a test of it, such as {form}"
            raise ExpressionSyntaxError(variable.at, f"{required}; found {_shown(variable)}")
        self._take()
        body = self.expression(0)
        end = self._expect(")", f"behind the test, as in {form}").end
        return Macro(over.at, end, name, over, str(variable.value), body)

    def _listed(self, close: str) -> tuple[tuple[Node, ...], int]:
        """Read values with commas between them, up to *close*; return them and where that ends."""
        items: list[Node] = []
        while not self._sees(close):
            items.append(self.expression(0))
            if not self._sees(close):
                self._expect(",", f"between values, or {close!r} behind them")
        return tuple(items), self._take().end


def _placed(node: Node, at: int, end: int) -> Node:
    """Return *node* with the brackets around it."""
    changed: Callable[..., Node] = type(node)
    fields = {name: getattr(node, name) for name in node.__struct_fields__}
    return changed(**fields | {"at": at, "end": end})


def _function_hint(name: str) -> str:
    remedy = _OTHER_FUNCTIONS.get(name)
    if remedy:
        return f": {remedy}"
    close = get_close_matches(name, (*METHODS, *MACROS, *FUNCTIONS), n=1, cutoff=0.6)
    return f": did you mean {close[0]!r}?" if close else ""


def _shown(token: Token) -> str:
    if token.kind == "end":
        return "the end"
    if token.kind == "text":
        return f"the text {token.value[:40]!r}"
    if token.kind == "number":
        return f"the number {token.value:g}"
    return repr(token.value)
