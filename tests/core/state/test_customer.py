"""What is remembered of a customer: the newest events' ids, and the earliest wait."""

from __future__ import annotations

import pytest

from triggerstream.core.keyed.program import NEVER
from triggerstream.core.state.customer import DIGEST, RING, CustomerState
from triggerstream.core.state.formats import Timer


def test_the_newest_64_events_are_known_again() -> None:
    state = CustomerState("c")
    for number in range(RING):
        assert not state.remember("web", str(number))

    assert all(state.remember("web", str(number)) for number in range(RING))


def test_the_65th_pushes_the_oldest_out() -> None:
    state = CustomerState("c")
    for number in range(RING + 1):
        state.remember("web", str(number))

    assert state.remember("web", "1")
    assert not state.remember("web", "0")
    assert len(state.ring) == RING * DIGEST


def test_a_duplicate_does_not_refresh_its_place() -> None:
    state = CustomerState("c")
    for number in range(RING):
        state.remember(None, str(number))
    state.remember(None, "0")

    state.remember(None, "new")

    assert not state.remember(None, "0")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(("ab", "c"), ("a", "bc"), id="where the source ends"),
        pytest.param((None, "a"), ("", "a"), id="null is not empty"),
        pytest.param(("a", "b"), ("b", "a"), id="which is which"),
        pytest.param(("a\0", "b"), ("a", "\0b"), id="with a separator inside"),
    ],
)
def test_source_and_id_are_told_apart(
    one: tuple[str | None, str], other: tuple[str | None, str]
) -> None:
    state = CustomerState("c")
    state.remember(*one)

    assert not state.remember(*other)


def test_bytes_that_lie_across_two_digests_are_no_digest() -> None:
    state = CustomerState("c")
    state.remember(None, "x")
    digest = bytes(state.ring)
    state.ring = bytearray(b"1234" + digest + b"5678")

    assert not state.remember(None, "x")
    assert state.remember(None, "x")


def test_the_earliest_wait_is_found_among_all_timers() -> None:
    state = CustomerState("c")
    state.lateness = 10
    state.timers = {"a": Timer(due=50, settled=70, waits=2), "b": Timer(60, 65, 1)}

    state.note_waits()

    assert (state.due, state.wake, state.waits) == (50, 75, 3)


def test_who_waits_for_nothing_never_wakes() -> None:
    assert CustomerState("c").wake == NEVER
