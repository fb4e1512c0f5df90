"""Answers of channels on their way into the log, as many at a time as have come.

A record by itself costs a batch, a request and an acknowledgement, which is many times what
deciding on it costs. So while one append of a partition is not acknowledged, the answers that
come for the same partition gather, and go with the next one. Nothing waits for company: the first
answer after a silence leaves at once.
"""

from __future__ import annotations

import asyncio
from asyncio import Future

from triggerstream.channels.base import Answer
from triggerstream.core.records.actions import Result, result_record
from triggerstream.core.records.record import Produce
from triggerstream.core.sending.deliveries import Attempt
from triggerstream.stream.ports import Log

_Gathered = list[tuple[Produce, "Future[None]"]]


class Results:
    """Appends answers to the partition that the attempt came from, in the order of the calls."""

    def __init__(self, log: Log) -> None:
        self._log = log
        # A partition is in here while its answers are being appended.
        self._gathered: dict[int, _Gathered] = {}
        self._appending: set[asyncio.Task[None]] = set()

    async def append(self, partition: int, attempt: Attempt, answer: Answer) -> None:
        """Append *answer*; return when it is acknowledged.

        Who is cancelled meanwhile takes nothing back: the answer is on its way.

        Raises:
            ProtocolError: It could not be appended; the process must stop.
        """
        told: Future[None] = asyncio.get_running_loop().create_future()
        gathered = self._gathered.get(partition)
        if gathered is None:
            gathered = self._gathered[partition] = []
            task = asyncio.get_running_loop().create_task(self._append_gathered(partition))
            self._appending.add(task)
            task.add_done_callback(self._appending.discard)
        gathered.append((_record(partition, attempt, answer), told))
        await told

    async def _append_gathered(self, partition: int) -> None:
        while gathered := self._gathered[partition]:
            self._gathered[partition] = []
            try:
                await (await self._log.append([record for record, _ in gathered]))
            except Exception as error:  # noqa: BLE001 - theirs, who wait for it
                _end(gathered, error)
            else:
                _end(gathered, None)
        del self._gathered[partition]


def _end(gathered: _Gathered, error: Exception | None) -> None:
    for _, told in gathered:
        if told.done():  # who waited for it was cancelled
            continue
        if error is None:
            told.set_result(None)
        else:
            told.set_exception(error)


def _record(partition: int, attempt: Attempt, answer: Answer) -> Produce:
    result = Result(
        action_id=attempt.action_id,
        customer_id=attempt.customer_id,
        attempt=attempt.attempt,
        outcome=answer.outcome,
        reason=answer.reason,
        detail=answer.detail,
        retry_after=answer.retry_after,
        provider_id=answer.provider_id,
    )
    return result_record(partition, result)
