"""Trying again: how often, how far apart, and on which channels without knowing the answer."""

from __future__ import annotations

MAX_FAILURES = 8
"""So many temporary noes, and an action has failed."""

REPEATABLE = frozenset({"webhook", "log"})
"""Channels whose far side knows a repeat by its id: an unanswered call may be made again. On all
others a message goes out at most once."""

_FIRST = 5_000
_FACTOR = 3
_LONGEST = 3_600_000


def backoff(failures: int) -> int:
    """Return the milliseconds to wait after so many *failures* in a row; none after none.

    5 s, 15 s, 45 s, 135 s… up to an hour: eight calls are spread over about an hour and a half,
    longer than a mail server greylists.
    """
    if failures < 1:
        return 0
    pause = _FIRST
    for _ in range(failures - 1):
        pause = min(pause * _FACTOR, _LONGEST)
    return pause
