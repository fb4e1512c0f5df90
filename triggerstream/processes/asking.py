"""A question to the event loop from another thread: the health server's."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

ANSWER_WITHIN: Final = 5.0
"""Seconds that the event loop has to answer."""


def ask(
    loop: asyncio.AbstractEventLoop,
    question: Coroutine[Any, Any, T],
    within: float = ANSWER_WITHIN,
) -> T:
    """Have *question* run on *loop*, and wait for what it returns or raises.

    Raises:
        TimeoutError: The loop does not answer.
    """
    return asyncio.run_coroutine_threadsafe(question, loop).result(within)
