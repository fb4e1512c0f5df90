"""Running attempts: calls of channels, beside the partitions, with their answers as records.

A call begins once its reservation is durable, and its answer is appended to the topic that the
sender reads: nothing else changes the sender's state. How many are reserved depends on how many can
begin soon (`dispatch.room`). What was reserved and cannot begin after all is not begun, and is
answered as a retry that was ``not_called``; that is the truth, where a call that was lost with its
process would have to end as ``unknown``.
"""

from __future__ import annotations

import asyncio
from asyncio import Task
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, TypeGuard

import msgspec

from triggerstream.channels.base import Answer, Channel, Content, Message
from triggerstream.channels.templates import TemplateError
from triggerstream.channels.templates.processes import (
    InProcess,
    Renderer,
    RenderingUnavailableError,
)
from triggerstream.channels.templates.render import job_of
from triggerstream.core.reasons import FailReason
from triggerstream.core.records.actions import read_firing
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.core.sending.deliveries import Attempt
from triggerstream.stream.dispatch.pacing import Pace
from triggerstream.stream.dispatch.results import Results
from triggerstream.stream.dispatch.room import Bounds, Room
from triggerstream.stream.ports import Log, Rulesets

GRACE = 2.0
"""Seconds beyond the deadline in which a channel may say itself what became of its call."""


class _Waiting(msgspec.Struct, frozen=True):
    partition: int
    attempt: Attempt
    since: float


