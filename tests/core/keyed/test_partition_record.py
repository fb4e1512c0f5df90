"""The partition record, as it stands in changelogs: its bytes are read for ever."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from triggerstream.core.keyed.partition_record import PartitionRecord
from triggerstream.errors import StateFormatError

GOLDEN = Path(__file__).parent / "golden"
FIRST = GOLDEN / "partition-record-v1.bin"
"""Of before sweeps."""
LATEST = GOLDEN / "partition-record-v1-swept.bin"

RECORD = PartitionRecord(
    offset=9, clock=1_772_366_400_000, ruleset=3, topic_id="id", origins={0: 11},
    engine="triggerstream 1, tzdata 2026a", swept=b"12345678",
)  # fmt: skip


def test_bytes_of_format_1_decode_for_ever() -> None:
    assert PartitionRecord.decode(LATEST.read_bytes()) == RECORD
    assert PartitionRecord.decode(FIRST.read_bytes()) == replace(RECORD, swept=b"")


def test_a_record_is_stored_as_it_was_last() -> None:
    assert RECORD.encode() == LATEST.read_bytes()


def test_another_format_stops_the_process() -> None:
    with pytest.raises(StateFormatError, match="format 1 is required; found format 2"):
        PartitionRecord.decode(replace(RECORD, format=2).encode())
