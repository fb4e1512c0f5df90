"""Events in every form: what is found, at which line, and what cannot be read."""

from __future__ import annotations

import gzip
import io
from typing import Any

import orjson
import pytest

from triggerstream.core.events.bodies import MARK
from triggerstream.errors import UsageError
from triggerstream.replay.csv_rows import Columns
from triggerstream.replay.formats import EventSource, Found, Unreadable

A, B = b'{"customer_id":"a","n":[1,{"x":"]}"}]}', b'{"customer_id": "b"}'


class Pieces(io.RawIOBase):
    """A stream that gives *size* bytes at a time, as a pipe may; *asked* counts them."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__()
        self._data = io.BytesIO(data)
        self._size = size
        self.asked = 0

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        piece = self._data.read(min(self._size, len(into)))
        into[: len(piece)] = piece
        self.asked += len(piece)
        return len(piece)


def source(data: Pieces, columns: Columns | None = None) -> EventSource:
    return EventSource("-", columns, name="log", stdin=data)  # type: ignore[arg-type]  # unbuffered


def found(data: bytes, columns: Columns | None = None, *, size: int = 1000) -> list[Any]:
    """Return what is found in *data*, which comes in pieces of *size* bytes."""
    return list(source(Pieces(data, size), columns))


def rows(data: str, **columns: object) -> list[object]:
    """Return the events of CSV *data*, or what is wrong with a row."""
    read = found(data.encode(), Columns(**columns))  # type: ignore[arg-type]
    return [orjson.loads(value) for _, value in read]


# ── JSON ────────────────────────────────────────────────────────────────────────────────────

FORMS = {
    "JSON Lines": (A + b"\n" + B + b"\n", [1, 2]),
    "JSON Lines without the last end": (A + b"\n" + B, [1, 2]),
    "JSON Lines as Windows writes them": (A + b"\r\n\r\n" + B + b"\r\n", [1, 3]),
    "an array": (b"[" + A + b"," + B + b"]", [1, 1]),
    "an array over lines": (b"\n[\n " + A + b",\n\n " + B + b"\n]\n", [3, 5]),
    "objects over lines": (A.replace(b"{", b"{\n", 1) + b"\n" + B + b"\n", [1, 3]),
    "one line": (A, [1]),
}


@pytest.mark.covers("A17")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("mark", [b"", MARK], ids=["", "with the mark of UTF-8"])
def test_every_form_of_json_is_told_by_what_is_in_it(form: str, packed: bool, mark: bytes) -> None:
    data, lines = FORMS[form]
    data = mark + data

    read = found(gzip.compress(data) if packed else data)

    assert [line for line, _ in read] == lines
    assert [orjson.loads(value) for _, value in read] == [orjson.loads(A), orjson.loads(B)][
        : len(lines)
    ]


@pytest.mark.parametrize("size", [5, 6, 7, 1000])
def test_it_makes_no_difference_in_which_pieces_a_file_comes(size: int) -> None:
    data = gzip.compress(A + b"\n") + gzip.compress(B + b"\n")

    assert found(data, size=size) == [Found(1, A), Found(2, B)]


def test_the_digits_of_numbers_stay_as_they_are() -> None:
    value = b'{"n": 1.10, "m": 123456789012345678901234567890}'

    assert found(b"[" + value + b"]") == [Found(1, value)]


def test_a_line_that_is_no_json_is_judged_with_the_event() -> None:
    """By whoever decodes it, with its reason: here it is only found."""
    assert found(A + b"\nnonsense\n") == [Found(1, A), Found(2, b"nonsense")]
    assert found(b'{"broken\n' + B) == [Found(1, b'{"broken'), Found(2, B)]


@pytest.mark.parametrize(
    ("data", "line", "why"),
    [
        (b"[" + A + b",\n" + b"nonsense]", 2, "JSON; Expecting value"),
        (b"[" + A + b"\n", 2, "a JSON array that ends with ]; found its end"),
        (b"[" + A + b",\n\xff]", 2, "JSON in UTF-8; found other bytes"),
        (b"[\n" + b"[" * 100_000, 2, "JSON; nested too deep"),
        (b'{\n"a": 1},\n{}', 2, "JSON; Expecting value"),
        (b'{\n"a": 1,\n b}', 3, "JSON; Expecting property name enclosed in double quotes"),
    ],
    ids=["no JSON", "no end", "no UTF-8", "too deep", "no array", "over lines"],
)
def test_behind_a_mistake_in_json_over_lines_nothing_is_read(
    data: bytes, line: int, why: str
) -> None:
    assert found(data)[-1] == Unreadable(line, why)


@pytest.mark.parametrize("data", [b"", b"\n \n", MARK, gzip.compress(b"", mtime=0)])
def test_nothing_is_no_event(data: bytes) -> None:
    assert found(data) == []


def test_a_gzip_file_that_ends_in_between_is_refused() -> None:
    with pytest.raises(UsageError, match="required is a whole gzip file"):
        found(gzip.compress(A * 100)[:-1])


def test_a_damaged_gzip_file_is_refused() -> None:
    with pytest.raises(UsageError, match="required is a whole gzip file"):
        found(b"\x1f\x8b" + b"\xff" * 20)


# ── CSV ─────────────────────────────────────────────────────────────────────────────────────

ORDERS = '''\
customer_id,event_type,timestamp,total,zip,new,note
c1,order,2026-03-01T10:00:00Z,99.90,04109,true,"two
lines, and a ""quote"""
c2,order,1772359200000,7,10115,,