class Calls:
    """Runs attempts (`stream.ports.Attempts`).

    Args:
        crash: Called with what must stop the process: an answer that could not be appended, or
            an exception out of a channel, which is a defect.
        now: The time of day in epoch seconds.
        sleep: Waits so many seconds.
        observe: Told (channel, outcome, reason or ``""``, seconds) of every call.
        renderer: Where templates are rendered; right here if it is left out.
    """

    def __init__(
        self,
        channels: Mapping[str, Channel],
        *,
        log: Log,
        rulesets: Rulesets,
        crash: Callable[[BaseException], None],
        now: Callable[[], float],
        sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep,
        observe: Callable[[str, str, str, float], None] | None = None,
        bounds: Bounds | None = None,
        renderer: Renderer | None = None,
    ) -> None:
        self._channels = channels
        self._answers = Results(log)
        self._rulesets = rulesets
        self._crash = crash
        self._now = now
        self._sleep = sleep
        self._observe = observe
        self._bounds = bounds or Bounds()
        self._renderer = renderer or InProcess()
        self._waiting: dict[str, deque[_Waiting]] = {name: deque() for name in channels}
        per_channel, longest = self._bounds.per_channel, self._bounds.pause
        self._paces = {name: Pace(per_channel, longest) for name in channels}
        self._room = Room(self._bounds, self._paces)
        self._tasks: set[Task[None]] = set()
        self._orphans: dict[Task[None], int] = {}
        self._draining = False

    # ── what the process calls ──────────────────────────────────────────────────────────────

    def is_one(self, outcome: Any) -> TypeGuard[Attempt]:
        return isinstance(outcome, Attempt)

    def room(self, partition: int) -> int:
        return self._room.ask(partition, self._now())

    def expect(self, partition: int, attempts: Sequence[Attempt]) -> None:
        for attempt in attempts:
            self._room.reserve(partition, attempt.channel)

    def start(self, partition: int, attempt: Attempt) -> None:
        """Call the channel of *attempt* as soon as there is a slot, and append its answer."""
        self._room.come(partition, attempt.channel)
        queue = self._waiting.get(attempt.channel)
        if queue is None:
            detail = f"this sender has no channel {attempt.channel!r}"
            self._tell(partition, attempt, Answer("failed", FailReason.NO_PROVIDER, detail))
        elif self._draining or self._is_full(attempt.channel):
            self._room.turn_away(attempt.channel, self._now())
            self._tell(partition, attempt, _not_called("no room", self._pause(attempt.channel)))
        else:
            queue.append(_Waiting(partition, attempt, self._now()))
            self._begin()

    def orphan(self, partition: int, attempt: Attempt) -> None:
        """Append ``unknown`` once a former owner's call of *attempt* must be over.

        If that owner still appends its answer, it comes first, and this one changes nothing.
        """
        task = self._spawn(self._give_up(partition, attempt))
        self._orphans[task] = partition
        task.add_done_callback(lambda done: self._orphans.pop(done, None))

    def release(self, partition: int) -> None:
        """Begin no more calls of a partition that is given away: its next owner decides them
        again. Calls under way go on, and append their answers."""
        self._room.release(partition)
        for queue in self._waiting.values():
            leaving = [waiting for waiting in queue if waiting.partition == partition]
            for waiting in leaving:
                queue.remove(waiting)
                self._tell(partition, waiting.attempt, _not_called("given away"))
        for task, owner in self._orphans.items():
            if owner == partition:
                task.cancel()

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109 - a shutdown's budget
        """Begin nothing more, and wait at most *timeout* seconds for what is under way.

        What waits for room is answered as not called. A call without an answer by then is
        abandoned: the partition's next owner finds an orphan.
        """
        self._draining = True
        for queue in self._waiting.values():
            while queue:
                waiting = queue.popleft()
                self._tell(waiting.partition, waiting.attempt, _not_called("shutting down"))
        for task in self._orphans:
            task.cancel()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=timeout)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    # ── one attempt ─────────────────────────────────────────────────────────────────────────

    def _begin(self) -> None:
        """Begin as many of the waiting calls as there is room for."""
        for channel, queue in self._waiting.items():
            while queue and self._room.has_slot(channel):
                waiting = queue.popleft()
                late = self._too_late(waiting)
                if late is not None:
                    self._tell(waiting.partition, waiting.attempt, late)
                    continue
                self._room.begin(channel)
                task = self._spawn(self._run(waiting.partition, waiting.attempt))
                task.add_done_callback(partial(self._ended, channel))

    def _ended(self, channel: str, _: Task[None]) -> None:
        self._room.end(channel)
        if not self._draining:
            self._begin()

    def _too_late(self, waiting: _Waiting) -> Answer | None:
        now, bounds = self._now(), self._bounds
        if now - waiting.since > bounds.patience:
            pause = self._pause(waiting.attempt.channel)
            return _not_called(f"no room for {bounds.patience:g} s", pause)
        if bounds.stale is not None and now - waiting.attempt.at / 1000 > bounds.stale:
            return _not_called(f"it was decided more than {bounds.stale:g} s ago", bounds.pause)
        return None

    async def _run(self, partition: int, attempt: Attempt) -> None:
        started = self._now()
        answer = await self._call(attempt)
        if self._observe is not None:
            seconds = self._now() - started
            self._observe(attempt.channel, answer.outcome, answer.reason or "", seconds)
        await self._answers.append(partition, attempt, answer)
        self._paces[attempt.channel].ended(self._now() - started)

    def _is_full(self, channel: str) -> bool:
        bounds, room, waiting = self._bounds, self._room, len(self._waiting[channel])
        if waiting >= bounds.waiting or self._paces[channel].wait(waiting) > bounds.patience:
            return True
        return room.is_congested(channel, self._now()) and waiting >= room.soon(channel)

    def _pause(self, channel: str) -> float:
        return self._paces[channel].pause(self._now(), len(self._waiting[channel]))

    async def _call(self, attempt: Attempt) -> Answer:
        """Return what the channel answers, or that it did not by the deadline."""
        try:
            message = await self._message(attempt)
        except TemplateError as error:
            return Answer("failed", FailReason.TEMPLATE, str(error))
        except RenderingUnavailableError as error:
            return _not_called(str(error), self._bounds.pause)
        if message is None:
            return _not_called(f"ruleset {attempt.ruleset} is not here", self._bounds.pause)
        limit = attempt.deadline + GRACE
        call = asyncio.ensure_future(self._channels[attempt.channel].send(message))
        timer = asyncio.ensure_future(self._sleep(limit))
        try:
            await asyncio.wait((call, timer), return_when=asyncio.FIRST_COMPLETED)
            if call.done():
                return call.result()
        finally:
            timer.cancel()
            if not call.done():
                call.cancel()
                await asyncio.gather(call, return_exceptions=True)
        return Answer("unknown", FailReason.AMBIGUOUS, f"no answer within {limit:g} s")

    async def _message(self, attempt: Attempt) -> Message | None:
        """Return what the channel is to send; ``None`` while the ruleset's templates are missing.

        Raises:
            TemplateError: It cannot be rendered.
            RenderingUnavailableError: It cannot be rendered now.
        """
        content = None
        if attempt.template is not None:
            ruleset = self._rulesets.get(attempt.ruleset)
            if ruleset is None:
                return None
            content = await self._render(attempt, attempt.template, ruleset)
        return Message(
            action_id=attempt.action_id,
            attempt=attempt.attempt,
            channel=attempt.channel,
            firing=read_firing(attempt.firing).firing,
            options=attempt.options,
            content=content,
        )

    async def _render(self, attempt: Attempt, template: str, ruleset: Ruleset) -> Content:
        job = job_of(
            ruleset,
            template=template,
            trigger=attempt.trigger,
            action_id=attempt.action_id,
            firing=attempt.firing,
        )
        return await self._renderer.render(job)

    async def _give_up(self, partition: int, attempt: Attempt) -> None:
        limit = self._bounds.patience + attempt.deadline + GRACE
        await self._sleep(limit)
        detail = f"its sender ended, and left no answer for {limit:g} s"
        unknown = Answer("unknown", FailReason.AMBIGUOUS, detail)
        await self._answers.append(partition, attempt, unknown)

    # ── answers ─────────────────────────────────────────────────────────────────────────────

    def _tell(self, partition: int, attempt: Attempt, answer: Answer) -> None:
        self._spawn(self._dismiss(partition, attempt, answer))

    async def _dismiss(self, partition: int, attempt: Attempt, answer: Answer) -> None:
        await self._answers.append(partition, attempt, answer)
        self._room.dismiss(attempt.channel)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._crash(error)


def _not_called(why: str, pause: float | None = None) -> Answer:
    return Answer("retry", FailReason.NOT_CALLED, f"not called: {why}", pause)
