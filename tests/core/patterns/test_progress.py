"""The tables of one customer: what is kept, for how long, and which wait is the earliest."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggerstream.core.events.event import Event
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.patterns.progress import DERIVED_END, Now, Progress, Rows
from triggerstream.core.state import codec
from triggerstream.core.state.customer import CustomerState

ROOM = 16
"""How many rows the table has room for at first, and always more than are named."""


def meet(progress: Progress, event_id: str = "e", at: int = 0, arrival: int = 0) -> Now:
    """Return what is said of an event that comes."""
    now = Now()
    raw = event_id.encode(errors="replace")
    now.meet(progress, Event("c", "A", event_id, at, raw=raw), at, arrival)
    return now


def keep(
    progress: Progress, event_id: str = "e", *, at: int = 0, cell: str = "", wait: str = ""
) -> None:
    """Keep an event, which a cell or a wait may name from now on."""
    now = meet(progress, event_id, at)
    now.is_held = True
    if cell:
        progress.cells[cell] = now.alone
    if wait:
        progress.open_wait(wait, (at + 10, 0, 0, now.row))
        now.is_whole = True
    progress.keep(now)
    if progress.has_spare_bodies():
        progress.trim()


def ids_by_cell(progress: Progress) -> dict[str, list[str]]:
    ids = progress.id_list()
    return {key: [ids[row] for row in cell] for key, cell in progress.cells.items()}


# ── the table ───────────────────────────────────────────────────────────────────────────────


def test_an_event_stands_once_under_its_row() -> None:
    progress = Progress()
    keep(progress, "a", at=5, cell="one")
    keep(progress, "b", at=7, cell="two")
    progress.cells["three"] = (0, 1)

    assert list(progress.times) == [5, 7]
    assert progress.id_list() == ["a", "b"]
    assert ids_by_cell(progress) == {"one": ["a"], "two": ["b"], "three": ["a", "b"]}


@given(st.lists(st.text(max_size=8), max_size=40))
def test_ids_have_any_characters(ids: list[str]) -> None:
    state = CustomerState(customer_id="c")
    for number, event_id in enumerate(ids):
        keep(state, event_id, cell=str(number))
    again = codec.load("c", codec.dump(state, 0))

    for progress in (state, again):
        assert progress.id_list() == ids
        assert progress.ids_of(tuple(range(len(ids))), "last") == tuple(ids) if ids else True
        progress.sweep()
        assert progress.id_list() == ids


def test_the_event_that_is_decided_may_be_the_last_of_a_match() -> None:
    progress = Progress()
    keep(progress, "a")
    keep(progress, "b")
    now = meet(progress, "c")

    assert progress.ids_of((0, now.row), "c") == ("a", "c")
    assert progress.ids_of(now.alone, "c") == ("c",)
    assert progress.ids_of((0, 1), "c") == ("a", "b")


@pytest.mark.parametrize("rows", [0, 1, 255, 256, 300])
def test_an_event_knows_its_row_and_that_alone(rows: int) -> None:
    progress = Progress()
    progress.fill([(0, "e")] * rows)

    now = meet(progress, at=3, arrival=4)

    assert (now.row, now.alone, now.at, now.arrival) == (rows, (rows,), 3, 4)
    assert (now.is_held, now.is_whole) == (False, False)


# ── where events stand (35) ─────────────────────────────────────────────────────────────────

STEPS = st.lists(
    st.sampled_from(["record", "record", "real", "derived", "derived", "derived", "sweep", "load"]),
    max_size=40,
)


@given(STEPS, st.randoms(use_true_random=False))
def test_events_stand_by_record_and_then_by_id(steps: list[str], random: Any) -> None:
    """Whatever is swept away meanwhile, or stored and loaded."""
    state = CustomerState(customer_id="c")
    record, places = 0, dict[str, tuple[int, bool, str]]()

    for number, step in enumerate(steps):
        if step in {"record", "real"}:
            record += 1
            state.next_record()
        if step in {"real", "derived"}:
            event_id = f"{random.choice('abc')}{number}"
            places[event_id] = (record, step == "derived", event_id)
            now = Now(DERIVED_END) if step == "derived" else Now()
            now.meet(state, Event("c", "A", event_id, number, raw=event_id.encode()), number, 0)
            now.is_whole = step == "derived"
            state.cells[event_id] = now.alone
            both = state.in_order((*range(len(state.times)), now.row), now)
            assert list(state.ids_of(both, event_id)) == sorted(
                [*state.id_list(), event_id], key=places.__getitem__
            )
            state.keep(now)
        if step == "sweep":
            for key in [key for key in state.cells if random.random() < 0.4]:
                del state.cells[key]
            state.sweep()
        if step == "load":
            state = codec.load("c", codec.dump(state, 0))
        ids = state.id_list()
        assert [ids[row] for row in state.in_order(tuple(range(len(ids))))] == sorted(
            ids, key=places.__getitem__
        )
        assert {ids[row] for row in state.bodies} >= {
            each for each in ids if places[each][:2] == (record, True)
        }


def test_the_bytes_of_what_was_derived_go_with_the_next_record() -> None:
    progress = Progress()
    now = Now(DERIVED_END)
    now.meet(progress, Event("c", "A", "d", 0, raw=b"d"), 0, 0)
    now.is_whole = True
    progress.keep(now)
    progress.trim()
    assert progress.bodies == {0: b"d"}

    progress.next_record()
    progress.trim()

    assert progress.bodies == {}


# ── sweeping ────────────────────────────────────────────────────────────────────────────────


def test_the_table_is_swept_when_it_has_more_rows_than_room() -> None:
    progress = Progress()
    for number in range(ROOM):
        keep(progress, str(number), cell="newest")
    assert progress.id_list() == [str(number) for number in range(ROOM)]

    keep(progress, "last", cell="newest")

    assert progress.id_list() == ["last"]
    assert ids_by_cell(progress) == {"newest": ["last"]}


@pytest.mark.parametrize(
    ("held", "room"), [(0, 16), (1, 17), (31, 47), (32, 48), (33, 49), (34, 51), (100, 150)]
)
def test_there_is_room_for_half_as_many_again_and_for_16_at_least(held: int, room: int) -> None:
    progress = Progress()
    for number in range(held):
        keep(progress, str(number), cell=str(number))

    progress.sweep()

    assert progress.room == room
    for _ in range(room - held):
        keep(progress)
    assert len(progress.times) == room
    keep(progress)
    assert len(progress.times) == held


@pytest.mark.parametrize("rows", [20, 300])
@given(data=st.data())
def test_what_is_named_keeps_its_order_its_time_and_its_id(rows: int, data: Any) -> None:
    progress = Progress()
    progress.fill([(number * 2, str(number)) for number in range(rows)])
    some = st.lists(st.integers(0, rows - 1), min_size=1, max_size=5, unique=True).map(sorted)
    for table in (progress.cells, progress.waits, progress.matches):
        before = {id(progress.waits): (9, 8, 7), id(progress.matches): (6,)}.get(id(table), ())
        for key in data.draw(st.lists(st.sampled_from("abcd"), unique=True)):
            table[key] = (*before, *data.draw(some))
    named = in_words(progress)

    progress.sweep()

    assert in_words(progress) == named
    assert list(progress.times) == sorted(progress.times)
    assert len(progress.times) == len({row for rows in all_rows(progress) for row in rows})


def all_rows(progress: Progress) -> list[Rows]:
    return [
        *progress.cells.values(),
        *[wait[3:] for wait in progress.waits.values()],
        *[match[1:] for match in progress.matches.values()],
    ]


def in_words(progress: Progress) -> list[Any]:
    """Return what the cells say, by times and ids."""
    ids, times = progress.id_list(), progress.times
    numbers = [wait[:3] for wait in progress.waits.values()]
    numbers += [match[:1] for match in progress.matches.values()]
    return [[(times[row], ids[row]) for row in rows] for rows in all_rows(progress)] + numbers


def test_an_event_that_only_a_wait_or_a_match_names_stays() -> None:
    progress = Progress()
    progress.fill([(number, str(number)) for number in range(4)])
    progress.waits["w"] = (2, 0, 0, 1)
    progress.matches["m"] = (0, 3)

    progress.sweep()

    assert progress.id_list() == ["1", "3"]
    assert (progress.waits, progress.matches) == ({"w": (2, 0, 0, 0)}, {"m": (0, 1)})


# ── bytes ───────────────────────────────────────────────────────────────────────────────────


def test_the_bytes_of_an_event_are_kept_for_a_wait_alone() -> None:
    progress = Progress()
    keep(progress, "a", cell="c")
    keep(progress, "b", wait="w")

    assert progress.bodies == {1: b"b"}


def test_the_bytes_that_no_wait_needs_go_when_others_come() -> None:
    progress = Progress()
    keep(progress, "a", wait="w")
    keep(progress, "b", wait="v")
    progress.close_wait("v")

    keep(progress, "c", wait="u")

    assert progress.bodies == {0: b"a", 2: b"c"}


def test_there_are_never_more_bytes_than_waits_and_matches() -> None:
    progress = Progress()
    for number in range(10):
        keep(progress, str(number), wait="moved")

    assert list(progress.bodies.values()) == [b"9"]


def test_a_remembered_match_needs_the_bytes_of_its_last_event() -> None:
    progress = Progress()
    keep(progress, "a", wait="w")
    progress.close_wait("w")
    progress.matches["m"] = (5, 0)
    for name in ("b", "c"):
        keep(progress, name, wait="w")

    assert progress.bodies == {0: b"a", 2: b"c"}


@pytest.mark.parametrize("is_held", [True, False], ids=["and the event stays", "and the event too"])
def test_a_sweep_forgets_the_bytes_that_no_wait_needs(is_held: bool) -> None:
    progress = Progress()
    keep(progress, "a", wait="w", cell="c" if is_held else "")
    progress.close_wait("w")

    progress.sweep()

    assert progress.bodies == {}
    assert progress.id_list() == (["a"] if is_held else [])


def test_bytes_move_up_with_their_event() -> None:
    progress = Progress()
    for name in ("a", "b"):
        keep(progress, name)
    keep(progress, "c", wait="w")

    progress.sweep()

    assert progress.bodies == {0: b"c"}
    assert progress.waits == {"w": (10, 0, 0, 0)}


# ── the earliest wait ───────────────────────────────────────────────────────────────────────

CHANGES = st.lists(
    st.tuples(st.sampled_from("abcd"), st.none() | st.tuples(st.integers(0, 6), st.integers(0, 6))),
    max_size=30,
)
"""Which wait, and when it is due and how much later its opener came; ``None`` where it is over."""


@given(CHANGES, st.sampled_from([0, 10]), st.booleans())
def test_the_earliest_wait_is_known_after_every_change(
    changes: list[tuple[str, tuple[int, int] | None]], lateness: int, is_removed: bool
) -> None:
    progress = Progress(lateness=lateness)
    for key, wait in changes:
        if wait is not None:
            progress.open_wait(key, (*wait, 0, 0))
        elif is_removed:
            progress.remove(key)
        else:
            progress.close_wait(key)

        waits = progress.waits.values()
        assert progress.due == min((due for due, *_ in waits), default=NEVER)
        wakes = [due + later + lateness for due, later, *_ in waits]
        assert progress.wake == min(wakes, default=NEVER)


def test_who_was_due_first_may_not_have_been_settled_first() -> None:
    """The opener of the earlier one arrived behind its own due time."""
    progress = Progress()
    progress.open_wait("late", (50, 40, 0, 0))
    progress.open_wait("usual", (60, 10, 0, 0))
    assert (progress.due, progress.wake) == (50, 70)

    progress.close_wait("late")
    assert (progress.due, progress.wake) == (60, 70)

    progress.open_wait("late", (50, 40, 0, 0))
    progress.close_wait("usual")
    assert (progress.due, progress.wake) == (50, 90)


def test_the_earliest_wait_is_found_among_all() -> None:
    progress = Progress(lateness=10, waits={"a": (50, 20, 0, 0), "b": (60, 5, 0, 0)})

    progress.look_at_waits()

    assert (progress.due, progress.wake) == (50, 75)


def test_a_wait_that_is_not_there_may_be_closed() -> None:
    progress = Progress()
    progress.close_wait("w")

    assert (progress.due, progress.wake) == (NEVER, NEVER)


def test_what_is_removed_stands_in_no_table() -> None:
    progress = Progress()
    for table in (progress.cells, progress.matches):
        table["k"] = table["l"] = (0, 0)
    for key in ("k", "l"):
        progress.values[key] = (1,)
        progress.open_wait(key, (5, 0, 0, 0))

    progress.remove("k")

    tables = (progress.cells, progress.waits, progress.matches, progress.values)
    assert [list(table) for table in tables] == [["l"]] * 4
