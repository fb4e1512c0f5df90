"""CSV as events: which column says what, and what its cells are taken for.

A column that has the name of a field of an event is that field; any other is a field of its
``event_data``. ``--map COLUMN=PATH`` says otherwise.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec
import orjson

from triggerstream.errors import UsageError

FIELDS: Final = (
    "customer_id",
    "event_type",
    "event_id",
    "timestamp",
    "source",
    "session_id",
    "received_at",
)
"""Fields of an event that a cell can fill; what is below the others is JSON."""
OBJECTS: Final = ("event_data", "device_info", "location_data", "metadata")
TEXT: Final = ":text"
"""At a path's end: its cells are texts, whatever they look like."""

_REQUIRED: Final = ("customer_id", "event_type")
_MOMENTS: Final = ("timestamp", "received_at")
_DELIMITERS: Final = ",;\t|"
_DIGITS: Final = 15
"""Digits up to which a number is the same in every JSON reader; longer ones are names."""
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)
_WORDS: Final = {"true": True, "false": False}

_Place = tuple[str, ...]


class Columns(msgspec.Struct, frozen=True):
    """What was said about the columns.

    Attributes:
        paths: By column, the path that it fills; an empty one leaves the column out.
        event_type: The type of events whose row brings none.
        source: Their source, likewise.
    """

    paths: dict[str, str] = {}
    event_type: str | None = None
    source: str | None = None


def scalar(text: str) -> Any:
    """Return what *text* reads as: a JSON number, ``true`` or ``false``, and else itself.

    What has a leading zero, or more than fifteen digits, is a name and no number.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _NUMBER.fullmatch(text) and sum(map(str.isdigit, text)) <= _DIGITS:
        return orjson.loads(text)
    return text


def put(target: dict[str, Any], place: Sequence[str], value: Any) -> bool:
    """Put *value* into *target* at *place*; return whether that was free of other values."""
    inner: Any = target
    for name in place[:-1]:
        inner = inner.setdefault(name, {})
        if not isinstance(inner, dict):
            return False
    if place[-1] in inner:
        return False
    inner[place[-1]] = value
    return True


def json_of_rows(
    lines: Iterable[bytes], name: str, columns: Columns
) -> Iterator[tuple[int, bytes | str]]:
    """Yield (line, JSON) of each row, or (line, what is wrong with it).

    Args:
        lines: Of the file; the first that is not blank is the header.
        name: What messages call the file.

    Raises:
        UsageError: The header does not say who did what, or *columns* names what is not there.
    """
    table = _Table(lines)
    header = table.header()
    fills = _fills(header, name, columns)
    for number, cells in table.rows():
        if isinstance(cells, str):
            yield number, cells
        elif len(cells) > len(header):
            yield number, f"{len(header)} cells, as in the header; found {len(cells)}"
        elif any(cells):
            yield number, _as_json(fills, cells, columns)


class _Table:
    """The rows of a CSV file, each with the line in which it begins."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = enumerate(lines, 1)
        self._number = 0
        self._delimiter = ","

    def header(self) -> list[str]:
        """Return the cells of the first row, which also shows what parts them."""
        text = ""
        while not text.strip():
            self._number, line = next(self._lines, (self._number, b"(nothing)"))
            text = line.decode(errors="replace")
        self._delimiter = max(_DELIMITERS, key=text.count)
        return [cell.strip() for cell in next(csv.reader([text], delimiter=self._delimiter))]

    def rows(self) -> Iterator[tuple[int, list[str] | str]]:
        # No generator between: it would end with the first line that is no UTF-8.
        texts = iter(self._next_text, None)
        reader = csv.reader(texts, delimiter=self._delimiter, strict=True)
        while True:
            begins = self._number + 1
            try:
                yield begins, next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield begins, f"CSV; {error}"
            except UnicodeDecodeError:
                yield self._number, "CSV in UTF-8; found other bytes"

    def _next_text(self) -> str:
        self._number, line = next(self._lines)
        return line.decode()


def _fills(header: list[str], name: str, columns: Columns) -> list[tuple[_Place, bool] | None]:
    """Return by column where its cells go, and whether they are texts; ``None``: nowhere."""
    if unknown := [column for column in columns.paths if column not in header]:
        msg = f"--map: required is a column of {', '.join(header)}; found {', '.join(unknown)}"
        raise UsageError(msg)
    found: list[tuple[_Place, bool] | None] = []
    for column in header:
        default = column if column in FIELDS else f"event_data.{column}"
        path = columns.paths.get(column, default)
        is_text = path.endswith(TEXT)
        found.append((_place(path.removesuffix(TEXT)), is_text) if path and column else None)
    filled = [fill[0] for fill in found if fill is not None]
    for number, place in enumerate(filled):
        if any(place == other[: len(place)] for other in filled[:number] + filled[number + 1 :]):
            path = ".".join(place)
            msg = f"{name}: one column for each field is required; found several for {path}"
            raise UsageError(msg)
    missing = [field for field in _REQUIRED if (field,) not in filled]
    if columns.event_type is not None and "event_type" in missing:
        missing.remove("event_type")
    if missing:
        msg = (
            f"{name}: JSON, or CSV whose header names {' and '.join(missing)}, is required "
            f"(--map COLUMN=customer_id, --type TYPE); found {_shown(header)}"
        )
        raise UsageError(msg)
    return found


def _place(path: str) -> _Place:
    place = tuple(path.split("."))
    if place[0] in FIELDS and len(place) == 1:
        return place
    if place[0] in OBJECTS and len(place) > 1 and all(place):
        return place
    msg = (
        f"--map: required is a path such as customer_id or event_data.total, of "
        f"{', '.join((*FIELDS, *OBJECTS))}; found {path!r}"
    )
    raise UsageError(msg)


def _as_json(
    fills: Sequence[tuple[_Place, bool] | None], cells: Sequence[str], columns: Columns
) -> bytes:
    event: dict[str, Any] = {}
    for fill, cell in zip(fills, cells, strict=False):
        if fill is None or cell == "":
            continue
        place, is_text = fill
        if place[0] in FIELDS:
            is_moment = place[0] in _MOMENTS and cell.isdecimal() and cell.isascii()
            event[place[0]] = int(cell) if is_moment else cell
        else:
            put(event, place, cell if is_text else scalar(cell))
    if columns.event_type is not None:
        event.setdefault("event_type", columns.event_type)
    if columns.source is not None:
        event.setdefault("source", columns.source)
    return orjson.dumps(event)


def _shown(header: list[str]) -> str:
    text = ", ".join(header)
    return repr(text if len(text) <= 80 else f"{text[:79]}…")
