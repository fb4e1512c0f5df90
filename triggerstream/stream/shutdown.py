"""How a process ends: the first failure decides, and with it the exit code."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from typing import Final

from triggerstream.errors import TriggerstreamError

_log = logging.getLogger(__name__)

UNFORESEEN: Final = 1
"""The exit code of a failure that none of our own errors names."""
STOP_LIMIT: Final = 30.0
"""Seconds that a stop may take; then the process ends where it is."""
STUCK: Final = 76
"""The exit code of a process that did not stop in time. Nothing is lost: it decides again."""


class Shutdown:
    """Whether, and why, this process must end. Failures may come from any thread."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self._loop = asyncio.get_running_loop()
        self._sealed = asyncio.Event()

    @property
    def is_sealed(self) -> bool:
        return self._sealed.is_set()

    @property
    def exit_code(self) -> int:
        """0 where nothing failed."""
        if self.error is None:
            return 0
        if isinstance(self.error, TriggerstreamError):
            return self.error.exit_code
        return UNFORESEEN

    def fail(self, error: BaseException) -> None:
        """Note that *error* ends this process. Only the first one counts."""
        if self.error is None:
            self.error = error
            # One of ours says what is wrong and who acts; where it was raised helps nobody.
            known = isinstance(error, TriggerstreamError)
            _log.error(
                "stopping: %s: %s",
                type(error).__name__,
                error,
                exc_info=None if known else error,
            )
            self._loop.call_soon_threadsafe(self._sealed.set)

    def end(self, why: str = "it was asked to") -> None:
        """Ask the process to end in order; *why* is told in the logs."""
        if not self.is_sealed:
            _log.info("told to stop: %s", why)
        self._loop.call_soon_threadsafe(self._sealed.set)

    async def wait(self) -> None:
        """Return when the process must end."""
        await self._sealed.wait()


class limited:  # noqa: N801 - a context manager, used like a function
    """Ends the process hard when its block takes longer than *limit* seconds, whatever its loop
    does."""

    def __init__(self, limit: float, code: Callable[[], int]) -> None:
        self._limit = limit
        self._code = code
        self._timer = threading.Timer(limit, self._end)
        self._timer.daemon = True

    def _end(self) -> None:
        _log.critical("not stopped within %s s: ending here", self._limit)
        os._exit(self._code())

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


def end_when_stuck(
    why_not_alive: Callable[[], str],
    *,
    end: Callable[[int], object] = os._exit,
    look: float = 5.0,
) -> Callable[[], None]:
    """End this process hard when *why_not_alive* says why: its loop does not turn any more, so
    nothing in it can. Return what stops the looking.

    Args:
        look: Seconds between two looks, in a thread of its own.
    """
    stopped = threading.Event()

    def watch() -> None:
        while not stopped.wait(look):
            if why := why_not_alive():
                _log.critical("ending here, to be started again: %s", why)
                end(STUCK)
                return

    threading.Thread(target=watch, name="stuck", daemon=True).start()
    return stopped.set
