"""Events in the forms in which people have them: JSON Lines, JSON over lines, CSV.

Nothing is judged here but the form: each event is given as the JSON that a topic would carry.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from json import JSONDecodeError, JSONDecoder
from typing import BinaryIO, NamedTuple

from triggerstream.replay.csv_rows import Columns, json_of_rows
from triggerstream.replay.sources import HEAD, Form, Source, form_of

_SPACE = " \t\r\n"

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


class EventSource(Source):
    """The events of a `Source`, in its order, whatever form they have. Iterate once.

    Lines and tables are read as they come. JSON that goes over lines, such as an array, is held
    whole; behind a mistake in it nothing can be read.

    Args:
        name: What messages call it.
        columns: How a table is read; where it maps a column, the source is one.

    Raises:
        UsageError: As `Source`, or a table's header does not say what is required.
    """

    def __init__(
        self,
        path: str,
        columns: Columns | None = None,
        *,
        name: str | None = None,
        stdin: BinaryIO | None = None,
    ) -> None:
        super().__init__(path, stdin)
        self._name = name or path
        self._columns = columns or Columns()

    def __iter__(self) -> Iterator[Found | Unreadable]:
        with self._file:
            try:
                yield from self._values(self.open())
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise self.broken(error) from error

    def _values(self, text: BinaryIO) -> Iterator[Found | Unreadable]:
        form = form_of(text.peek(HEAD))  # type: ignore[attr-defined]  # see `Source.open`
        if self._columns.paths or form == Form.TABLE:
            yield from _rows(text, self._name, self._columns)
        elif form == Form.LINES:
            for number, line in enumerate(text, 1):
                if value := line.strip():
                    yield Found(number, value)
        else:
            yield from _json(text.read())


def _rows(lines: Iterable[bytes], name: str, columns: Columns) -> Iterator[Found | Unreadable]:
    for number, row in json_of_rows(lines, name, columns):
        yield Unreadable(number, row) if isinstance(row, str) else Found(number, row)


def _json(data: bytes) -> Iterator[Found | Unreadable]:
    """Yield the values of *data*: of an array, or one after the other."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        at = 1 + data[: error.start].count(b"\n")
        yield Unreadable(at, "JSON in UTF-8; found other bytes")
        return
    at, is_array = _skip(text, 0, _SPACE), False
    if text[at] == "[":
        at, is_array = _skip(text, at + 1, _SPACE), True
    line, counted = 1, 0
    while at < len(text) and not (is_array and text[at] == "]"):
        line, counted = line + text.count("\n", counted, at), at
        try:
            _, end = _decode_next(text, at)
        except RecursionError:
            yield Unreadable(line, "JSON; nested too deep")
            return
        except JSONDecodeError as error:
            yield Unreadable(error.lineno, f"JSON; {error.msg}")
            return
        yield Found(line, text[at:end].encode())
        at = _skip(text, end, _SPACE + "," if is_array else _SPACE)
    if is_array and at >= len(text):
        end_line = 1 + text.count("\n")
        yield Unreadable(end_line, "a JSON array that ends with ]; found its end")


def _skip(text: str, at: int, what: str) -> int:
    while at < len(text) and text[at] in what:
        at += 1
    return at
