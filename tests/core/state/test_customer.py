"""What is remembered of a customer: the newest events' ids, and the earliest wait."""

from __future__ import annotations

import pytest

from triggerstream.core.keyed.program import NEVER
from triggerstream.core.state import codec
from triggerstream.core.state.customer import DIGEST, FIXED, MOST, RING, CustomerState

HOUR = 3_600_000


def remembers(state: CustomerState, event_id: str) -> bool:
    """Return whether *event_id* is known, without noting it if it is not."""
    known = codec.load("c", codec.dump(state, 0))
    return known.remember("web", event_id, 0)


def after(*arrivals: int) -> CustomerState:
    """Return a customer whose events came at *arrivals*; their ids are their numbers."""
    state = CustomerState(customer_id="c")
    for number, arrival in enumerate(arrivals):
        assert not state.remember("web", str(number), arrival)
    return state


def known(state: CustomerState, number: int) -> list[int]:
    """Return which of the ids below *number* are known."""
    return [each for each in range(number) if remembers(state, str(each))]


def test_the_newest_64_events_are_known_again_whatever_their_age() -> None:
    state = after(*(number * 24 * HOUR for number in range(RING)))

    assert known(state, RING) == list(range(RING))
    assert len(state.ring) == RING * DIGEST


def test_who_is_not_busy_keeps_64_and_no_more() -> None:
    state = after(*(number * HOUR for number in range(RING + 2)))

    assert known(state, RING + 2) == list(range(2, RING + 2))
    assert (len(state.ring), state.lot) == (RING * DIGEST, 0)


def test_a_thousand_events_of_an_hour_that_are_sent_twice_are_all_known() -> None:
    state = after(*(number * 3_599 for number in range(1_000)))

    assert all(state.remember("web", str(number), HOUR) for number in range(1_000))


def test_a_batch_is_known_until_an_hour_is_over_and_another_event_has_come() -> None:
    at = [0] * 100

    assert known(after(*at, HOUR - 1), 100) == list(range(100))
    # The first 64 came before the lot was opened: they are more than an hour old.
    assert known(after(*at, HOUR), 101) == list(range(37, 101))
    assert known(after(*at, HOUR - 1, HOUR), 102) == list(range(38, 102))
    assert known(after(*[0] * 200, HOUR), 201) == list(range(64, 201))
    assert known(after(*[0] * 200, HOUR, 2 * HOUR - 1), 202) == list(range(64, 202))
    assert known(after(*[0] * 200, HOUR, 2 * HOUR), 202) == list(range(138, 202))


def test_more_than_1024_are_never_known() -> None:
    state = after(*[0] * (MOST + 1))

    assert not remembers(state, "0")
    assert remembers(state, "1")
    assert len(state.ring) == MOST * DIGEST
    assert len(codec.dump_body(state)) < FIXED
    assert after(*[0] * 1100, HOUR - 1).lot_since == 0
    assert known(after(*[0] * 1100, HOUR), 1101) == list(range(1101 - MOST, 1101))


def test_a_lot_counts_what_the_ring_has_and_no_more() -> None:
    assert after(*[0] * (MOST + RING - 1)).lot == MOST - 1
    assert after(*[0] * (MOST + RING)).lot == MOST
    assert after(*[0] * (MOST + RING + 1)).lot == MOST


def test_a_lot_that_fills_the_ring_is_forgotten_as_a_whole_when_it_is_over() -> None:
    state = after(*[0] * (2 * MOST), HOUR, 2 * HOUR)

    assert known(state, 2 * MOST + 2) == list(range(2 * MOST + 2 - RING, 2 * MOST + 2))


def test_an_arrival_behind_the_lot_belongs_to_it() -> None:
    assert known(after(*[HOUR] * 70, 0, 1), 72) == list(range(72))


def test_a_duplicate_does_not_refresh_its_place() -> None:
    state = CustomerState(customer_id="c")
    for number in range(RING):
        state.remember("web", str(number), number * HOUR)
    state.remember("web", "0", RING * HOUR)

    state.remember("web", "new", RING * HOUR)
    state.remember("web", "newer", (RING + 1) * HOUR)

    assert not remembers(state, "0")


def test_who_has_64_ids_is_stored_as_ever() -> None:
    state = after(*[0] * RING)

    assert codec.load("c", codec.dump(state, 0)).ring == state.ring
    assert codec.dump_body(state)[:5] == b"\x9e\xff\xc5\x02\x00"  # 14 fields, -1, 512 bytes


def test_a_lot_is_stored_in_front_of_its_ring_and_read_again() -> None:
    state = after(*[0] * 200, HOUR + 5)

    again = codec.load("c", codec.dump(state, 0))

    assert (again.ring, again.lot, again.lot_since) == (state.ring, 1, HOUR + 5)
    assert codec.dump(again, 0) == codec.dump(state, 0)
    plain = len(codec.dump_body(after(*[0] * RING)))
    assert len(codec.dump_body(state)) == plain + (137 - RING) * DIGEST + 16


def test_a_ring_that_an_older_program_has_gone_on_with_is_read() -> None:
    """It took the lot for two of the ids and dropped the first 8 bytes at each event."""
    state = after(*[0] * 100)
    stored = codec.load("c", codec.dump(state, 0))
    ring = bytearray(b"lot\0" + bytes([0, 0, 0, 36]) + bytes(8)) + state.ring
    for number in range(100, 103):
        ring += after(*[0] * (number + 1)).ring[-DIGEST:]
        del ring[:DIGEST]
    stored.ring, stored.lot = ring, 0

    assert known(stored, 103) == list(range(1, 103))

    stored.remember("web", "103", 5)
    again = codec.load("c", codec.dump(stored, 0))

    assert (again.lot, again.lot_since) == (1, 5)
    assert known(again, 104) == list(range(1, 104))


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
    state = CustomerState(customer_id="c")
    state.remember(*one, 0)

    assert not state.remember(*other, 0)


def test_bytes_that_lie_across_two_digests_are_no_digest() -> None:
    state = CustomerState(customer_id="c")
    state.remember(None, "x", 0)
    digest = bytes(state.ring)
    state.ring = bytearray(b"1234" + digest + b"5678")

    assert not state.remember(None, "x", 0)
    assert state.remember(None, "x", 0)


def test_who_waits_for_nothing_never_wakes() -> None:
    assert CustomerState(customer_id="c").wake == NEVER
