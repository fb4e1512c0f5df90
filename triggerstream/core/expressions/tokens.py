"""A text to tokens, and tokens to the one way in which an expression is spelled."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from math import isfinite
from typing import Any, Literal

import msgspec

Kind = Literal["name", "number", "text", "sign", "end"]


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with a text: *at* is the place of the character in it, from 0."""

    at: int
    message: str


class Token(msgspec.Struct, frozen=True):
    """*value* is the name, the sign, or the literal's value; ``text[at:end]`` is how it stands."""

    kind: Kind
    value: Any
    at: int
    end: int


_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<number>(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)
      | (?P<raw>[rR](?:"[^"\n]*"|'[^'\n]*'))
      | (?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<sign>&&|\|\||==|!=|<=|>=|[-+*/<>!?:.,()\[\]])
      | (?P<wrong>===|=|<>|&|\||.)""",
    re.VERBOSE | re.ASCII | re.DOTALL,
)

_REMEDIES = {
    "=": "write == to compare",
    "===": "write ==",
    "&": "write &&",
    "|": "write ||",
    "%": "there is no remainder",
    "{": "there are no maps",
    "}": "there are no maps",
    '"': "it has no end: put one at the end of the text",
    "'": "it has no end: put one at the end of the text",
    "\\": "a backslash stands inside of a text only",
    **dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb\u2018\u2019", "write straight quotes"),
}


def tokenize(text: str, report: Callable[[int, str], None]) -> list[Token]:
    """Return the tokens of *text*, the last of which is its end; *report* takes what is none of
    them, all of it, as the place in the text and what is wrong."""
    tokens = []
    for found in _TOKEN.finditer(text):
        kind, word = found.lastgroup, found[0]
        at, end = found.span()
        if kind == "wrong":
            remedy = _REMEDIES.get(word)
            report(at, f"a sign of the language; found {word!r}{f': {remedy}' if remedy else ''}")
        elif kind == "number":
            tokens.append(Token("number", _number(word, at, text, report), at, end))
        elif kind == "raw":
            tokens.append(Token("text", word[2:-1], at, end))
        elif kind == "text":
            tokens.append(Token("text", _unescaped(word[1:-1], at + 1, report), at, end))
        elif kind == "name":
            tokens.append(Token("name", word, at, end))
        elif kind == "sign":
            tokens.append(Token("sign", word, at, end))
    tokens.append(Token("end", "", len(text), len(text)))
    return tokens


def _number(word: str, at: int, text: str, report: Callable[[int, str], None]) -> float:
    follows = re.match(r"\.?\w+", text[at + len(word) :])
    if follows:
        remedy = ": an item of a list is written [0]" if word.startswith(".") else ""
        report(at, f"a number, such as 50 or 0.5; found {word + follows[0]!r}{remedy}")
    value = float(word)
    if not isfinite(value):
        report(at, f"a finite number; found {word[:40]}")
    return value


# ── texts ───────────────────────────────────────────────────────────────────────────────────

_ESCAPES = {"\\": "\\", '"': '"', "'": "'", "n": "\n", "r": "\r", "t": "\t"}
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)


def _unescaped(word: str, at: int, report: Callable[[int, str], None]) -> str:
    def char(found: re.Match[str]) -> str:
        digits = found[1] or found[2]
        if digits:
            code = int(digits, 16)
            if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
                report(at + found.start(), f"a character of Unicode; found {found[0]}")
                return ""
            return chr(code)
        if found[3] not in _ESCAPES:
            known = "\\\\, \\\", \\', \\n, \\r, \\t, \\uXXXX or \\UXXXXXXXX"
            remedy = "a backslash of a pattern is written twice, or in a raw text, r'\\d+'"
            report(at + found.start(), f"{known}; found {found[0]}: {remedy}")
        return _ESCAPES.get(found[3], "")

    return _ESCAPE.sub(char, word)


# ── spelling ────────────────────────────────────────────────────────────────────────────────


def spell(tokens: Sequence[Token]) -> str:
    """Return *tokens* as one text, which has the same tokens: one spelling of all that differ in
    spaces, line breaks, quotes, escapes and the writing of numbers only."""
    return "".join(_spelled(tokens)).strip()


_TIGHT_AFTER = frozenset(".([!")
_TIGHT_BEFORE = frozenset(".)],")


def _spelled(tokens: Sequence[Token]) -> Iterator[str]:
    before = Token("sign", "(", 0, 0)
    for token in tokens[:-1]:
        if not _is_tight(before, token):
            yield " "
        yield _word(token)
        before = token


def _is_tight(before: Token, token: Token) -> bool:
    if before.kind == "sign" and before.value in _TIGHT_AFTER:
        return True
    if token.kind != "sign":
        return False
    if token.value in "([":  # a call or an index; after a sign or "in" it opens a group or a list
        return (before.kind == "name" and before.value != "in") or before.value in (")", "]")
    return token.value in _TIGHT_BEFORE


def _word(token: Token) -> str:
    if token.kind == "number":
        value = float(token.value)
        return str(int(value)) if value.is_integer() and value < 1e15 else repr(value)
    if token.kind == "text":
        return f'"{"".join(map(_escaped, token.value))}"'
    return str(token.value)


def _escaped(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(char, char)
