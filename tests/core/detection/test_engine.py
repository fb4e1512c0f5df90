"""The engine: the order of what is decided for one customer, and what each kind of record does."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.detection.customers import LATENESS, Customer, kinds, ruleset_of
from triggerstream.core.decisions import (
    Bounded,
    Clamped,
    ConsentChanged,
    ExpressionErred,
    Firing,
    GoalReached,
    Suppressed,
    TriggerFailed,
    firing_id,
)
from triggerstream.core.events.event import Event
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.patterns.aggregates import MOST_HELD
from triggerstream.core.patterns.event import EventMatcher
from triggerstream.core.patterns.per import MOST_INSTANCES
from triggerstream.core.reasons import SuppressionReason
from triggerstream.core.rulesets.ruleset import Interest

EVERY_A = "{trigger: t, when: {event: A}}"
ABSENCE = "{trigger: t, when: {sequence: [{event: A}, {absent: X, for: 20s}]}}"
START = 100_000
DUE = START + 20_000


# ── effective time, late, duplicates ────────────────────────────────────────────────────────


def test_an_event_a_little_behind_is_moved_up_to_the_last_one() -> None:
    customer = Customer(EVERY_A)
    customer.happens("B", START)

    (firing,) = customer.happens("A", START - LATENESS, arrival=START)

    assert firing.at == START
    assert customer.statuses == ["applied", "applied"]


@pytest.mark.covers("A14")
def test_an_event_further_behind_is_late_and_never_fires() -> None:
    customer = Customer(EVERY_A)
    customer.happens("B", START)

    assert customer.happens("A", START - LATENESS - 1, arrival=START) == []
    assert customer.statuses == ["applied", "late"]
    assert customer.state.last == START


def test_lateness_is_the_customers_own_and_not_the_clocks() -> None:
    customer = Customer(EVERY_A)

    (firing,) = customer.happens("A", 5, arrival=START)

    assert firing.at == 5


@pytest.mark.covers("A2")
def test_a_duplicate_changes_nothing() -> None:
    customer = Customer("{trigger: t, when: {count: A, at_least: 2}}")
    customer.happens("A", START, event_id="x")
    before = customer.program.dump(customer.state, 0)

    assert customer.happens("A", START + 5, event_id="x") == []
    assert customer.statuses[-1] == "duplicate"
    assert customer.program.dump(customer.state, 0) == before


def test_a_duplicate_still_lets_the_clock_fire_timers() -> None:
    customer = Customer(ABSENCE)
    customer.happens("A", START, event_id="x")

    customer.happens("A", START, event_id="x", arrival=DUE + LATENESS)

    assert customer.told == "t:x@1970-01-01T00:02:00.000Z"
    assert customer.statuses == ["applied", "duplicate"]


def test_ids_are_one_events_own_only_within_a_source() -> None:
    customer = Customer(EVERY_A)

    for source in ("web", "app", "web", ""):
        customer.happens("A", START, event_id="x", source=source)
    customer.happens("A", START, event_id="x")

    assert customer.statuses == ["applied", "applied", "duplicate", "applied", "applied"]


def test_a_late_event_is_remembered_among_the_newest() -> None:
    customer = Customer(EVERY_A)
    customer.happens("B", START)
    customer.happens("A", 1, event_id="x", arrival=START)

    customer.happens("A", START, event_id="x")

    assert customer.statuses == ["applied", "late", "duplicate"]


@pytest.mark.parametrize(
    ("ahead", "at"),
    [
        pytest.param(300_000, START + 300_000, id="as far as allowed"),
        pytest.param(300_001, START, id="too far"),
    ],
)
def test_a_timestamp_too_far_ahead_of_its_arrival_is_taken_for_it(ahead: int, at: int) -> None:
    customer = Customer(EVERY_A)

    out = customer.happens("A", START + ahead, arrival=START)

    assert out[-1].at == at
    assert [each for each in out if isinstance(each, Clamped)] == (
        [Clamped("c", START + ahead, START)] if at == START else []
    )


def test_skew_is_not_clamped_where_arrivals_are_made_up() -> None:
    customer = Customer(EVERY_A, clamp_skew=False)

    (firing,) = customer.happens("A", 10 * START, arrival=START)

    assert firing.at == 10 * START


# ── timers ──────────────────────────────────────────────────────────────────────────────────


def test_a_timer_fires_when_the_clock_reaches_its_due_time_and_the_lateness() -> None:
    customer = Customer(ABSENCE)
    customer.happens("A", START)

    assert customer.state.wake == DUE + LATENESS
    assert customer.waits_until(DUE + LATENESS - 1) == []
    (firing,) = customer.waits_until(DUE + LATENESS)
    assert firing.at == DUE
    assert customer.state.wake == NEVER


def test_a_timers_firing_is_named_by_its_due_time_too() -> None:
    customer = Customer(ABSENCE)
    customer.happens("A", START, event_id="x", source="web")

    (firing,) = customer.waits_until(DUE + LATENESS)

    assert firing.firing_id == firing_id("t", "c", None, "web", "x", DUE)


def test_a_timer_waits_for_the_arrival_of_its_opener() -> None:
    customer = Customer(ABSENCE)
    customer.happens("A", START, arrival=START + 90_000)

    assert customer.state.wake == START + 90_000 + LATENESS
    assert customer.waits_until(START + 90_000 + LATENESS - 1) == []
    (firing,) = customer.waits_until(START + 90_000 + LATENESS)
    assert firing.at == DUE


def test_instances_wait_for_the_arrival_of_their_own_opener() -> None:
    customer = Customer(
        "{trigger: t, when: {sequence: [{event: A}, {absent: X, for: 20s}], per: event_data.k}}"
    )
    customer.happens("A", START, k="late", arrival=START + 90_000)
    customer.happens("A", START, k="early", arrival=START)

    (firing,) = customer.happens("B", START, arrival=DUE + LATENESS)

    assert firing.instance == "early"


def test_who_waits_no_longer_is_not_woken() -> None:
    customer = Customer(
        "{trigger: t, when: {sequence: [{event: A}, {event: B}, {absent: X, for: 20s}]}}"
    )
    customer.happens("A", START)
    customer.happens("B", START)
    assert customer.state.wake == DUE + LATENESS

    customer.happens("X", START)

    assert customer.holders == {"t"}
    assert (customer.state.wake, customer.state.due, customer.state.waits) == (NEVER, NEVER, {})


def test_one_clock_advance_fires_every_timer_of_an_instance() -> None:
    customer = Customer(
        """
        trigger: t
        when:
          all:
            - sequence: [{event: A}, {absent: X, for: 10s}]
            - sequence: [{event: A}, {absent: Y, for: 20s}]
        """
    )
    customer.happens("A", START)

    (firing,) = customer.waits_until(DUE * 2)

    assert firing.at == DUE


@pytest.mark.parametrize(
    ("at", "fired"), [pytest.param(DUE - 1, 0, id="before"), pytest.param(DUE, 1, id="at the due")]
)
def test_a_timer_fires_before_the_event_that_reaches_it(at: int, fired: int) -> None:
    customer = Customer(ABSENCE)
    customer.happens("A", START)

    assert len(customer.happens("X", at)) == fired
    assert customer.state.wake == NEVER


def test_a_late_event_fires_no_timer() -> None:
    customer = Customer(ABSENCE)
    customer.happens("A", START)
    customer.happens("B", DUE - 1)

    assert customer.happens("B", DUE - LATENESS - 2, arrival=DUE) == []


def test_timers_go_by_due_then_trigger_then_instance() -> None:
    absence = "{sequence: [{event: A}, {absent: X, for: %s}], per: event_data.k}"
    customer = Customer(
        "\n---\n".join(
            [
                f"trigger: b\nwhen: {absence % '20s'}",
                f"trigger: a\npriority: low\nwhen: {absence % '20s'}",
                f"trigger: c\nwhen: {absence % '19s'}",
            ]
        )
    )
    for key in ("y", "x", "10", "9"):
        customer.happens("A", START, k=key)

    out = customer.happens("B", DUE)

    assert [(firing.trigger, firing.instance) for firing in out] == [
        (trigger, instance) for trigger in "cab" for instance in ("10", "9", "x", "y")
    ]


def test_the_timers_match_discards_the_instances_other_timers() -> None:
    customer = Customer(
        """
        trigger: t
        when:
          any:
            - sequence: [{event: A}, {absent: X, for: 20s}]
            - sequence: [{event: A}, {absent: Y, for: 20s}]
        """
    )
    customer.happens("A", START)

    assert kinds(customer.waits_until(DUE * 2)) == ["Firing"]


ALONE = "{sequence: [{event: B}, {absent: X, for: 20s}]}"
BEHIND_A = "{sequence: [{event: A}, {event: B}, {absent: Y, for: 20s}]}"


@pytest.mark.parametrize(
    ("first", "second", "events"),
    [(ALONE, BEHIND_A, ("1",)), (BEHIND_A, ALONE, ("0", "1"))],
)
def test_timers_of_an_instance_that_are_due_at_once_go_by_the_file(
    first: str, second: str, events: tuple[str, ...]
) -> None:
    customer = Customer(f"{{trigger: t, when: {{any: [{first}, {second}]}}}}")
    customer.happens("A", START)
    customer.happens("B", START)

    (firing,) = customer.waits_until(DUE + LATENESS)

    assert firing.events == events


def test_a_timer_sees_the_last_matched_event_and_the_profile_as_it_stands() -> None:
    customer = Customer(
        """
        trigger: t
        when: {sequence: [{event: A}, {absent: X, for: 20s}]}
        if:
          all:
            - event_data.n: {equals: 7}
            - profile.tier: {equals: gold}
        """
    )
    customer.happens("A", START, n=7)
    customer.happens("identify", START + 1, tier="gold")

    (firing,) = customer.waits_until(DUE + LATENESS)

    assert firing.profile == {"tier": "gold"}
    assert b'"event_data":{"n":7}' in bytes(firing.event)


# ── the order within one event ──────────────────────────────────────────────────────────────


@pytest.mark.covers("F4")
def test_triggers_go_by_priority_then_id() -> None:
    customer = Customer(
        "\n---\n".join(
            f"trigger: {id_}\npriority: {priority}\nwhen: {{event: A}}"
            for id_, priority in [("z", "low"), ("b", "high"), ("a", "high"), ("y", "critical")]
        )
    )

    assert [firing.trigger for firing in customer.happens("A", START)] == ["y", "a", "b", "z"]


@pytest.mark.covers("D14")
def test_identify_is_known_to_the_triggers_of_the_same_event() -> None:
    customer = Customer("{trigger: t, when: {event: identify}, if: {profile.n: {equals: 1}}}")

    assert kinds(customer.happens("identify", START, n=1)) == ["Firing"]


@pytest.mark.covers("D1", "D16")
def test_identify_merges_key_by_key_and_a_null_removes() -> None:
    customer = Customer(EVERY_A)
    customer.happens("identify", START, a=1, b={"x": 1})
    customer.happens("identify", START, b={"y": 2}, c=3, a=None)

    assert customer.state.profile == {"b": {"y": 2}, "c": 3}


def test_a_firing_keeps_the_profile_that_it_saw() -> None:
    customer = Customer(EVERY_A)
    customer.happens("identify", START, a=1)
    (firing,) = customer.happens("A", START)
    customer.happens("identify", START, a=2)

    assert firing.profile == {"a": 1}


@pytest.mark.covers("A14", "D16")
def test_a_late_identify_still_counts() -> None:
    customer = Customer(EVERY_A)
    customer.happens("B", START)
    customer.happens("identify", 5, arrival=START, email_consent=False)

    assert customer.state.profile == {"email_consent": False}
    assert customer.out == [ConsentChanged("c", START, {"email_consent": False})]


def test_a_change_of_consent_is_told_whole() -> None:
    customer = Customer(EVERY_A)
    customer.happens("identify", START, email_consent=True, sms_consent=True, name="n")

    out = customer.happens("identify", START + 1, sms_consent=False, unsubscribed=["news"])

    expected = {"email_consent": True, "sms_consent": False, "unsubscribed": ["news"]}
    assert out == [ConsentChanged("c", START + 1, expected)]


@pytest.mark.parametrize("said", [{"email_consent": True}, {"name": "n"}])
def test_what_changes_no_consent_is_not_told(said: dict[str, Any]) -> None:
    customer = Customer(EVERY_A)
    customer.happens("identify", START, email_consent=True)

    assert customer.happens("identify", START, **said) == []


def test_consent_is_typed() -> None:
    customer = Customer(EVERY_A)
    customer.happens("identify", START, email_consent=True)

    assert customer.happens("identify", START, email_consent=1) == [
        ConsentChanged("c", START, {"email_consent": 1})
    ]


# ── goals ───────────────────────────────────────────────────────────────────────────────────

GOAL = "{trigger: t, when: {event: A}, until: P}"


def test_a_goal_is_reached_once_after_a_firing() -> None:
    customer = Customer(GOAL)

    assert customer.happens("P", START) == []
    customer.happens("A", START + 1)
    assert customer.happens("P", START + 2) == [GoalReached("t", "c", START + 2, position=2)]
    assert customer.happens("P", START + 3) == []


def test_a_late_goal_is_a_goal() -> None:
    customer = Customer(GOAL)
    customer.happens("A", START)

    assert customer.happens("P", 7, arrival=START) == [GoalReached("t", "c", START, position=1)]


def test_the_event_that_fires_is_not_its_own_goal() -> None:
    customer = Customer("{trigger: t, when: {event: A}, until: A}")

    assert kinds(customer.happens("A", START)) == ["Firing"]
    assert kinds(customer.happens("A", START + 1)) == ["GoalReached", "Firing"]


def test_a_timer_comes_before_the_goal_that_makes_it_fire() -> None:
    customer = Customer(
        "{trigger: t, when: {sequence: [{event: A}, {absent: X, for: 20s}]}, until: P}"
    )
    customer.happens("A", START)

    assert kinds(customer.happens("P", DUE)) == ["Firing", "GoalReached"]


def test_a_suppressed_match_awaits_no_goal() -> None:
    customer = Customer("{trigger: t, when: {event: A}, until: P, if: {event_data.n: {equals: 1}}}")
    customer.happens("A", START)

    assert customer.happens("P", START) == []


@pytest.mark.parametrize(("holds", "does_not"), [("a", "b"), ("b", "a")])
def test_what_one_trigger_holds_is_kept_although_another_does_not_hold_it(
    holds: str, does_not: str
) -> None:
    customer = Customer(
        f"{{trigger: {holds}, when: {{count: A, at_least: 2}}}}\n---\n{{trigger: {does_not}, "
        "when: {sequence: [{event: B}, {event: A}], per: event_data.k}}"
    )
    customer.happens("A", START, k="x")
    assert customer.state.id_list() == ["0"]

    assert customer.happens("A", START, k="x")[0].events == ("0", "1")


# ── limits and failed deliveries ────────────────────────────────────────────────────────────


def test_a_suppressed_match_says_what_stood_against_it() -> None:
    customer = Customer(
        "{trigger: t, when: {event: A}, if: {event_data.n: {equals: 1}}, then: [{log: {}}]}"
    )

    (suppressed,) = customer.happens("A", START, n=2)

    assert suppressed == Suppressed(
        SuppressionReason.CONDITION,
        "t",
        "c",
        START,
        None,
        ("0",),
        1,
        "event_data.n equals 1; found 2",
        match_id=firing_id("t", "c", None, None, "0", None),
    )


def test_a_match_has_one_id_whether_it_fires_or_not() -> None:
    """What the event completes, and what the timer does."""
    either = "{trigger: t, when: {sequence: [{event: A}, {absent: B, for: 20s}]}, if: {%s}}"
    fires = Customer(either % "event_data.n: {equals: 1}")
    does_not = Customer(either % "event_data.n: {equals: 2}")
    for customer in (fires, does_not):
        customer.happens("A", START, n=1, source="web")

    (fired,) = fires.waits_until(DUE + LATENESS)
    (suppressed,) = does_not.waits_until(DUE + LATENESS)

    assert suppressed.match_id == fired.firing_id == firing_id("t", "c", None, "web", "0", DUE)


def test_a_suppressed_match_says_what_it_would_have_been() -> None:
    customer = Customer(
        "{trigger: t, type: lifecycle, mode: shadow, when: {event: A}, "
        "if: {event_data.n: {exists: true}}}"
    )

    (suppressed,) = customer.happens("A", START)

    assert (suppressed.mode, suppressed.type) == ("shadow", "lifecycle")


@pytest.mark.parametrize(
    ("policy", "is_recorded"),
    [("", True), ("record_suppressed: true", True), ("record_suppressed: false", False)],
    ids=["unless said", "on", "off"],
)
def test_whether_suppressed_matches_are_recorded_is_the_policys(
    policy: str, is_recorded: bool
) -> None:
    customer = Customer(
        ruleset_of("{trigger: t, when: {event: A}, if: {event_data.n: {exists: true}}}", policy)
    )

    (suppressed,) = customer.happens("A", START)

    assert suppressed.is_recorded is is_recorded


@pytest.mark.parametrize(
    ("at", "kind"), [pytest.param(START - 1, "Suppressed", id="before"), (START, "Firing")]
)
def test_what_is_older_than_the_backfill_never_fires(at: int, kind: str) -> None:
    policy = "backfill_before: 1970-01-01T00:01:40Z"
    customer = Customer(ruleset_of(EVERY_A, policy))

    assert kinds(customer.happens("A", at)) == [kind]


@pytest.mark.covers("G1")
def test_a_failed_delivery_gives_cooldown_and_count_back() -> None:
    customer = Customer(
        "{trigger: t, when: {event: A}, limits: {cooldown: 1h, max_per_customer: 1}}"
    )
    (firing,) = customer.happens("A", START)
    assert customer.happens("A", START + 1)[0].reason == "cooldown"

    customer.fails(firing.firing_id)

    assert kinds(customer.happens("A", START + 2)) == ["Firing"]
    assert customer.statuses[2] == "applied"


def test_a_delivery_fails_once() -> None:
    customer = Customer("{trigger: t, when: {event: A}, limits: {max_per_customer: 2}}")
    first, _ = customer.happens("A", START) + customer.happens("A", START)

    customer.fails(first.firing_id)
    customer.fails(first.firing_id)

    assert customer.statuses[2:] == ["applied", "duplicate"]
    assert kinds(customer.happens("A", START) + customer.happens("A", START)) == [
        "Firing",
        "Suppressed",
    ]


def test_without_the_last_firing_the_one_before_it_cools_down() -> None:
    customer = Customer("{trigger: t, when: {event: A}, limits: {cooldown: 10s}}")
    customer.happens("A", START)
    (second,) = customer.happens("A", START + 10_000)

    customer.fails(second.firing_id)

    (again,) = customer.happens("A", START + 10_001)
    assert isinstance(again, Firing)


@pytest.mark.parametrize("trigger", ["t", "unknown"])
def test_a_failure_that_nobody_knows_changes_nothing(trigger: str) -> None:
    customer = Customer(EVERY_A)
    customer.happens("A", START)

    customer.fails("00" * 16, trigger)

    assert customer.statuses[-1] == "duplicate"


# ── one bad trigger ─────────────────────────────────────────────────────────────────────────


def with_bad_trigger(error: Exception) -> Customer:
    """Return a customer of three triggers on A, the second of which raises."""
    counts = "{trigger: %s, when: {count: A, at_least: 2}}"
    ruleset = ruleset_of("\n---\n".join(counts % id_ for id_ in "abc"))

    def raises(_event: Event) -> bool:
        raise error

    concerned = ruleset.interests["A"]
    a, (_, bad), c = concerned.looks
    look = EventMatcher(["A"], raises).look("A")
    ruleset.interests["A"] = Interest((), (a, (look, bad), c), concerned.growth)
    return Customer(ruleset)


@pytest.mark.covers("B18", "F8")
def test_one_bad_trigger_is_a_decision_and_disturbs_no_other() -> None:
    customer = with_bad_trigger(ValueError("x" * 1000))

    customer.happens("A", START)
    out = customer.happens("A", START)

    assert kinds(out) == ["Firing", "TriggerFailed", "Firing"]
    assert out[1] == TriggerFailed("b", "c", START, f"ValueError: {'x' * 188}")


@pytest.mark.parametrize("error", [MemoryError(), RecursionError()])
def test_what_depends_on_the_machine_is_no_decision(error: Exception) -> None:
    customer = with_bad_trigger(error)

    with pytest.raises(type(error)):
        customer.happens("A", START)


@pytest.mark.covers("B18")
def test_a_failed_trigger_begins_anew() -> None:
    """The sum of finite numbers that no float can hold makes the evaluation raise."""
    customer = Customer("{trigger: t, when: {count: A, sum: event_data.n, at_least: 1}}")
    customer.happens("A", START, n=-1e308)

    out = customer.happens("A", START, n=-1e308)

    assert kinds(out) == ["TriggerFailed"]
    assert customer.holders == set()
    assert kinds(customer.happens("A", START, n=1)) == ["Firing"]


def test_what_others_hold_is_kept_although_a_trigger_fails_behind_them() -> None:
    customer = Customer(
        "{trigger: a, when: {count: A, at_least: 3}}\n---\n"
        "{trigger: b, when: {count: A, sum: event_data.n, at_least: 1, per: event_data.k}}"
    )
    customer.happens("A", START, n=-1e308, k="x")
    assert kinds(customer.happens("A", START, n=-1e308, k="x")) == ["TriggerFailed"]

    assert customer.happens("A", START)[0].events == ("0", "1", "2")


def test_what_a_failed_trigger_gave_up_is_not_told_of_the_next() -> None:
    """With the first of a thousand values, what kept the sum finite goes."""
    customer = Customer(
        "{trigger: a, when: {count: A, sum: event_data.n, at_least: 1.5e308}}\n---\n"
        "{trigger: b, when: {count: A, at_least: 1000, within: 1s}}"
    )
    for number in range(MOST_HELD):
        customer.happens("A", START + 5 * number, n=(1e308, -1e308)[number] if number < 2 else 0)
    assert customer.out == []

    assert kinds(customer.happens("A", START + 5 * MOST_HELD, n=-1e308)) == ["TriggerFailed"]


def test_a_trigger_that_fails_at_its_timer_begins_anew() -> None:
    customer = Customer(
        "{trigger: t, when: {count: A, sum: event_data.n, at_most: 1, within: 20s}}"
    )
    customer.happens("A", START, n=-1e308)
    customer.happens("A", START, n=-1e308)

    (failed,) = customer.waits_until(DUE + LATENESS)

    assert (failed.trigger, failed.at) == ("t", DUE)
    assert customer.holders == set()
    assert customer.state.wake == NEVER


# ── instances ───────────────────────────────────────────────────────────────────────────────


def test_an_event_without_an_instance_cancels_in_every_one() -> None:
    customer = Customer(
        "{trigger: t, when: {sequence: [{event: A}, {absent: X, for: 20s}], per: event_data.k}}"
    )
    for key in ("x", "y"):
        customer.happens("A", START, k=key)

    customer.happens("A", START)
    assert customer.instances("t") == ["x", "y"]
    customer.happens("X", START + 1)

    assert customer.holders == set()


def test_a_65th_instance_gives_up_the_one_that_changed_longest_ago() -> None:
    customer = Customer("{trigger: t, when: {count: A, at_least: 3, per: event_data.k}}")
    for key in range(MOST_INSTANCES):
        customer.happens("A", START, k=key)
    customer.happens("A", START, k=0)

    out = customer.happens("A", START, k=64)

    assert out == [Bounded("instance", "t", "c")]
    assert customer.happens("A", START, k=0)[0].events == ("0", "64", "66")
    assert kinds(customer.happens("A", START, k=1)) == []


def test_expired_instances_make_room_without_being_counted() -> None:
    customer = Customer(
        "{trigger: t, when: {count: A, at_least: 3, within: 10s, per: event_data.k}}"
    )
    for key in range(MOST_INSTANCES):
        customer.happens("A", START, k=key)

    assert customer.happens("A", START + 10_000, k=64) == []


# ── another ruleset ─────────────────────────────────────────────────────────────────────────

TWO = "{trigger: t, when: {count: A, at_least: 2}, name: %s, limits: {cooldown: %s}}"


@pytest.mark.covers("C13")
def test_progress_outlives_an_edit_of_texts_and_limits() -> None:
    customer = Customer(TWO % ("one", "1h"))
    customer.happens("A", START)

    customer.ruleset = ruleset_of(TWO % ("other", "2h"))

    assert kinds(customer.happens("A", START)) == ["Firing"]


@pytest.mark.parametrize(
    "edited",
    [
        pytest.param("{trigger: t, when: {count: A, at_least: 2, within: 1h}}", id="edited"),
        pytest.param("{trigger: t, mode: off, when: {count: A, at_least: 2}}", id="off"),
        pytest.param("{trigger: u, when: {count: A, at_least: 2}}", id="renamed"),
    ],
)
def test_progress_of_another_detection_is_dropped_at_the_next_touch(edited: str) -> None:
    customer = Customer("{trigger: t, when: {count: A, at_least: 2}}")
    customer.happens("A", START)

    customer.ruleset = ruleset_of(edited)
    customer.happens("B", START)

    assert customer.holders == set()
    assert customer.happens("A", START) == []


def test_instances_of_another_detection_are_dropped_with_all_that_they_hold() -> None:
    absence = "{sequence: [{event: A}, {absent: X, for: 20s}], per: event_data.k}"
    pair = "{all: [{event: A}, {event: Z}], per: event_data.k}"
    values = "{count: A, distinct: event_data.n, at_least: 9, per: event_data.k}"
    patterns = enumerate((absence, pair, values))
    customer = Customer("\n---\n".join(f"{{trigger: t{n}, when: {when}}}" for n, when in patterns))
    customer.happens("A", START, k="x", n=1)
    assert customer.holders == {"t0", "t1", "t2"}

    customer.ruleset = ruleset_of(EVERY_A)
    customer.happens("B", START)

    assert customer.holders == set()


@pytest.mark.covers("E3")
def test_a_wait_of_a_trigger_that_is_gone_wakes_once_and_decides_nothing() -> None:
    customer = Customer(ABSENCE)
    customer.happens("A", START)

    customer.ruleset = ruleset_of(EVERY_A)

    assert customer.waits_until(DUE + LATENESS) == []
    assert customer.state.wake == NEVER


@pytest.mark.covers("E3")
def test_limits_outlive_a_trigger_that_is_switched_off_and_on() -> None:
    on = ruleset_of("{trigger: t, when: {event: A}, limits: {cooldown: 1h}}")
    customer = Customer(on)
    customer.happens("A", START)
    customer.ruleset = ruleset_of("{trigger: t, mode: off, when: {event: A}}")
    customer.happens("A", START)

    customer.ruleset = on

    assert customer.happens("A", START)[0].reason == "cooldown"


def test_another_lateness_moves_the_wake_up() -> None:
    customer = Customer(ABSENCE)
    customer.happens("A", START)

    customer.ruleset = ruleset_of(ABSENCE, policy="allowed_lateness: 1m")

    assert customer.waits_until(DUE + LATENESS) == []
    assert customer.state.wake == DUE + 60_000
    assert kinds(customer.waits_until(DUE + 60_000)) == ["Firing"]


@pytest.mark.covers("E11")
def test_shadow_triggers_fire_as_such() -> None:
    customer = Customer("{trigger: t, mode: shadow, when: {event: A}}")

    (firing,) = customer.happens("A", START)

    assert firing.mode == "shadow"


# ── expressions that have no value ──────────────────────────────────────────────────────────

ERRED = ExpressionErred("t", "c")


@pytest.mark.covers("B17")
def test_an_expression_without_a_value_is_told_once_for_each_time() -> None:
    customer = Customer("{trigger: t, when: {event: A, where: 'event_data.x > 5'}}")

    assert customer.happens("A", 1_000) == [ERRED]
    assert customer.happens("A", 2_000, x="6") == [ERRED]
    assert customer.happens("A", 3_000, x=5) == []
    assert kinds(customer.happens("A", 4_000, x=6)) == ["Firing"]


@pytest.mark.parametrize(
    "when",
    [
        "{event: A, where: W}",
        "{event: A, where: W, per: event_data.k}",
        "{count: A, where: W, at_least: 2}",
        "{count: A, where: W, at_most: 2}",
        "{sequence: [{event: A, where: W}, {event: B}]}",
        "{all: [{event: A, where: W}, {count: B, at_least: 2}]}",
        "{any: [{count: A, where: W, at_least: 2}, {event: B}]}",
    ],
)
def test_it_is_told_of_each_kind_of_pattern(when: str) -> None:
    customer = Customer(f"{{trigger: t, when: {when.replace('W', '{expr: event_data.x > 5}')}}}")

    assert customer.happens("A", 1_000, k=1) == [ERRED]


def test_of_an_if_it_stands_behind_what_it_suppressed_with_the_reason() -> None:
    customer = Customer("{trigger: t, when: {event: A}, if: 'event_data.x > profile.most'}")

    suppressed, erred = customer.happens("A", 1_000, x=6)

    assert suppressed.detail == (
        "expr event_data.x > profile.most; profile.most: a value; found nothing"
    )
    assert erred == ERRED


def test_it_is_told_of_a_timer_too() -> None:
    customer = Customer(
        """
        trigger: t
        when: {sequence: [{event: A}, {absent: B, for: 1s}]}
        if: event_data.x > 5
        """
    )
    customer.happens("A", 1_000)

    assert kinds(customer.waits_until(2_000 + LATENESS)) == ["Suppressed", "ExpressionErred"]
    assert customer.waits_until(9_000 + LATENESS) == []


def test_it_is_told_of_a_goal_and_of_what_comes_too_late() -> None:
    customer = Customer(
        """
        trigger: t
        when: {sequence: [{event: A}, {absent: B, where: event_data.x > 5, for: 1h}]}
        ---
        trigger: u
        when: {event: A}
        until: {event: B, where: event_data.y > 5}
        """
    )
    customer.happens("A", 1_000)

    assert customer.happens("B", 2_000) == [ExpressionErred("u", "c"), ERRED]
    customer.happens("C", 60_000)
    assert customer.happens("B", 3_000, x=6, arrival=60_000) == [ExpressionErred("u", "c")]
    assert customer.statuses[-1] == "late"


def test_which_customers_events_it_was_is_told_of_each_alone() -> None:
    ruleset = ruleset_of("{trigger: t, when: {event: A, where: 'event_data.x > 5'}}")
    one, other = Customer(ruleset), Customer(ruleset)

    assert one.happens("A", 1_000) == [ERRED]
    assert other.happens("A", 1_000, x=6)[1:] == []
    assert ruleset.erred == []


def test_an_attribute_whose_where_errs_is_told_by_its_path() -> None:
    customer = Customer(
        """
        attribute: big
        count: {event: A, where: event_data.x > 5}
        ---
        trigger: t
        when: {event: B}
        if: profile.big >= 2
        """
    )

    assert customer.happens("A", 1_000) == [ExpressionErred("profile.big", "c")]
    assert customer.happens("A", 2_000, x=6) == []
    assert kinds(customer.happens("B", 3_000)) == ["Suppressed"]
    customer.happens("A", 4_000, x=7)
    assert kinds(customer.happens("B", 5_000)) == ["Firing"]


def test_one_without_a_name_is_told_by_the_trigger_that_asks() -> None:
    customer = Customer(
        """
        trigger: t
        when: {event: B}
        if: {count: {event: A, where: event_data.x > 5}, within: 1d, at_least: 1}
        """
    )

    assert customer.happens("A", 1_000) == [ERRED]
    customer.happens("A", 2_000, x=6)
    assert kinds(customer.happens("B", 3_000)) == ["Firing"]


@pytest.mark.parametrize(
    "text",
    ["profile.n == 2", 'profile["n"] == 2', "profile[event_data.key] == 2", '"n" in profile'],
)
def test_an_expression_reads_attributes_also_those_that_it_computes(text: str) -> None:
    customer = Customer(
        f"""
        attribute: n
        count: A
        ---
        trigger: t
        when: {{event: B}}
        if: '{text}'
        """
    )
    customer.happens("A", 1_000)
    customer.happens("A", 2_000)

    assert kinds(customer.happens("B", 3_000, key="n")) == ["Firing"]


def test_an_expression_tells_which_of_the_firings_of_others_are_meant() -> None:
    customer = Customer(
        """
        trigger: a
        when: {event: A}
        ---
        trigger: b
        when:
          fired: a
          where: event_data.cause.event_data.x > event_data.cause.event_data.y
        """
    )

    assert [each.trigger for each in customer.happens("A", 1_000, x=1, y=2)] == ["a"]
    assert [each.trigger for each in customer.happens("A", 2_000, x=3, y=2)] == ["a", "b"]
    assert customer.happens("A", 3_000)[-1] == ExpressionErred("b", "c")
