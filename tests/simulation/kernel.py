"""Concurrency by hand: what awaits goes on when the scheduler lets it, or never.

`PAUSE` is a point at which a node may be stopped, for a moment or for good. What a node does by
itself is one coroutine. What it does beside that (calls of channels) are asyncio tasks, in a `Deck`
of the node's own that runs one callback at a time.
"""

from __future__ import annotations

import asyncio
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from contextvars import Context
from typing import Any


class Pause:
    """Awaiting it gives the turn away, in a coroutine driven by hand and in an asyncio task."""

    __slots__ = ()

    def __await__(self) -> Generator[None, None, None]:
        yield


PAUSE = Pause()


class Side:
    """What a node does beside its main coroutine, driven by hand like that: as much of a task as
    `stream.keyed.owned_partition.Beside` asks for.

    An `AssertionError` is a violation, and leaves `step` at once; everything else is the result.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._coroutine = coroutine
        self._is_over = False
        self._error: Exception | None = None
        self.step()  # Python warns of a coroutine that is closed before it has begun

    def step(self) -> None:
        """Go on to the next pause."""
        try:
            self._coroutine.send(None)
        except StopIteration:
            self._is_over = True
        except AssertionError:
            raise
        except Exception as error:  # noqa: BLE001 - whoever awaits it takes it, whatever it is
            self._is_over, self._error = True, error

    def done(self) -> bool:
        return self._is_over

    def result(self) -> None:
        if self._error is not None:
            raise self._error

    def cancel(self) -> None:
        self._is_over = True
        self._coroutine.close()

    def __await__(self) -> Generator[None, None, None]:
        while not self._is_over:
            yield
        self.result()


class Deck:
    """The tasks of one node: what is ready, and who sleeps until when.

    Attributes:
        ready: Callbacks in the order in which they became ready.
    """

    def __init__(self) -> None:
        self.ready: deque[asyncio.Handle] = deque()
        self.tasks: list[asyncio.Task[Any]] = []
        self._sleepers: list[tuple[int, asyncio.Future[None]]] = []

    @property
    def has_tasks(self) -> bool:
        return any(not task.done() for task in self.tasks)

    def run_one(self) -> None:
        """Run the callback whose turn it is."""
        handle = self.ready.popleft()
        if not handle.cancelled():
            handle._run()

    async def sleep(self, until: int) -> None:
        """Return when `wake` is told of *until* or later."""
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((until, sleeper))
        await sleeper

    def wake(self, now: int) -> None:
        """Wake whose time has come."""
        if self._sleepers and self.next_wake() <= now:
            for until, sleeper in self._sleepers:
                if until <= now and not sleeper.done():
                    sleeper.set_result(None)
            self._sleepers = [each for each in self._sleepers if not each[1].done()]

    def next_wake(self) -> int:
        """Return when the next sleeper wants to be woken; 0 for never."""
        return min((until for until, sleeper in self._sleepers if not sleeper.done()), default=0)

    def unwind(self) -> None:
        """Cancel every task, and let them end: their node is dead, and nothing hears them."""
        cancelled: set[asyncio.Task[Any]] = set()
        while self.ready or not cancelled.issuperset(self.tasks):
            for task in self.tasks:  # also those that the end of others has begun
                if task not in cancelled:
                    cancelled.add(task)
                    task.cancel()
            for _ in range(len(self.ready)):
                self.run_one()
        self.tasks = []


class Loop(asyncio.AbstractEventLoop):
    """As much of an event loop as tasks and futures ask for; nothing in it waits for real time.

    Attributes:
        deck: Of the node whose turn it is.
    """

    def __init__(self) -> None:
        self.deck = Deck()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Be the running loop."""
        events._set_running_loop(self)
        try:
            yield
        finally:
            events._set_running_loop(None)

    # ── what asyncio calls ──────────────────────────────────────────────────────────────────

    def call_soon(  # type: ignore[override] # asyncio's own is generic
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self.deck.ready.append(handle)
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Coroutine[Any, Any, Any], **kwargs: Any) -> asyncio.Task[Any]:  # type: ignore[override] # asyncio's own is generic
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, **kwargs)
        deck = self.deck
        deck.tasks = [each for each in deck.tasks if not each.done()]
        deck.tasks.append(task)
        return task

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        raise AssertionError(f"{context.get('message')}: {context.get('exception')!r}")
