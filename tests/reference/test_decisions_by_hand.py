"""Rules 21, 23, 24 and 27-31, worked by hand: the reference and the engine must both agree."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import pytest

from tests.reference.stories import (
    DECIDE,
    START,
    Decide,
    Json,
    identify,
    log,
    ms,
    tell,
    trigger,
    yaml,
)

pytestmark = pytest.mark.parametrize("decide", DECIDE.values(), ids=DECIDE.keys())

ABSENT = "{sequence: [{event: a}, {absent: x, for: 10s}]}"


# ── limits (23, 24) ─────────────────────────────────────────────────────────────────────────


@pytest.mark.covers("C20", "H3")
@pytest.mark.parametrize(
    ("limits", "story", "decided"),
    [
        pytest.param({"cooldown": "10s"}, "a@0 a@9.999", "0@0 cooldown@9.999", id="inside"),
        pytest.param({"cooldown": "10s"}, "a@0 a@10", "0@0 1@10", id="exactly at its end"),
        pytest.param(
            {"cooldown": "10s"},
            "a@0 a@6 a@12",
            "0@0 cooldown@6 2@12",
            id="suppressed ones do not prolong",
        ),
        pytest.param(
            {"max_per_customer": 2},
            "a@0 a@1 a@2",
            "0@0 1@1 max_per_customer@2",
            id="the third of two",
        ),
        pytest.param(
            {"max_per_customer": 1, "cooldown": "5s"},
            "a@0 a@1 a@9",
            "0@0 cooldown@1 max_per_customer@9",
            id="cooldown is tested first",
        ),
        pytest.param({"cooldown": "10s"}, "a@0 a@1~d", "0@0 1@1", id="per customer"),
    ],
)
def test_limits(decide: Decide, limits: Json, story: str, decided: str) -> None:
    assert tell(decide([trigger("{event: a}", limits=limits)], log(story))) == decided


def test_limits_hold_across_instances(decide: Decide) -> None:
    limited = trigger("{event: a, per: event_data.k}", limits={"cooldown": "10s"})

    assert tell(decide([limited], log("a@0/x a@1/y"))) == "0@0/x cooldown@1"


def test_limits_are_each_triggers_own(decide: Decide) -> None:
    pair = [trigger("{event: a}", id_, limits={"max_per_customer": 1}) for id_ in ("s", "t")]

    assert tell(decide(pair, log("a@0 a@1"))) == "0@0 0@0 max_per_customer@1 max_per_customer@1"


def test_a_suppressed_match_uses_its_events_up(decide: Decide) -> None:
    limited = trigger("{count: a, at_least: 2}", limits={"cooldown": "10s"})

    assert tell(decide([limited], log("a@0 a@1 a@2 a@3 a@11 a@12"))) == "0,1@1 cooldown@3 4,5@12"


@pytest.mark.covers("H6")
def test_the_first_reason_is_named(decide: Decide) -> None:
    """Backfill, then the condition, then the cooldown; what is suppressed is no firing."""
    limited = trigger(
        "{event: a}",
        if_={"event_data.n": {"equals": 1}},
        limits={"cooldown": "10s", "max_per_customer": 1},
    )
    policy = {"backfill_before": "2026-01-01T00:00:10Z"}

    decisions = decide([limited], log("a@9.999 a@10 a@11=1 a@12=1 a@13 a@30=1"), policy=policy)

    assert tell(decisions) == (
        "backfill@9.999 condition@10 2@11 cooldown@12 condition@13 max_per_customer@30"
    )


def test_a_record_before_the_backfill_builds_state(decide: Decide) -> None:
    policy = {"backfill_before": "2026-01-01T00:00:10Z"}

    decisions = decide([trigger("{count: a, at_least: 2}")], log("a@1 a@10 a@11"), policy=policy)

    assert tell(decisions) == "0,1@10"


def test_a_suppressed_line_says_so(decide: Decide) -> None:
    (line,) = decide([trigger("{event: a}", if_={"event_data.n": {"equals": 1}})], log("a@0"))

    assert line == {
        "kind": "suppressed",
        "reason": "condition",
        "trigger": "t",
        "customer_id": "c",
        "at": "2026-01-01T00:00:00.000Z",
    }


# ── time (27-29, 31) ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("story", "decided"),
    [
        pytest.param("a@20 b@10", "0,1@20", id="a little late is moved up"),
        pytest.param("a@20 b@9.999", "", id="further behind is late"),
        pytest.param("a@20 z@30~d b@15", "0,2@20", id="the clock does not matter"),
        pytest.param("a@20 b@9.999 b@10", "0,2@20", id="a late event leaves the last time alone"),
        pytest.param("a@20 z@10 b@9.999", "", id="so does one that is moved up"),
    ],
)
def test_lateness(decide: Decide, story: str, decided: str) -> None:
    assert tell(decide([trigger("{sequence: [{event: a}, {event: b}]}")], log(story))) == decided


@pytest.mark.covers("A14")
@pytest.mark.parametrize(
    ("when", "story", "decided"),
    [
        pytest.param(ABSENT, "a@20 x@19.999", "", id="moved up to the opener"),
        pytest.param(
            "{sequence: [{event: a}, {absent: x, for: 60s}]}",
            "a@20 b@50 x@20",
            "",
            id="late, at t0",
        ),
        pytest.param(
            "{sequence: [{event: a}, {absent: x, for: 60s}]}",
            "a@20 b@50 x@19.999",
            "0@80",
            id="late, before t0",
        ),
        pytest.param(
            "{sequence: [{event: a}, {absent: x}, {event: c}]}",
            "a@20 b@50 x@20 c@51",
            "",
            id="middle, at prev",
        ),
        pytest.param(
            "{sequence: [{event: a}, {absent: x}, {event: c}]}",
            "a@20 b@50 x@19.999 c@51",
            "0,3@51",
            id="middle, before prev",
        ),
        pytest.param(
            "{sequence: [{event: a}, {absent: x, for: 10s}, {event: c}]}",
            "a@20 b@50 x@29.999 c@51",
            "",
            id="a middle absence with for stays open until the next step",
        ),
        pytest.param(
            "{sequence: [{event: a}, {absent: x, for: 10s}, {event: c}]}",
            "a@20 b@50 x@30 c@51",
            "0,3@51",
            id="late, at its end",
        ),
        pytest.param(
            "{sequence: [{event: a}, {absent: x}, {event: c}]}",
            "a@10 a@20 b@50 x@15 c@51",
            "1,4@51",
            id="only the partial matches that it lies in",
        ),
        pytest.param(
            "{count: a, at_least: 2, within: 60s}", "a@20 b@50 a@30", "", id="it counts nothing"
        ),
        pytest.param("{event: a}", "b@50 a@30", "", id="it matches nothing"),
        pytest.param(
            "{sequence: [{event: a}, {event: c}, {event: d}]}",
            "a@0 b@50 c@30 d@51",
            "",
            id="it fills nothing",
        ),
        pytest.param(
            "{sequence: [{event: a}, {absent: x, for: 60s}], restart: on_repeat}",
            "a@20 b@50 a@30",
            "0@80",
            id="it restarts nothing",
        ),
    ],
)
def test_a_late_event_cancels_and_nothing_else(
    decide: Decide, when: str, story: str, decided: str
) -> None:
    assert tell(decide([trigger(when)], log(story), until=ms(1000))) == decided


def test_a_late_event_updates_the_profile(decide: Decide) -> None:
    gold = trigger("{event: a}", if_={"profile.tier": {"equals": "gold"}})

    assert tell(decide([gold], [*log("b@50"), identify(1, tier="gold"), *log("a@51#x")])) == "x@51"


@pytest.mark.parametrize(
    ("story", "decided"),
    [
        pytest.param("a@0 z@19.999~d", "", id="the clock waits for the lateness"),
        pytest.param("a@0 z@20~d", "0@10", id="and fires exactly then"),
        pytest.param("a@0 z@19.999~d x@9", "", id="so that the rest may arrive"),
        pytest.param("a@0 z@20~d x@9", "0@10", id="but no later"),
        pytest.param("a@0 z@9.999", "", id="an own event before the due time"),
        pytest.param("a@0 z@10", "0@10", id="an own event at the due time"),
        pytest.param("a@0^30 z@39.999~d", "", id="arrived after its due time"),
        pytest.param("a@0^30 z@40~d", "0@10", id="it has the lateness from its arrival"),
        pytest.param("a@0^30 x@9^31 z@50~d", "", id="an upload is not torn apart"),
        pytest.param("a@0^30 z@11^31", "0@10", id="an own event passes it"),
        pytest.param("z@50~d a@0 z@0~e z@1~f", "1@10", id="overdue when it is opened"),
        pytest.param("z@50~d a@0 x@1", "1@10", id="overdue before the next record"),
        pytest.param("z@50~d a@0", "", id="but not without one"),
        pytest.param("a@0~d a@0~b z@5~a a@0~c z@50", "1@10 3@10 0@10", id="by customer"),
        pytest.param("a@1~b a@0~d z@50~a", "1@10 0@11", id="by due time"),
    ],
)
def test_timers_fire_by_the_clock_or_by_an_own_event(
    decide: Decide, story: str, decided: str
) -> None:
    assert tell(decide([trigger(ABSENT)], log(story))) == decided


@pytest.mark.parametrize(("until", "decided"), [(9.999, ""), (10, "0@10")])
def test_until_fires_exactly_the_dues_up_to_it(decide: Decide, until: float, decided: str) -> None:
    assert tell(decide([trigger(ABSENT)], log("a@0"), until=ms(until))) == decided


def test_a_window_is_decided_by_the_arrival_of_its_first_event(decide: Decide) -> None:
    window = trigger("{count: a, at_most: 5, within: 10s}")

    decisions = decide([window], log("a@0^30 a@1^5 z@39.999~d a@2^6"), until=ms(60))

    assert tell(decisions) == "0,1,3@10"


def test_until_behind_the_clock_fires_what_is_overdue(decide: Decide) -> None:
    assert tell(decide([trigger(ABSENT)], log("z@50~d a@0"), until=ms(10))) == "1@10"


@pytest.mark.parametrize(("mode", "decided"), [("live", "0@0"), ("shadow", "0@0"), ("off", "")])
def test_modes(decide: Decide, mode: str, decided: str) -> None:
    """A shadow is decided all the same; what is off is not evaluated."""
    assert tell(decide([trigger("{event: a}", mode=mode)], log("a@0"))) == decided


def test_order_within_one_event(decide: Decide) -> None:
    """Timers by due and trigger id, then the event's triggers by priority and id."""
    triggers = [
        trigger("{event: z}", "low", priority="low"),
        trigger("{event: z}", "b"),
        trigger("{event: z}", "a", priority="medium"),
        trigger("{event: z}", "urgent", priority="critical"),
        trigger("{event: z}", "soon", priority="high"),
        trigger(ABSENT, "y", priority="critical"),
        trigger(ABSENT, "x", priority="low"),
        trigger("{sequence: [{event: a}, {absent: x, for: 9s}]}", "w", priority="low"),
    ]

    decisions = decide(triggers, log("a@0 z@15"))

    assert [line["trigger"] for line in decisions] == [
        "w", "x", "y", "urgent", "soon", "a", "b", "low",
    ]  # fmt: skip


