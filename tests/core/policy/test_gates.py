"""The gates, one by one, and their order."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.sending.harness import DAY, HOUR, MINUTE, NOON, WILLING, Customer, ruleset_of
from triggerstream.core.model import Cap, Policy, QuietHours
from triggerstream.core.policy.holdout import bucket, is_held_out

NIGHT = QuietHours(22 * 60, 8 * 60)
MIDNIGHT = NOON + 12 * HOUR
MORNING = MIDNIGHT + 8 * HOUR


def only_end(customer: Customer) -> tuple[str, str | None]:
    (end,) = customer.ends
    return end[1:]


# ── consent and preference ──────────────────────────────────────────────────────────────────


@pytest.mark.covers("N1")
@pytest.mark.parametrize(
    ("profile", "type_", "regime", "passes"),
    [
        pytest.param({"email_consent": True}, "behavioral", "opt_in", True, id="a yes"),
        pytest.param({}, "behavioral", "opt_in", False, id="silence is no yes"),
        pytest.param({"email_consent": "true"}, "behavioral", "opt_in", True, id="as text"),
        pytest.param({"email_consent": 2}, "behavioral", "opt_in", False, id="no yes, no no"),
        pytest.param({"email_consent": 2}, "behavioral", "opt_out", False, id="taken for a no"),
        pytest.param({"sms_consent": True}, "behavioral", "opt_in", False, id="other channel"),
        pytest.param({}, "transactional", "opt_in", True, id="transactional wants no no"),
        pytest.param({"email_consent": False}, "transactional", "opt_in", False, id="but heeds it"),
        pytest.param({}, "behavioral", "opt_out", True, id="opt-out takes silence"),
        pytest.param({"email_consent": False}, "behavioral", "opt_out", False, id="not a no"),
        pytest.param({"email_consent": False}, "behavioral", "none", True, id="nothing is asked"),
        pytest.param(
            {"email_consent": True, "unsubscribed": True}, "lifecycle", "opt_in", False, id="left"
        ),
        pytest.param({"unsubscribed": True}, "lifecycle", "opt_out", False, id="left, opt-out"),
        pytest.param({"unsubscribed": True}, "transactional", "opt_in", True, id="receipts go on"),
    ],
)
def test_consent(profile: dict[str, Any], type_: str, regime: str, passes: bool) -> None:
    customer = Customer(ruleset_of(Policy(consent={"email": regime})))

    customer.fires("f", profile=profile, type=type_)

    assert bool(customer.attempts) == passes
    assert passes or only_end(customer) == ("suppressed", "consent")


def test_a_channel_that_the_policy_does_not_name_needs_no_consent() -> None:
    customer = Customer()

    customer.fires("f", ("a", "webhook"), profile={})

    assert len(customer.attempts) == 1


def test_what_was_said_last_counts_for_what_waits() -> None:
    customer = Customer()
    customer.fires(
        "f", ("no", "email", HOUR), ("yes", "sms", HOUR), profile={"email_consent": True}
    )

    customer.consents(at=NOON + MINUTE, sms_consent=True)
    customer.clock(NOON + HOUR)

    assert customer.ends == [("no", "suppressed", "consent")]
    assert [action for action, _, _ in customer.attempts] == ["yes"]


@pytest.mark.covers("H11", "N8")
@pytest.mark.parametrize("word", [True, "true", "2026-03-02T12:00:00Z"])
def test_whoever_unsubscribes_in_between_gets_no_mail_two_days_later(word: Any) -> None:
    customer = Customer(ruleset_of(Policy(caps=())))
    customer.fires("f", ("mail", "email", 2 * DAY))

    customer.consents(at=NOON + DAY, email_consent=True, unsubscribed=word)
    customer.clock(NOON + 2 * DAY)

    assert customer.ends == [("mail", "suppressed", "consent")]
    assert customer.attempts == []


def test_an_old_grant_does_not_undo_a_later_withdrawal() -> None:
    customer = Customer()

    customer.consents(at=NOON, email_consent=False)
    customer.consents(at=NOON - 1, arrival=NOON + 1, email_consent=True)
    customer.fires("f", arrival=NOON + 2, at=NOON - 1)

    assert only_end(customer) == ("suppressed", "consent")


def test_a_withdrawal_counts_however_old_it_is() -> None:
    customer = Customer()

    customer.consents(at=NOON, email_consent=True)
    customer.consents(at=NOON - DAY, arrival=NOON + 1, email_consent=False)
    customer.fires("f", arrival=NOON + 2, at=NOON - 1)

    assert only_end(customer) == ("suppressed", "consent")


def test_a_new_grant_by_a_firing_counts() -> None:
    customer = Customer()

    customer.consents(at=NOON, email_consent=False)
    customer.fires("f", arrival=NOON + 1)

    assert len(customer.attempts) == 1


@pytest.mark.covers("H4")
@pytest.mark.parametrize("name", ["email", "behavioral", "cart"])
def test_a_preference_against_channel_type_or_trigger_suppresses(name: str) -> None:
    profile = {**WILLING, "preferences": {name: False, "sms": True}}
    marketing, receipt = Customer(), Customer()

    marketing.fires("f", profile=profile)
    receipt.fires("f", profile=profile, type="transactional")

    assert only_end(marketing) == ("suppressed", "preference")
    assert len(receipt.attempts) == 1


@pytest.mark.parametrize("preferences", [None, [], {"email": None}, {"email": "yes"}])
def test_preferences_that_say_no_to_nothing_stop_nothing(preferences: Any) -> None:
    customer = Customer()

    customer.fires("f", profile={**WILLING, "preferences": preferences})

    assert len(customer.attempts) == 1


@pytest.mark.parametrize("preferences", ["none", {"email": "no"}, {"email": "seldom"}])
def test_preferences_that_cannot_be_read_are_noes(preferences: Any) -> None:
    customer = Customer()

    customer.fires("f", profile={**WILLING, "preferences": preferences})

    assert only_end(customer) == ("suppressed", "preference")


# ── trigger ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", ["off", "gone"])
def test_a_trigger_that_is_off_or_gone_sends_nothing(mode: str) -> None:
    customer = Customer(ruleset_of(cart=mode))

    customer.fires("f")

    assert only_end(customer) == ("suppressed", "trigger_off")


def test_a_trigger_that_the_sender_has_not_heard_of_yet_is_not_off() -> None:
    customer = Customer(ruleset_of(cart="gone", version=1))

    customer.fires("f", ruleset=2)

    assert len(customer.attempts) == 1


@pytest.mark.covers("E3")
def test_switching_a_trigger_off_stops_what_waits() -> None:
    customer = Customer()
    customer.fires("f", ("a", "email", HOUR))

    customer.ruleset = ruleset_of(cart="off", version=2)
    customer.clock(NOON + HOUR)

    assert only_end(customer) == ("suppressed", "trigger_off")


@pytest.mark.covers("E11")
@pytest.mark.parametrize(("fired", "now"), [("shadow", "live"), ("live", "shadow")])
def test_shadow_is_decided_and_never_sent(fired: str, now: str) -> None:
    customer = Customer(ruleset_of(cart=now))

    customer.fires("f", mode=fired)

    assert only_end(customer) == ("suppressed", "shadow")


# ── quiet hours ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.covers("H13")
def test_quiet_hours_defer_to_their_end() -> None:
    customer = Customer(ruleset_of(Policy(quiet_hours=NIGHT)))

    customer.fires("f", arrival=MIDNIGHT)
    customer.clock(MORNING - 1)
    before = customer.attempts
    customer.clock(MORNING)

    assert before == []
    assert customer.attempts == [("f-0", 1, MORNING)]


@pytest.mark.covers("H13")
def test_quiet_hours_are_those_of_the_customer() -> None:
    customer = Customer(ruleset_of(Policy(quiet_hours=NIGHT)))

    customer.fires("f", arrival=MIDNIGHT, profile={**WILLING, "timezone": "Asia/Tokyo"})

    assert customer.attempts == [("f-0", 1, MIDNIGHT)]


@pytest.mark.parametrize("zone", [None, "Mars/Olympus", 7])
def test_without_a_zone_of_the_customer_the_policy_has_one(zone: Any) -> None:
    policy = Policy(quiet_hours=NIGHT, timezone="Asia/Tokyo")
    customer = Customer(ruleset_of(policy))

    customer.fires("f", arrival=MIDNIGHT, profile={**WILLING, "timezone": zone})

    assert len(customer.attempts) == 1


def test_transactional_messages_come_at_any_time() -> None:
    customer = Customer(ruleset_of(Policy(quiet_hours=NIGHT)))

    customer.fires("f", arrival=MIDNIGHT, type="transactional")

    assert len(customer.attempts) == 1


@pytest.mark.parametrize(("expiry", "deferred"), [(8 * HOUR, False), (8 * HOUR + 1, True)])
def test_quiet_hours_that_outlast_the_expiry_suppress(expiry: int, deferred: bool) -> None:
    customer = Customer(ruleset_of(Policy(quiet_hours=NIGHT, expiry=expiry)))

    customer.fires("f", arrival=MIDNIGHT)

    assert bool(customer.state.pending) == deferred
    assert deferred or only_end(customer) == ("suppressed", "quiet_hours")


def test_after_the_quiet_hours_all_gates_are_asked_again() -> None:
    customer = Customer(ruleset_of(Policy(quiet_hours=NIGHT)))
    customer.fires("f", arrival=MIDNIGHT)

    customer.consents(at=MIDNIGHT + HOUR, email_consent=False)
    customer.clock(MORNING)

    assert only_end(customer) == ("suppressed", "consent")


@pytest.mark.covers("F4", "H9")
def test_of_two_that_waited_for_the_morning_the_more_important_gets_the_slot() -> None:
    customer = Customer(ruleset_of(Policy(quiet_hours=NIGHT)))

    customer.fires("low", arrival=MIDNIGHT, priority="low")
    customer.fires("high", arrival=MIDNIGHT + HOUR, priority="high")
    customer.clock(MORNING)

    assert customer.attempts == [("high-0", 1, MORNING)]
    assert customer.ends == [("low-0", "suppressed", "frequency_cap")]


# ── caps ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.covers("H1")
@pytest.mark.parametrize(("later", "passes"), [(DAY - 1, False), (DAY, True)])
def test_the_window_of_a_cap_is_open_at_its_start(later: int, passes: bool) -> None:
    customer = Customer()
    customer.fires("f")
    customer.answers("f-0", "sent", NOON)

    customer.fires("g", arrival=NOON + later)

    assert (("g-0", 1, NOON + later) in customer.attempts) == passes


@pytest.mark.covers("H1")
def test_two_firings_of_one_moment_never_both_pass_a_cap_of_one() -> None:
    customer = Customer()

    customer.fires("f")
    customer.fires("g")

    assert customer.attempts == [("f-0", 1, NOON)]
    assert customer.ends == [("g-0", "suppressed", "frequency_cap")]


def test_a_cap_that_defers_waits_until_there_is_room() -> None:
    cap = Cap(limit=2, window=DAY, channel="email", on_cap="defer")
    customer = Customer(ruleset_of(Policy(caps=(cap,))))

    for number in range(4):
        customer.fires(f"f{number}", arrival=NOON + number * HOUR)
    customer.clock(NOON + 2 * DAY)

    assert customer.attempts == [
        ("f0-0", 1, NOON),
        ("f1-0", 1, NOON + HOUR),
        ("f2-0", 1, NOON + DAY),
        ("f3-0", 1, NOON + DAY + HOUR),
    ]


@pytest.mark.parametrize("order", [1, -1])
def test_a_cap_that_drops_wins_over_one_that_defers(order: int) -> None:
    caps = (Cap(limit=1, window=DAY, on_cap="defer"), Cap(limit=1, window=HOUR, on_cap="drop"))
    customer = Customer(ruleset_of(Policy(caps=caps[::order])))

    customer.fires("f")
    customer.fires("g")

    assert customer.ends == [("g-0", "suppressed", "frequency_cap")]


@pytest.mark.parametrize(("later", "passes"), [(HOUR - 1, False), (HOUR, True)])
def test_a_short_window_beside_a_long_one_is_open_at_its_start_too(
    later: int, passes: bool
) -> None:
    caps = (Cap(limit=1, window=HOUR), Cap(limit=9, window=DAY))
    customer = Customer(ruleset_of(Policy(caps=caps)))
    customer.fires("f")
    customer.answers("f-0", "sent", NOON)

    customer.fires("g", arrival=NOON + later)

    assert (("g-0", 1, NOON + later) in customer.attempts) == passes


def test_a_cap_that_was_lowered_waits_until_enough_slots_are_free() -> None:
    customer = Customer(ruleset_of(Policy(caps=(Cap(limit=9, window=DAY),))))
    for number in range(3):
        customer.fires(f"f{number}", arrival=NOON + number * HOUR)

    lowered = Policy(caps=(Cap(limit=1, window=DAY, on_cap="defer"),))
    customer.ruleset = ruleset_of(lowered, version=2)
    customer.fires("g", arrival=NOON + 3 * HOUR)

    assert customer.send.wake_at(customer.state) == NOON + 2 * HOUR + DAY


def test_a_cap_over_all_channels_counts_them_together() -> None:
    customer = Customer(ruleset_of(Policy(caps=(Cap(limit=1, window=DAY),))))

    customer.fires("f", ("a", "email"), ("b", "sms"))

    assert customer.ends == [("b", "suppressed", "frequency_cap")]


@pytest.mark.covers("E2")
def test_transactional_messages_neither_count_nor_are_capped_by_default() -> None:
    customer = Customer()

    customer.fires("receipt", type="transactional")
    customer.fires("offer")
    customer.fires("another-receipt", type="transactional")

    assert len(customer.attempts) == 3


# ── holdout ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.covers("J2")
def test_who_is_held_out_takes_no_slot() -> None:
    customer = Customer()

    customer.fires("f", holdout=0.9999)
    customer.fires("g")

    assert customer.ends == [("f-0", "held_out", None)]
    assert customer.attempts == [("g-0", 1, NOON)]


@pytest.mark.covers("J2")
def test_only_who_would_have_got_it_is_held_out() -> None:
    customer = Customer()

    customer.fires("f", holdout=0.9999, profile={})

    assert only_end(customer) == ("suppressed", "consent")


@pytest.mark.covers("J2")
def test_a_holdout_is_the_same_for_ever_and_about_its_share() -> None:
    held = sum(is_held_out("cart", f"c{number}", 0.1) for number in range(10_000))

    assert 900 < held < 1_100
    assert bucket("cart", "c1") == 5635
    assert not any(is_held_out("cart", f"c{number}", 0.0) for number in range(1_000))


# ── order ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.covers("H6")
def test_all_failing_gates_are_recorded_in_order_and_the_first_is_the_reason() -> None:
    policy = Policy(quiet_hours=NIGHT, expiry=HOUR, caps=(Cap(limit=1, window=9 * DAY),))
    customer = Customer(ruleset_of(policy, cart="shadow"))
    customer.fires("sent", ("s", "log"), trigger="other")
    profile = {"preferences": {"email": False}}

    customer.fires("f", at=NOON, arrival=MIDNIGHT, profile=profile)

    (delivery,) = customer.deliveries
    assert delivery.reason == "consent"
    assert [failing.reason for failing in delivery.failing] == [
        "consent",
        "shadow",
        "expired",
        "preference",
        "quiet_hours",
        "frequency_cap",
    ]
