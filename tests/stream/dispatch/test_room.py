"""`Room`: as many attempts are reserved as can begin soon, and nobody is held up for ever."""

from __future__ import annotations

from typing import Any

import pytest

from triggerstream.stream.dispatch.pacing import Pace
from triggerstream.stream.dispatch.room import Bounds, Room

NOW = 1_000.0
SLOW = 2.0
"""Seconds of a call: the channel begins less than one in the time that a reservation takes."""


def room_of(*channels: str, seconds: float = SLOW, **bounds: Any) -> Room:
    """Return the room of *channels* with four slots each, whose calls take so many *seconds*."""
    settings = Bounds(**{"per_channel": 4, **bounds})
    paces = {name: Pace(4, settings.pause) for name in channels or ("email",)}
    for pace in paces.values():
        for _ in range(500):
            pace.ended(seconds)
    return Room(settings, paces)


def reserve(room: Room, number: int, channel: str = "email", partition: int = 0) -> None:
    for _ in range(number):
        room.reserve(partition, channel)


def begin(room: Room, number: int, channel: str = "email", partition: int = 0) -> None:
    """Let attempts that were reserved be called."""
    for _ in range(number):
        room.come(partition, channel)
        room.begin(channel)


# ── how many ────────────────────────────────────────────────────────────────────────────────


def test_an_idle_channel_has_room_for_as_many_as_it_has_slots() -> None:
    room = room_of()

    assert room.ask(0, NOW) == 4
    reserve(room, 3)
    assert room.ask(0, NOW) == 1
    reserve(room, 1)
    assert room.ask(0, NOW) == 0


def test_what_has_come_and_has_not_begun_takes_room_too() -> None:
    room = room_of()
    reserve(room, 4)
    for _ in range(4):
        room.come(0, "email")

    assert room.ask(0, NOW) == 0


def test_a_busy_channel_has_room_for_what_it_begins_while_a_reservation_is_made() -> None:
    slow, quick = room_of(), room_of(seconds=0.001)
    for room in (slow, quick):
        reserve(room, 4)
        begin(room, 4)

    assert slow.ask(0, NOW) == 1
    assert quick.ask(0, NOW) == 4


def test_an_answer_makes_room_when_it_is_in_the_log() -> None:
    room = room_of()
    reserve(room, 4)
    begin(room, 4)
    reserve(room, 1)
    assert room.ask(0, NOW) == 0

    room.end("email")
    assert room.ask(0, NOW) == 0  # the one that is reserved takes it
    begin(room, 1)

    assert room.ask(0, NOW) == 1


def test_all_channels_together_are_bounded() -> None:
    room = room_of("email", "webhook", total=5)
    reserve(room, 4)
    begin(room, 4)

    # An e-mail ahead of its channel, and a webhook for the last slot of all.
    assert room.soon("webhook") == 1
    assert room.ask(0, NOW) == 1


def test_the_fullest_channel_says_how_many_since_nobody_knows_what_comes() -> None:
    room = room_of("email", "webhook")
    reserve(room, 3, "webhook")

    assert room.ask(0, NOW) == 1


def test_attempts_without_a_channel_are_bounded_too() -> None:
    room = room_of(unplaced=3)
    reserve(room, 3, "sms")

    assert room.ask(0, NOW) == 0
    room.come(0, "sms")
    assert room.ask(0, NOW) == 0  # its answer is not in the log
    room.dismiss("sms")
    assert room.ask(0, NOW) == 1


# ── who ─────────────────────────────────────────────────────────────────────────────────────


def test_who_asked_in_vain_is_the_next_however_often_others_ask() -> None:
    room = room_of(per_channel=1)
    reserve(room, 1)
    assert [room.ask(partition, NOW) for partition in (1, 2, 1)] == [0, 0, 0]
    begin(room, 1)

    assert room.ask(2, NOW) == 0
    assert room.ask(3, NOW) == 0
    assert room.ask(1, NOW) == 1
    assert room.ask(1, NOW) == 0
    assert room.ask(2, NOW) == 1


def test_a_partition_given_away_takes_no_room_and_no_turn() -> None:
    room = room_of()
    reserve(room, 3, partition=1)
    reserve(room, 1, partition=2)
    room.ask(1, NOW)

    room.release(1)

    assert room.ask(2, NOW) == 3
    room.release(1)
    assert room.ask(2, NOW) == 3


def test_what_has_come_of_a_partition_given_away_still_takes_its_room() -> None:
    room = room_of()
    reserve(room, 2)
    room.come(0, "email")

    room.release(0)

    assert room.ask(0, NOW) == 3


# ── a channel that holds up the others ──────────────────────────────────────────────────────


def full(**bounds: Any) -> Room:
    """Return the room of two channels, one of which has had none since `NOW`."""
    room = room_of("email", "webhook", unplaced=10, **bounds)
    reserve(room, 4, "webhook")
    begin(room, 4, "webhook")
    reserve(room, 1, "webhook")
    assert room.ask(0, NOW) == 0
    return room


def test_a_channel_may_hold_back_the_reading_for_a_while_and_is_congested_then() -> None:
    room = full(hold=5.0)

    assert room.ask(0, NOW + 4.999) == 0
    assert not room.is_congested("webhook", NOW + 4.999)
    assert room.ask(0, NOW + 5.0) == 4  # what the e-mails have room for
    assert room.is_congested("webhook", NOW + 5.0)


def test_of_a_congested_channel_not_all_may_be_on_their_way_at_once() -> None:
    room = full(hold=5.0)
    room.ask(0, NOW + 5.0)

    reserve(room, 9, "webhook")

    assert room.ask(0, NOW + 5.0) == 0


def test_it_stays_congested_while_it_turns_attempts_away() -> None:
    room = full(hold=5.0, pause=15.0)
    room.ask(0, NOW + 5.0)
    room.turn_away("webhook", NOW + 15.0)

    assert room.is_congested("webhook", NOW + 29.999)
    assert not room.is_congested("webhook", NOW + 30.0)


def test_room_for_a_moment_does_not_make_a_long_shortage_a_new_one() -> None:
    room = full(hold=5.0)
    begin(room, 1, "webhook")
    assert room.ask(0, NOW + 4.0) == 1
    reserve(room, 1, "webhook")
    assert room.ask(0, NOW + 4.5) == 0  # half a second less

    assert room.ask(0, NOW + 5.999) == 0
    assert room.ask(0, NOW + 6.0) == 4


def test_a_channel_that_has_had_room_for_as_long_begins_anew() -> None:
    room = full(hold=5.0)
    begin(room, 1, "webhook")
    assert room.ask(0, NOW + 4.0) == 1
    assert room.ask(0, NOW + 60.0) == 1
    reserve(room, 1, "webhook")
    assert room.ask(0, NOW + 60.0) == 0

    assert room.ask(0, NOW + 64.999) == 0
    assert room.ask(0, NOW + 65.0) == 4


@pytest.mark.parametrize("later", [5.0, 1e6])
def test_where_history_is_played_a_channel_holds_it_back_for_as_long_as_it_takes(
    later: float,
) -> None:
    room = full(hold=None)

    assert room.ask(0, NOW + later) == 0