def test_a_timestamp_ahead_of_its_arrival_becomes_the_arrival(decide: Decide) -> None:
    story = "a@300^0 a@300.001^0~d a@-900^0~e"

    assert tell(decide([trigger("{event: a}")], log(story))) == "0@300 1@0 2@-900"


def test_without_received_at_there_is_no_skew(decide: Decide) -> None:
    assert tell(decide([trigger("{event: a}")], log("a@0 a@100000~d"))) == "0@0 1@100000"


def test_one_record_moves_the_clock_by_at_most_400_days(decide: Decide) -> None:
    days = 86_400
    when = "{sequence: [{event: a}, {absent: x, for: 400d}]}"

    def story(at: float) -> str:
        return f"a@0 z@{at}~d"

    assert tell(decide([trigger(when)], log(story(401 * days)))) == ""
    assert (
        tell(decide([trigger(when)], log(f"{story(401 * days)} z@{401 * days}~e")))
        == f"0@{400 * days:.6g}"
    )


@pytest.mark.parametrize(
    "bad",
    [
        {"timestamp": "9999-01-01T00:00:00Z"},
        {"timestamp": -1},
        {"timestamp": 253_370_764_800_000},
        {"timestamp": None},
        {"customer_id": None},
        {"event_type": None},
    ],
)
def test_a_rejected_record_does_not_move_the_clock(decide: Decide, bad: Json) -> None:
    first, second, third = log("a@0 z@10000~d z@19.999~d")

    assert decide([trigger(ABSENT)], [first, {**second, **bad}, third]) == []


