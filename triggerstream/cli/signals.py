"""Being told to stop before there is anything to stop.

Importing what a process needs takes seconds on a busy machine. A signal that comes meanwhile must
not look like a crash to the supervisor that sent it.
"""

from __future__ import annotations

import os
import signal
from types import FrameType

_PROCESSES = ("worker", "sender", "engine", "ingest", "up")
"""Commands that run until they are told to stop."""


def end_when_told(command: str | None) -> None:
    """Where *command* is a process, end with 0, at once, on SIGTERM and SIGINT.

    Until the event loop takes the signals over (`processes.loop.run`), nothing is held that
    would have to be given back.
    """
    if command in _PROCESSES:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _end)


def _end(_number: int, _frame: FrameType | None) -> None:
    os._exit(0)  # an exception could end in whatever import is being handled just now
