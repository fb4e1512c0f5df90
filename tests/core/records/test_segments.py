"""The table of segments, as it stands on its topic."""

from __future__ import annotations

import pytest

from triggerstream.core.decisions import Membership, SegmentChanged
from triggerstream.core.records.record import POSITION, Rejected
from triggerstream.core.records.segments import SEGMENTS, Told, read_segment, segment_record

NOON = 1_772_366_400_000
ENTERED = SegmentChanged("busy", "entered", "c/1", NOON)
INSIDE = Membership("busy", "c/1", NOON)
NOBODY = Membership("busy", "c/1", None)


@pytest.mark.parametrize(
    ("told", "value"),
    [
        (
            ENTERED,
            (
                b'{"segment":"busy","customer_id":"c/1","change":"entered",'
                b'"at":"2026-03-01T12:00:00.000Z"}'
            ),
        ),
        (
            INSIDE,
            (
                b'{"segment":"busy","customer_id":"c/1","change":"inside",'
                b'"at":"2026-03-01T12:00:00.000Z"}'
            ),
        ),
        (NOBODY, None),
    ],
)
def test_a_record_is_written_under_customer_and_segment(
    told: SegmentChanged | Membership, value: bytes | None
) -> None:
    record = segment_record(told)

    assert (record.topic, record.partition, record.key) == (SEGMENTS, None, b"c/1/busy")
    assert record.value == value


@pytest.mark.parametrize(
    ("told", "change", "at", "is_member"),
    [
        (ENTERED, "entered", NOON, True),
        (SegmentChanged("busy", "left", "c/1", NOON), "left", NOON, False),
        (INSIDE, "inside", NOON, True),
        (NOBODY, None, 0, False),
    ],
)
def test_what_was_written_is_read(
    told: SegmentChanged | Membership, change: str | None, at: int, is_member: bool
) -> None:
    record = segment_record(told)

    found = read_segment(record.key or b"", record.value, ((POSITION, b"7"),))

    assert found == Told("c/1", "busy", change, at, 7)  # type: ignore[arg-type] # of the table
    assert found.is_member is is_member


def test_what_is_none_of_ours_is_refused() -> None:
    with pytest.raises(Rejected):
        read_segment(b"c/busy", b'{"segment":"busy","change":"gone"}', ())
