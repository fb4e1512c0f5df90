"""A process's event loop, from its first moment to its exit code."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import cast


def run(main: Callable[[], Awaitable[int]]) -> int:
    """Run *main* on a loop of its own; return the exit code.

    A signal to stop that comes before *main* has taken over its handling ends it in order, too.
    """

    async def running() -> int:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, cast("asyncio.Task[int]", task).cancel)
        try:
            return await main()
        except asyncio.CancelledError:
            return 0

    return asyncio.run(running())
