"""`Send`: the way of an action, from firing to its one end."""

from __future__ import annotations

import orjson
import pytest

from tests.core.sending.harness import (
    CUSTOMER,
    DAY,
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    WILLING,
    Customer,
    firing,
    ruleset_of,
)
from triggerstream.core.model import Cap, Policy, QuietHours
from triggerstream.core.policy.ledger import Ledger
from triggerstream.core.records.record import KIND, Kind, Produce
from triggerstream.core.sending.deliveries import Attempt
from triggerstream.core.sending.lifecycle import REPLAY_SLACK

EXPIRY = Policy().expiry


def test_an_action_is_reserved_called_and_sent() -> None:
    customer = Customer()

    customer.fires("f")
    customer.answers("f-0", "sent", NOON + SECOND)

    assert customer.attempts == [("f-0", 1, NOON)]
    assert customer.ends == [("f-0", "sent", None)]
    assert customer.state.pending == {}


def test_an_attempt_carries_what_the_channel_needs() -> None:
    customer = Customer(ruleset_of(version=7))

    customer.fires("f")

    attempt = customer.out[-1]
    assert isinstance(attempt, Attempt)
    assert (attempt.customer_id, attempt.channel, attempt.template) == (CUSTOMER, "email", "t")
    assert (attempt.ruleset, attempt.deadline) == (7, 10.0)
    assert attempt.firing == firing("f")


@pytest.mark.covers("G14")
def test_later_actions_wait_from_the_firing_however_late_it_is_read() -> None:
    customer = Customer()

    customer.fires("f", ("a", "email"), ("b", "sms", 6 * HOUR), at=NOON, arrival=NOON + 2 * HOUR)
    customer.clock(NOON + 6 * HOUR - 1)
    before = customer.attempts
    customer.clock(NOON + 6 * HOUR)

    assert before == [("a", 1, NOON + 2 * HOUR)]
    assert customer.attempts == [*before, ("b", 1, NOON + 6 * HOUR)]


@pytest.mark.parametrize(
    ("late", "due"),
    [
        pytest.param(6 * HOUR - 1, NOON + 6 * HOUR, id="just before it is due"),
        pytest.param(6 * HOUR, NOON + 6 * HOUR, id="when it is due"),
        pytest.param(6 * HOUR + 1, NOON + 6 * HOUR + 1, id="too late: at once"),
    ],
)
def test_what_was_due_before_its_firing_is_read_is_due_at_once(late: int, due: int) -> None:
    customer = Customer()

    customer.fires("f", ("a", "sms", 6 * HOUR), at=NOON, arrival=NOON + late)
    customer.clock(due - 1)
    before = customer.attempts
    customer.clock(due)

    assert before == ([] if late < 6 * HOUR else customer.attempts)
    assert customer.attempts == [("a", 1, due)]


def test_steps_that_a_backlog_made_due_together_go_in_their_order() -> None:
    customer = Customer(ruleset_of(Policy(caps=())))

    customer.fires(
        "f", ("a", "email"), ("b", "sms", HOUR), ("c", "email", 9 * HOUR), arrival=NOON + 8 * HOUR,
        at=NOON,
    )  # fmt: skip
    customer.clock(NOON + 9 * HOUR)

    late = NOON + 8 * HOUR
    assert customer.attempts == [("a", 1, late), ("b", 1, late), ("c", 1, NOON + 9 * HOUR)]


def test_a_step_read_late_expires_as_one_that_was_read_in_time() -> None:
    just, late = Customer(), Customer()
    due = NOON + 6 * HOUR

    just.fires("f", ("a", "sms", 6 * HOUR), at=NOON, arrival=due + EXPIRY - 1)
    late.fires("f", ("a", "sms", 6 * HOUR), at=NOON, arrival=due + EXPIRY)

    assert just.attempts == [("a", 1, due + EXPIRY - 1)]
    assert late.ends == [("a", "suppressed", "expired")]


def test_of_a_firing_that_is_dated_ahead_the_arrival_counts() -> None:
    """A timestamp may be ahead of its arrival by the policy's ``max_skew``."""
    customer = Customer()

    customer.fires("f", ("a", "email"), ("b", "sms", HOUR), at=NOON + 5 * MINUTE, arrival=NOON)
    customer.clock(NOON + HOUR)

    assert customer.attempts == [("a", 1, NOON), ("b", 1, NOON + HOUR)]


