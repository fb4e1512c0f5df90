"""Lines of events from files and from stdin."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from triggerstream.errors import UsageError
from triggerstream.replay.sources import LineSource

LINES = [b'{"a": 1}\n', b"\n", b'{"b": 2}']
TEXT = b"".join(LINES)


def test_a_plain_file_gives_its_lines(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(TEXT)

    assert list(LineSource(str(file))) == LINES


def test_a_compressed_file_gives_the_same_lines(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl.gz"
    file.write_bytes(gzip.compress(TEXT))

    assert list(LineSource(str(file))) == LINES


def test_a_dash_is_stdin() -> None:
    source = LineSource("-", stdin=io.BytesIO(TEXT))

    assert source.size is None
    assert list(source) == LINES


def test_how_far_it_is_counts_in_bytes_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(TEXT)
    source = LineSource(str(file))

    lines = iter(source)
    next(lines)

    assert source.size == len(TEXT)
    assert 0 < source.read <= len(TEXT)
    list(lines)
    assert source.read == len(TEXT)


def test_a_file_that_is_not_there_is_an_error_of_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        LineSource(str(tmp_path / "none.jsonl"))


@pytest.mark.parametrize(
    "content",
    [pytest.param(TEXT, id="not compressed"), pytest.param(gzip.compress(TEXT)[:-9], id="cut off")],
)
def test_a_broken_gzip_file_is_an_error_of_usage(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "events.jsonl.gz"
    file.write_bytes(content)

    with pytest.raises(UsageError, match="a whole gzip file"):
        list(LineSource(str(file)))


MARK = b"\xef\xbb\xbf"


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "compressed"])
@pytest.mark.parametrize("mark", [b"", MARK], ids=["as it is", "with a byte order mark"])
@pytest.mark.parametrize("name", ["-", "e.jsonl", "e.txt"])
def test_what_a_file_is_its_first_bytes_say(
    tmp_path: Path, name: str, mark: bytes, pack: Callable[[bytes], bytes]
) -> None:
    content = pack(mark + TEXT)
    path = tmp_path / name
    path.write_bytes(content)

    read = LineSource("-" if name == "-" else str(path), stdin=io.BytesIO(content))

    assert list(read) == LINES


def test_a_byte_order_mark_is_passed_over_at_the_beginning_alone() -> None:
    assert list(LineSource("-", stdin=io.BytesIO(MARK + MARK + b"{}\n" + MARK))) == [
        MARK + b"{}\n",
        MARK,
    ]


def test_nothing_has_no_lines() -> None:
    assert list(LineSource("-", stdin=io.BytesIO(b""))) == []
    assert list(LineSource("-", stdin=io.BytesIO(MARK))) == []


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        pytest.param(b'[{"a": 1},\n{"b": 2}]', r"a JSON array: jq -c '.\[\]'", id="an array"),
        pytest.param(b'\n [\n  {"a": 1}\n]', "a JSON array", id="an array over lines"),
        pytest.param(b'{\n  "a": 1\n}\n', "over several lines: jq -c .", id="indented"),
        pytest.param(b"customer_id,event_type\nc1,view\n", "triggerstream send", id="a table"),
        pytest.param(b'"id";"when"\r\n1;2\r\n', "a table", id="with semicolons and quotes"),
        pytest.param("{}\n".encode("utf-16"), "found UTF-16.*iconv", id="UTF-16"),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "compressed"])
def test_a_file_of_another_layout_is_told_with_what_makes_lines_of_it(
    content: bytes, remedy: str, pack: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(UsageError, match=remedy):
        list(LineSource("-", stdin=io.BytesIO(pack(content))))


@pytest.mark.parametrize(
    "content", [b"nonsense\n{}", b"{", b'{"a": 1, "b": 2}\n{}', b"two words\n", b"\xff\xee,\n"]
)
def test_a_bad_first_line_is_a_line_like_any_other(content: bytes) -> None:
    assert next(iter(LineSource("-", stdin=io.BytesIO(content)))) == content.splitlines(True)[0]
