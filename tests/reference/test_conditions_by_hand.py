"""Rules 25 and 26, worked by hand: the reference and the engine must both agree."""

from __future__ import annotations

from typing import Any

import pytest

from tests.reference.stories import DECIDE, Decide, Json, identify, log, ms, tell, trigger, yaml

pytestmark = pytest.mark.parametrize("decide", DECIDE.values(), ids=DECIDE.keys())

ABSENT = "{sequence: [{event: a}, {absent: x, for: 10s}]}"

UMLAUT = "Stra\N{LATIN SMALL LETTER SHARP S}e"

OPERATORS = [
    (1, {"equals": 1.0}, True),
    (1, {"equals": "1"}, False),
    (True, {"equals": 1}, False),
    (True, {"equals": True}, True),
    ("a", {"equals": "A"}, False),
    (None, {"equals": 0}, False),
    ([1, "a"], {"equals": [1.0, "a"]}, True),
    (1, {"not_equals": 1.0}, False),
    (None, {"not_equals": 1}, True),
    (5, {"greater_than": 5}, False),
    (5.1, {"greater_than": 5}, True),
    ("5.1", {"greater_than": 5}, True),
    ("x", {"greater_than": 5}, False),
    ("nan", {"less_than": 5}, False),
    ("inf", {"greater_than": 5}, False),
    ("\N{ARABIC-INDIC DIGIT NINE}", {"greater_than": 5}, False),
    (True, {"greater_than": 0}, False),
    (None, {"less_than": 5}, False),
    (5, {"greater_than_or_equal": 5}, True),
    (5, {"less_than": 5}, False),
    (4.9, {"less_than": 5}, True),
    (5, {"less_than_or_equal": 5}, True),
    (5.1, {"less_than_or_equal": 5}, False),
    (1, {"between": [1, 2]}, True),
    (2, {"between": [1, 2]}, True),
    (2.001, {"between": [1, 2]}, False),
    ("1.5", {"between": [1, 2]}, True),
    (UMLAUT, {"contains": "STRASSE"}, True),
    (UMLAUT, {"contains": "x"}, False),
    (["Red", 1], {"contains": "red"}, True),
    (["Red", 1], {"contains": 1.0}, True),
    (["Red", 1], {"contains": "1"}, False),
    (["Reddish"], {"contains": "red"}, False),
    (17, {"contains": "1"}, False),
    (None, {"not_contains": "x"}, True),
    ("abc", {"not_contains": "B"}, False),
    (1, {"in_list": ["1", 1.0]}, True),
    (1, {"in_list": ["1", True]}, False),
    ("b", {"in_list": ["a", "B"]}, False),
    (None, {"not_in_list": [1]}, True),
    (1, {"not_in_list": [1]}, False),
    (0, {"exists": True}, True),
    (None, {"exists": True}, False),
    (None, {"exists": False}, True),
    ("abc", {"starts_with": "ab"}, True),
    ("abc", {"starts_with": "AB"}, False),
    (12, {"starts_with": "1"}, False),
    ("abc", {"matches": "b"}, True),
    ("abc", {"matches": "^b"}, False),
    ("abc", {"matches": "B"}, False),
    (1, {"matches": "1"}, False),
    (5, {"greater_than": 1, "less_than": 5}, False),
    (4, {"greater_than": 1, "less_than": 5}, True),
]


@pytest.mark.covers("B3")
@pytest.mark.parametrize(("value", "test", "holds"), OPERATORS)
def test_operators(decide: Decide, value: Any, test: Json, holds: bool) -> None:
    """In ``where`` and in ``if`` alike."""
    events = [{**event, "event_data": {"v": value}} for event in log("a@0")]
    in_where = {"trigger": "w", "when": {"event": "a", "where": {"event_data.v": test}}}
    in_if = {"trigger": "i", "when": {"event": "a"}, "if": {"event_data.v": test}}

    decisions = decide([in_where, in_if], events)

    assert tell(decisions) == ("0@0 0@0" if holds else "condition@0")


@pytest.mark.covers("B13")
@pytest.mark.parametrize(
    ("where", "holds"),
    [
        ("{event_data.o.p: {equals: 1}}", True),
        ("{event_data.o: {equals: {p: 1}}}", True),
        ("{event_data.l.0: {exists: true}}", False),
        ("{event_data.o.p.q: {exists: true}}", False),
        ("{metadata.m: {equals: 2}}", True),
        ("{device_info.type: {exists: false}}", True),
        ("{event_type: {equals: a}, event_id: {equals: '0'}, customer_id: {equals: c}}", True),
        ("{session_id: {equals: s}, source: {equals: web}}", True),
        ("{any: [{event_data.o.p: {equals: 2}}, {metadata.m: {equals: 2}}]}", True),
        ("{all: [{event_data.o.p: {equals: 2}}, {metadata.m: {equals: 2}}]}", False),
        ("{not: {event_data.o.p: {equals: 1}, metadata.m: {equals: 3}}}", True),
        ("{not: {any: [{event_data.o.p: {equals: 1}}, {metadata.m: {equals: 3}}]}}", False),
        ("{metadata.m: {equals: 2}, not: {event_data.o.p: {equals: 1}}}", False),
    ],
)
def test_paths_and_logic(decide: Decide, where: str, holds: bool) -> None:
    (event,) = log("a@0")
    event |= {"event_data": {"o": {"p": 1}, "l": [1]}, "metadata": {"m": 2}}
    event |= {"session_id": "s", "source": "web"}

    decisions = decide([trigger(f"{{event: a, where: {where}}}")], [event])

    assert tell(decisions) == ("0@0" if holds else "")


