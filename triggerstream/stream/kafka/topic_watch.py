"""Whether the input topic is still the one that the process began with.

A consumer does not mind that its topic is deleted: it asks on, in silence, and reads the one that
is made in its place from the start. What has an offset that the state contains would be skipped
there, as if it had been decided.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from aiokafka.errors import KafkaError

from triggerstream.errors import UnreachableError, WorldChangedError

LOOK: Final = 5.0
"""Seconds between two looks."""
MISSED: Final = 2
"""Looks in a row that must miss the topic: a broker that has just begun may not know it yet."""


async def watch_topic(
    topic: str,
    known: str,
    ask: Callable[[], Awaitable[str]],
    *,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Look for *topic*, for ever.

    Args:
        known: Its id when the process began; empty where the broker gives none.
        ask: Returns its id now; raises `UnreachableError` where the broker does not know it.

    Raises:
        WorldChangedError: It was deleted, or made anew.
    """
    missed = 0
    while missed < MISSED:
        await sleep(LOOK)
        try:
            found = await ask()
        except UnreachableError:
            missed += 1
            continue
        except (KafkaError, OSError):
            continue  # no broker answers: others see to that
        missed = 0
        if known and found and found != known:
            message = (
                f"{topic}: the topic with id {known} is required; found id {found}: it was deleted "
                "and made again. Restore the topic, or start under a new prefix"
            )
            raise WorldChangedError(message)
    message = (
        f"{topic}: the broker does not know it any more: it was deleted. Restore it, or start "
    )
    raise WorldChangedError(message + "under a new prefix")