def test_what_is_due_is_judged_at_its_due_time_however_late_the_clock_comes() -> None:
    quiet = Policy(quiet_hours=QuietHours(22 * 60, 8 * 60))
    customer = Customer(ruleset_of(quiet))

    customer.fires("f", ("a", "sms", HOUR))
    customer.clock(NOON + 11 * HOUR)

    assert customer.attempts == [("a", 1, NOON + HOUR)]


@pytest.mark.covers("F3")
def test_what_is_due_together_goes_by_priority_and_then_by_arrival() -> None:
    customer = Customer(ruleset_of(Policy(caps=())))

    for name, priority in (("low", "low"), ("first", "high"), ("second", "high")):
        customer.fires(name, (name, "email", HOUR), priority=priority)
    customer.clock(NOON + HOUR)

    assert [action for action, _, _ in customer.attempts] == ["first", "second", "low"]


# ── repeats ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("outcome", ["sent", "failed", "unknown", None])
def test_a_repeated_firing_changes_nothing(outcome: str | None) -> None:
    customer = Customer()
    customer.fires("f")
    if outcome is not None:
        customer.answers("f-0", outcome, NOON + SECOND)
    before = customer.send.dump(customer.state, 0)
    decided = len(customer.out)

    status = customer.fires("f", arrival=NOON + MINUTE, at=NOON, profile={})

    assert status == "duplicate"
    assert customer.send.dump(customer.state, 0) == before
    assert customer.out[decided:] == customer.out[-1:]
    assert customer.ignored[-1] == "repeat"


def test_a_repeat_of_a_suppressed_action_is_no_second_end() -> None:
    customer = Customer()

    customer.fires("f", profile={})
    customer.fires("f", profile={}, arrival=NOON + MINUTE, at=NOON)

    assert customer.ends == [("f-0", "suppressed", "consent")]


def test_a_repeat_is_known_through_expiry_and_slack_and_then_expired() -> None:
    customer = Customer()
    customer.fires("f")
    customer.answers("f-0", "sent", NOON + SECOND)
    forgotten = NOON + EXPIRY + REPLAY_SLACK

    # Marks are pruned by what is new.
    customer.fires("g", arrival=forgotten - 1)
    customer.fires("f", at=NOON, arrival=forgotten - 1)
    customer.fires("h", arrival=forgotten)
    customer.fires("f", at=NOON, arrival=forgotten)

    assert customer.ignored == ["repeat"]
    assert customer.ends[-1] == ("f-0", "suppressed", "expired")


@pytest.mark.covers("G13")
def test_a_firing_that_took_too_long_to_arrive_is_expired() -> None:
    late, just = Customer(), Customer()

    late.fires("f", at=NOON - EXPIRY)
    just.fires("f", at=NOON - EXPIRY + 1)

    assert late.ends == [("f-0", "suppressed", "expired")]
    assert len(just.attempts) == 1


# ── answers ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.covers("G1")
def test_a_definite_failure_gives_slot_and_cooldown_back() -> None:
    customer = Customer()

    customer.fires("f")
    customer.answers("f-0", "failed", NOON + SECOND, reason="rejected", detail="550 no")
    customer.fires("g", arrival=NOON + MINUTE)

    assert customer.ends == [("f-0", "failed", "rejected")]
    assert customer.failed == ["f"]
    assert customer.attempts[-1] == ("g-0", 1, NOON + MINUTE)


@pytest.mark.parametrize(
    ("first", "second", "fails"),
    [
        ("failed", "failed", True),
        ("failed", "sent", False),
        ("sent", "failed", False),
        ("failed", "unknown", False),
        ("unknown", "failed", False),
        ("sent", "sent", False),
    ],
)
def test_a_firing_fails_once_when_an_action_failed_and_none_went_out(
    first: str, second: str, fails: bool
) -> None:
    customer = Customer()
    customer.fires("f", ("a", "email"), ("b", "sms"))

    customer.answers("a", first, NOON)
    assert customer.failed == []
    customer.crashes()
    customer.answers("b", second, NOON)

    assert customer.failed == (["f"] if fails else [])


