"""What the app asks of the process around it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from triggerstream.core.schemas.schemas import Schemas
from triggerstream.ingest.gathering import Append, Heard
from triggerstream.ingest.keys import Keys
from triggerstream.ingest.limits import Limits


class Observer(Heard, Protocol):
    """Told of what comes in (`ops.ingest_metrics`)."""

    def answered(self, route: str, status: int) -> None: ...
    def judged(self, key: str, accepted: int, reasons: Sequence[str]) -> None: ...
    def letters_dropped(self, key: str, letters: int) -> None: ...
    def schemas_failed(self, failures: Mapping[tuple[str, str, str], int]) -> None: ...


class Door(msgspec.Struct, frozen=True):
    """What the app needs of its process.

    Attributes:
        schemas: Those of the ruleset in force; ``None`` where there are none.
        now: Epoch milliseconds.
        partitions: Of ``events``, as the log has them.
        user_secret: What user tokens are signed with.
        behind: How many events of the log are not decided yet, where the process knows: what comes
            in faster than it is decided would keep everybody's events waiting.
        why_not_ready: What else keeps requests away, or ``""``.
        clock: Monotonic, in seconds.
    """

    log: Append
    keys: Keys
    now: Callable[[], int]
    observer: Observer
    schemas: Callable[[], Schemas | None] = lambda: None
    limits: Limits = Limits()
    partitions: int = 1
    user_secret: bytes | None = None
    behind: Callable[[], int] = lambda: 0
    why_not_ready: Callable[[], str] = lambda: ""
    clock: Callable[[], float] = time.monotonic
