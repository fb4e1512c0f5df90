"""`GracePeriod`: an hour of the broker's clock under one owner, before a grave may go."""

from __future__ import annotations

import pytest

from triggerstream.core.keyed.partition_record import PartitionRecord
from triggerstream.stream.keyed.grace import GRAVE_REST, STEP, GracePeriod

NOON = 1_772_366_400_000


def record(offset: int) -> PartitionRecord:
    return PartitionRecord(offset=offset, clock=5)


def checkpoint(rest: GracePeriod, at: int, offset: int) -> None:
    rest.hear(at)
    rest.note(record(offset))


@pytest.mark.parametrize(
    ("after", "found"),
    [(GRAVE_REST - 1, None), (GRAVE_REST, record(3))],
    ids=["an hour less", "an hour"],
)
def test_what_was_durable_an_hour_ago_has_rested(after: int, found: PartitionRecord | None) -> None:
    rest = GracePeriod()
    checkpoint(rest, NOON, 3)
    rest.hear(NOON + after)

    assert rest.record == found


def test_the_newest_record_of_an_hour_ago_counts() -> None:
    rest = GracePeriod()
    for minute in range(90):
        checkpoint(rest, NOON + minute * STEP, minute)

    assert rest.record == record(89 - 60)


def test_who_has_just_taken_over_knows_of_nothing_that_has_rested() -> None:
    assert GracePeriod().record is None


def test_only_one_record_a_minute_is_noted_and_it_is_the_first() -> None:
    rest = GracePeriod()
    checkpoint(rest, NOON, 1)
    checkpoint(rest, NOON + STEP - 1, 2)
    rest.hear(NOON + STEP - 1 + GRAVE_REST)
    assert rest.record == record(1)

    checkpoint(rest, NOON + STEP + GRAVE_REST, 3)
    rest.hear(NOON + STEP + 2 * GRAVE_REST)
    assert rest.record == record(3)


def test_a_brokers_clock_that_steps_back_shortens_no_rest() -> None:
    rest = GracePeriod()
    rest.hear(NOON)
    checkpoint(rest, NOON - 500, 1)
    rest.hear(NOON - 1 + GRAVE_REST)

    assert rest.record is None


def test_without_the_brokers_time_nothing_ever_rests() -> None:
    rest = GracePeriod()
    checkpoint(rest, -1, 1)
    rest.hear(NOON)

    assert rest.record is None
