"""`Partition`: what is known of an erasure upstream, and for how long.

Words are numbered by their position upstream: one at or below the erasure's is a repeat.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from tests.core.keyed.test_partition import store, tick, word
from tests.simulation.broker import Line
from tests.simulation.toy import Chain, Fired, Said, Toy
from triggerstream.core.keyed import header
from triggerstream.core.keyed.control import ClockMoved, Erased
from triggerstream.core.keyed.entry import KNOWN_FOR
from triggerstream.core.keyed.memory_store import MemoryStore
from triggerstream.core.keyed.partition import Partition
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.reasons import RecordStatus
from triggerstream.core.records.columns import in_columns
from triggerstream.core.records.record import KIND, POSITION, Kind

NO_NEWS = 1000
"""A word that changes nothing, whoever hears it."""


class Heard(Chain, array_like=True):
    erased: int = -1


class Listener(Toy):
    """A toy that stands downstream: it knows a repeat of before an erasure."""

    def new_state(self, customer_id: str, erased: int = -1) -> Heard:
        return Heard(customer_id, erased=erased)

    def load(self, customer_id: str, value: bytes) -> Heard:
        return msgspec.msgpack.decode(value[header.SIZE :], type=Heard)

    def on_message(self, state: Chain, message: Said, *rest: Any) -> str:
        assert isinstance(state, Heard)
        if message.word <= state.erased or message.word == NO_NEWS:
            return RecordStatus.DUPLICATE
        return super().on_message(state, message, *rest)

    def on_erase(self, state: Chain, ruleset: Any, clock: int, erased: int, out: list[Any]) -> bool:
        assert isinstance(state, Heard)
        return not 0 <= erased <= state.erased


def listening(disk: MemoryStore | None = None) -> Partition[Chain, Said]:
    def ruleset(version: int) -> Any:
        return SimpleNamespace(version=version, hash=f"v{version}")

    return Partition(Listener(), disk or MemoryStore(), rulesets=ruleset)


def told(offset: int, position: int, at: int = 100, wait: int = 0) -> Line:
    """Return a word of customer ``a`` that was decided at *position* upstream."""
    value = msgspec.json.encode({"customer_id": "a", "word": position, "wait": wait})
    return Line(offset, at, b"a", value)


def erase(offset: int, position: int | None, at: int = 100) -> Line:
    headers: tuple[tuple[str, bytes], ...] = ((KIND, Kind.ERASE),)
    if position is not None:
        headers += ((POSITION, b"%d" % position),)
    return Line(offset, at, b"a", None, headers)


def test_what_was_decided_before_the_erasure_does_not_bring_the_customer_back() -> None:
    partition = listening()
    partition.apply(in_columns([told(0, 6), erase(1, 7), told(2, 6), told(3, 7)]))
    assert partition.state_of("a") is None
    assert partition.statuses == {"applied": 2, "duplicate": 2}

    partition.apply(in_columns([told(4, 8)]))
    assert partition.state_of("a") == (Heard("a", *_after_one_word(8), erased=7), 4)


def _after_one_word(position: int) -> tuple[int, int]:
    fresh = Chain("a")
    Toy._chain(fresh, f"word {position} at 100 under 1")
    return fresh.chain, fresh.length


def test_who_has_come_back_is_not_erased_by_the_repeat_of_an_erasure() -> None:
    partition = listening()
    partition.apply(in_columns([told(0, 6), erase(1, 7), told(2, 8)]))
    partition.outcomes.clear()

    partition.apply(in_columns([erase(3, 7)]))
    assert partition.statuses["duplicate"] == 1
    assert not any(isinstance(outcome, Erased) for outcome in partition.outcomes)
    found = partition.state_of("a")
    assert found is not None
    assert found[1] == 3

    partition.apply(in_columns([erase(4, 9)]))
    assert partition.state_of("a") is None


def test_a_timer_that_the_repeat_of_an_erasure_makes_fire_fires_once() -> None:
    disk = MemoryStore()
    partition = listening(disk)
    partition.apply(in_columns([told(0, 6), erase(1, 7), told(2, 8, wait=10), erase(3, 7, at=200)]))
    cut = partition.cut()
    disk.write(cut.values, partition_record=None, changelog_offset=0)  # a crash before the record
    assert sum(isinstance(outcome, Fired) for outcome in partition.outcomes) == 1

    heir = listening(disk)
    heir.apply(in_columns([erase(3, 7, at=200), tick(4, 300)]))
    assert not any(isinstance(outcome, Fired) for outcome in heir.outcomes)


def test_an_erasure_is_known_to_the_next_owner_and_after_it_was_evicted() -> None:
    disk = MemoryStore()
    partition = listening(disk)
    partition.apply(in_columns([told(0, 6), erase(1, 7)]))
    store(partition, disk)

    heir = listening(disk)
    heir.apply(in_columns([told(2, 7)]))
    assert +heir.statuses == {"duplicate": 1}
    heir.apply(in_columns([told(3, 8)]))
    found = heir.state_of("a")
    assert found is not None
    assert found[0] == Heard("a", *_after_one_word(8), erased=7)


@pytest.mark.parametrize(
    ("later", "status"),
    [(KNOWN_FOR - 1, "duplicate"), (KNOWN_FOR, "applied")],
    ids=["just before", "an hour"],
)
@pytest.mark.parametrize("is_left", [True, False], ids=["with its grave", "without"])
def test_an_erasure_is_known_for_an_hour_of_the_clock_whether_its_grave_is_left_or_not(
    later: int, status: str, is_left: bool
) -> None:
    disk = MemoryStore()
    partition = listening(disk)
    partition.apply(in_columns([told(0, 6), erase(1, 7)]))
    store(partition, disk)
    partition.apply(in_columns([tick(2, 100 + later)]))
    if not is_left:
        cut = partition.cut(partition.record)
        disk.write(cut.values, partition_record=cut.record, changelog_offset=0)
        assert (b"a" in disk.values) is (status == "duplicate")
        partition = listening(disk)
    partition.statuses.clear()

    partition.apply(in_columns([told(3, 7, at=100 + later)]))

    assert +partition.statuses == {status: 1}


@pytest.mark.parametrize("is_left", [True, False], ids=["with its grave", "without"])
@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([(NO_NEWS, False)], id="no news"),
        pytest.param([(6, True), (7, False)], id="an older erasure"),
        pytest.param([(8, True), (8, False), (9, False)], id="a newer erasure"),
    ],
)
def test_a_grave_of_an_hour_makes_no_difference(
    lines: list[tuple[int, bool]], is_left: bool
) -> None:
    disk = MemoryStore()
    partition = listening(disk)
    partition.apply(in_columns([told(0, 6), erase(1, 7), tick(2, 100 + KNOWN_FOR)]))
    store(partition, disk)
    if not is_left:
        disk.write({b"a": None}, partition_record=None, changelog_offset=0)
        partition = listening(disk)
    for offset, (position, is_erasure) in enumerate(lines, 3):
        what = erase if is_erasure else told
        partition.apply(in_columns([what(offset, position, at=100 + KNOWN_FOR)]))

    found = partition.state_of("a")
    assert found is not None
    assert found[1] == 2 + len(lines)
    assert isinstance(found[0], Heard)
    assert found[0].erased == (lines[0][0] if lines[0][1] else -1)


def test_an_erasure_that_the_state_contains_is_skipped() -> None:
    disk = MemoryStore()
    ahead = Listener().dump(Heard("a"), 5)
    disk.write({b"a": ahead}, partition_record=None, changelog_offset=0)
    partition = listening(disk)
    partition.apply(in_columns([erase(4, 3)]))

    assert +partition.statuses == {"skipped": 1}
    assert partition.state_of("a") == (Heard("a"), 5)


def test_a_repeat_keeps_the_grave_for_as_long_as_it_may_be_decided_again() -> None:
    disk = MemoryStore()
    partition = listening(disk)
    partition.apply(in_columns([told(0, 6), erase(1, 7)]))
    store(partition, disk)
    rested = partition.record
    partition.apply(in_columns([told(2, 6), tick(3, 100 + KNOWN_FOR)]))

    cut = partition.cut(rested)
    assert cut.values == {b"a": header.pack_grave(100, 2, 7)}
    disk.write(cut.values, partition_record=None, changelog_offset=0)  # a crash before the record

    heir = listening(disk)
    heir.apply(in_columns([told(2, 6)]))
    assert +heir.statuses == {"skipped": 1}


def test_the_erasure_of_somebody_unknown_is_remembered_if_it_comes_from_upstream() -> None:
    partition = listening()
    partition.apply(in_columns([erase(0, 7), told(1, 7), told(2, 8), erase(3, 7)]))
    assert partition.statuses == {"applied": 2, "duplicate": 2}

    strange = listening()
    strange.apply(in_columns([erase(0, None)]))
    assert strange.cut().values == {}


def test_the_latest_of_several_erasures_counts() -> None:
    partition = listening()
    partition.apply(in_columns([told(0, 6), erase(1, 9), erase(2, 7), told(3, 8)]))

    assert partition.statuses["duplicate"] == 1


def test_without_a_position_an_erasure_is_as_it_was() -> None:
    disk = MemoryStore()
    partition = listening(disk)
    partition.apply(in_columns([told(0, 6), erase(1, None)]))
    store(partition, disk)
    assert disk.values[b"a"] == header.pack(0, header.GRAVE, 100, 1)

    partition.apply(in_columns([told(2, 6)]))
    assert partition.state_of("a") is not None


def test_what_is_told_is_stamped_with_the_record_that_it_was_decided_from() -> None:
    partition = listening()
    partition.apply(
        in_columns([word(0), word(1), word(2, wait=10), tick(3, 99), word(4, "b", at=120)])
    )

    assert partition.outcomes == [
        ClockMoved(100, 2),
        Fired("a", 100, partition.outcomes[1].chain),
        ClockMoved(100, 3),
        ClockMoved(120, 4),
        Fired("a", 110, partition.outcomes[4].chain),
    ]


@pytest.mark.parametrize("erased", [-1, 0, NEVER])
def test_a_grave_says_where_upstream_its_customer_was_erased(erased: int) -> None:
    grave = header.pack_grave(5, 9, erased)

    assert header.unpack(grave) == (0, header.GRAVE, 5, 9)
    assert header.erased_at(grave) == erased


def test_a_grave_of_before_that_was_told_is_read() -> None:
    assert header.erased_at(header.pack(0, header.GRAVE, 5, 9)) == -1