def test_a_firing_has_not_failed_while_an_action_waits() -> None:
    customer = Customer()
    customer.fires("f", ("a", "email"), ("b", "sms", HOUR), ("c", "webhook", 2 * HOUR))
    customer.fires("g", ("d", "webhook", HOUR))
    customer.answers("a", "failed", NOON)

    customer.clock(NOON + HOUR)
    customer.answers("b", "failed", NOON + HOUR)
    assert customer.failed == []
    customer.reaches_goal(NOON + HOUR + 1)

    assert customer.ends[-1] == ("c", "cancelled", "goal")
    assert customer.failed == ["f"]


def test_what_may_have_gone_out_counts_for_the_rest_when_the_goal_calls_them_off() -> None:
    customer = Customer()
    customer.fires("f", ("a", "webhook"), ("b", "email"))
    customer.answers("a", "unknown", NOON)
    customer.answers("a", "retry", NOON, attempt=2, reason="unavailable")

    customer.reaches_goal(NOON + 1)
    customer.answers("b", "failed", NOON + 2)

    assert customer.ends == [("a", "unknown", "ambiguous"), ("b", "failed", "rejected")]
    assert customer.failed == []


def test_a_firing_of_which_nothing_was_tried_has_not_failed() -> None:
    customer = Customer()

    customer.fires("f", ("a", "email"), ("b", "sms"), profile={})

    assert [outcome for _, outcome, _ in customer.ends] == ["suppressed", "suppressed"]
    assert customer.failed == []


def test_an_erased_customer_has_no_failed_firings() -> None:
    customer = Customer()
    customer.fires("f", ("a", "email"), ("b", "sms", HOUR))
    customer.answers("a", "failed", NOON)

    customer.send.on_erase(customer.state, customer.ruleset, NOON + MINUTE, -1, customer.out)

    assert customer.ends[-1] == ("b", "suppressed", "erased")
    assert customer.failed == []


def test_a_failure_is_told_to_detection() -> None:
    customer = Customer()
    customer.fires("f")
    customer.answers("f-0", "failed", NOON)

    told = [p for o in customer.out for p in customer.send.encode(o, 1, NOON)]

    value = {"firing_id": "f", "trigger": "cart", "customer_id": CUSTOMER}
    headers = ((KIND, Kind.FAILED),)
    assert told[1] == Produce("events", None, b"c1", orjson.dumps(value), headers)


def test_a_delivery_tells_every_failing_gate() -> None:
    customer = Customer(ruleset_of(cart="shadow"))
    customer.fires("f", profile={"preferences": {"email": False}})

    (record,) = customer.send.encode(customer.out[-1], 1, NOON)

    assert (record.topic, record.partition, record.key) == ("deliveries", None, b"c1")
    assert record.value is not None
    assert orjson.loads(record.value) == {
        "action_id": "f-0",
        "firing_id": "f",
        "trigger": "cart",
        "customer_id": CUSTOMER,
        "channel": "email",
        "type": "behavioral",
        "mode": "live",
        "outcome": "suppressed",
        "reason": "consent",
        "failing": [
            {"gate": "consent", "detail": "email is opt_in, and the customer does not permit it"},
            {"gate": "shadow", "detail": ""},
            {"gate": "preference", "detail": "preferences.email is false"},
        ],
        "at": "2026-03-01T12:00:00.000Z",
        "attempts": 0,
        "reserved_at": None,
        "detail": "email is opt_in, and the customer does not permit it",
        "provider_id": None,
    }


