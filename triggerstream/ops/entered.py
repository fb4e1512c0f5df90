"""A context of several parts: entered one after the other, and left in the opposite order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self


class Entered(ABC):
    """An asynchronous context manager. What `_enter` has put on the stack is undone when the block
    ends, and also where entering is broken off halfway.

    Attributes:
        _stack: What is undone at the end; more may be added within the block.
    """

    _stack: AsyncExitStack

    @abstractmethod
    async def _enter(self, stack: AsyncExitStack) -> None:
        """Do what entering means, and put on *stack* what undoes it."""

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._enter(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()
