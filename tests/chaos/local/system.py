"""What Linux tells of processes, and ending them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")


class Running(NamedTuple):
    """A process: its number alone may be another one's later.

    Attributes:
        started: Clock ticks since the machine was started.
    """

    number: int
    parent: int
    started: int


def children(number: int) -> list[Running]:
    return [each for each in _all() if each.parent == number]


def descendants(number: int) -> list[Running]:
    """Return the children of *number*, theirs, and so on."""
    known = list(_all())
    found: list[Running] = []
    parents = {number}
    while parents:
        news = [each for each in known if each.parent in parents]
        found += news
        parents = {each.number for each in news}
    return found


def is_running(process: Running) -> bool:
    """Return whether it has not ended; a zombie has."""
    return process.started == getattr(_look(process.number), "started", None)


def stop(number: int) -> None:
    """SIGSTOP it, where it is there."""
    with suppress(ProcessLookupError):
        os.kill(number, signal.SIGSTOP)


def kill(number: int) -> None:
    """SIGKILL it, where it is there."""
    with suppress(ProcessLookupError):
        os.kill(number, signal.SIGKILL)


def _all() -> Iterator[Running]:
    for directory in _PROC.iterdir():
        if directory.name.isdigit() and (found := _look(int(directory.name))) is not None:
            yield found


def _look(number: int) -> Running | None:
    try:
        stat = (_PROC / str(number) / "stat").read_text()
    except OSError:
        return None
    # The name, in brackets, may hold anything.
    state, parent, *rest = stat[stat.rindex(")") + 2 :].split()
    return None if state == "Z" else Running(number, int(parent), int(rest[17]))
