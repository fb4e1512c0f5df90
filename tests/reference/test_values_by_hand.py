"""Values and tables (74-80), worked by hand: the reference, and the engine."""

from __future__ import annotations

from typing import Any

import pytest

from tests.reference.stories import (
    DECIDE,
    Decide,
    Json,
    attribute,
    identify,
    log,
    ms,
    segment,
    tell,
    trigger,
    yaml,
)
from tests.reference.test_attributes_by_hand import asked
from tests.reference.values import mean_and_sigma, percentile

both = pytest.mark.parametrize("decide", DECIDE.values(), ids=DECIDE)

BY_TIER = "{count: a, within: 1h, at_least: {by: profile.tier, gold: 3, silver: 1, default: 2}}"


def value(name: str, said: str) -> Json:
    return {"value": name, **yaml(said)}


def numbers(lines: list[Json]) -> list[Any]:
    """What each firing says of values; nothing where it says nothing."""
    return [line.get("values") for line in lines if line["kind"] == "firing"]


def customer(event: Json, id_: str) -> Json:
    return {**event, "customer_id": id_, "event_id": f"{event['event_id']}{id_}"}


@both
@pytest.mark.covers("C17", "C18")
def test_two_customers_with_the_same_events_and_other_thresholds(decide: Decide) -> None:
    events = [customer(identify(0, tier="gold"), "g"), customer(identify(0, tier="tin"), "t")]
    for event in log("a@1 a@2 a@3"):
        events += [customer(event, "g"), customer(event, "t")]

    lines = decide([trigger(BY_TIER)], events)

    assert tell(lines) == "0t,1t@2 0g,1g,2g@3"
    assert numbers(lines) == [{"profile.tier": 2}, {"profile.tier": 3}]


@both
def test_a_change_of_tier_counts_from_the_next_event_on(decide: Decide) -> None:
    """(75) Two are enough for silver at 2 already, which fires nothing by itself."""
    events = [
        identify(0, tier="gold"),
        *log("a@1#1 a@2#2"),
        identify(3, tier="silver"),
        *log("b@4#b a@5#5 a@6#6"),
    ]

    lines = decide([trigger(BY_TIER)], events)

    assert tell(lines) == "1,2,5@5 6@6"
    assert numbers(lines) == [{"profile.tier": 1}, {"profile.tier": 1}]


@both
def test_the_other_way_too(decide: Decide) -> None:
    events = [
        identify(0, tier="silver"),
        *log("a@1#1"),
        identify(3, tier="gold"),
        *log("a@5#5 a@6#6 a@7#7"),
    ]

    assert tell(decide([trigger(BY_TIER)], events)) == "1@1 5,6,7@7"


@both
def test_it_is_read_after_the_folds_of_the_counted_event(decide: Decide) -> None:
    """(75) At the second a, `n` is 2."""
    documents = [
        attribute("n", "count: a"),
        trigger("{count: a, within: 1h, at_least: {by: profile.n, '2': 2, default: 9}}"),
    ]

    assert tell(decide(documents, log("a@0 a@1"))) == "0,1@1"


@both
@pytest.mark.parametrize(
    ("tier", "told"),
    [
        (1, "1@1"),
        (1.0, "1@1"),
        ("1", "1@1"),
        (True, "2@2"),
        ("true", "2@2"),
        (None, "3@3"),
        ([1], "3@3"),
        ({"1": 1}, "3@3"),
        ("default", "3@3"),
        ("by", "3@3"),
    ],
)
def test_a_case_is_a_text(decide: Decide, tier: Any, told: str) -> None:
    """(21, 74) `default` and `by` are no cases."""
    table = {"by": "profile.tier", "1": 1, "true": 2, "default": 3}
    when = {"count": "a", "within": "1h", "sum": "event_data.n", "at_least": table}
    events = [identify(0, tier=tier), *log("a@1=1#1 a@2=1#2 a@3=1#3")]

    (line, *_) = decide([{"trigger": "t", "when": when}], events)

    assert tell([line]).split(",")[-1] == told


@both
def test_by_segment_the_first_case_of_which_the_customer_is_a_member(decide: Decide) -> None:
    table = "{by: segment, gold: 1, many: 2, default: 3}"
    documents = [
        segment("many", "is: {profile.n: {greater_than: 1}}"),
        segment("gold", "is: {profile.n: {greater_than: 2}}"),
        trigger(f"{{count: a, within: 1h, at_least: {table}}}"),
    ]

    def fired(n: int) -> str:
        lines = decide(documents, [identify(0, n=n), *log("a@1#1 a@2#2 a@3#3")])
        return tell([line for line in lines if line["kind"] == "firing"][:1])

    assert (fired(1), fired(2), fired(3)) == ("1,2,3@3", "1,2@2", "1@1")


