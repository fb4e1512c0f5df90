"""A door on a loop of its own, in a thread: for clients that are not asynchronous."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.ingest.harness import Opened, opened


@contextmanager
def running(directory: Path, **given: Any) -> Iterator[Opened]:
    """Open a door as `harness.opened` does; what it has taken is looked at from this thread."""
    is_open, loop = threading.Event(), asyncio.new_event_loop()
    found: list[Opened] = []
    end = asyncio.Event()

    async def serve() -> None:
        async with opened(directory, **given) as door:
            found.append(door)
            is_open.set()
            await end.wait()

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        finally:
            is_open.set()
            loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    is_open.wait()
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()
