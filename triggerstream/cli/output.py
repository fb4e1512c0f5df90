"""What all commands share: data on stdout, talk and progress on stderr."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

PATIENCE = 2.0
"""Seconds after which somebody who waits wants to see that something moves."""


def escaped(text: str) -> str:
    """Return *text* on one line, as it cannot steer a terminal: what somebody else wrote."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def printable_lines(text: str) -> list[str]:
    """Return the lines of *text*, which somebody else wrote, each of them `escaped`."""
    return [escaped(line) for line in text.split("\n")]


def say(text: str) -> None:
    """Write *text* to stderr: talk, not data. It may have lines of its own; whatever of it somebody
    else wrote has been `escaped`."""
    # Where both go to one place, they stand there as they were written. That nobody reads the data
    # any more is no reason to be silent, nor to break off what is being done.
    with suppress(BrokenPipeError):
        sys.stdout.flush()
    print("\n".join(printable_lines(text)), file=sys.stderr)


def print_json(value: Any) -> None:
    """Write *value* to stdout as one line of JSON; whole numbers keep their digits."""
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")


class OutputClosedError(Exception):
    """Nobody reads what is written to stdout any more."""


@contextmanager
def writing() -> Iterator[None]:
    """Write to stdout amid what has pipes of its own, such as connections.

    Raises:
        OutputClosedError: Nobody reads it; `until_closed` ends quietly then.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise OutputClosedError from error


@contextmanager
def until_closed() -> Iterator[None]:
    """Write to stdout for as long as somebody reads; where the pipe is closed, be done."""
    try:
        with writing():
            yield
    except OutputClosedError:
        # What is still buffered has nowhere to go, and the interpreter would try once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_table(columns: list[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a table to stdout, as wide as the terminal or, in a pipe, as its content."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(escaped(str(cell)) for cell in row))
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = 10_000
    console.print(table)


def with_progress(
    items: Iterable[T],
    what: str,
    *,
    position: Callable[[], tuple[int, int | None]],
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[T]:
    """Yield *items*; where that takes longer than `PATIENCE` on a terminal, show how far it is.

    Args:
        what: What is being done, such as ``replaying``.
        position: Returns (done, of how many or ``None``), in the same unit.
    """
    if not sys.stderr.isatty():
        yield from items
        return
    started = clock()
    shown = None
    try:
        for item in items:
            yield item
            if shown is not None:
                done, total = position()
                shown.update(0, completed=done, total=total)
            elif clock() - started > PATIENCE:
                shown = _bar(what)
    finally:
        if shown is not None:
            shown.stop()


def _bar(what: str) -> Any:
    from rich.console import Console
    from rich.progress import Progress

    progress = Progress(console=Console(stderr=True), transient=True)
    progress.add_task(what, total=None)
    progress.start()
    return progress
