"""Rules 32-39 of firings, worked by hand: the reference and the engine must both agree."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any

import pytest

from tests.reference.stories import DECIDE, Decide, Json, log, ms, tell, trigger

pytestmark = pytest.mark.parametrize("decide", DECIDE.values(), ids=DECIDE.keys())

ABSENT = "{sequence: [{event: a}, {absent: x, for: 10s}]}"


def names(lines: list[Json]) -> str:
    return " ".join(line["trigger"] for line in lines)


def test_a_firing_is_an_event_in_the_same_decision(decide: Decide) -> None:
    heard = [trigger("{event: a}"), trigger("{fired: t}", "u")]

    assert tell(decide(heard, log("a@0 b@1"))) == "0@0 $fired:t@0"


def test_what_is_suppressed_is_no_firing(decide: Decide) -> None:
    heard = [trigger("{event: a}", limits={"cooldown": "10s"}), trigger("{fired: t}", "u")]

    assert tell(decide(heard, log("a@0 a@1"))) == "0@0 $fired:t@0 cooldown@1"


def test_triggers_come_first_and_then_what_they_made_first_made_first_handled(
    decide: Decide,
) -> None:
    """(34) The record: z (critical), then t. Then `$fired:z` is shown to all: m. Then `$fired:t`:
    b, n. Then `$fired:m`: a. By (priority, id) each time, never by depth."""
    heard = [
        trigger("{event: a}", "z", priority="critical"),
        trigger("{event: a}", "t"),
        trigger("{fired: z}", "m"),
        trigger("{fired: t}", "n"),
        trigger("{fired: t}", "b"),
        trigger("{fired: m}", "a"),
    ]

    assert names(decide(heard, log("a@0"))) == "z t m b n a"


def test_a_chain_of_five(decide: Decide) -> None:
    chain = [
        trigger("{event: a}", "e"),
        *[trigger(f"{{fired: {x}}}", y) for x, y in zip("edcb", "dcba", strict=True)],
    ]

    assert names(decide(chain, log("a@0"))) == "e d c b a"


def test_a_chain_of_timers_is_decided_before_the_next_timer(decide: Decide) -> None:
    """(38) At 10, t; then what hears of it; then w, whose due is the same."""
    heard = [
        trigger(ABSENT),
        trigger("{sequence: [{event: a}, {absent: y, for: 10s}]}", "w"),
        trigger("{fired: t}", "z"),
    ]

    assert names(decide(heard, log("a@0"), until=ms(10))) == "t z w"


def test_what_a_timer_derives_may_make_another_timer_ripe(decide: Decide) -> None:
    """`$fired:t` is at 10, and opens a wait until 15; both are past at 40."""
    heard = [trigger(ABSENT), trigger("{sequence: [{fired: t}, {absent: y, for: 5s}]}", "u")]

    assert tell(decide(heard, log("a@0 b@40"))) == "0@10 $fired:t@15"


def test_ids(decide: Decide) -> None:
    """(30, 33) `$fired`'s is the type and the first 16 digits of the firing's."""
    heard = [trigger("{event: a}"), trigger("{fired: t}", "u")]

    first, second = decide(heard, log("a@0"))

    assert second["events"] == [f"$fired:t@{first['firing_id'][:16]}"]
    decided = f'["u","c",null,"triggerstream/derived","{second["events"][0]}",null]'
    assert second["firing_id"] == blake2b(decided.encode(), digest_size=16).hexdigest()


@pytest.mark.parametrize(
    ("where", "decided"),
    [
        pytest.param("event_data.trigger: {equals: t}", True, id="the trigger"),
        pytest.param("event_data.instance: {equals: x}", True, id="its instance"),
        pytest.param("event_data.instance: {equals: y}", False, id="another instance"),
        pytest.param("event_data.cause.event_type: {equals: a}", True, id="the real event"),
        pytest.param("event_data.cause.event_data.k: {equals: x}", True, id="what it had"),
        pytest.param("source: {equals: triggerstream/derived}", True, id="the source"),
    ],
)
def test_what_a_firing_tells(decide: Decide, where: str, decided: bool) -> None:
    """(32) Of u, which hears of it, and of w, which hears of u: the real event is the same."""
    heard = [
        trigger("{event: a, per: event_data.k}"),
        trigger("{fired: t, where: {" + where + "}}", "u"),
    ]

    assert (names(decide(heard, log("a@0/x"))) == "t u") is decided


def test_a_timer_tells_no_cause(decide: Decide) -> None:
    heard = [trigger(ABSENT), trigger("{fired: t, where: {event_data.cause: {exists: true}}}", "u")]

    assert names(decide(heard, log("a@0"), until=ms(10))) == "t"


@pytest.mark.parametrize("event", [{"event_type": "$fired:t"}, {"source": "triggerstream/derived"}])
def test_from_outside_such_events_are_refused(decide: Decide, event: Json) -> None:
    """(33) A record that is refused moves no clock."""
    heard = [trigger(ABSENT), trigger("{event: b}", "u")]
    outside: list[dict[str, Any]] = log("a@0 b@40")
    outside[1] |= event

    assert tell(decide(heard, outside)) == ""


# ── a real event before a due that was decided (36) ─────────────────────────────────────────

EARLIER = "a@0 z@25~d b@5"
"""The clock is at 25 when the wait of `ABSENT` ends at 10 + 10 s of lateness; then comes b of 5.
`$fired:t` stands at the customer's last event then, which is a."""


