"""What a JSON Schema may not say here, although JSON Schema allows it.

A schema is run on what strangers send, on the loop that serves all. So what it costs must be
bounded by its size: with all references followed it has at most `MOST` schemas, and no reference
leads back to itself. References go into the same file alone: to follow one elsewhere, a process
would read what nobody has put in force.

JSON Schema ignores what it does not know. With a keyword that is nearly one, or a format that
nobody checks, a schema would ask less than its author believes: both are refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from triggerstream.core.schemas import keywords
from triggerstream.core.schemas.keywords import DRAFTS, FORMATS, KEYWORDS, NEWEST, Pointer

MOST: Final = 1_000
"""Schemas within a schema, references followed."""
DEEPEST: Final = 100
"""Schemas within each other, references followed."""

_SHOWN = 80


class Fault(NamedTuple):
    """What is wrong with a schema, and where."""

    at: Pointer
    message: str


class Cost(NamedTuple):
    """What running a schema costs at most.

    Attributes:
        schemas: How many it has, with references followed.
        has_branches: It asks for one of several schemas: where none holds, saying why means to
            run each of them to its end.
    """

    schemas: int
    has_branches: bool


class TooMuchError(Exception):
    """A schema costs more than it may; its author makes it smaller."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def faults(schema: dict[str, Any] | bool) -> Iterator[Fault]:
    """Yield what *schema* may not say here, wherever in it that stands."""
    waiting: list[tuple[Pointer, Any]] = [((), schema)]
    while waiting:
        at, found = waiting.pop()
        if isinstance(found, dict):
            for key, value in found.items():
                if message := _wrong(schema, at, key, value):
                    yield Fault((*at, key), message)
            waiting += [((*at, *more), each) for more, each in keywords.inner(found)]


def cost(schema: dict[str, Any] | bool) -> Cost:
    """Return what *schema*, which has no `faults`, costs.

    Raises:
        TooMuchError: More than it may.
    """
    counting = _Counting(schema)
    return Cost(counting.count(schema, (), 1), counting.has_branches)


def follow(schema: Any, reference: str) -> Any:
    """Return the schema that *reference*, ``#`` and a JSON pointer, names in *schema*; ``None``
    where there is none."""
    found = schema
    for key in _steps(reference):
        if isinstance(found, dict):
            found = found.get(key)
        elif isinstance(found, list) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        else:
            return None
    return found if isinstance(found, (dict, bool)) else None


def _steps(reference: str) -> tuple[str, ...]:
    words = reference.removeprefix("#").split("/")[1:]
    return tuple(unquote(word).replace("~1", "/").replace("~0", "~") for word in words)


def _wrong(root: Any, at: Pointer, key: str, value: Any) -> str:
    """Return what is wrong with a keyword of the schema that stands *at* a place in *root*."""
    match key:
        case "$schema":
            if not isinstance(value, str) or value.removesuffix("#") not in DRAFTS:
                return f"$schema: a draft of JSON Schema, such as {NEWEST}; found {_show(value)}"
        case "$ref":
            if not isinstance(value, str) or not (value == "#" or value.startswith("#/")):
                required = "$ref: a place in the same file, such as '#/$defs/NAME'"
                return f"{required}; found {_show(value)}"
            if follow(root, value) is None:
                required = "$ref: a place in the same file where a schema stands"
                return f"{required}; found {_show(value)}"
        case "format":
            if isinstance(value, str) and value not in FORMATS:
                hint = _suggest(value, FORMATS)
                return f"format: one that is checked; found {_show(value)}{hint}"
        case _:
            return _odd(at, key, value)
    return ""


def _odd(at: Pointer, key: str, value: Any) -> str:
    """Return why there is no such keyword here."""
    if key in keywords.ANCHORS or (key in keywords.NAMES and at and isinstance(value, str)):
        return f"references by place, such as '#/$defs/NAME', into the same file; found {key!r}"
    if key == "nullable":
        return "type: 'null' among its types; found 'nullable', which is OpenAPI's"
    hint = "" if key in KEYWORDS else _suggest(key, KEYWORDS)
    return f"a keyword of JSON Schema; found {_show(key)}{hint}" if hint else ""


def _suggest(word: str, known: Collection[str]) -> str:
    near = get_close_matches(word[:_SHOWN], sorted(known), n=1, cutoff=0.8)
    return f": did you mean {near[0]!r}?" if near else ""


def _show(value: Any) -> str:
    return repr(value)[:_SHOWN]


class _Counting:
    """Counts the schemas of one file, the target of a reference once for each reference."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._counted: dict[str, int] = {}
        self._open: set[str] = {"#"}
        self.has_branches = False

    def count(self, schema: Any, at: Pointer, depth: int) -> int:
        if not isinstance(schema, dict):
            return 1
        if depth > DEEPEST:
            required = f"at most {DEEPEST} schemas within each other, references followed"
            raise TooMuchError(Fault(at, f"{required}; found more"))
        self.has_branches = self.has_branches or not keywords.BRANCHES.isdisjoint(schema)
        total = 1
        for more, each in keywords.inner(schema):
            if more[0] not in keywords.ASIDE:
                total += self.count(each, (*at, *more), depth + 1)
        if "$ref" in schema:
            total += self._follow(schema["$ref"], (*at, "$ref"), depth + 1)
        if total > MOST:
            required = f"at most {MOST:,} schemas, references followed"
            raise TooMuchError(Fault(at, f"{required}; found more"))
        return total

    def _follow(self, reference: str, at: Pointer, depth: int) -> int:
        if reference in self._open:
            required = "$ref: a schema that does not lead back to itself"
            raise TooMuchError(Fault(at, f"{required}; found {_show(reference)}"))
        if reference not in self._counted:
            self._open.add(reference)
            self._counted[reference] = self.count(
                follow(self._root, reference), _steps(reference), depth
            )
            self._open.discard(reference)
        return self._counted[reference]
