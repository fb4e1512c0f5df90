"""YAML to nodes that know their place, so that every later problem can be told with it.

YAML 1.2, core schema: ``no`` and ``12:30`` are texts. What trigger files do not need and attackers
like is refused: aliases, anchors, tags, and nesting beyond `MAX_DEPTH`. A document that cannot be
read hides neither the documents behind it nor its own problems before that point.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from math import inf, isfinite
from typing import Any

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)
from ruamel.yaml.reader import ReaderError

MAX_DEPTH = 50
MAX_BYTES = 1_048_576
"""The size of a file, in bytes of UTF-8."""

Report = Callable[[int, int, str], None]
"""Takes the line and the column, both from 1, and what is required and was found."""


class Scalar(msgspec.Struct, frozen=True):
    """A single value.

    Attributes:
        text: How the author wrote it, without quotes and without the breaks of folded lines.
        source: How it stands in the file; of texts alone.
    """

    line: int
    col: int
    value: str | int | float | bool | None
    text: str
    source: str = ""


class Items(msgspec.Struct, frozen=True):
    line: int
    col: int
    items: tuple[Node, ...]


class Mapping(msgspec.Struct, frozen=True):
    """Keys are texts; *keys* holds where each stands."""

    line: int
    col: int
    entries: dict[str, Node]
    keys: dict[str, Scalar]


Node = Scalar | Items | Mapping


def read_documents(text: str, report: Report) -> list[Node]:
    """Return the documents of *text* that could be read; empty ones are left out."""
    size = len(text.encode(errors="replace"))
    if size > MAX_BYTES:
        report(1, 1, f"a file of at most {MAX_BYTES} bytes; found {size}")
        return []
    return [node for first, part in _parts(text) for node in _read_part(part, first, report)]


_MARKER = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_NOTHING = re.compile(r"(?:[ \t]*(?:[#%][^\n]*)?\r?(?:\n|\Z))*")


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines between document markers, with the number of the first of them.

    A marker at the start of a line is one even inside of a block of text (YAML 1.2, 9.1.2), so that
    cutting there is exact.
    """
    starts = [marker.start() for marker in _MARKER.finditer(text)]
    if not starts or not _NOTHING.fullmatch(text, 0, starts[0]):
        starts.insert(0, 0)
    else:
        starts[0] = 0
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        yield text.count("\n", 0, start) + 1, text[start:end]


def _read_part(text: str, first_line: int, report: Report) -> Iterator[Node]:
    def report_here(line: int, col: int, message: str) -> None:
        report(first_line - 1 + line, col, message)

    builder = _Builder(text, first_line - 1, report_here)
    yaml = YAML(typ="safe", pure=True)
    try:
        for event in yaml.parse(text):
            if isinstance(event, DocumentEndEvent):
                if builder.root is not None:
                    yield builder.root
                builder = _Builder(text, first_line - 1, report_here)
            else:
                builder.take(event)
                if builder.gave_up:
                    return
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        report_here(mark.line + 1, mark.column + 1, _syntax(error))
    except ReaderError as error:
        before = text[: error.position]
        line, col = before.count("\n") + 1, len(before) - before.rfind("\n")
        report_here(line, col, f"printable characters; found {chr(error.character)!r}")
    except (OverflowError, ValueError):  # chr(), of an escape such as "\\UFFFFFFFF"
        reader = yaml.reader
        report_here(
            reader.line + 1, reader.column + 1, "valid YAML; found an escape of no character"
        )


def _syntax(error: MarkedYAMLError) -> str:
    problem = str(error.problem)
    remedy = next((remedy for clue, remedy in _REMEDIES.items() if clue in problem), "")
    context = f" {error.context}" if error.context else ""
    return f"valid YAML; {problem}{context}{remedy}"


_REMEDIES = {
    "'\\t'": ": indent with spaces",
    "mapping values are not allowed": ": a text with ': ' in it wants quotes",
    "expected a comment or a line break": ": a text that starts with !, > or | wants quotes",
    "'%'": ": a text that starts so wants quotes",
    "'@'": ": a text that starts so wants quotes",
    "'`'": ": a text that starts so wants quotes",
}


