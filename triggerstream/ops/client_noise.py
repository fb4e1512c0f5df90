"""What client libraries call an error and what passes by itself: told only where it lasts.

A cluster that makes its first topics, elects a leader or moves a group's coordinator refuses
requests for a moment, and the client asks again. Its library logs each refusal as an error, which
is what a newcomer reads first. What goes on for longer than that is told, as it came.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

PASSING: Final = (
    "NotLeaderForPartition",
    "LeaderNotAvailable",
    "UnknownTopicOrPartition",
    "GroupCoordinatorNotAvailable",
    "CoordinatorNotAvailable",
    "CoordinatorLoadInProgress",
    "GroupLoadInProgress",
    "NotCoordinator",
    "not found in cluster metadata",
    "Unable connect to",
    "is not available during auto-create initialization",
)
"""What a message holds that says so: names of Kafka's retriable errors, and aiokafka's words. That
no broker can be reached at the start, a process says itself."""
LASTS: Final = 15.0
"""Seconds for which a refusal must go on, without as long a pause, to be told."""
AGAIN_AFTER: Final = 60.0
"""Seconds between two lines of one kind."""


class PassingErrors(logging.Filter):
    """Withholds a client's passing errors until they last; one a minute of each kind then.

    Args:
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        # By kind: when it began, when it was last seen, when it was last told.
        self._seen: dict[tuple[str, str], tuple[float, float, float]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether *record* is to be told."""
        if not record.name.startswith("aiokafka"):
            return True
        message = record.getMessage()
        sign = next((sign for sign in PASSING if sign in message), None)
        if sign is None:
            return True
        now = self._clock()
        began, seen, told = self._seen.get((record.name, sign), (now, now, -AGAIN_AFTER))
        if now - seen >= LASTS:
            began = now
        is_told = now - began >= LASTS and now - told >= AGAIN_AFTER
        self._seen[record.name, sign] = (began, now, now if is_told else told)
        return is_told
