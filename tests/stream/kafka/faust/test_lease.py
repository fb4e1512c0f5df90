"""The lease: valid while both the loop turns and the group answers, to the end exactly."""

from __future__ import annotations

import pytest

from triggerstream.stream.kafka.faust.lease import STUCK, Lease


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(name="clock")
def _clock() -> Clock:
    return Clock()


def test_it_is_valid_for_half_the_session_timeout(clock: Clock) -> None:
    lease = Lease(10, clock)

    clock.now += 5
    assert lease.is_valid
    clock.now += 0.001
    assert not lease.is_valid


def test_the_loop_alone_does_not_renew_it(clock: Clock) -> None:
    lease = Lease(10, clock)
    clock.now += 6

    lease.turned()
    assert not lease.is_valid
    lease.heard(clock.now)
    assert lease.is_valid


def test_the_group_alone_does_not_renew_it(clock: Clock) -> None:
    lease = Lease(10, clock)
    clock.now += 6

    lease.heard(clock.now)

    assert not lease.is_valid


def test_an_answer_counts_from_when_it_was_asked_for(clock: Clock) -> None:
    """A process paused between question and answer must not take the answer for a fresh one."""
    lease = Lease(10, clock)
    asked_at = clock.now
    clock.now += 60

    lease.turned()
    lease.heard(asked_at)

    assert not lease.is_valid
    assert "60.0 s ago" in lease.account()


def test_a_loop_that_never_turns_is_stuck(clock: Clock) -> None:
    lease = Lease(10, clock)
    seen: list[bool] = []

    clock.now += STUCK
    seen.append(lease.is_stuck)
    clock.now += 0.001
    seen.append(lease.is_stuck)
    lease.turned()
    seen.append(lease.is_stuck)

    assert seen == [False, True, False]
