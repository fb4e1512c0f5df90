"""Where a character of a text stands in the file, whichever way YAML has it written.

A text is folded, unquoted and unescaped before anybody looks into it. What is no space stands in
the file in the same order, so that both are walked side by side.
"""

from __future__ import annotations

from triggerstream.core.parsing.source.nodes import Scalar

_OF_DIGITS = {"x": 4, "u": 6, "U": 10}
_OF_SPACES = frozenset("nrtNLP_ \t\r\n")
"""What follows the backslash of a space, or of a line that goes on."""


def place_in(scalar: Scalar, at: int) -> tuple[int, int, bool]:
    """Return the line and the column of the character *at*, from 0, of the text of *scalar*, and
    whether that is exact: else it is where the text begins.

    One behind the last character is the end of the text.
    """
    source = scalar.source
    found = _find(source, scalar.text, at)
    if found is None:
        return scalar.line, scalar.col, False
    lines = source.count("\n", 0, found)
    if not lines:
        return scalar.line, scalar.col + found, True
    return scalar.line + lines, found - source.rfind("\n", 0, found), True


def _find(source: str, text: str, at: int) -> int | None:
    style = source[:1]
    place, length = _start(source, style), 0
    last = len(text.rstrip()) - 1
    for index, char in enumerate(text):
        if char.isspace():
            continue
        place = _behind_spaces(source, place + length, style)
        length = _length(source, place, style)
        if length == 1 and source[place : place + 1] != char:
            return None
        if index >= at:
            return place
        if index == last:
            return place + length
    return None


def _start(source: str, style: str) -> int:
    if style in ("|", ">"):
        return source.find("\n") + 1
    return 1 if style in ("'", '"') else 0


def _behind_spaces(source: str, place: int, style: str) -> int:
    while place < len(source):
        if source[place].isspace():
            place += 1
        elif style == '"' and source[place] == "\\" and source[place + 1 : place + 2] in _OF_SPACES:
            place += 2
        else:
            break
    return place


def _length(source: str, place: int, style: str) -> int:
    """Return how many characters of the file say the one that stands at *place*."""
    if style == '"' and source[place : place + 1] == "\\":
        return _OF_DIGITS.get(source[place + 1 : place + 2], 2)
    return 2 if style == "'" and source.startswith("''", place) else 1
