"""Events in the forms in which people have them: JSON Lines, JSON, CSV; compressed or not.

What a file is, is told by what is in it, not by its name: gzip by its first bytes, JSON by its
first character, and what is neither must be CSV with a header line. `values_in` gives each event
as the JSON that a topic would carry; nothing of it is judged here.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from json import JSONDecodeError, JSONDecoder
from typing import Any, NamedTuple

import msgspec

from triggerstream.errors import UsageError
from triggerstream.replay.csv_rows import Columns, json_of_rows

BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_SPACE = " \t\r\n"

_decode_raw = msgspec.json.Decoder(msgspec.Raw).decode
_decode_next = JSONDecoder().raw_decode


class Found(NamedTuple):
    """One event of a file.

    Attributes:
        line: Where it begins, from 1.
        value: Its JSON.
    """

    line: int
    value: bytes


class Unreadable(NamedTuple):
    """A place of a file at which no event can be read, and why."""

    line: int
    detail: str


def values_in(
    chunks: Iterable[bytes], name: str, columns: Columns | None = None
) -> Iterator[Found | Unreadable]:
    """Yield the events of a file, in its order.

    JSON Lines and CSV are read as they come. JSON that goes over lines, such as an array, is
    held whole; behind a mistake in it nothing can be read.

    Args:
        chunks: What is in the file, in pieces of any size.
        name: What messages call it.
        columns: How CSV is read; ``None`` where nothing was said about it.

    Raises:
        UsageError: It is none of these forms, or a damaged gzip file.
    """
    lines = _lines(_unpacked(chunks, name), name)
    first, second = _next(lines), _next(lines)
    if first is None:
        return
    ahead = [line for line in (first, second) if line is not None]
    beginning = first[1].lstrip()[:1]
    rest = chain(ahead, lines)
    if (columns is not None and columns.given) or beginning not in (b"{", b"["):
        yield from _csv(rest, name, columns or Columns())
    elif beginning == b"[" or _goes_on(first[1], second):
        yield from _json(b"".join(line for _, line in rest), first[0])
    else:
        for number, line in rest:
            if value := line.strip():
                yield Found(number, value)


def _goes_on(first: bytes, second: tuple[int, bytes] | None) -> bool:
    """Return whether the object that begins in the *first* line is not whole in it."""
    if second is None or second[1].lstrip().startswith(b"{"):
        return False
    try:
        _decode_raw(first)
    except (msgspec.DecodeError, RecursionError):
        return True
    return False


def _json(data: bytes, line: int) -> Iterator[Found | Unreadable]:
    """Yield the values of *data*, which begins at *line*: of an array, or one after the other."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        at = line + data[: error.start].count(b"\n")
        yield Unreadable(at, "JSON in UTF-8; found other bytes")
        return
    at, is_array = _skip(text, 0, _SPACE), False
    if text[at] == "[":
        at, is_array = _skip(text, at + 1, _SPACE), True
    while at < len(text) and not (is_array and text[at] == "]"):
        try:
            _, end = _decode_next(text, at)
        except (JSONDecodeError, RecursionError) as error:
            where = error.pos if isinstance(error, JSONDecodeError) else at
            what = error.msg if isinstance(error, JSONDecodeError) else "nested too deep"
            yield Unreadable(line + text.count("\n", 0, where), f"JSON; {what}")
            return
        yield Found(line + text.count("\n", 0, at), text[at:end].encode())
        at = _skip(text, end, _SPACE + "," if is_array else _SPACE)
    if is_array and at >= len(text):
        yield Unreadable(line + text.count("\n"), "a JSON array that ends with ]; found its end")


def _skip(text: str, at: int, what: str) -> int:
    while at < len(text) and text[at] in what:
        at += 1
    return at


def _csv(
    lines: Iterable[tuple[int, bytes]], name: str, columns: Columns
) -> Iterator[Found | Unreadable]:
    for number, row in json_of_rows(lines, name, columns):
        yield Unreadable(number, row) if isinstance(row, str) else Found(number, row)


# ── bytes ───────────────────────────────────────────────────────────────────────────────────


def _unpacked(chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Yield *chunks* without the compression, if there is one."""
    pieces = iter(chunks)
    first = b""
    while len(first) < len(_GZIP) and (piece := next(pieces, None)) is not None:
        first += piece
    whole = chain((first,), pieces)
    return _gunzipped(whole, name) if first.startswith(_GZIP) else whole


def _gunzipped(chunks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Yield what is in one gzip member after the other."""
    member: Any = None
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                member = member or zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
                yield member.decompress(rest)
                rest = member.unused_data
                if member.eof:
                    member = None
    except zlib.error as error:
        msg = f"{name}: required is a whole gzip file; {error}"
        raise UsageError(msg) from error
    if member is not None:
        msg = f"{name}: required is a whole gzip file; it ends in between"
        raise UsageError(msg)


def _lines(chunks: Iterable[bytes], name: str) -> Iterator[tuple[int, bytes]]:
    """Yield (number, line with its end) of what *chunks* hold, without the mark of UTF-8."""
    number = 0
    begun: list[bytes] = []
    for chunk in chunks:
        *whole, rest = chunk.split(b"\n")
        for end in whole:
            line = b"".join((*begun, end, b"\n"))
            begun.clear()
            number += 1
            yield number, _unmarked(line, name) if number == 1 else line
        begun.append(rest)
    if line := b"".join(begun):
        number += 1
        yield number, _unmarked(line, name) if number == 1 else line


def _unmarked(line: bytes, name: str) -> bytes:
    if line.startswith(_UTF16):
        msg = f"{name}: required is UTF-8; found UTF-16: save it as UTF-8"
        raise UsageError(msg)
    return line.removeprefix(BOM)


def _next(lines: Iterator[tuple[int, bytes]]) -> tuple[int, bytes] | None:
    """Return the next line that is not blank."""
    return next(((number, line) for number, line in lines if line.strip()), None)