def test_timestamps_are_numbers_or_text(decide: Decide) -> None:
    events = log("a@0 a@1 a@2 a@3")
    for event, text in zip(
        events,
        [
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:01.500+00:00",
            "2026-01-01T01:00:02+01:00",
            "2025-12-31T19:00:03.25-05:00",
        ],
        strict=True,
    ):
        event["timestamp"] = text

    assert tell(decide([trigger("{event: a}")], events)) == "0@0 1@1.5 2@2 3@3.25"


# ── identity (21, 30) ───────────────────────────────────────────────────────────────────────


def digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()


def test_the_id_of_what_an_event_decided(decide: Decide) -> None:
    (line,) = decide([trigger("{count: a, at_least: 2}")], log("a@0 a@1#last"))

    assert line["firing_id"] == digest('["t","c",null,null,"last",null]')


def test_the_id_of_what_a_timer_decided(decide: Decide) -> None:
    waiting = trigger("{sequence: [{event: a}, {absent: x, for: 10s}], per: event_data.k}")

    (line,) = decide([waiting], log("a@0/k1#e"), until=ms(10))

    assert line["firing_id"] == digest(f'["t","c","k1",null,"e",{START + 10_000}]')


def test_ids_are_utf8_and_name_the_source(decide: Decide) -> None:
    (event,) = log("a@0")
    event |= {"customer_id": "Zo\u00eb", "source": "caf\u00e9/\u2603", "event_id": 'q"\\'}

    (line,) = decide([trigger("{event: a}")], [event])

    assert line["firing_id"] == digest('["t","Zo\u00eb",null,"caf\u00e9/\u2603","q\\"\\\\",null]')