@pytest.mark.covers("B7", "D14", "D15")
def test_if_sees_the_profile_after_the_event(decide: Decide) -> None:
    gold = trigger("{event: [a, identify]}", if_={"profile.tier": {"equals": "gold"}})
    events = [
        *log("a@0"),
        identify(1, tier="gold"),
        *log("a@2"),
        identify(3, tier=None),
        *log("a@4#e"),
    ]
    events[2]["event_id"] = "two"

    decisions = decide([gold], events)

    assert tell(decisions) == "condition@0 identify1@1 two@2 condition@3 condition@4"


@pytest.mark.covers("B7")
@pytest.mark.parametrize(
    ("at", "decided"),
    [
        pytest.param(9.999, "0@10", id="before the due time"),
        pytest.param(10, "0@10", id="by the event that makes it fire"),
        pytest.param(21, "condition@10", id="the clock had fired it"),
    ],
)
def test_a_timer_sees_the_profile_as_it_stands_when_it_fires(
    decide: Decide, at: float, decided: str
) -> None:
    gold = trigger(ABSENT, if_={"profile.tier": {"equals": "gold"}})

    decisions = decide([gold], [*log("a@0"), identify(at, tier="gold")], until=ms(30))

    assert tell(decisions) == decided


@pytest.mark.covers("D1")
def test_a_profile_is_walked_and_merged_by_key(decide: Decide) -> None:
    rich = trigger("{event: a}", if_=yaml("{profile.o.p: {equals: 1}, profile.q: {equals: 2}}"))
    events = [identify(0, o={"p": 1}, q=2), *log("a@1#x"), identify(2, o={"r": 1}), *log("a@3#y")]

    assert tell(decide([rich], events)) == "x@1 condition@3"


def test_if_sees_the_last_matched_event(decide: Decide) -> None:
    last = trigger(
        "{sequence: [{event: a}, {event: b}, {absent: x, for: 5s}]}",
        if_={"event_data.n": {"equals": 2}},
    )

    assert tell(decide([last], log("a@0=1 b@1=2 a@3=3"), until=ms(30))) == "0,1@6"


CALENDAR = [
    # START is midnight in UTC on Thursday; 01:00 in Berlin, 19:00 on Wednesday in New York.
    ("{time_of_day: {from: '00:00', to: '08:00'}}", 0, True),
    ("{time_of_day: {from: '22:00', to: '00:00'}}", 0, False),
    ("{time_of_day: {from: '22:00', to: '00:00'}}", -0.001, True),
    ("{time_of_day: {from: '00:01', to: '08:00'}}", 59.999, False),
    ("{time_of_day: {from: '00:01', to: '08:00'}}", 60, True),
    ("{time_of_day: {from: '22:00', to: '00:01'}}", 59.999, True),
    ("{time_of_day: {from: '22:00', to: '00:01'}}", 60, False),
    ("{time_of_day: {from: '01:00', to: '02:00', zone: Europe/Berlin}}", 0, True),
    ("{time_of_day: {from: '01:00', to: '02:00', zone: customer}}", 0, False),
    ("{day_of_week: {in: [thu]}}", 0, True),
    ("{day_of_week: {in: [thu]}}", -0.001, False),
    ("{day_of_week: {in: [mon, wed], zone: America/New_York}}", 0, True),
    ("{date_range: {from: '2026-01-01', to: '2026-01-01'}}", 0, True),
    ("{date_range: {from: '2026-01-01', to: '2026-01-01'}}", 86_399.999, True),
    ("{date_range: {from: '2026-01-01', to: '2026-01-01'}}", 86_400, False),
    ("{date_range: {from: '2026-01-01', to: '2026-01-01'}}", -0.001, False),
    ("{date_range: {to: '2025-12-31', zone: America/New_York}}", 0, True),
    ("{date_range: {from: '2026-01-01'}}", 86_400, True),
    ("{not: {day_of_week: {in: [thu]}}}", 0, False),
]


@pytest.mark.parametrize(("condition", "at", "holds"), CALENDAR)
def test_calendar(decide: Decide, condition: str, at: float, holds: bool) -> None:
    decisions = decide([trigger("{event: a}", if_=yaml(condition))], log(f"a@{at}"))

    assert [line["kind"] for line in decisions] == ["firing" if holds else "suppressed"]


