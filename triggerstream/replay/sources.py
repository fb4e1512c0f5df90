"""Where a replay's events come from: JSON Lines in a file, compressed or not, or on stdin."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from triggerstream.errors import UsageError


class LineSource:
    """The lines of *path*: a ``.jsonl`` or ``.jsonl.gz`` file, or ``-`` for stdin.

    Iterate once. `read` and `size` are in bytes of the file as it lies on the disk, so that they
    tell how far it is; *size* is ``None`` where nobody knows.

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

    def __iter__(self) -> Iterator[bytes]:
        with self._file:
            if not self._path.endswith(".gz"):
                yield from self._file
                return
            try:
                with gzip.open(self._file) as lines:
                    yield from lines
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                msg = f"{self._path}: required is a whole gzip file; {error}"
                raise UsageError(msg) from error