def test_a_left_out_event_id_is_the_place_in_the_log(decide: Decide) -> None:
    events = log("z@0 a@1")
    del events[1]["event_id"]

    (line,) = decide([trigger("{event: a}")], events)

    assert line["events"] == ["triggerstream.events.v1/0/1"]
    assert line["firing_id"] == digest('["t","c",null,null,"triggerstream.events.v1/0/1",null]')


def test_a_firing_line_says_it_all(decide: Decide) -> None:
    spec = yaml(
        "[{email: {template: hello}}, {push: {template: again}, after: 6h},"
        " {webhook: {endpoint: hook}}]"
    )

    (line,) = decide([trigger("{event: a}", then=spec)], log("a@0"))

    firing = digest('["t","c",null,null,"0",null]')
    assert line == {
        "kind": "firing",
        "firing_id": firing,
        "trigger": "t",
        "customer_id": "c",
        "at": "2026-01-01T00:00:00.000Z",
        "instance": None,
        "events": ["0"],
        "actions": [
            {"action_id": digest(f'["{firing}",0]'), "channel": "email", "template": "hello"},
            {
                "action_id": digest(f'["{firing}",1]'),
                "channel": "push",
                "template": "again",
                "after": 21_600_000,
            },
            {
                "action_id": digest(f'["{firing}",2]'),
                "channel": "webhook",
                "options": {"endpoint": "hook"},
            },
        ],
    }


@pytest.mark.covers("A2")
@pytest.mark.parametrize(
    ("story", "decided"),
    [
        pytest.param("a@0#e a@1#e", "e@0", id="twice"),
        pytest.param("a@0#e a@1#e~d", "e@0 e@1", id="another customer's"),
        pytest.param(
            "a@0#e " + " ".join(f"b@{n}" for n in range(1, 64)) + " a@70#e",
            "e@0",
            id="among the newest 64",
        ),
        pytest.param(
            "a@0#e " + " ".join(f"b@{n}" for n in range(1, 65)) + " a@70#e",
            "e@0",
            id="the 65th newest of who is busy",
        ),
        pytest.param(
            "a@0#e " + " ".join(f"b@{n}" for n in range(1, 65)) + " b@3663.999 a@3700#e",
            "e@0",
            id="the 65th newest before the hour is over",
        ),
        pytest.param(
            "a@0#e " + " ".join(f"b@{n}" for n in range(1, 65)) + " b@3664 a@3700#e",
            "e@0 e@3700",
            id="the 65th newest when the hour is over",
        ),
        pytest.param(
            "a@0#e " + " ".join(f"b@{n}" for n in range(1, 65)) + " a@3700#e",
            "e@0",
            id="the hour is over when another event has come",
        ),
        pytest.param(
            "a@0#e " + " ".join(f"b@{n / 10:g}" for n in range(1, 1024)) + " a@103#e",
            "e@0",
            id="among the newest 1024",
        ),
        pytest.param(
            "a@0#e " + " ".join(f"b@{n / 10:g}" for n in range(1, 1025)) + " a@103#e",
            "e@0 e@103",
            id="the 1025th newest",
        ),
        pytest.param(
            "a@0#e "
            + " ".join(f"b@{n}" for n in range(1, 64))
            + " a@65#e b@66#more b@3666 a@3700#e",
            "e@0 e@3700",
            id="a duplicate does not refresh its place",
        ),
        pytest.param("b@50 a@0#e a@51#e", "", id="a late event is remembered too"),
    ],
)
def test_duplicates(decide: Decide, story: str, decided: str) -> None:
    assert tell(decide([trigger("{event: a}")], log(story))) == decided