'''


def test_a_column_is_the_field_that_it_is_named_after_or_of_the_events_data() -> None:
    assert rows(ORDERS) == [
        {
            "customer_id": "c1",
            "event_type": "order",
            "timestamp": "2026-03-01T10:00:00Z",
            "event_data": {
                "total": 99.9,
                "zip": "04109",
                "new": True,
                "note": 'two\nlines, and a "quote"',
            },
        },
        {
            "customer_id": "c2",
            "event_type": "order",
            "timestamp": 1_772_359_200_000,
            "event_data": {"total": 7, "zip": 10115},
        },
    ]


def test_each_row_is_found_at_the_line_where_it_begins() -> None:
    assert [line for line, _ in found(ORDERS.encode())] == [2, 4]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_what_parts_the_cells_is_seen_in_the_header(delimiter: str) -> None:
    data = "customer_id,event_type,a,b\nc,t,x,y\n".replace(",", delimiter)

    assert rows(data) == [
        {"customer_id": "c", "event_type": "t", "event_data": {"a": "x", "b": "y"}}
    ]


@pytest.mark.covers("A17")
def test_columns_are_mapped_to_paths_left_out_and_kept_as_texts() -> None:
    found_rows = rows(
        "who,what,zip,price,secret,id\n17,order,10115,5,x,9\n",
        paths={
            "who": "customer_id",
            "what": "event_data.shop.kind",
            "zip": "event_data.shop.zip:text",
            "secret": "",
            "id": "event_id",
        },
        event_type="order_placed",
        source="till",
    )

    assert found_rows == [
        {
            "customer_id": "17",
            "event_id": "9",
            "event_data": {"shop": {"kind": "order", "zip": "10115"}, "price": 5},
            "event_type": "order_placed",
            "source": "till",
        }
    ]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("0", 0),
        ("-1.50", -1.5),
        ("1e3", 1000.0),
        ("false", False),
        ("007", "007"),
        ("+1", "+1"),
        (".5", ".5"),
        ("1,5", "1,5"),
        ("NaN", "NaN"),
        ("True", "True"),
        ("\u0661", "\u0661"),
        ("123456789012345", 123_456_789_012_345),
        ("1234567890123456", "1234567890123456"),
        ("1e300", "1e300"),
    ],
)
def test_a_cell_is_a_number_only_where_nothing_of_it_is_lost(cell: str, value: object) -> None:
    (row,) = rows(f'customer_id,event_type,x\nc,t,"{cell}"\n')

    assert row == {"customer_id": "c", "event_type": "t", "event_data": {"x": value}}


def test_a_row_that_cannot_be_read_is_told_with_its_line_and_the_next_is_read() -> None:
    data = b'customer_id,event_type\na,t\nb,t,x\n"c"x,t\n\xff,t\nd,t\n'

    read = found(data)

    assert [line for line, _ in read] == [2, 3, 4, 5, 6]
    assert [value for _, value in read[1:4]] == [
        "2 cells, as in the header; found 3",
        "CSV; ',' expected after '\"'",
        "CSV in UTF-8; found other bytes",
    ]
    assert [orjson.loads(value)["customer_id"] for _, value in (read[0], read[4])] == ["a", "d"]


@pytest.mark.parametrize(
    ("data", "columns", "message"),
    [
        (
            "who,what\n",
            {},
            (
                "log: JSON, or CSV whose header names customer_id and event_type, is required "
                "(--map COLUMN=customer_id, --type TYPE); found 'who, what'"
            ),
        ),
        ("customer_id,x\n", {}, "names event_type, is required"),
        ("a\n", {"paths": {"b": "customer_id"}}, "--map: required is a column of a; found b"),
        ("", {"paths": {"b": "customer_id"}}, "--map: required is a column of (nothing); found b"),
        ("a\n", {"paths": {"a": "customer"}}, "--map: required is a path such as customer_id"),
        ("a\n", {"paths": {"a": "event_data"}}, "found 'event_data'"),
        ("a\n", {"paths": {"a": "event_data..x"}}, "found 'event_data..x'"),
        ("a\n", {"paths": {"a": "source.x"}}, "found 'source.x'"),
        ("x,x,customer_id,event_type\n", {}, "found several for event_data.x"),
        ("x.y,x,customer_id,event_type\n", {}, "found several for event_data.x"),
    ],
)
def test_a_header_that_does_not_say_enough_is_refused(
    data: str, columns: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError) as error:
        rows(data, **columns)

    assert message in str(error.value)


@pytest.mark.parametrize("head", [b"", b"customer_id,event_type\n"], ids=["lines", "a table"])
def test_a_large_file_is_read_as_it_comes(head: bytes) -> None:
    data = Pieces(head + b'{"customer_id": "c"},x\n' * 10_000, 100)
    events = iter(source(data))

    next(events)

    assert data.asked < 100_000
    assert sum(1 for _ in events) == 9_999
