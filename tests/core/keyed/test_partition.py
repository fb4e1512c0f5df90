"""`Partition`: offsets, fences, the clock, marks and graves, with a toy program."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from tests.simulation.broker import Line
from tests.simulation.toy import Chain, Fired, Said, Toy
from triggerstream.core.keyed import header
from triggerstream.core.keyed.control import ClockMoved, Erased, RulesetMarked
from triggerstream.core.keyed.entry import KNOWN_FOR
from triggerstream.core.keyed.memory_store import MemoryStore
from triggerstream.core.keyed.partition import Partition
from triggerstream.core.keyed.partition_record import PartitionRecord
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.records.columns import in_columns
from triggerstream.core.records.dead_letters import DeadLetter
from triggerstream.core.records.record import ARRIVAL, KIND, ORIGIN, POSITION, Header, Kind
from triggerstream.errors import StateFormatError

Toys = Partition[Chain, Said]


def partition(store: MemoryStore | None = None, *, known: int = 1, **options: Any) -> Toys:
    def ruleset(version: int) -> Any:
        return SimpleNamespace(version=version, hash=f"v{version}") if version <= known else None

    options = {"capacity": 1000, "rulesets": ruleset, **options}
    return Partition(Toy(), store or MemoryStore(), **options)


def word(offset: int, customer: str = "a", at: int = 100, wait: int = 0, headers: Any = ()) -> Line:
    value = msgspec.json.encode({"customer_id": customer, "word": offset, "wait": wait})
    return Line(offset, at, customer.encode(), value, headers)


def tick(offset: int, at: int) -> Line:
    return Line(offset, at, None, None, ((KIND, Kind.TICK),))


def mark(offset: int, version: int) -> Line:
    value = msgspec.json.encode({"version": version, "hash": f"v{version}"})
    return Line(offset, 100, None, value, ((KIND, Kind.RULESET),))


def store(toys: Toys, disk: MemoryStore) -> None:
    """Do what a checkpoint does, without a changelog."""
    cut = toys.cut()
    disk.write(cut.values, partition_record=cut.record, changelog_offset=0)
    toys.landed(cut)


@pytest.mark.covers("A15")
def test_a_record_is_applied_once() -> None:
    toys = partition()
    toys.apply(in_columns([word(0), word(1)]))
    toys.apply(in_columns([word(1), word(2)]))

    assert toys.statuses == {"applied": 3, "skipped": 1}
    assert toys.offset == 2


def test_records_are_applied_up_to_the_end_that_is_asked_for() -> None:
    toys = partition()
    records = in_columns([word(0), word(1), word(2)])

    assert toys.apply(records, 0, 2) == 2
    assert toys.offset == 1
    assert toys.apply(records, 2, 3) == 3
    assert toys.offset == 2


def test_a_customer_whose_state_is_ahead_of_the_partition_skips_by_the_fence() -> None:
    disk = MemoryStore()
    ahead = Toy().dump(Chain("a", chain=7, length=9), 5)
    disk.write({b"a": ahead}, partition_record=None, changelog_offset=0)
    toys = partition(disk)

    toys.apply(in_columns([word(5), word(5, "b"), word(6)]))

    assert toys.statuses == {"skipped": 2, "applied": 1}
    found = toys.state_of("a")
    assert found is not None
    assert found[1] == 6


@pytest.mark.parametrize(("clock", "fired"), [(149, 0), (150, 1)], ids=["before", "exactly"])
def test_a_timer_fires_when_the_clock_reaches_it(clock: int, fired: int) -> None:
    toys = partition()
    toys.apply(in_columns([word(0, wait=50), tick(1, clock)]))

    assert sum(isinstance(outcome, Fired) for outcome in toys.outcomes) == fired


ODD: list[tuple[Header, ...]] = [
    (("traceparent", None),),
    ((KIND, None), (ARRIVAL, None), (ORIGIN, None), (POSITION, None)),
    ((ARRIVAL, b"9" * 5000), (ORIGIN, b"9" * 5000 + b":1"), (POSITION, b"9" * 5000)),
    ((ARRIVAL, b"\xff"), (ORIGIN, b"\xff"), (POSITION, b"\xff")),
    ((ORIGIN, b"3:9223372036854775808"),),
    (("h", b""),) * 10_000,
    (("", b""), ("h\\xff", b"\xff" * 100_000)),
]


@pytest.mark.parametrize("header_clock", [False, True], ids=["broker", "header"])
def test_a_record_with_odd_headers_is_decided_and_what_it_leaves_can_be_stored(
    header_clock: bool,
) -> None:
    disk = MemoryStore()
    toys = partition(disk, header_clock=header_clock)

    toys.apply(in_columns([word(offset, headers=headers) for offset, headers in enumerate(ODD)]))
    store(toys, disk)

    assert toys.statuses == {"applied": len(ODD)}
    assert partition(disk).offset == len(ODD) - 1


@pytest.mark.parametrize("headers", ODD)
def test_a_control_record_with_odd_headers_ends_nothing(headers: tuple[Header, ...]) -> None:
    disk = MemoryStore()
    toys = partition(disk)
    kinds = (Kind.TICK, Kind.RULESET, Kind.ERASE, b"", b"\xff" * 100_000)

    toys.apply(
        in_columns(
            [
                word(0),
                *(
                    Line(number, 100, b"a", b"{", ((KIND, kind), *headers))
                    for number, kind in enumerate(kinds, 1)
                ),
            ]
        )
    )
    store(toys, disk)

    assert toys.offset == len(kinds)
    letters = [each for each in toys.outcomes if isinstance(each, DeadLetter)]
    assert all(each.headers[1:] == headers for each in letters)
    assert partition(disk).offset == len(kinds)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "bad_json"),
        (b"", "bad_json"),
        (b"[]", "bad_json"),
        (b'{"version":1,"hash":"\xff"}', "bad_utf8"),
        (b'{"version":1,"hash":"h","more":' + b"[" * 100_000, "too_deep"),
    ],
    ids=["null", "empty", "no object", "no text", "too deep"],
)
def test_a_mark_that_is_none_is_a_dead_letter(value: bytes | None, reason: str) -> None:
    toys = partition()
    toys.apply(in_columns([Line(0, 100, None, value, ((KIND, Kind.RULESET),))]))

    assert [each.reason for each in toys.outcomes if isinstance(each, DeadLetter)] == [reason]
    assert toys.offset == 0


@pytest.mark.parametrize("time", [-1, -(1 << 63)])
def test_a_record_without_a_time_arrives_by_the_clock_as_it_stands(time: int) -> None:
    timeless, timed = partition(), partition()
    timeless.apply(in_columns([word(0, at=100), word(1, "b", at=time)]))
    timed.apply(in_columns([word(0, at=100), word(1, "b", at=100)]))

    assert timeless.clock == 100
    assert timeless.state_of("b") is not None
    assert timeless.state_of("b") == timed.state_of("b")


def test_what_is_passed_over_is_done_and_decides_nothing() -> None:
    disk = MemoryStore()
    toys = partition(disk)
    toys.apply(in_columns([word(0)]))
    store(toys, disk)

    toys.pass_over(4)
    assert toys.has_changed
    store(toys, disk)
    toys.pass_over(2)
    toys.apply(in_columns([word(4), word(5)]))

    assert (toys.offset, toys.clock) == (5, 100)
    assert toys.statuses == {"applied": 2, "skipped": 1}
    assert partition(disk).offset == 4


def test_due_timers_of_all_customers_come_before_the_record_that_passes_them() -> None:
    toys = partition()
    toys.apply(
        in_columns(
            [word(0, "b", 100, wait=30), word(1, "a", 100, wait=40), word(2, "c", 200, wait=9)]
        )
    )

    fired = [(o.customer_id, o.at) for o in toys.outcomes if isinstance(o, Fired)]
    assert fired == [("b", 130), ("a", 140)]


def test_a_record_is_applied_after_its_own_customers_timer() -> None:
    disk = MemoryStore()
    toys = partition(disk)
    toys.apply(in_columns([word(0, wait=10)]))
    store(toys, disk)

    toys.apply(in_columns([word(1, at=500)]))

    assert toys.statuses["applied"] == 2
    found = toys.state_of("a")
    assert found is not None
    assert found[0].length == 3


@pytest.mark.covers("C13")
def test_a_timer_is_found_on_disk_after_a_restart() -> None:
    disk = MemoryStore()
    before = partition(disk)
    before.apply(in_columns([word(0, wait=10)]))
    store(before, disk)

    after = partition(disk)
    assert after.next_due == 110
    after.apply(in_columns([tick(1, 110)]))

    assert [o.at for o in after.outcomes if isinstance(o, Fired)] == [110]


def test_a_dirty_state_masks_its_entry_on_disk() -> None:
    disk = MemoryStore()
    toys = partition(disk)
    toys.apply(in_columns([word(0, wait=10)]))
    store(toys, disk)

    toys.apply(in_columns([tick(1, 110), tick(2, 111)]))

    assert sum(isinstance(outcome, Fired) for outcome in toys.outcomes) == 1
    assert toys.next_due == NEVER


def test_what_changes_while_a_cut_is_on_its_way_is_in_the_next_one() -> None:
    disk = MemoryStore()
    toys = partition(disk)
    toys.apply(in_columns([word(0), word(1, "b")]))
    cut = toys.cut()
    toys.apply(in_columns([word(2)]))
    disk.write(cut.values, partition_record=cut.record, changelog_offset=0)
    toys.landed(cut)

    assert (cut.offset, toys.record.offset, toys.offset) == (1, 1, 2)
    following = toys.cut()
    assert header.fence_of(cut.values[b"a"] or b"") == 0
    assert {name: header.fence_of(value or b"") for name, value in following.values.items()} == {
        b"a": 2
    }
    assert following.old == {b"a": (cut.values[b"a"] or b"")[: header.SIZE]}


@pytest.mark.parametrize(("customers", "slices"), [(4, [0, 2]), (5, [0, 2, 4])])
def test_a_cut_comes_in_slices(customers: int, slices: list[int]) -> None:
    toys = partition()
    toys.apply(in_columns([word(offset, f"c{offset}") for offset in range(customers)]))
    cuts = toys.cutting(slice_size=2)
    cut = next(cuts)

    assert [0, *(len(cut.values) for _ in cuts)] == slices
    assert len(cut.values) == customers


def test_what_is_on_its_way_masks_its_entry_on_disk() -> None:
    disk = MemoryStore()
    toys = partition(disk)
    toys.apply(in_columns([word(0, wait=10)]))
    store(toys, disk)
    toys.apply(in_columns([tick(1, 110)]))

    cut = toys.cut()
    toys.apply(in_columns([tick(2, 111)]))  # the disk still says that it is due at 110

    assert sum(isinstance(outcome, Fired) for outcome in toys.outcomes) == 1
    disk.write(cut.values, partition_record=cut.record, changelog_offset=0)
    toys.landed(cut)
    assert toys.next_due == NEVER


def test_a_timer_set_while_a_cut_is_on_its_way_is_kept_when_it_has_landed() -> None:
    disk = MemoryStore()
    toys = partition(disk)
    toys.apply(in_columns([word(0)]))
    cut = toys.cut()
    toys.apply(in_columns([word(1, wait=10)]))
    disk.write(cut.values, partition_record=cut.record, changelog_offset=0)
    toys.landed(cut)

    assert toys.next_due == 110
    toys.apply(in_columns([tick(2, 110)]))
    assert sum(isinstance(outcome, Fired) for outcome in toys.outcomes) == 1


def test_what_changed_while_a_cut_was_on_its_way_is_not_evicted_when_it_has_landed() -> None:
    disk = MemoryStore()
    toys = partition(disk, capacity=2)
    toys.apply(in_columns([word(0, "a")]))
    cut = toys.cut()
    toys.apply(in_columns([word(1, "a"), word(2, "b"), word(3, "c")]))
    disk.write(cut.values, partition_record=cut.record, changelog_offset=0)
    toys.landed(cut)

    assert toys.cached == 3
    assert set(toys.cut().values) == {b"a", b"b", b"c"}


def test_what_is_on_its_way_takes_room() -> None:
    toys = partition(capacity=2)
    toys.apply(in_columns([word(0, "a")]))
    toys.cut()
    assert not toys.is_full

    toys.apply(in_columns([word(1, "b")]))
    assert toys.is_full


def test_a_full_cache_stops_before_the_record_until_a_checkpoint_makes_room() -> None:
    disk = MemoryStore()
    toys = partition(disk, capacity=2)
    for offset, customer in enumerate("abcd"):
        toys.apply(in_columns([word(offset, customer, wait=10)]))
        store(toys, disk)

    records = [tick(4, 200)]
    assert toys.apply(in_columns(records)) == 0
    assert toys.is_full
    store(toys, disk)
    assert toys.offset == 3
    assert toys.apply(in_columns(records)) == 0
    store(toys, disk)
    assert toys.apply(in_columns(records)) == 1
    assert sum(isinstance(outcome, Fired) for outcome in toys.outcomes) == 4


def test_in_one_piece_a_full_cache_stops_nothing_and_the_order_is_that_of_an_empty_one() -> None:
    disk = MemoryStore()
    toys = partition(disk, capacity=2, in_one_piece=True)
    for offset, customer in enumerate("dcba"):
        toys.apply(in_columns([word(offset, customer, wait=10)]))
        store(toys, disk)

    assert toys.apply(in_columns([tick(4, 200)])) == 1

    assert toys.is_full
    fired = [outcome for outcome in toys.outcomes if isinstance(outcome, Fired)]
    assert [(each.at, each.customer_id) for each in fired] == sorted(
        (each.at, each.customer_id) for each in fired
    )
    assert len(fired) == 4


# ── room ────────────────────────────────────────────────────────────────────────────────────


def fired(toys: Toys) -> list[tuple[str, int]]:
    return [(o.customer_id, o.at) for o in toys.outcomes if isinstance(o, Fired)]


def limited(*waits: int) -> Toys:
    """Return a partition where firings take room, with a customer for each of *waits*, in
    milliseconds from 100."""
    toys = partition(takes_room=lambda outcome: isinstance(outcome, Fired))
    toys.apply(in_columns([word(n, "abcdef"[n], wait=wait) for n, wait in enumerate(waits)]))
    return toys


@pytest.mark.parametrize(("room", "applied"), [(1, 3), (2, 6), (3, 7)])
def test_records_behind_one_that_has_used_up_the_room_wait(room: int, applied: int) -> None:
    toys = limited()
    records = [word(offset) for offset in range(7)]  # every third word fires

    toys.room = room

    assert toys.apply(in_columns(records)) == applied
    assert toys.offset == applied - 1
    toys.room = 5
    assert toys.apply(in_columns(records), applied) == 7


def test_customers_who_are_due_wait_for_room_in_the_order_of_their_due_times() -> None:
    toys = limited(30, 10, 20)
    records = [tick(3, 200)]

    toys.room = 2
    assert toys.apply(in_columns(records)) == 0
    before, offset = fired(toys), toys.offset
    toys.room = 1
    assert toys.apply(in_columns(records)) == 0
    toys.room = 1
    assert toys.apply(in_columns(records)) == 1

    assert (before, offset) == ([("b", 110), ("c", 120)], 2)
    assert fired(toys) == [("b", 110), ("c", 120), ("a", 130)]


def test_whose_record_it_is_goes_last_and_with_it() -> None:
    toys = limited(10, 20, 30)
    records = [word(3, "a", at=200)]

    for room in (1, 1):
        toys.room = room
        assert toys.apply(in_columns(records)) == 0
    toys.room = 1
    assert toys.apply(in_columns(records)) == 1

    assert fired(toys) == [("b", 120), ("c", 130), ("a", 110), ("a", 200)]
    state, fence = toys.state_of("a") or (None, None)
    assert (state and state.length, fence) == (3, 3)


def test_an_erasure_that_uses_up_the_room_is_the_last_record_before_there_is_some() -> None:
    toys = limited(10)
    erase = Line(1, 200, b"a", None, ((KIND, Kind.ERASE),))
    toys.room = 1

    assert toys.apply(in_columns([erase, word(2, "b", at=200)])) == 1
    assert fired(toys) == [("a", 110)]
    assert toys.state_of("a") is None


def test_however_little_room_there_is_the_decisions_are_the_same() -> None:
    records = [word(n, "abc"[n % 3], at=100 + 7 * n, wait=9 * (n % 4)) for n in range(40)]
    records.append(tick(40, 1_000))
    free = partition()
    free.apply(in_columns(records))
    narrow, done = limited(), 0

    while done < len(records):
        narrow.room = 1
        done = narrow.apply(in_columns(records), done)

    for customer in "abc":
        assert narrow.state_of(customer) == free.state_of(customer)
    assert sorted(fired(narrow)) == sorted(fired(free))
    assert len(fired(free)) > 20


def test_where_nothing_takes_room_none_is_needed() -> None:
    toys = partition()
    toys.room = 0

    assert toys.apply(in_columns([word(offset) for offset in range(7)])) == 7


def test_an_event_of_others_moves_the_clock_and_fires_what_it_makes_due() -> None:
    toys = partition(in_one_piece=True)
    toys.apply(in_columns([word(0, "a", wait=10, at=100)]))

    toys.pass_by(1, 109)
    assert not any(isinstance(outcome, Fired) for outcome in toys.outcomes)
    toys.pass_by(2, 110)

    assert sum(isinstance(outcome, Fired) for outcome in toys.outcomes) == 1
    assert (toys.clock, toys.offset) == (110, 2)
    assert toys.statuses == {"applied": 1}


@pytest.mark.covers("A1")
def test_a_record_that_cannot_be_read_becomes_a_dead_letter_and_leaves_the_clock() -> None:
    toys = partition()
    toys.apply(in_columns([Line(0, 900, b"k", b"{broken"), word(1, at=100)]))

    letter = toys.outcomes[0]
    assert isinstance(letter, DeadLetter)
    assert (letter.reason, letter.offset, letter.key, letter.value) == (
        "bad_json",
        0,
        b"k",
        b"{broken",
    )
    assert toys.clock == 100
    assert toys.statuses == {"rejected": 1, "applied": 1}


def test_a_stranger_in_the_wrong_partition_is_misplaced() -> None:
    toys = partition(placed=lambda customer: customer != "a")
    toys.apply(in_columns([word(0, "a"), word(1, "b")]))

    assert [o.reason for o in toys.outcomes if isinstance(o, DeadLetter)] == ["misplaced"]
    assert toys.state_of("a") is None


@pytest.mark.covers("E6")
def test_a_mark_waits_for_its_content() -> None:
    versions = {1}

    def ruleset(version: int) -> Any:
        return SimpleNamespace(version=version, hash="") if version in versions else None

    toys = partition(rulesets=ruleset)
    records = [word(0), mark(1, 2), word(2)]

    assert toys.apply(in_columns(records)) == 1
    assert toys.awaiting == 2
    versions.add(2)
    assert toys.apply(in_columns(records), 1) == 3
    assert toys.version == 2
    assert [o for o in toys.outcomes if isinstance(o, RulesetMarked)] == [
        RulesetMarked(2, "v2", before=1)
    ]


def test_an_older_or_equal_mark_is_ignored() -> None:
    toys = partition(known=3)
    toys.apply(in_columns([mark(0, 3), mark(1, 2), mark(2, 3)]))

    assert toys.version == 3
    marked = [o for o in toys.outcomes if isinstance(o, RulesetMarked)]
    assert marked == [RulesetMarked(3, "v3", before=1)]


def test_a_mark_that_cannot_be_read_is_a_dead_letter() -> None:
    toys = partition()
    toys.apply(in_columns([Line(0, 1, None, b"[]", ((KIND, Kind.RULESET),))]))

    assert isinstance(toys.outcomes[0], DeadLetter)
    assert toys.offset == 0


@pytest.mark.parametrize(
    ("version", "rejected", "awaited"),
    [(10**9, 0, 10**9), (10**9 + 1, 1, None), (1 << 63, 1, None)],
    ids=["the last one", "one more", "none that is stored"],
)
def test_a_mark_of_a_version_that_never_comes_is_a_dead_letter(
    version: int, rejected: int, awaited: int | None
) -> None:
    toys = partition()

    toys.apply(in_columns([mark(0, version), word(1)]))

    assert toys.statuses["rejected"] == rejected
    assert toys.awaiting == awaited


def test_without_any_ruleset_nothing_is_decided() -> None:
    toys = partition(known=0)

    assert toys.apply(in_columns([word(0)])) == 0
    assert toys.awaiting == 1


@pytest.mark.covers("E4")
def test_the_ruleset_in_force_outlives_a_restart() -> None:
    disk = MemoryStore()
    toys = partition(disk, known=2)
    toys.apply(in_columns([mark(0, 2)]))
    store(toys, disk)

    assert partition(disk, known=2).version == 2


@pytest.mark.covers("N3")
def test_an_erased_customer_is_buried_and_begins_anew() -> None:
    disk = MemoryStore()
    toys = partition(disk)
    toys.apply(in_columns([word(0, wait=10), Line(1, 100, b"a", None, ((KIND, Kind.ERASE),))]))

    assert toys.outcomes == [ClockMoved(100, 1), Erased("a")]
    store(toys, disk)
    assert header.unpack(disk.values[b"a"])[1] == header.GRAVE
    toys.apply(in_columns([tick(2, 200), word(3)]))
    found = toys.state_of("a")
    assert found is not None
    assert found[0].length == 1
    assert not any(isinstance(outcome, Fired) for outcome in toys.outcomes)


@pytest.mark.parametrize(
    ("covered", "gone"), [(7, {}), (8, {b"a": None})], ids=["one record less", "the erasure"]
)
def test_a_grave_is_emptied_when_an_old_partition_record_covers_it(
    covered: int, gone: dict[bytes, None]
) -> None:
    disk = MemoryStore()
    toys = partition(disk)
    toys.apply(in_columns([word(7), erase(8)]))
    store(toys, disk)
    toys.apply(in_columns([tick(9, 100 + KNOWN_FOR)]))

    assert toys.cut(PartitionRecord(offset=covered, clock=100)).values == gone


def test_a_customer_who_has_come_back_is_not_emptied() -> None:
    disk = MemoryStore()
    toys = partition(disk)
    toys.apply(in_columns([word(0), erase(1)]))
    store(toys, disk)
    rested = toys.record
    toys.apply(in_columns([word(2)]))

    assert toys.cut(rested).values[b"a"] is not None
    store(toys, disk)
    assert toys.cut(rested).values == {}


def test_hours_of_the_partitions_own_clock_empty_no_grave() -> None:
    disk = MemoryStore()
    toys = partition(disk)
    toys.apply(in_columns([word(0), erase(1)]))
    store(toys, disk)
    toys.apply(in_columns([tick(2, 10**9)]))
    store(toys, disk)

    assert toys.cut().values == {}


def erase(offset: int, at: int = 100, key: bytes | None = b"a") -> Line:
    return Line(offset, at, key, None, ((KIND, Kind.ERASE),))


def test_a_customer_with_a_timer_due_at_the_erasure_is_erased_too() -> None:
    toys = partition()
    toys.apply(in_columns([word(0, wait=10), erase(1, at=200)]))

    assert [type(outcome) for outcome in toys.outcomes if not isinstance(outcome, ClockMoved)] == [
        Fired,
        Erased,
    ]
    assert toys.state_of("a") is None


@pytest.mark.parametrize(
    ("key", "reason"), [(None, "missing_field"), (b"\xff", "bad_utf8"), (b"b", "misplaced")]
)
def test_an_erasure_that_names_nobody_here_is_a_dead_letter(key: bytes | None, reason: str) -> None:
    toys = partition(placed=lambda customer: customer == "a")
    toys.apply(in_columns([erase(0, key=key)]))

    assert [o.reason for o in toys.outcomes if isinstance(o, DeadLetter)] == [reason]
    assert toys.statuses["rejected"] == 1


def test_a_partition_without_records_is_made_ready_when_the_content_comes() -> None:
    versions: set[int] = set()

    def ruleset(version: int) -> Any:
        return SimpleNamespace(version=version, hash="") if version in versions else None

    toys = partition(rulesets=ruleset)
    assert not toys.make_ready()
    versions.add(1)

    assert toys.make_ready()
    assert toys.version == 1


def test_who_comes_back_while_the_null_is_on_its_way_is_stored_anew() -> None:
    disk = MemoryStore()
    grave = header.pack(0, header.GRAVE, 100, 7)
    record = PartitionRecord(offset=8, clock=100 + 2 * KNOWN_FOR, ruleset=1)
    disk.write({b"a": grave}, partition_record=record.encode(), changelog_offset=0)
    toys = partition(disk)
    cut = toys.cut(record)
    assert cut.values == {b"a": None}
    toys.apply(in_columns([word(9, at=100 + 2 * KNOWN_FOR)]))
    disk.write(cut.values, partition_record=cut.record, changelog_offset=1, old=cut.old)
    toys.landed(cut)

    following = toys.cut()
    assert following.old == {b"a": None}
    assert header.fence_of(following.values[b"a"] or b"") == 9


def test_a_second_copy_from_the_inbox_is_skipped() -> None:
    disk = MemoryStore()
    toys = partition(disk)
    toys.apply(
        in_columns([word(0, headers=((ORIGIN, b"3:7"),)), word(1, headers=((ORIGIN, b"3:7"),))])
    )
    store(toys, disk)
    after = partition(disk)
    after.apply(
        in_columns([word(2, headers=((ORIGIN, b"3:7"),)), word(3, headers=((ORIGIN, b"4:7"),))])
    )

    assert toys.statuses == {"applied": 1, "skipped": 1}
    assert after.statuses == {"applied": 1, "skipped": 1}


def test_where_time_is_data_the_header_is_the_arrival() -> None:
    toys = partition(header_clock=True)
    toys.apply(in_columns([word(0, at=10**12, headers=((ARRIVAL, b"500"),))]))

    assert toys.clock == 500


def test_where_time_is_data_a_control_record_without_the_header_leaves_the_clock() -> None:
    toys = partition(header_clock=True)
    toys.apply(in_columns([word(0, headers=((ARRIVAL, b"500"),)), tick(1, 10**12)]))

    assert toys.clock == 500


def test_where_time_is_data_outcomes_follow_the_clock_at_which_they_were_decided() -> None:
    toys = partition(header_clock=True)
    arrivals = [(0, "a", 100, 50), (1, "b", 200, 0), (2, "b", 300, 0)]
    toys.apply(
        in_columns(
            [word(n, who, 0, wait, ((ARRIVAL, b"%d" % at),)) for n, who, at, wait in arrivals]
        )
    )

    assert isinstance(toys.outcomes[0], ClockMoved)
    assert [o.clock for o in toys.outcomes if isinstance(o, ClockMoved)] == [200]
    assert [o.at for o in toys.outcomes[1:]] == [150]


def test_a_tick_is_told() -> None:
    toys = partition()
    toys.apply(in_columns([tick(0, 77)]))

    assert toys.outcomes == [ClockMoved(77, 0)]


def test_a_damaged_partition_record_stops() -> None:
    disk = MemoryStore()
    disk.write({}, partition_record=b"\xc1", changelog_offset=0)

    with pytest.raises(StateFormatError, match="partition record cannot be read"):
        partition(disk)


def test_the_partition_record_says_what_decided() -> None:
    disk = MemoryStore()
    toys = partition(disk, engine="of today")
    toys.apply(in_columns([word(0)]))
    store(toys, disk)

    assert partition(disk).record.engine == "of today"
