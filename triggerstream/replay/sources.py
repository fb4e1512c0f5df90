"""Where events in files come from: JSON Lines in a file or on stdin, compressed by gzip or not.

What a file is, its first bytes say, not its name. A byte order mark at its beginning is passed
over (RFC 8259, 8.1), and lines may end as on Windows.
"""

from __future__ import annotations

import gzip
import io
import re
import sys
import zlib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, Final

from triggerstream.core.events.bodies import MARK
from triggerstream.errors import UsageError

_GZIP: Final = b"\x1f\x8b"
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
_HEADINGS = re.compile(rb"""["\w .$-]+(?:[,;\t|]["\w .$-]*)+""")
HEAD: Final = 65_536
"""Bytes that tell what a file is."""


class Form(StrEnum):
    """How the events of a file are laid out."""

    LINES = "lines"
    """JSON Lines, an event a line; also what nobody can say."""
    ARRAY = "array"
    """One JSON array."""
    INDENTED = "indented"
    """JSON objects over several lines each."""
    TABLE = "table"
    """CSV with a line of headings."""


REMEDIES: Final = {
    Form.ARRAY: "a JSON array: jq -c '.[]' makes lines of it, and triggerstream send reads it",
    Form.INDENTED: "JSON over several lines: jq -c . makes lines of it",
    Form.TABLE: "a table (CSV): triggerstream send reads it, with --map",
}
"""What a file that is not `Form.LINES` is, and what its owner can do."""


def form_of(head: bytes) -> Form:
    """Return the layout of the events in a file that begins with *head*, without a byte order
    mark. A guess by its first line, which holds for every file of ours."""
    line, ended, rest = head.lstrip().partition(b"\n")
    line = line.strip()
    if line.startswith(b"["):
        return Form.ARRAY
    if line == b"{" and ended and rest.strip():
        return Form.INDENTED
    return Form.TABLE if _HEADINGS.fullmatch(line) else Form.LINES


class Source:
    """The bytes of *path*, unpacked and without a byte order mark; ``-`` is stdin.

    Read it once, through `open`. `read` and `size` are in bytes of the file as it lies on the
    disk, so that they tell how far it is; *size* is ``None`` where nobody knows.

    Raises:
        UsageError: The file cannot be opened, or is not what its name says.
    """

    def __init__(self, path: str, stdin: BinaryIO | None = None) -> None:
        self._path = path
        self.size: int | None = None
        if path == "-":
            self._file: BinaryIO = stdin or sys.stdin.buffer
            return
        try:
            self._file = Path(path).open("rb")  # noqa: SIM115 - closed when its lines end
            self.size = Path(path).stat().st_size
        except OSError as error:
            msg = f"{path}: required is a file of events; {error.strerror}"
            raise UsageError(msg) from error

    @property
    def read(self) -> int:
        """How many bytes of the file have been read."""
        if self.size is None:
            return 0
        return self.size if self._file.closed else self._file.tell()

    def open(self) -> BinaryIO:
        """Return the file's text in UTF-8, which can `peek`. Reading it raises what `broken` turns
        into an error.

        Raises:
            UsageError: It is in UTF-16.
        """
        text: Any = _buffered(self._file)
        if self._path.endswith(".gz") or text.peek(len(_GZIP)).startswith(_GZIP):
            text = gzip.GzipFile(fileobj=text)
        head = text.peek(len(MARK))
        if head.startswith(_UTF_16):
            msg = (
                f"{self._path}: required is UTF-8; found UTF-16, by its byte order mark: "
                "iconv -f UTF-16 -t UTF-8 makes that of it"
            )
            raise UsageError(msg)
        if head.startswith(MARK):
            text.read(len(MARK))
        opened: BinaryIO = text
        return opened

    def broken(self, error: Exception) -> UsageError:
        """Return what is to be said of a gzip file that could not be unpacked."""
        return UsageError(f"{self._path}: required is a whole gzip file; {error}")


class LineSource(Source):
    """The lines of a `Source`. Iterate once.

    Raises:
        UsageError: As `Source`, or its events are not laid out as lines; it says what makes lines
            of them.
    """

    def __iter__(self) -> Iterator[bytes]:
        with self._file:
            try:
                text = self.open()
                form = form_of(text.peek(HEAD))  # type: ignore[attr-defined]  # see there
                if form != Form.LINES:
                    msg = f"{self._path}: required is an event a line; found {REMEDIES[form]}"
                    raise UsageError(msg)
                yield from text
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise self.broken(error) from error


def _buffered(file: BinaryIO) -> io.BufferedReader:
    if isinstance(file, io.BufferedReader):
        return file
    return io.BufferedReader(file)  # type: ignore[arg-type]  # a stream in memory, in tests
