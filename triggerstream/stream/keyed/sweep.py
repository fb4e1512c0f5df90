"""Sweeps: each customer of a partition is touched, so that those in silence hear of a ruleset.

A sweep goes through the store by customer. It may begin when the store contains what came before
the mark: whoever comes later is under the ruleset by their own record. It is over when the last
touch has been handed to the log; and that is stored by a cut that waits until it is acknowledged.
After a crash before that it begins again, and who was touched already is touched in vain.
"""

from __future__ import annotations

from typing import Final

from triggerstream.core.keyed.program import Store

AGAIN: Final = 0.1
"""Seconds between two looks at how many may be appended."""


class Sweep:
    """One sweep of the customers in *store*, for the ruleset of *version*.

    Args:
        pace: How many customers a second.
    """

    def __init__(self, store: Store, version: int, now: float, *, pace: float) -> None:
        self._pace = pace
        self.version = version
        self._store = store
        self._taken = now
        self._after = b""

    def take(self, now: float) -> list[bytes] | None:
        """Return whom to touch now, by the process's monotonic clock: none before it is time;
        ``None`` when there is nobody left."""
        number = int(min(now - self._taken, 1.0) * self._pace)
        if number < 1:
            return []
        self._taken = now
        found = self._store.customers(number, self._after)
        if not found:
            return None
        self._after = found[-1]
        return found
