"""What a row of the table is, and what makes one.

**wrong** counts what must not be: firings that are missing, extra or different from what a single
thread decides on the same log; states that differ from its states; records that ended in no way or
in two; an invariant that was broken. **doubled** counts repeats of an identical firing in the
actions topic. After a crash they are allowed, and counted; where they are not, a row adds them to
what is wrong.

**Recovery** is measured in one way everywhere: from the end of a fault (the kill, the SIGCONT, the
line that carries again, the disk that has room again) until every record that stood in the log at
that moment is contained in a committed checkpoint. The table shows the median of a row's faults.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec


class Row(msgspec.Struct, frozen=True):
    """What came of one fault.

    Attributes:
        fault: Its number and name, such as ``F1 worker killed``.
        injected: How many times it was injected.
        compared: Firings (or deliveries) that were compared.
        wrong: How much was not as it must be.
        doubled: Repeats of an identical firing.
        recovery_s: The median recovery, in seconds; ``None`` where nothing has to recover.
        note: The worst recovery, what is wrong, what was special; for people.
    """

    fault: str
    injected: int
    compared: int
    wrong: int
    doubled: int
    recovery_s: float | None
    note: str = ""


Scenario = Callable[[Any, int], Awaitable[Row]]
"""Injects its fault as often as the number says, and returns what came of it. The stage is one of
its world.

An exception counts as a wrong row, and the next row is run. One that cannot be run on this machine
raises `NotRunError`.
"""


class NotRunError(Exception):
    """A row needs something that this machine does not have; the message says what."""


class Entry(NamedTuple):
    """One row of the catalogue.

    Attributes:
        name: For ``--only``: short, in lower case, with dashes.
        full: How many injections in ``make chaos``.
        short: How many in the test suite; 0: not there.
    """

    name: str
    scenario: Scenario
    full: int
    short: int = 0


def is_sound(row: Row) -> bool:
    """Return whether *row* proves anything, and nothing is wrong: to have injected or compared
    nothing proves nothing."""
    return not row.wrong and row.injected > 0 and row.compared > 0
