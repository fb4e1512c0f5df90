"""What becomes of what is stored when a partition is moved to another log."""

from __future__ import annotations

import pytest

from triggerstream.core.detection.detect import Detect
from triggerstream.core.keyed import header
from triggerstream.core.keyed.partition_record import PartitionRecord
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.keyed.transplant import first_record, transplant
from triggerstream.core.policy import ledger
from triggerstream.core.policy.ledger import Ledger
from triggerstream.core.records.record import MOVED
from triggerstream.core.sending.send import Send


def test_a_detecting_state_keeps_every_byte_but_its_fence() -> None:
    value = header.pack(3, header.PENDING, 77, 12) + b"whatever an old format holds"

    moved = transplant(Detect("events"), value)

    assert moved == header.pack(3, header.PENDING, 77, -1) + b"whatever an old format holds"


def test_a_ledger_keeps_all_but_what_tells_repeats_of_the_old_log() -> None:
    before = Ledger(
        consent={"email_consent": True},
        consent_at=5,
        marks={"a": 9},
        goals={"cart": 4, "other": 3},
        goal_positions={"cart": 120, "other": MOVED + 8},
        erased=40,
        heard=130,
    )

    moved = transplant(Send(), ledger.dump(before, 512))

    assert header.fence_of(moved) == -1
    after = ledger.load(moved)
    assert after.goal_positions == {"cart": MOVED + 120}
    assert (after.erased, after.heard) == (-1, -1)
    assert (after.consent, after.consent_at, after.marks, after.goals) == (
        before.consent, 5, {"a": 9}, {"cart": 4, "other": 3},
    )  # fmt: skip


@pytest.mark.parametrize("program", [Detect("events"), Send()])
def test_a_grave_stays_one_and_keeps_when_it_was_dug(program: Detect | Send) -> None:
    moved = transplant(program, header.pack_grave(1234, 56, 78))

    assert moved == header.pack_grave(1234, -1, -1)


def test_new_partitions_begin_where_the_old_one_s_clock_stood() -> None:
    left = PartitionRecord(
        offset=99, clock=5000, ruleset=7, topic_id="old", origins={0: 41}, engine="triggerstream 1"
    )

    assert first_record(left, topic_id="new") == PartitionRecord(
        offset=-1, clock=5000, ruleset=7, topic_id="new", origins={}, engine="triggerstream 1"
    )


def test_a_state_that_waits_for_nothing_goes_on_waiting_for_nothing() -> None:
    moved = transplant(Send(), ledger.dump(Ledger(), 3))

    assert header.unpack(moved) == (ledger.FORMAT, 0, NEVER, -1)
