"""Sweeps: whom to touch, and how many at a time."""

from __future__ import annotations

import pytest

from triggerstream.core.keyed import header
from triggerstream.core.keyed.memory_store import MemoryStore
from triggerstream.core.keyed.program import NEVER
from triggerstream.stream.keyed.sweep import Sweep

PACE = 300


def store_of(number: int) -> MemoryStore:
    store = MemoryStore()
    values: dict[bytes, bytes | None] = {
        b"%05d" % each: header.pack(1, 0, NEVER, 0) for each in range(number)
    }
    store.write(values, partition_record=None, changelog_offset=0)
    return store


def test_a_sweep_takes_each_customer_once_in_order_and_then_is_over() -> None:
    sweep, now, taken = Sweep(store_of(700), 2, 0.0, pace=PACE), 0.0, []
    while (some := sweep.take(now)) is not None:
        taken += some
        now += 0.1

    assert taken == [b"%05d" % each for each in range(700)]


@pytest.mark.parametrize(
    ("seconds", "number"),
    [(0.0, 0), (1 / PACE - 0.0001, 0), (0.1, PACE // 10), (1.0, PACE), (9, PACE)],
)
def test_a_sweep_takes_as_many_as_the_time_allows(seconds: float, number: int) -> None:
    assert len(Sweep(store_of(1000), 2, 0.0, pace=PACE).take(seconds) or ()) == number


def test_time_that_was_too_short_for_one_is_not_lost() -> None:
    sweep = Sweep(store_of(10), 2, 0.0, pace=PACE)

    assert [len(sweep.take(at / 1000) or ()) for at in range(1, 9)] == [0, 0, 0, 1, 0, 0, 0, 1]


def test_who_comes_meanwhile_behind_the_place_of_the_sweep_is_passed_by() -> None:
    """They are under the ruleset by their own record."""
    store = store_of(3)
    sweep = Sweep(store, 2, 0.0, pace=PACE)
    assert sweep.take(0.007) == [b"00000", b"00001"]

    store.write({b"00000x": header.pack(1, 0, NEVER, 0)}, partition_record=None, changelog_offset=1)

    assert sweep.take(1.0) == [b"00002"]
    assert sweep.take(2.0) is None