class _Builder:
    """Nodes from the events of one document, without recursion."""

    def __init__(self, text: str, lines_before: int, report: Report) -> None:
        self._text = text
        self.root: Node | None = None
        self.gave_up = False
        self._lines_before = lines_before
        self._report = report
        self._open: list[_Collection] = []

    def take(self, event: Any) -> None:
        if not isinstance(event, NodeEvent):
            if isinstance(event, CollectionEndEvent):
                self._add(self._open.pop().close())
            return
        line, col = event.start_mark.line + 1, event.start_mark.column + 1
        self._refuse_what_hides(event, line, col)
        if isinstance(event, CollectionStartEvent):
            if len(self._open) >= MAX_DEPTH:
                self._report(line, col, f"at most {MAX_DEPTH} levels of nesting; found more")
                self.gave_up = True
            kind = _Pairs if isinstance(event, MappingStartEvent) else _List
            self._open.append(kind(self._lines_before + line, col, self._report_absolute))
        else:
            self._add(self._scalar(event, line, col))

    def _refuse_what_hides(self, event: Any, line: int, col: int) -> None:
        if isinstance(event, AliasEvent):
            self._report(line, col, f"the value itself; found the alias *{event.anchor}")
            return
        if event.anchor is not None:
            self._report(line, col, f"no anchors; found &{event.anchor}")
        if event.tag is not None and event.tag != "!":
            is_own = str(event.tag).startswith("!")
            remedy = ": a text that starts with ! wants quotes" if is_own else ""
            self._report(line, col, f"no tags; found {event.tag}{remedy}")

    def _scalar(self, event: Any, line: int, col: int) -> Scalar:
        if isinstance(event, AliasEvent):
            return Scalar(self._lines_before + line, col, None, "")
        text = str(event.value)
        if _SURROGATE.search(text):
            self._report(line, col, "characters of Unicode; found half of a surrogate pair")
        value: str | int | float | bool | None = text
        if isinstance(event, ScalarEvent) and event.implicit[0]:
            value = _plain(text)
            if not _fits(value):
                self._report(line, col, f"a finite number of at most 64 bits; found {text[:40]}")
                value = 0
        source = ""
        if value is text:
            source = self._text[event.start_mark.index : event.end_mark.index]
        return Scalar(self._lines_before + line, col, value, text, source)

    def _add(self, node: Node) -> None:
        if self._open:
            self._open[-1].add(node)
        else:
            self.root = None if isinstance(node, Scalar) and node.value is None else node

    def _report_absolute(self, line: int, col: int, message: str) -> None:
        self._report(line - self._lines_before, col, message)


class _List:
    def __init__(self, line: int, col: int, report: Report) -> None:
        self._line, self._col = line, col
        self._items: list[Node] = []

    def add(self, node: Node) -> None:
        self._items.append(node)

    def close(self) -> Node:
        return Items(self._line, self._col, tuple(self._items))


class _Pairs:
    def __init__(self, line: int, col: int, report: Report) -> None:
        self._line, self._col, self._report = line, col, report
        self._entries: dict[str, Node] = {}
        self._keys: dict[str, Scalar] = {}
        self._key: Node | None = None

    def add(self, node: Node) -> None:
        if self._key is None:
            self._key = node
            return
        key, self._key = self._key, None
        if not isinstance(key, Scalar) or not isinstance(key.value, str):
            found = (
                f"{key.text}: put it in quotes" if isinstance(key, Scalar) else "a list or mapping"
            )
            self._report(key.line, key.col, f"a text as key; found {found}")
        elif key.value in self._keys:
            first = self._keys[key.value]
            found = f"it again, after line {first.line}"
            self._report(key.line, key.col, f"the key {key.value!r} once; found {found}")
        else:
            self._keys[key.value] = key
            self._entries[key.value] = node

    def close(self) -> Node:
        return Mapping(self._line, self._col, self._entries, self._keys)


_Collection = _List | _Pairs

_SURROGATE = re.compile("[\ud800-\udfff]")
_CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"[-+]?[0-9]+", re.ASCII)
_OCTAL_OR_HEX = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", re.ASCII)
_LONGEST_NUMBER = 400
"""Characters of a number that are read; a longer one is out of every range."""


def _plain(text: str) -> str | int | float | bool | None:
    """Return what *text* without quotes means in YAML 1.2's core schema."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INT.fullmatch(text):
        return int(text) if len(text) <= _LONGEST_NUMBER else inf
    if _OCTAL_OR_HEX.fullmatch(text):
        return int(text[:_LONGEST_NUMBER], 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    return inf if _NOT_FINITE.fullmatch(text) else text


def _fits(value: object) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    return not isinstance(value, int) or -(1 << 63) <= value < 1 << 64