@both
@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("number: 2", "1,2@2"),
        ("{by: profile.tier, gold: 1, default: 3}", "1@1"),
        ("{percentile: 95, of: profile.n, default: 3}", "1,2,3@3"),
        ("{sigma: 2, of: profile.n, least: 1, most: 9, default: 2}", "1,2@2"),
        ("{percentile: 95, of: profile.n, group: profile.tier, default: 3}", "1,2,3@3"),
    ],
)
def test_a_value_by_name(decide: Decide, said: str, told: str) -> None:
    """(75) One that is computed is its default until it is published."""
    documents = [
        attribute("n", "count: b"),
        value("busy", said),
        trigger("{count: a, within: 1h, at_least: {value: busy}}"),
    ]
    events = [identify(0, tier="gold"), *log("a@1#1 a@2#2 a@3#3")]

    (line, *_) = decide(documents, events)

    assert tell([line]) == told
    assert line["values"] == {"busy": told.count(",") + 1}


@both
@pytest.mark.parametrize(
    ("told", "fired"),
    [
        ({"busy": {"number": 2}}, "1,2@2"),
        ({"busy": {"number": 2, "groups": {"gold": 1}}}, "1@1"),
        ({"busy": {"number": 2, "groups": {"silver": 1}}}, "1,2@2"),
        ({}, "1,2,3@3"),
    ],
)
def test_a_published_value(decide: Decide, told: Json, fired: str) -> None:
    """(76, 77) One number for each group, one for all others."""
    documents = [
        attribute("n", "count: b"),
        value("busy", "{percentile: 95, of: profile.n, group: profile.tier, default: 3}"),
        trigger("{count: a, within: 1h, at_least: {value: busy}}"),
    ]
    rest = {"n": 100, "computed_at": ms(0), "from": "v1"}
    events = [identify(0, tier="gold"), *log("a@1#1 a@2#2 a@3#3")]

    published = {name: {"groups": {}, **each, **rest} for name, each in told.items()}
    (line, *_) = decide(documents, events, published=published)

    assert tell([line]) == fired


@both
@pytest.mark.parametrize(
    ("when", "story", "told"),
    [
        pytest.param(
            "{event: a, where: {event_data.n: {greater_than: {value: two}}}}",
            "a@0=2 a@1=3",
            "1@1",
            id="an operator in where",
        ),
        pytest.param(
            "{event: a, where: {event_data.n: {between: [1, {value: two}]}}}",
            "a@0=2 a@1=3 a@2=0",
            "0@0",
            id="an end of between",
        ),
        pytest.param(
            "{event: a, where: {event_data.n: {less_than: {by: event_data.k, x: 5, default: 1}}}}",
            "a@0=2 a@1=0",
            "1@1",
            id="by a path of the event",
        ),
        pytest.param(
            "{count: a, within: 10s, more_than: {value: two}}",
            "a@0 a@1 a@2",
            "0,1,2@2",
            id="more than",
        ),
        pytest.param(
            "{count: a, within: 10s, exactly: {value: two}}",
            "a@0 a@1 b@20",
            "0,1@10",
            id="exactly: a number that nothing but the ruleset changes",
        ),
        pytest.param(
            "{count: a, within: 10s, average: event_data.n, at_least: {value: two}}",
            "a@0=1 a@1=3",
            "0,1@1",
            id="of an average",
        ),
        pytest.param(
            "{score: profile.n, above: {value: two}}", "i@0=2 i@1=3", "$entered:~x@1", id="a score"
        ),
        pytest.param(
            "{score: profile.n, above: {by: profile.n, '3': 9, default: 1}}",
            "i@0=2 i@1=3",
            "$entered:~x@0",
            id="a score by a path",
        ),
        pytest.param(
            "{trend: a, above: {value: two}, recent: 8s, baseline: 8s, min: 1}",
            "a@0 a@8 a@9 a@15",
            "3@15",
            id="trend above",
        ),
        pytest.param(
            "{trend: a, below: {value: two}, recent: 8s, baseline: 8s, min: 2}",
            "a@0 a@1 a@8 a@9 a@10",
            "4@16",
            id="trend below: three are less than twice two",
        ),
    ],
)
def test_where_a_number_may_stand(decide: Decide, when: str, story: str, told: str) -> None:
    """`two` is 2. i@0=2 is an `identify` of n."""
    events = [
        {**event, "event_type": "identify"} if event["event_type"] == "i" else event
        for event in log(story)
    ]

    lines = decide([value("two", "number: 2"), trigger(when)], events, until=ms(60))

    found = tell(lines)
    assert ("$entered:~x" + found[found.index("@") :] if "$entered" in found else found) == told
    (line,) = lines
    assert line["values"] in ({"two": 2}, {"event_data.k": 1}, {"profile.n": 1})


