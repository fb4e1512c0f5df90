"""What a condition of an ``if`` is compiled to."""

from __future__ import annotations

from typing import Any, Protocol

from triggerstream.core.events.event import Event


class Check(Protocol):
    """Whether a condition holds at a moment. It never raises."""

    def __call__(
        self, event: Event, profile: dict[str, Any], at: int, read_at: int | None = None, /
    ) -> str | None:
        """Return ``None`` if it holds, else what stood against it.

        Args:
            at: The time of the calendar, in epoch milliseconds.
            read_at: The time at which *profile* was read, where that is another one (36).
        """
