"""`Foreign`: what somebody else wrote to our changelog is answered, or says that we must stop."""

from __future__ import annotations

import pytest

from tests.simulation.broker import Line
from tests.simulation.protocol import ruleset
from tests.simulation.toy import Chain, Said, Toy
from triggerstream.core.keyed.memory_store import MemoryStore
from triggerstream.core.keyed.partition import Partition
from triggerstream.core.keyed.partition_record import PARTITION_KEY, PartitionRecord
from triggerstream.core.records.columns import in_columns
from triggerstream.errors import LeaseExpiredError
from triggerstream.stream.keyed.foreign import Foreign

WORD = b'{"customer_id":"a","word":1}'


def partition(*, stored: int, decided: int) -> Partition[Chain, Said]:
    """Return a partition whose last record is at *stored*, and that has decided up to *decided*."""
    store = MemoryStore()
    record = PartitionRecord(offset=stored, ruleset=1).encode()
    store.write({}, partition_record=record, changelog_offset=0)
    made: Partition[Chain, Said] = Partition(Toy(), store, rulesets=ruleset)
    made.apply(
        in_columns([Line(offset, 1_000, b"a", WORD) for offset in range(stored + 1, decided + 1)])
    )
    return made


def meet(foreign_offset: int, *, has_attempts: bool) -> Foreign:
    """Let a partition, stored at 3 and decided up to 5, meet a partition record of another."""
    ours = partition(stored=3, decided=5)
    foreign = Foreign(ours, ours.cut(), MemoryStore(), has_attempts=has_attempts)
    foreign.meet([(1, PARTITION_KEY, PartitionRecord(offset=foreign_offset).encode())])
    return foreign


def test_who_only_decides_answers_what_does_not_go_beyond_its_decisions() -> None:
    assert meet(5, has_attempts=False).take() == []

    with pytest.raises(LeaseExpiredError):
        meet(6, has_attempts=False)


def test_who_calls_answers_only_what_does_not_go_beyond_its_reservations() -> None:
    assert meet(3, has_attempts=True).take() == []

    with pytest.raises(LeaseExpiredError):
        meet(4, has_attempts=True)


def test_a_foreign_write_is_answered_as_of_the_cut() -> None:
    """What was decided since may not be acknowledged: it must not be in the changelog yet."""
    store = MemoryStore()
    ours: Partition[Chain, Said] = Partition(Toy(), store, rulesets=ruleset)
    ours.apply(
        in_columns([Line(0, 1_000, b"a", WORD), Line(1, 1_000, b"b", WORD.replace(b"a", b"b"))])
    )
    before = ours.cut()
    store.write(before.values, partition_record=before.record, changelog_offset=0)
    ours.landed(before)
    ours.apply(in_columns([Line(2, 1_000, b"a", WORD)]))
    cut = ours.cut()
    foreign = Foreign(ours, cut, store)
    ours.apply(
        in_columns([Line(3, 1_000, b"a", WORD), Line(4, 1_000, b"b", WORD.replace(b"a", b"b"))])
    )

    foreign.meet([(7, b"ca", before.values[b"a"]), (8, b"cb", before.values[b"b"])])

    assert foreign.take() == [(b"ca", cut.values[b"a"]), (b"cb", before.values[b"b"])]
    assert cut.values[b"a"] != before.values[b"a"]
