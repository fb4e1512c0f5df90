"""Cooldown, maximum, and taking a firing back (24)."""

from __future__ import annotations

import pytest

from triggerstream.core.model import Limits
from triggerstream.core.state.limits import NOTHING, RECENT, Memory, reason_against

ONE, TWO = "01" * 16, "02" * 16


def fired(*times: int) -> Memory:
    memory = NOTHING
    for number, at in enumerate(times):
        memory = memory.fired(f"{number:032x}"[::-1], at, keep=RECENT)
    return memory


@pytest.mark.covers("C20", "H2")
@pytest.mark.parametrize(
    ("at", "reason"),
    [
        pytest.param(109, "cooldown", id="just inside"),
        pytest.param(110, None, id="exactly at its end"),
        pytest.param(90, "cooldown", id="earlier than the last firing"),
    ],
)
def test_a_cooldown_runs_from_the_last_firing(at: int, reason: str | None) -> None:
    against = reason_against(Limits(cooldown=10), fired(50, 100), at)

    assert (against and against[0]) == reason


def test_the_last_firing_is_the_one_decided_last() -> None:
    assert reason_against(Limits(cooldown=10), fired(100, 50), 60) is None


@pytest.mark.covers("H3")
@pytest.mark.parametrize(("most", "reason"), [(2, "max_per_customer"), (3, None)])
def test_the_maximum_counts_firings(most: int, reason: str | None) -> None:
    against = reason_against(Limits(max_per_customer=most), fired(1, 2), 100)

    assert (against and against[0]) == reason


def test_the_cooldown_is_named_before_the_maximum() -> None:
    against = reason_against(Limits(cooldown=10, max_per_customer=1), fired(100), 101)

    assert against == ("cooldown", "not before 1970-01-01T00:00:00.110Z, by the cooldown")


def test_who_never_fired_has_nothing_against_it() -> None:
    assert reason_against(Limits(cooldown=10, max_per_customer=1), NOTHING, 0) is None


def test_a_firing_is_taken_back_once() -> None:
    memory = NOTHING.fired(ONE, 100, keep=RECENT).fired(TWO, 200, keep=RECENT)

    without = memory.taken_back(ONE)

    assert without is not None
    assert without.count == 1
    assert without.taken_back(ONE) is None
    assert reason_against(Limits(cooldown=10), without, 201) is not None


def test_only_the_newest_firings_can_be_taken_back() -> None:
    memory = NOTHING.fired(ONE, 0, keep=RECENT)
    for number in range(RECENT):
        memory = memory.fired(f"{number:02x}ff" * 8, number, keep=RECENT)

    assert memory.taken_back(ONE) is None
    assert memory.count == RECENT + 1


def test_a_goal_is_awaited_from_a_firing_until_it_is_reached() -> None:
    memory = fired(1)
    assert memory.awaits_goal

    reached = memory.reached_goal()

    assert not reached.awaits_goal
    assert reached.count == 1
    assert not NOTHING.awaits_goal
