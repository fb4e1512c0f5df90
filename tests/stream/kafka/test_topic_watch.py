"""The watch over the input topic, with a broker that answers what it is told to."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from aiokafka.errors import KafkaConnectionError

from triggerstream.errors import UnreachableError, WorldChangedError
from triggerstream.stream.kafka.topic_watch import watch_topic

GONE = UnreachableError("the broker does not know it")


class EndedError(Exception):
    """No more answers: nobody has stopped until here."""


async def watch(answers: Iterable[str | Exception], known: str = "first") -> None:
    left = iter(answers)

    async def ask() -> str:
        answer = next(left, EndedError())
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def no_time(_: float) -> None: ...

    await watch_topic("t.events.v1", known, ask, sleep=no_time)


async def test_a_topic_that_stays_is_watched_for_ever() -> None:
    with pytest.raises(EndedError):
        await watch(["first"] * 5)


async def test_a_topic_made_anew_stops_the_process() -> None:
    with pytest.raises(WorldChangedError, match="id first is required; found id second"):
        await watch(["first", "second"])


async def test_a_topic_that_is_missed_twice_in_a_row_is_gone() -> None:
    with pytest.raises(WorldChangedError, match="does not know it any more"):
        await watch(["first", GONE, GONE])


async def test_a_broker_that_has_just_begun_may_miss_it_once() -> None:
    with pytest.raises(EndedError):
        await watch([GONE, "first", GONE, "first"])


async def test_a_broker_that_does_not_answer_says_nothing_of_the_topic() -> None:
    away = KafkaConnectionError("away")
    with pytest.raises(EndedError):
        await watch([away, OSError(111, "refused"), away, "first"])


async def test_a_broker_without_ids_cannot_tell_one_topic_from_another() -> None:
    with pytest.raises(EndedError):
        await watch(["", ""], known="")