@pytest.mark.covers("G6")
def test_a_retry_waits_longer_each_time_and_ends_exhausted() -> None:
    customer, at = Customer(), NOON
    customer.fires("f")

    pauses = []
    for attempt in range(1, 9):
        customer.answers("f-0", "retry", at, attempt=attempt, reason="unavailable", detail="451")
        wake = customer.send.wake_at(customer.state)
        if attempt < 8:
            pauses.append((wake - at) // SECOND)
            at = wake
            customer.clock(at)

    assert pauses == [5, 15, 45, 135, 405, 1215, 3600]
    assert customer.ends == [("f-0", "failed", "exhausted")]
    assert customer.deliveries[0].attempts == 8
    assert customer.failed == ["f"]


def test_the_far_side_may_ask_for_a_longer_pause() -> None:
    customer = Customer()
    customer.fires("f")

    customer.answers("f-0", "retry", NOON, retry_after=90.0)

    assert customer.send.wake_at(customer.state) == NOON + 90 * SECOND


@pytest.mark.parametrize("pause", [EXPIRY / 1000, 1e300])
def test_a_pause_beyond_the_expiry_ends_it_now(pause: float) -> None:
    customer = Customer()
    customer.fires("f")

    customer.answers("f-0", "retry", NOON, retry_after=pause)

    assert customer.ends == [("f-0", "failed", "exhausted")]


def test_a_retry_passes_the_gates_again() -> None:
    customer = Customer()
    customer.fires("f")
    customer.answers("f-0", "retry", NOON)

    customer.consents(at=NOON + SECOND, email_consent=False)
    customer.clock(NOON + 5 * SECOND)

    assert customer.ends == [("f-0", "suppressed", "consent")]


def test_a_retry_moves_its_slot_to_the_new_call() -> None:
    customer = Customer()
    customer.fires("f")
    customer.answers("f-0", "retry", NOON, retry_after=3600.0)
    customer.clock(NOON + HOUR)
    customer.answers("f-0", "sent", NOON + HOUR, attempt=2)

    customer.fires("g", arrival=NOON + DAY)
    customer.fires("h", arrival=NOON + DAY + HOUR)

    assert customer.ends[1:] == [("g-0", "suppressed", "frequency_cap")]
    assert customer.attempts[-1] == ("h-0", 1, NOON + DAY + HOUR)


def test_a_waiting_retry_holds_its_slot() -> None:
    customer = Customer()
    customer.fires("f")
    customer.answers("f-0", "retry", NOON, retry_after=3600.0)

    customer.fires("g", arrival=NOON + MINUTE)

    assert customer.ends == [("g-0", "suppressed", "frequency_cap")]


def test_an_unanswered_mail_is_never_sent_again_and_keeps_its_slot() -> None:
    customer = Customer()

    customer.fires("f")
    customer.answers("f-0", "unknown", NOON + SECOND)
    customer.fires("g", arrival=NOON + MINUTE)

    assert customer.ends == [
        ("f-0", "unknown", "ambiguous"),
        ("g-0", "suppressed", "frequency_cap"),
    ]
    assert len(customer.attempts) == 1


def test_an_unanswered_webhook_is_called_again_at_once_and_then_with_pauses() -> None:
    customer = Customer()

    customer.fires("f", ("a", "webhook"))
    customer.answers("a", "unknown", NOON + SECOND)
    customer.answers("a", "unknown", NOON + 2 * SECOND, attempt=2)
    customer.clock(NOON + 7 * SECOND)

    assert customer.attempts == [
        ("a", 1, NOON),
        ("a", 2, NOON + SECOND),
        ("a", 3, NOON + 7 * SECOND),
    ]


def test_what_may_have_gone_out_does_not_end_as_failed() -> None:
    customer = Customer()

    customer.fires("f", ("a", "webhook"))
    customer.answers("a", "unknown", NOON + SECOND)
    customer.answers("a", "failed", NOON + 2 * SECOND, attempt=2, reason="gone")

    assert customer.ends == [("a", "unknown", "ambiguous")]
    assert customer.failed == []
    assert len(customer.state.sends) == 1


@pytest.mark.parametrize("first", ["sent", "failed", "unknown"])
def test_the_first_answer_counts_and_a_later_one_is_only_counted(first: str) -> None:
    customer = Customer()
    customer.fires("f")
    customer.answers("f-0", first, NOON + SECOND)
    ends = customer.ends

    status = customer.answers("f-0", "sent", NOON + 2 * SECOND)

    assert status == "duplicate"
    assert customer.ends == ends
    assert customer.ignored == ["late_result"]


def test_the_answer_to_an_earlier_attempt_is_ignored() -> None:
    customer = Customer()
    customer.fires("f")
    customer.answers("f-0", "retry", NOON)
    customer.clock(NOON + 5 * SECOND)

    customer.answers("f-0", "failed", NOON + 6 * SECOND, attempt=1)
    customer.answers("f-0", "sent", NOON + 7 * SECOND, attempt=2)

    assert customer.ignored == ["late_result"]
    assert customer.ends == [("f-0", "sent", None)]


def test_a_call_that_never_began_is_decided_again_and_is_no_failure() -> None:
    customer, at = Customer(), NOON
    customer.fires("f")

    for attempt in range(1, 21):
        at += SECOND
        customer.answers("f-0", "retry", at, attempt=attempt, reason="not_called")

    assert customer.ends == []
    assert customer.attempts[-1] == ("f-0", 21, at)


# ── the goal ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.covers("G14", "G15")
def test_the_goal_calls_off_what_waits_and_leaves_what_is_reserved() -> None:
    customer = Customer()
    customer.fires("f", ("a", "email"), ("b", "sms", HOUR))

    customer.reaches_goal(NOON + MINUTE)
    customer.answers("a", "sent", NOON + 2 * MINUTE)

    assert customer.ends == [("b", "cancelled", "goal"), ("a", "sent", None)]


def test_the_goal_of_another_trigger_calls_nothing_off() -> None:
    customer = Customer()
    customer.fires("f", ("a", "email", HOUR))

    customer.reaches_goal(NOON + MINUTE, trigger="other")

    assert customer.ends == []


@pytest.mark.covers("G15")
def test_after_the_goal_there_is_no_retry() -> None:
    customer = Customer()
    customer.fires("f")

    customer.reaches_goal(NOON + MINUTE)
    customer.answers("f-0", "retry", NOON + 2 * MINUTE)

    assert customer.ends == [("f-0", "cancelled", "goal")]


def test_a_repeated_goal_spares_what_fired_since() -> None:
    customer = Customer()
    customer.reaches_goal(NOON)
    customer.fires("f", ("a", "email", HOUR), arrival=NOON + SECOND)

    status = customer.reaches_goal(NOON, arrival=NOON + MINUTE)
    customer.clock(NOON + 2 * HOUR)

    assert status == "duplicate"
    assert len(customer.attempts) == 1


# ── the end of a customer, and of a process ─────────────────────────────────────────────────


@pytest.mark.covers("N3")
def test_erasing_ends_everything_unfinished() -> None:
    customer = Customer()
    customer.fires("f", ("a", "email"), ("b", "sms", HOUR))

    customer.send.on_erase(customer.state, customer.ruleset, NOON + MINUTE, -1, customer.out)

    assert customer.ends == [("a", "suppressed", "erased"), ("b", "suppressed", "erased")]


def test_what_was_decided_before_the_erasure_is_a_repeat_and_nothing_is_sent() -> None:
    customer = Customer()
    customer.comes_back(7)

    assert customer.fires("f", ("a", "email"), ("b", "sms"), position=7) == "duplicate"
    assert customer.consents(position=6, email_consent=True) == "duplicate"
    assert customer.reaches_goal(NOON, position=5) == "duplicate"

    assert customer.attempts == []
    assert customer.ignored == ["repeat"] * 4
    assert customer.state == Ledger(erased=7)


def test_what_was_decided_after_the_erasure_is_sent_and_its_repeat_is_not() -> None:
    customer = Customer()
    customer.comes_back(7)

    assert customer.fires("f", ("a", "email"), position=8) == "applied"
    customer.crashes()
    assert customer.fires("f", ("a", "email"), position=8) == "duplicate"
    assert customer.fires("e", ("z", "email"), position=7) == "duplicate"

    assert [action for action, _, _ in customer.attempts] == ["a"]


def test_what_does_not_say_where_it_was_decided_is_taken_as_it_comes() -> None:
    customer = Customer()
    customer.comes_back(7)

    assert customer.fires("f") == "applied"
    assert customer.consents(email_consent=True) == "applied"


@pytest.mark.parametrize(
    ("erased", "again", "is_news"),
    [(7, 7, False), (7, 9, True), (7, -1, True), (-1, 9, True)],
    ids=["the same", "a later one", "one without a place", "the first"],
)
def test_only_an_erasure_that_is_no_repeat_ends_what_is_unfinished(
    erased: int, again: int, is_news: bool
) -> None:
    customer = Customer()
    customer.comes_back(erased)
    customer.fires("f", ("a", "sms", HOUR), position=9)

    told = customer.send.on_erase(customer.state, customer.ruleset, NOON, again, customer.out)

    assert told is is_news
    assert customer.ends == ([("a", "suppressed", "erased")] if is_news else [])


def test_an_erasure_that_is_heard_late_keeps_only_what_tells_a_repeat() -> None:
    """Its first append had failed, and what was decided behind it is told again after it."""
    customer = Customer()
    customer.reaches_goal(NOON, trigger="other", position=6)
    customer.consents(position=6, email_consent=False)
    customer.reaches_goal(NOON, position=8)
    customer.fires("f", ("a", "webhook", HOUR), position=9)

    told = customer.send.on_erase(customer.state, customer.ruleset, NOON, 7, customer.out)

    assert told is False
    assert customer.ends == [("a", "suppressed", "erased")]
    marks = {"a": customer.state.marks["a"]}
    assert customer.state == Ledger(
        erased=7, heard=9, marks=marks, goals={"cart": NOON}, goal_positions={"cart": 8}
    )
    assert customer.consents(position=6, email_consent=True) == "duplicate"
    assert customer.consents(position=8, email_consent=True) == "applied"
    assert customer.fires("f", ("a", "webhook", HOUR), position=9) == "duplicate"


@pytest.mark.parametrize(
    ("erased", "is_forgotten"), [(8, False), (9, True)], ids=["late", "in order"]
)
def test_an_erasure_is_late_where_later_decisions_were_heard(
    erased: int, is_forgotten: bool
) -> None:
    customer = Customer()
    customer.fires("f", position=9)

    told = customer.send.on_erase(customer.state, customer.ruleset, NOON, erased, customer.out)

    assert told is is_forgotten


@pytest.mark.covers("F9")
def test_only_reserved_actions_are_resumed() -> None:
    customer = Customer()
    customer.fires("f", ("a", "email"), ("b", "sms", HOUR))
    (reserved,) = [o for o in customer.out if isinstance(o, Attempt)]
    customer.crashes()

    assert customer.send.resume(customer.state) == [reserved]


def test_a_customer_cannot_have_more_unfinished_actions_than_a_state_holds() -> None:
    customer = Customer()

    for number in range(201):
        customer.fires(f"f{number}", (f"a{number}", "sms", HOUR))

    assert customer.ends == [("a200", "suppressed", "overflow")]


def test_a_customer_is_described_for_people() -> None:
    customer = Customer()
    customer.fires("f", ("a", "email"), ("b", "sms", HOUR), profile={**WILLING, "unsubscribed": 0})
    customer.fires("g", ("c", "log"))
    customer.answers("c", "sent", NOON)

    described = customer.send.describe(customer.state, customer.ruleset)

    assert orjson.dumps(described)
    assert described["consent"] == {"email_consent": True, "sms_consent": True}
    assert [p["state"] for p in described["pending"]] == ["reserved", "waiting"]
    assert described["pending"][1]["not_before"] == "2026-03-01T13:00:00.000Z"
    assert described["sends"] == [
        {"at": "2026-03-01T12:00:00.000Z", "channel": "log", "type": "behavioral"}
    ]


def test_a_deferred_action_takes_its_slot_only_when_it_is_reserved() -> None:
    cap = Cap(limit=1, window=DAY, channel=None)
    customer = Customer(ruleset_of(Policy(caps=(cap,))))

    customer.fires("f", ("a", "sms", HOUR))
    customer.fires("g")
    customer.clock(NOON + HOUR)

    assert customer.attempts == [("g-0", 1, NOON)]
    assert customer.ends == [("a", "suppressed", "frequency_cap")]


def test_a_second_goal_of_the_same_moment_calls_off_what_fired_in_between() -> None:
    customer = Customer()
    customer.reaches_goal(NOON, position=7)
    customer.fires("f", ("a", "email", HOUR))
    customer.reaches_goal(NOON, position=9)

    assert [(d.action_id, d.outcome) for d in customer.deliveries] == [("a", "cancelled")]


def test_a_repeated_goal_calls_off_nothing_that_fired_since() -> None:
    customer = Customer()
    customer.reaches_goal(NOON, position=7)
    customer.fires("f", ("a", "email", HOUR))
    customer.reaches_goal(NOON, position=7)

    assert list(customer.state.pending) == ["a"]
