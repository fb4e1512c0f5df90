"""What the log's callers wait for, or do not wait for any more."""

from __future__ import annotations

import asyncio
import gc
import warnings
from types import SimpleNamespace

import pytest
from aiokafka.errors import KafkaError

from triggerstream.errors import ProtocolError
from triggerstream.stream.kafka.log import Acknowledgement
from triggerstream.stream.ports import Acknowledged


async def test_answers_come_in_the_order_of_what_was_sent() -> None:
    first, second = asyncio.Future[SimpleNamespace](), asyncio.Future[SimpleNamespace]()
    second.set_result(SimpleNamespace(offset=9, timestamp=2))
    first.set_result(SimpleNamespace(offset=4, timestamp=1))

    answers = await Acknowledgement([(first, 5), (second, 1)])

    assert answers == [Acknowledged(4, 5, 1), Acknowledged(9, 1, 2)]


async def test_a_batch_that_failed_ends_the_waiting_with_its_size() -> None:
    failed = asyncio.Future[SimpleNamespace]()
    failed.set_exception(KafkaError("gone"))

    with pytest.raises(ProtocolError, match="a batch of 3 records was not acknowledged"):
        await Acknowledgement([(failed, 3)])


async def test_nobody_is_warned_of_an_acknowledgement_that_is_not_waited_for() -> None:
    """A partition that is dropped forgets what was under way."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        Acknowledgement([(asyncio.Future[SimpleNamespace](), 1)])
        gc.collect()

    assert told == []
