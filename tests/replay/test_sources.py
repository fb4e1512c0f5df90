"""Lines of events from files and from stdin."""

from __future__ import annotations

import gzip
import io
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
