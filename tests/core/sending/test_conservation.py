"""Whatever comes, in whatever order: each action has one end, and no cap is ever exceeded."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.sending.harness import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    WILLING,
    Customer,
    ruleset_of,
)
from triggerstream.core.model import Cap, Policy, QuietHours
from triggerstream.core.sending.deliveries import Attempt

CAPS = (
    Cap(limit=1, window=6 * HOUR, channel="email"),
    Cap(limit=3, window=DAY, on_cap="defer"),
)
POLICY = Policy(caps=CAPS, quiet_hours=QuietHours(22 * 60, 8 * 60), expiry=2 * DAY)
CHANNELS = ("email", "sms", "webhook")
FIRINGS = tuple(f"f{number}" for number in range(6))

Step = tuple[str, int, Any]
"""(what happens, milliseconds after the step before, its details)."""

steps = st.lists(
    st.one_of(
        st.tuples(st.just("fires"), st.integers(0, 9 * HOUR), st.sampled_from(FIRINGS)),
        st.tuples(st.just("clock"), st.integers(0, 30 * HOUR), st.none()),
        st.tuples(st.just("crash"), st.just(0), st.none()),
        st.tuples(st.just("goal"), st.integers(0, HOUR), st.sampled_from(["cart", "other"])),
        st.tuples(st.just("consent"), st.integers(0, HOUR), st.booleans()),
        st.tuples(
            st.just("answer"),
            st.integers(0, MINUTE),
            st.tuples(
                st.integers(0, 9),
                st.integers(-1, 0),
                st.sampled_from(["sent", "failed", "retry", "unknown", "not_called"]),
            ),
        ),
    ),
    max_size=40,
)


def play(story: list[Step]) -> tuple[Customer, list[Any]]:
    """Return the customer after *story*, and everything decided."""
    customer = Customer(ruleset_of(POLICY))
    at = NOON
    fired_at: dict[str, int] = {}
    for what, gap, detail in story:
        at += gap
        if what == "fires":
            first = fired_at.setdefault(detail, at)
            fire(customer, detail, first, at)
        elif what == "clock":
            customer.clock(at)
        elif what == "crash":
            customer.crashes()
        elif what == "goal":
            customer.reaches_goal(at, trigger=detail)
        elif what == "consent":
            customer.consents(at=at, email_consent=detail, sms_consent=True)
        else:
            answer(customer, at, *detail)
    return customer, customer.out


def fire(customer: Customer, name: str, at: int, arrival: int) -> None:
    """Let firing *name* arrive, for the first time or again: its content is always the same."""
    number = FIRINGS.index(name)
    actions = [
        (f"{name}-{index}", CHANNELS[(number + index) % 3], index * 5 * HOUR)
        for index in range(1 + number % 3)
    ]
    customer.fires(
        name,
        *actions,
        at=at,
        arrival=arrival,
        trigger="cart" if number % 2 else "other",
        priority=("low", "high", "medium")[number % 3],
        holdout=0.3,
        profile=WILLING,
    )


def answer(customer: Customer, at: int, which: int, shift: int, outcome: str) -> None:
    """Answer one of the attempts made so far: the latest of an action, or one before it."""
    attempts = customer.attempts
    if not attempts:
        return
    action, attempt, _ = attempts[which % len(attempts)]
    more: dict[str, Any] = {}
    if outcome == "not_called":
        outcome, more = "retry", {"reason": "not_called"}
    customer.answers(action, outcome, at, attempt=attempt + shift, **more)


@pytest.mark.covers("F1", "F2")
@given(steps)
def test_every_action_ends_once_or_is_pending(story: list[Step]) -> None:
    customer, _ = play(story)

    ends = Counter(action for action, _, _ in customer.ends)
    asked = set(customer.state.marks)
    pending = set(customer.state.pending)

    assert asked <= set(ends) | pending
    assert not pending & set(ends)
    # Only a repeat that comes after all memory of it has gone has a second end: it is expired.
    for action, times in ends.items():
        assert times == 1 or [
            (outcome, reason) for a, outcome, reason in customer.ends if a == action
        ][1:] == [("suppressed", "expired")] * (times - 1)


@given(steps)
def test_no_rolling_window_holds_more_sends_than_its_cap(story: list[Step]) -> None:
    customer, out = play(story)

    # A call counts from its instant on, unless it certainly came to nothing.
    failed = {action for action, outcome, _ in customer.ends if outcome in ("failed", "suppressed")}
    last: dict[str, Attempt] = {a.action_id: a for a in out if isinstance(a, Attempt)}
    cancelled = {action for action, outcome, _ in customer.ends if outcome == "cancelled"}
    for cap in CAPS:
        times = sorted(
            attempt.at
            for action, attempt in last.items()
            if action not in failed | cancelled and cap.channel in (None, attempt.channel)
        )
        for index in range(len(times) - cap.limit):
            assert times[index + cap.limit] - times[index] >= cap.window


@given(steps)
def test_no_call_is_decided_in_quiet_hours(story: list[Step]) -> None:
    _, out = play(story)

    for attempt in out:
        if isinstance(attempt, Attempt):
            assert 8 * HOUR <= attempt.at % DAY < 22 * HOUR


@given(steps)
def test_calls_of_one_action_are_numbered_and_follow_each_other(story: list[Step]) -> None:
    customer, _ = play(story)

    for action in customer.state.marks:
        calls = [(attempt, at) for a, attempt, at in customer.attempts if a == action]
        assert [attempt for attempt, _ in calls] == list(range(1, len(calls) + 1))
        assert all(one[1] <= other[1] for one, other in pairwise(calls))


@pytest.mark.covers("F2")
@given(steps)
def test_crashes_and_ticks_in_between_change_no_decision(story: list[Step]) -> None:
    _, out = play(story)

    ticked: list[Step] = []
    for what, gap, detail in story:
        # The same instants, reached in two steps, and from stored state.
        ticked += [("clock", gap // 2, None), ("crash", 0, None), (what, gap - gap // 2, detail)]
    _, again = play(ticked)

    assert again == out


def test_the_stories_are_not_empty() -> None:
    customer, _ = play(
        [
            ("fires", 0, "f0"),
            ("fires", SECOND, "f1"),
            ("answer", SECOND, (0, 0, "sent")),
            ("clock", DAY, None),
        ]
    )

    assert customer.attempts
    assert customer.ends
