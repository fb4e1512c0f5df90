"""`Encoder`: from outcomes to records, each under what it was decided under."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec

from triggerstream.core.keyed.control import ClockMoved, Erased, RulesetMarked
from triggerstream.core.records.dead_letters import DeadLetter
from triggerstream.core.records.record import ARRIVAL, KIND, POSITION, Kind, Produce
from triggerstream.stream.keyed.encoder import Encoder


class Said(msgspec.Struct, frozen=True):
    word: str


class Saying:
    """A program that tells each outcome to *topic*, with the version and clock that it is given."""

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def encode(self, outcome: Said, ruleset_version: int, clock: int) -> tuple[Produce, ...]:
        value = f"{outcome.word} {ruleset_version} {clock}".encode()
        return (Produce(self._topic, None, b"key", value),)


def told(
    outcomes: list[Any],
    *,
    clock: int,
    version: int,
    header_clock: bool,
    to: str = "actions",
    downstream: str | None = "actions",
) -> list[Produce]:
    encoder = Encoder(
        Saying(to),  # type: ignore[arg-type]  # the rest of a program is not asked for
        input_topic="events",
        topic="triggerstream.events.v1",
        downstream=downstream,
        header_clock=header_clock,
    )
    partition: Any = SimpleNamespace(number=3, clock=clock, version=version)
    return encoder.records(outcomes, partition)


def said(records: list[Produce]) -> list[bytes | None]:
    return [record.value for record in records if KIND not in dict(record.headers)]


def test_an_outcome_before_a_mark_is_told_under_the_version_before_it() -> None:
    outcomes = [Said("a"), RulesetMarked(5, "hash", before=4), Said("b")]

    records = told(outcomes, clock=100, version=5, header_clock=False)

    assert said(records) == [b"a 4 100", b"b 5 100"]


def test_where_time_is_data_an_outcome_is_stamped_with_the_clock_before_it() -> None:
    outcomes = [ClockMoved(10), Said("a"), ClockMoved(20), Said("b")]

    records = told(outcomes, clock=90, version=1, header_clock=True)

    assert said(records) == [b"a 1 10", b"b 1 20"]
    assert [dict(record.headers)[ARRIVAL] for record in records] == [b"10", b"10", b"20", b"20"]
    assert {record.partition for record in records} == {3}


def test_where_the_broker_is_the_clock_nobody_downstream_is_told_of_it() -> None:
    records = told([ClockMoved(10), Said("a")], clock=10, version=1, header_clock=False)

    assert [dict(record.headers) for record in records] == [{}]


def test_what_is_told_downstream_says_from_which_record_it_was_decided() -> None:
    outcomes = [ClockMoved(10, 4), Said("a"), Erased("c"), ClockMoved(20, 6), Said("b")]

    records = told(outcomes, clock=20, version=1, header_clock=False)

    assert [dict(record.headers)[POSITION] for record in records] == [b"4", b"4", b"6"]


def test_what_is_told_to_any_other_topic_is_stamped_too_and_placed_by_its_key() -> None:
    outcomes = [ClockMoved(10, 4), Said("a")]

    records = told(outcomes, clock=20, version=1, header_clock=True, to="deliveries")

    [record] = [record for record in records if record.topic == "deliveries"]
    assert (record.partition, record.key) == (None, b"key")
    assert record.headers == ((POSITION, b"4"), (ARRIVAL, b"10"))


def test_who_stands_at_the_end_tells_no_position() -> None:
    outcomes = [ClockMoved(10, 4), Said("a")]

    [record] = told(
        outcomes, clock=20, version=1, header_clock=True, to="deliveries", downstream=None
    )

    assert record.headers == ((ARRIVAL, b"10"),)


def test_a_dead_letter_has_its_place_among_its_notes_and_no_position() -> None:
    letter = DeadLetter("empty", "", partition=3, offset=4, timestamp=5, key=None, value=b"")

    [record] = told([ClockMoved(10, 4), letter], clock=10, version=1, header_clock=False)

    assert POSITION not in dict(record.headers)


def test_a_mark_is_passed_on_in_order() -> None:
    outcomes = [Said("a"), RulesetMarked(5, "hash", before=4), Said("b")]

    kinds = [
        dict(record.headers).get(KIND)
        for record in told(outcomes, clock=1, version=5, header_clock=False)
    ]

    assert kinds == [None, Kind.RULESET, None]
