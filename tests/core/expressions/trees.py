"""Random expressions of the subset, and random data, for the same answer of two evaluators.

The data are as a ``google.protobuf.Struct`` has them. A field's name tells what it may be: what
CEL's own evaluator joins by ``+`` (texts, lists), and a macro over an object, are no part of the
subset, and are never made here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

TEXTS = ("", "a", "ab", "B", "abc", "grün", "\u0396", "😀x", "ﬀ", '"q"', "a\\b", "1", "DE", "\n")
NUMBERS = (0.0, -0.0, 1.0, 2.0, 0.5, -3.0, 1e16, 9007199254740993.0, 1e308, 5e-324)
PATTERNS = ("^a", "b$", "", "[a-z]+", "^\\p{L}+$", "(?i)B", ".", "^.$", "\\d", "a|x")
FIELDS = {
    "n": ("n1", "n2", "n3"),
    "t": ("t1", "t2"),
    "b": ("b1", "b2"),
    "l": ("l1", "l2"),
    "m": ("m1",),
}


def data(random: Random) -> dict[str, Any]:
    """Return what an event may have: each field there, null, or missing."""
    return _object(random, 2)


def _object(random: Random, deeper: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind, names in FIELDS.items():
        for name in names:
            there = random.random()
            if there < 0.08:
                found[name] = None
            elif there < 0.85:
                found[name] = _value(random, kind, deeper)
    return found


def _value(random: Random, kind: str, deeper: int) -> Any:
    if kind == "n":
        return random.choice(NUMBERS) if random.random() < 0.9 else random.random() < 0.5
    if kind == "t":
        return random.choice(TEXTS)
    if kind == "b":
        return random.random() < 0.5
    if kind == "m":
        return _object(random, deeper - 1) if deeper else {}
    kinds = random.choice(("n", "t", "b", "m" if deeper else "n", "ntb", "nn?"))
    return [
        None if pick == "?" else _value(random, pick, deeper - 1)
        for pick in (random.choice(kinds) for _ in range(random.choice((0, 1, 2, 3, 5))))
    ]


class Trees:
    """Expressions as texts; ``⟦size(x)⟧`` stands for a size, which is an integer to CEL."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._variables: list[str] = []
        self._makers: dict[str, tuple[Callable[[int], str], ...]] = {
            "b": (
                self._order, self._order, self._same, self._in, self._has, self._chain, self._chain,
                self._not, self._text_test, self._matches, self._macro, self._macro, self._choice_b,
            ),
            "n": (self._arithmetic, self._minus, self._size, self._choice_n, self._item),
            "t": (self._choice_t, self._item),
            "l": (self._list, self._list),
            "m": (),
        }  # fmt: skip

    def any(self, deep: int) -> str:
        return self.of("b" if self._random.random() < 0.8 else self._one("ntl"), deep)

    def of(self, kind: str, deep: int) -> str:
        """Return an expression that comes to *kind*, if to anything, or seldom to another."""
        if self._random.random() < 0.06:
            kind = self._one("nbt" if kind in "lm" else "nbtl")
        makers = self._makers[kind]
        if not deep or not makers or self._random.random() < 0.25:
            return self._leaf(kind)
        made: str = self._one(makers)(deep - 1)
        return made

    def _one(self, options: Any) -> Any:
        return self._random.choice(options)

    def _leaf(self, kind: str) -> str:
        chance = self._random.random()
        if self._variables and chance < 0.4:
            variable: str = self._one(self._variables)
            return variable
        if kind in "lm" or chance < 0.75:
            return self._path(kind)
        if kind == "n":
            return repr(float(self._one(NUMBERS)))
        if kind == "t":
            return json.dumps(self._one(TEXTS), ensure_ascii=False)
        constant: str = self._one(("true", "false", "true", "false", "null"))
        return constant

    def _path(self, kind: str) -> str:
        over = "event_data"
        while self._random.random() < 0.2:
            over += self._one((".m1", '["m1"]', ".zz" if self._random.random() < 0.2 else ".m1"))
        if self._variables and self._random.random() < 0.4:
            over = self._one(self._variables)
        name = self._one(FIELDS[kind])
        return f"{over}.{name}" if self._random.random() < 0.8 else f"{over}['{name}']"

    # ── truth ───────────────────────────────────────────────────────────────────────────────

    def _order(self, deep: int) -> str:
        kind = self._one("nnnttb")
        return self._two(self._one(("<", "<=", ">", ">=")), kind, deep)

    def _same(self, deep: int) -> str:
        return self._two(self._one(("==", "!=")), self._one("nntbl"), deep)

    def _two(self, sign: str, kind: str, deep: int) -> str:
        return f"({self.of(kind, deep)} {sign} {self.of(kind, deep)})"

    def _in(self, deep: int) -> str:
        among = self._path("m") if self._random.random() < 0.2 else self.of("l", deep)
        return f"({self.of(self._one('nntb'), deep)} in {among})"

    def _has(self, _deep: int) -> str:
        path = self._path(self._one("ntblm"))
        return f"has({path})" if path.rpartition(".")[2].isalnum() else f"has({path}.n1)"

    def _chain(self, deep: int) -> str:
        sign = self._one((" && ", " || "))
        return f"({sign.join(self.of('b', deep) for _ in range(self._one((2, 2, 3, 4))))})"

    def _not(self, deep: int) -> str:
        return f"!{self.of('b', deep)}"

    def _text_test(self, deep: int) -> str:
        name = self._one(("contains", "startsWith", "endsWith"))
        return f"{self._receiver('t', deep)}.{name}({self.of('t', deep)})"

    def _matches(self, deep: int) -> str:
        return f"{self._receiver('t', deep)}.matches({json.dumps(self._one(PATTERNS))})"

    def _receiver(self, kind: str, deep: int) -> str:
        return f"({self.of(kind, deep)})"

    def _macro(self, deep: int) -> str:
        if len(self._variables) == 2:
            return self._leaf("b")
        over = self._over(deep)
        self._variables.append("ij"[len(self._variables)])
        body = self.of("b", deep)
        variable = self._variables.pop()
        return f"{over}.{self._one(('exists', 'all', 'exists_one'))}({variable}, {body})"

    def _over(self, deep: int) -> str:
        """Return a list, or an error, but no object: over one, CEL goes through its keys."""
        chance = self._random.random()
        if chance < 0.05:
            return str(self._one(('("ab")', "(1.0)", "(null)")))
        return self._path("l") if chance < 0.7 else self._list(deep)

    # ── values ──────────────────────────────────────────────────────────────────────────────

    def _arithmetic(self, deep: int) -> str:
        # The left side is a number or an error: what it joins can be no two texts.
        left = self._one((self._number, lambda: self._arithmetic(deep - 1) if deep else "1.0"))
        return f"({left()} {self._one('+-*/')} {self.of('n', deep)})"

    def _number(self) -> str:
        return repr(float(self._one(NUMBERS)))

    def _minus(self, deep: int) -> str:
        return f"(-({self.of('n', deep)}))"

    def _size(self, deep: int) -> str:
        return f"⟦size({self.of(self._one('ttlln'), deep)})⟧"

    def _item(self, deep: int) -> str:
        index = self._one(("0.0", "1.0", "2.0", "0.5", "-1.0", "9.0", '"n1"', self.of("n", 0)))
        return f"({self.of('l', deep)})[{index}]"

    def _list(self, deep: int) -> str:
        kind = self._one("nnttb")
        items = (self.of(kind, min(deep, 1)) for _ in range(self._one((0, 1, 2, 3))))
        return f"[{', '.join(items)}]"

    def _choice_b(self, deep: int) -> str:
        return self._choice("b", deep)

    def _choice_n(self, deep: int) -> str:
        return self._choice("n", deep)

    def _choice_t(self, deep: int) -> str:
        return self._choice("t", deep)

    def _choice(self, kind: str, deep: int) -> str:
        condition = self.of("b", deep)
        return f"({condition} ? {self.of(kind, deep)} : {self.of(kind, deep)})"


def ours(text: str) -> str:
    return text.replace("⟦", "").replace("⟧", "")


def theirs(text: str) -> str:
    """Return *text* with sizes as doubles, as the subset has them."""
    return text.replace("⟦", "double(").replace("⟧", ")")