@pytest.mark.parametrize(
    ("policy", "profile", "fires"),
    [
        ({}, {}, False),
        ({"timezone": "Europe/Berlin"}, {}, True),
        ({}, {"timezone": "Europe/Berlin"}, True),
        ({"timezone": "Europe/Berlin"}, {"timezone": "America/New_York"}, False),
        ({"timezone": "Europe/Berlin"}, {"timezone": "Nowhere/At_All"}, True),
    ],
)
def test_the_customers_zone(decide: Decide, policy: Json, profile: Json, fires: bool) -> None:
    at_one = trigger("{event: a}", if_=yaml("{time_of_day: {from: '01:00', to: '02:00'}}"))

    decisions = decide([at_one], [identify(-1, **profile), *log("a@0")], policy=policy)

    assert [line["kind"] for line in decisions] == ["firing" if fires else "suppressed"]


def test_the_calendar_of_a_timer_is_that_of_its_due_time(decide: Decide) -> None:
    """The opener is on Wednesday, the due time on Thursday, its firing on Friday."""
    thursday = trigger(ABSENT, if_=yaml("{day_of_week: {in: [thu]}}"))

    assert tell(decide([thursday], log("a@-5 b@100000"))) == "0@5"


@pytest.mark.parametrize(
    ("first", "second", "distinct"),
    [(1, 1.0, False), (1, "1", True), (1, True, True), (0, False, True), ("a", "A", True)],
)
def test_distinct_values_are_typed(decide: Decide, first: Any, second: Any, distinct: bool) -> None:
    """(17) As ``equals`` is."""
    events = log("a@0 a@1")
    for event, value in zip(events, (first, second), strict=True):
        event["event_data"] = {"v": value}

    decisions = decide([trigger("{count: a, distinct: event_data.v, at_least: 2}")], events)

    assert tell(decisions) == ("0,1@1" if distinct else "")


@pytest.mark.parametrize("value", [None, [1], {"v": 1}])
def test_some_values_are_not_counted(decide: Decide, value: Any) -> None:
    """(16) As if they were missing."""
    (event,) = log("a@0")
    event["event_data"] = {"v": value}

    assert decide([trigger("{count: a, distinct: event_data.v, at_least: 1}")], [event]) == []


@pytest.mark.parametrize("value", [None, "one", "1,000", True, [1]])
def test_only_what_reads_as_a_number_is_summed(decide: Decide, value: Any) -> None:
    """(16) As a comparison reads it."""
    events = log("a@0 a@1=1")
    events[0]["event_data"] = {"n": value}

    decisions = decide([trigger("{count: a, average: event_data.n, at_least: 1}")], events)

    assert tell(decisions) == "1@1"


def test_an_event_that_nothing_folds_is_judged_at_the_latest_time_too(decide: Decide) -> None:
    """(36) The waits ended at 10 and at 14 when p of 5 comes: the firing of 10 is 4 s ago."""
    waits = trigger(
        "{sequence: [{event: q}, {absent: x, for: 10s}], per: event_data.k}",
        limits={"max_per_customer": 1},
    )
    asks = trigger("{event: p}", "u", if_={"since_last": {"fired": "t", "less_than": "4s"}})

    told = "0@10/a max_per_customer@14 condition@5"

    assert tell(decide([waits, asks], log("q@0/a q@4/b z@35~d p@5"))) == told


@pytest.mark.parametrize(
    ("when", "told"),
    [
        pytest.param("{sequence: [{event: q}, {absent: x, for: 10s}]}", "0@60 ", id="a firing"),
        pytest.param("{count: q, exactly: 2, within: 10s}", "", id="one that came to nothing"),
    ],
)
def test_a_moment_that_an_identify_has_set_is_judged_at_the_latest_time_too(
    decide: Decide, when: str, told: str
) -> None:
    """(25, 36) Nothing is folded at all; a timer was decided at 60 when the p of 51 comes, 5 s
    behind what was seen, and so the one of 59. The calendar is that of p."""
    seen = {"since_last": {"of": "profile.seen", "less_than": "5s"}}
    minute = {"time_of_day": {"from": "00:00", "to": "00:01"}}
    asks = [trigger("{event: p}", "u", if_=seen), trigger("{event: p}", "v", if_=minute)]

    events = [identify(0, seen=ms(55)), *log("q@50#0 z@85~d p@51#5")]
    lines = decide([trigger(when), *asks], events)

    assert tell(lines) == f"{told}condition@51 5@51"


def test_since_the_last_change_of_a_kind(decide: Decide) -> None:
    """(66) `since_last` takes a happening, with its keys."""
    asks = trigger(
        "{event: p}",
        if_=yaml("{since_last: {changed: profile.v, to: x, less_than: 10s}}"),
    )
    events = [
        *log("p@0#p0"),
        identify(1, v="y"),
        identify(2, v="x"),
        *log("p@3#p3"),
        identify(4, v="y"),
        *log("p@11#p11 p@12#p12"),
    ]

    assert tell(decide([asks], events)) == "condition@0 p3@3 p11@11 condition@12"