def test_an_upload_that_is_sent_twice_is_counted_once(decide: Decide) -> None:
    """The answer to a phone's upload was lost: it had collected events for some hours."""
    upload = " ".join(f"a@{10 * n}^20000#n{n}" for n in range(999))
    more = trigger("{count: a, at_least: 1000, within: 1d}")

    assert tell(decide([more], log(f"{upload} {upload}"))) == ""
    assert tell(decide([more], log(f"{upload} {upload} a@9990^20001#new"))).endswith("new@9990")


@pytest.mark.parametrize(
    ("values", "decided"),
    [
        pytest.param(["409.94", "509.94"], "0,1@1", id="a shop whose prices are texts"),
        pytest.param(["409.94", 509.94], "0,1@1", id="and numbers"),
        pytest.param(["409.94", "1,234.50", " 90.06 "], "", id="a comma is no part of a number"),
        pytest.param(["409.94", "1,234.50", " 90.07 "], "0,2@2", id="spaces do not matter"),
        pytest.param([True, "inf", "nan", "", None, [501], "500"], "", id="no numbers"),
    ],
)
def test_sums_read_numbers_as_comparisons_do(
    decide: Decide, values: list[Any], decided: str
) -> None:
    events = log(" ".join(f"a@{number}" for number, _ in enumerate(values)))
    for event, value in zip(events, values, strict=True):
        event["event_data"] = {"n": value}

    summed = trigger("{count: a, sum: event_data.n, more_than: 500, within: 30d}")

    assert tell(decide([summed], events)) == decided


def test_a_duplicate_is_of_the_same_source(decide: Decide) -> None:
    events = log("a@0#e a@1#e a@2#e a@3#e")
    for event, source in zip(events, ["web", None, "app", "web"], strict=True):
        event["source"] = source

    assert tell(decide([trigger("{event: a}")], events)) == "e@0 e@1 e@2"


def test_a_duplicate_moves_the_clock_and_nothing_else(decide: Decide) -> None:
    events = log("a@0 b@1 b@20#1")
    for_another = [{**event, "customer_id": "d"} for event in events[1:]]

    assert tell(decide([trigger(ABSENT)], [events[0], *for_another])) == "0@10"
    assert tell(decide([trigger(ABSENT)], log("a@0 b@1 b@15#1"))) == ""


@pytest.mark.parametrize(
    ("value", "instance"),
    [
        ("x", "x"),
        ("", ""),
        ("17", "17"),
        (17, "17"),
        (17.0, "17"),
        (-0.0, "0"),
        (1e20, "100000000000000000000"),
        (1.5, "1.5"),
        (1e-7, "1e-07"),
        (True, "true"),
        (False, "false"),
        (["x"], "x"),
        ([None, "x", {"x": 1}, ["y"], "x"], "x"),
    ],
)
def test_instances_are_named_by_text(decide: Decide, value: Any, instance: str) -> None:
    (event,) = log("a@0")
    event["event_data"] = {"v": value}

    (line,) = decide([trigger("{event: a, per: event_data.v}")], [event])

    assert line["instance"] == instance


@pytest.mark.parametrize("value", [None, [], [["x"]], [{}], {}, {"x": 1}])
def test_some_values_name_no_instance(decide: Decide, value: Any) -> None:
    (event,) = log("a@0")
    event["event_data"] = {"v": value}

    assert decide([trigger("{event: a, per: event_data.v}")], [event]) == []