@pytest.mark.parametrize(
    ("when", "story", "decided"),
    [
        # The window of 3 s ends at 10, when the firing was counted: b counts at 10, not at 5.
        pytest.param(
            "{count: [{fired: t}, b], at_least: 2, within: 3s}", EARLIER, "$fired:t,2@5", id="count"
        ),
        pytest.param(
            "{count: b, at_least: 2, within: 3s}", f"{EARLIER} b@9", "", id="count of b alone, 4 s"
        ),
        # At 10 the b of 1 is out of (4, 10], and in (0, 10].
        pytest.param(
            "{count: [{fired: t}, b], at_least: 3, within: 6s}",
            "a@0 b@1 z@25~d b@5",
            "",
            id="count: an older one is out of the window at the newest time",
        ),
        pytest.param(
            "{count: [{fired: t}, b], at_least: 3, within: 10s}",
            "a@0 b@1 z@25~d b@5",
            "1,$fired:t,3@5",
            id="count: an older one is in it",
        ),
        pytest.param("{sequence: [{fired: t}, {event: b}]}", EARLIER, "", id="no step behind"),
        pytest.param(
            "{sequence: [{fired: t}, {event: b}]}", f"{EARLIER} b@10", "$fired:t,3@10", id="at it"
        ),
        # |10 - 5| = 5.
        pytest.param(
            "{all: [{fired: t}, {event: b}], within: 6s}", EARLIER, "$fired:t,2@5", id="all"
        ),
        pytest.param("{all: [{fired: t}, {event: b}], within: 5s}", EARLIER, "", id="all, as long"),
    ],
)
def test_an_event_from_before_a_due_that_was_decided(
    decide: Decide, when: str, story: str, decided: str
) -> None:
    lines = decide([trigger(ABSENT), trigger(when, "u")], log(story))

    assert tell([line for line in lines if line["trigger"] == "u"]) == decided


def test_it_kills_no_absence_that_was_opened_later(decide: Decide) -> None:
    heard = [trigger(ABSENT), trigger("{sequence: [{fired: t}, {absent: b, for: 10s}]}", "u")]

    assert tell(decide(heard, log(EARLIER), until=ms(60))) == "0@10 $fired:t@20"


# ── shadow (38) ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fires", "hears", "decided"),
    [
        ("live", "live", "t u"),
        ("live", "shadow", "t u"),
        ("shadow", "live", "t"),
        ("shadow", "shadow", "t u"),
    ],
)
def test_a_shadow_is_seen_by_shadows_only(
    decide: Decide, fires: str, hears: str, decided: str
) -> None:
    heard = [trigger("{event: a}", mode=fires), trigger("{fired: t}", "u", mode=hears)]

    assert names(decide(heard, log("a@0"))) == decided