@both
@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("{profile.n: {greater_than: {value: two}}}", "001"),
        ("{profile.n: {greater_than: {by: profile.tier, gold: 1, default: 9}}}", "011"),
        ("{event_data.n: {less_than_or_equal: {value: two}}}", "110"),
        ("{count: p, within: 1h, at_least: {value: two}}", "011"),
        ("{count: p, within: 1h, at_most: {by: profile.tier, gold: 2, default: 9}}", "110"),
        ("{not: {profile.n: {greater_than: {value: two}}}}", "110"),
        ("{any: [{profile.n: {equals: 1}}, {profile.n: {greater_than: {value: two}}}]}", "101"),
    ],
)
def test_under_if(decide: Decide, condition: str, expected: str) -> None:
    events = [identify(0, tier="gold")]
    for number in (1, 2, 3):
        events += [identify(number, n=number), *log(f"p@{number}={number}#p{number}")]

    assert asked(decide, [value("two", "number: 2")], yaml(condition), events) == expected


@both
def test_values_stand_only_where_they_are_read(decide: Decide) -> None:
    """(78) Not on a firing that reads none, and on no suppressed match."""
    documents = [
        value("two", "number: 2"),
        value("tiers", "{by: profile.tier, gold: 1, default: 5}"),
        trigger("{event: a}", "t"),
        trigger(
            "{count: a, within: 1h, at_least: {value: two}}",
            "u",
            if_=yaml("{profile.n: {less_than: {value: tiers}}}"),
        ),
        trigger("{event: b}", "v", if_=yaml("{profile.n: {less_than: {value: tiers}}}")),
    ]
    events = [identify(0, n=1), *log("a@1#1 a@2#2 b@3#3"), identify(4, tier="gold"), *log("b@5#5")]

    lines = decide(documents, events)

    assert numbers(lines) == [None, None, {"two": 2, "tiers": 5}, {"tiers": 5}]
    assert lines[-1]["kind"] == "suppressed"
    assert "values" not in lines[-1]


@both
def test_a_segment_hears_of_what_its_numbers_go_by(decide: Decide) -> None:
    """(54) Membership equals `is` at any time, also when the tier changes."""
    documents = [
        segment("s", "is: {profile.n: {greater_than: {by: profile.tier, gold: 1, default: 5}}}"),
    ]
    events = [identify(0, n=3), identify(1, tier="gold"), identify(2, tier=None)]

    assert tell(decide(documents, events)) == "+s@1 -s@2"


@both
def test_a_segment_hears_of_a_segment_that_its_numbers_go_by(decide: Decide) -> None:
    documents = [
        segment("z", "is: {count: a, at_least: 1, within: 10s}"),
        segment("s", "is: {profile.n: {greater_than: {by: segment, z: 1, default: 5}}}"),
    ]

    lines = decide(documents, [identify(0, n=3), *log("a@1 b@30")], until=ms(60))

    assert tell(lines) == "+z@1 +s@1 -z@11 -s@11"


@pytest.mark.covers("C16")
def test_a_percentile_is_the_nearest_rank() -> None:
    """(76) The ceil(p/100 n)-th smallest."""
    assert percentile([3, 1, 2, 4], 50) == 2
    assert percentile([3, 1, 2, 4], 51) == 3
    assert percentile([3, 1, 2, 4], 100) == 4
    assert percentile([5], 1) == 5
    assert percentile([*range(1, 101)], 95) == 95


def test_sigma_is_of_the_whole_population() -> None:
    """(76) mean 5, sigma 2."""
    assert mean_and_sigma([2, 4, 4, 4, 5, 5, 7, 9], 2) == 9
    assert mean_and_sigma([0.1] * 10, 3) == 0.1
