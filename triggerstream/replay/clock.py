"""How far a line moves the clock of a replay: as far as the lines behind it bear it out.

Where a log does not say when its events arrived, a stamp is all there is, and a stamp may be
wrong. One bad stamp must not disturb anybody else: a clock that it ran away with would make the
waits of all others due. So a line that is more than the largest gap ahead of the clock, and the
first one, which would set it, is believed only if most of the customers who come next are there
as well. What is not believed leaves the clock where it is; its event happened when it says.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Final

import msgspec

from triggerstream.core.records.record import Rejected
from triggerstream.replay.lines import read_line

WINDOW: Final = 100
"""How many of the lines behind it bear a line out, or do not."""


class Said(msgspec.Struct, frozen=True, gc=False):
    """What a line says of the clock: whose it is, when it arrived in epoch milliseconds, and
    whether it says so by its ``received_at``."""

    customer: str
    arrival: int
    is_received: bool


class Ahead:
    """An iterator over *lines* that can be asked what comes next."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        self._seen: deque[bytes] = deque()

    def take(self, number: int) -> list[bytes]:
        """Return the next *number* lines; fewer where the log ends."""
        seen = self._seen
        taken = [seen.popleft() for _ in range(min(number, len(seen)))]
        taken.extend(islice(self._lines, number - len(taken)))
        return taken

    def peek(self, number: int = WINDOW) -> Iterator[bytes]:
        """Yield the next *number* lines, which stay to be taken."""
        self._seen.extend(islice(self._lines, max(0, number - len(self._seen))))
        return islice(self._seen, number)


def may_move(
    clock: int,
    line: Said,
    following: Iterable[bytes],
    max_gap: int,
) -> bool:
    """Return whether *line*, which is ahead of *clock* (0 before the first), may move it.

    Up to *max_gap* it may on its own word. Beyond that, and where it is the first, each other
    customer has one vote, by the first line of theirs among the next `WINDOW`: against it where
    that is more than *max_gap* behind. More than half must be in favour. Where nobody else comes,
    the first line sets the clock, and a jump does not move it. A first line that says when it was
    received is believed.
    """
    if clock and line.arrival - clock <= max_gap:
        return True
    if not clock and line.is_received:
        return True
    votes: dict[str, int] = {}
    for value in islice(following, WINDOW):
        said = read_said(value)
        if said is not None and said.customer != line.customer:
            votes.setdefault(said.customer, said.arrival)
    if not votes:
        return not clock
    in_favour = sum(arrival >= line.arrival - max_gap for arrival in votes.values())
    return 2 * in_favour > len(votes)


@lru_cache(maxsize=8 * WINDOW)
def read_said(value: bytes) -> Said | None:
    """Return what the line *value* says; ``None`` where it is no event. It is remembered, since
    each of many doubtful lines in a row asks the same lines."""
    try:
        event, arrival, is_received = read_line(value.strip(), 0)
    except Rejected:
        return None
    return Said(event.customer_id, arrival, is_received)