# ── places (35) ─────────────────────────────────────────────────────────────────────────────


def test_what_a_timer_derives_stands_behind_the_last_event(decide: Decide) -> None:
    """At 10, b of 5 was the last that was accepted."""
    heard = [trigger(ABSENT), trigger("{all: [{fired: t}, {event: b}]}", "u")]

    assert tell(decide(heard, log("a@0 b@5"), until=ms(10))) == "0@10 1,$fired:t@10"


Z = trigger("{event: a}", "z", priority="high")
T = trigger("{event: a}", "t")
SLOW = trigger(ABSENT, "t")
ABOUT_Z = {"event_type": {"equals": "$fired:z"}}


@pytest.mark.parametrize(
    ("t", "when", "story", "told"),
    [
        pytest.param(
            T,
            "{all: [{fired: z}, {fired: t}, {event: a}]}",
            "a@0",
            "0@0 0@0 0,$fired:t,$fired:z@0",
            id="the real one first",
        ),
        pytest.param(
            T,
            "{sequence: [{fired: z}, {fired: t}, {absent: x, for: 10s}]}",
            "a@0",
            "0@0 0@0 $fired:t,$fired:z@10",
            id="matched in the order of handling, and listed by id",
        ),
        pytest.param(
            T,
            "{sequence: [{fired: t}, {fired: z}, {absent: x, for: 10s}]}",
            "a@0",
            "0@0 0@0",
            id="so t is not behind z when it is handled",
        ),
        pytest.param(
            SLOW,
            "{count: {fired: [t, z]}, at_least: 2}",
            "a@0",
            "0@0 0@10 $fired:t,$fired:z@10",
            id="by a timer, at the last accepted event",
        ),
        pytest.param(
            SLOW,
            "{count: {fired: [t, z]}, exactly: 2, within: 1m}",
            "a@0",
            "0@0 0@10 $fired:t,$fired:z@60",
            id="both by timers",
        ),
        pytest.param(
            SLOW,
            "{count: {fired: [t, z]}, at_least: 2}",
            "a@0#i a@5#i",
            "i@0 i@10 $fired:t,$fired:z@10",
            id="a duplicate is none",
        ),
    ],
)
def test_of_one_record_derived_events_stand_by_id(
    decide: Decide, t: Json, when: str, story: str, told: str
) -> None:
    """(35) z is handled first, then t: both stand at one record, t before z, which is the last."""
    hears = trigger(when, "u", if_=ABOUT_Z)

    assert tell(decide([Z, t, hears], log(story), until=ms(100))) == told


def test_the_last_by_id_gives_the_firing_its_id(decide: Decide) -> None:
    """(30, 35) Not the one that was handled last."""
    hears = trigger("{all: [{fired: z}, {fired: t}]}", "u")

    firing = decide([Z, T, hears], log("a@0"))[-1]

    said = ["u", "c", None, "triggerstream/derived", firing["events"][1], None]
    text = json.dumps(said, separators=(",", ":"))
    assert firing["firing_id"] == blake2b(text.encode(), digest_size=16).hexdigest()


@pytest.mark.parametrize(
    "story",
    [
        pytest.param("a@0 q@5", id="one that nobody looks at"),
        pytest.param("q@50 a@50 q@20", id="a late one"),
    ],
)
def test_derived_events_of_two_records_stand_by_record(decide: Decide, story: str) -> None:
    """(35) Another event was accepted before the wait ended: t stands there, behind z."""
    hears = trigger("{count: {fired: [t, z]}, at_least: 2}", "u")

    lines = decide([Z, SLOW, hears], log(story), until=ms(100))

    assert [each.split("@")[0] for each in lines[-1]["events"]] == ["$fired:z", "$fired:t"]


def test_a_condition_is_no_edge(decide: Decide) -> None:
    """(37) Who asks for its own firings makes no ring: not more than two in ten seconds."""
    condition = {"count": {"fired": "t"}, "at_most": 1, "within": "10s"}
    often = trigger("{event: a}", if_=condition)

    assert tell(decide([often], log("a@0 a@1 a@2 a@10"))) == "0@0 1@1 condition@2 3@10"
