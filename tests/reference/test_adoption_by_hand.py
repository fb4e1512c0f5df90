"""Several rulesets in one log (51, 56, 57, 96, settlement 41), worked by hand: the reference and
the engine must both agree.

The first is in force from the start, the second from `DEPLOY` on.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.reference.partitions import UNDER, by_partition
from tests.reference.stories import (
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

pytestmark = pytest.mark.parametrize("decide", UNDER.values(), ids=UNDER.keys())

DEPLOY: Json = {"ruleset": 1}
TOUCH: Json = {"touch": "c", "at": ms(20)}
P = trigger("{event: p}")
WAIT = "{sequence: [{event: a}, {absent: b, for: 10s}]}"
N = "is: {profile.n: {greater_than: 1}}"
WINDOW = "is: {count: a, at_least: 1, within: 10s}"


def tick(at: float) -> Json:
    return {"tick": ms(at)}


def existing(document: Json) -> Json:
    return {**document, "existing": "tell"}


def decided(decide: Decide, before: list[Json], behind: list[Json], story: list[Json]) -> str:
    return tell(decide([before, behind], story))


@pytest.mark.parametrize(
    ("before", "behind", "story", "told"),
    [
        pytest.param(
            [P],
            [P, segment("s", N)],
            [identify(0, n=2), DEPLOY, *log("p@5#5"), identify(6, n=0)],
            "5@5 -s@6",
            id="a new segment is set at the first record, and left with an edge",
        ),
        pytest.param(
            [P],
            [P, existing(segment("s", N))],
            [identify(0, n=2), DEPLOY, *log("p@5#5"), identify(6, n=0)],
            "+s@5 5@5 -s@6",
            id="or told, if it says so",
        ),
        pytest.param(
            [P],
            [P, segment("s", N)],
            [identify(0, n=0), DEPLOY, identify(6, n=2)],
            "+s@6",
            id="before the record is folded: what it brings is an edge",
        ),
        pytest.param(
            [P],
            [P, existing(segment("s", N))],
            [identify(0, n=2), DEPLOY, identify(5, n=0)],
            "+s@5 -s@5",
            id="and so is what it takes",
        ),
        pytest.param(
            [P],
            [P, segment("s", N)],
            [*log("z@0~d"), DEPLOY, identify(5, n=2)],
            "+s@5",
            id="who comes for the first time starts outside",
        ),
        pytest.param(
            [P],
            [P, segment("s", WINDOW)],
            [*log("a@0#0"), DEPLOY, *log("p@5#5 a@6#6"), tick(60)],
            "5@5 +s@6 -s@16",
            id="what a new condition counts begins at the deploy",
        ),
        pytest.param(
            [P, segment("s", WINDOW)],
            [P, segment("s", WINDOW.replace("10s", "20s"))],
            [*log("a@0#0"), DEPLOY, *log("p@5#5 a@6#6"), tick(60)],
            "+s@0 5@5 +s@6 -s@26",
            id="an edited one is set anew, without an edge",
        ),
        pytest.param(
            [P, segment("s", WINDOW)],
            [P, segment("s", WINDOW), trigger("{event: z}", "z")],
            [*log("a@0#0"), DEPLOY, tick(30)],
            "+s@0 -s@10",
            id="a deploy that changes nothing derived changes nothing",
        ),
        pytest.param(
            [P, segment("s", WINDOW)],
            [P, segment("s", WINDOW), segment("m", N)],
            [*log("a@0#0"), DEPLOY, tick(30)],
            "+s@0",
            id="one that does lets the timers of what is derived wait for a record",
        ),
        pytest.param(
            [P, segment("s", WINDOW), trigger("{left: s}", "l")],
            [P, segment("s", WINDOW), trigger("{left: s}", "l"), segment("m", "is: {segment: s}")],
            [*log("a@0#0"), DEPLOY, *log("p@5#5 p@40#6")],
            "+s@0 5@5 -s@10 -m@10 $left:s@10 6@40",
            id="a segment that reads another one",
        ),
        pytest.param(
            [P, segment("s", WINDOW)],
            [P, segment("s", WINDOW), existing(segment("m", "is: {segment: s}"))],
            [*log("a@0#0"), DEPLOY, *log("p@40#4")],
            "+s@0 +m@40 -s@10 -m@10 4@40",
            id="what waited is decided behind the adoption, at its own due",
        ),
        pytest.param(
            [P, segment("s", WINDOW)],
            [P, segment("s", WINDOW), segment("m", N)],
            [*log("a@0#0"), DEPLOY, {"touch": "c", "at": ms(30)}, tick(60)],
            "+s@0 -s@30",
            id="but not before a touch",
        ),
        pytest.param(
            [P],
            [P, existing(segment("s", N))],
            [identify(50, n=2), DEPLOY, *log("p@5#5 p@60#6")],
            "+s@50 6@60",
            id="a late event adopts it too",
        ),
        pytest.param(
            [P],
            [P, existing(segment("s", N))],
            [*log("p@40#4"), identify(50, n=2), DEPLOY, *log("p@40#4 p@60#6")],
            "4@40 +s@60 6@60",
            id="a duplicate does not",
        ),
        pytest.param(
            [P],
            [P, existing(segment("s", N))],
            [identify(0, n=2), DEPLOY, *log("p@5#5"), {"touch": "c", "at": ms(20)}],
            "+s@5 5@5",
            id="who came first needs no touch",
        ),
    ],
)
def test_what_a_deploy_makes_of_members(
    decide: Decide, before: list[Json], behind: list[Json], story: list[Json], told: str
) -> None:
    assert decided(decide, before, behind, story) == told


def test_what_was_removed_is_forgotten_without_an_edge(decide: Decide) -> None:
    """(57) And is set anew when it comes back; who slept through it knows nothing of it."""
    with_it = [P, existing(segment("s", N))]
    story = [identify(0, n=2), DEPLOY, *log("p@5#5"), {"ruleset": 2}, *log("p@6#6")]
    slept = [each for each in story if each.get("event_id") != "5"]

    assert tell(decide([with_it, [P], with_it], story)) == "+s@0 5@5 +s@6 6@6"
    assert tell(decide([with_it, [P], with_it], slept)) == "+s@0 6@6"


def asks(said: str, test: Json, name: str = "v") -> list[Json]:
    return [attribute(name, said), trigger("{event: p}", if_={f"profile.{name}": test})]


AT_LEAST_2 = {"greater_than_or_equal": 2}


@pytest.mark.parametrize(
    ("before", "behind", "story", "told"),
    [
        pytest.param(
            [P],
            asks("count: a", AT_LEAST_2),
            "a@0#0 a@1#1 ! p@5#5 a@6#6 a@7#7 p@8#8",
            "condition@5 8@8",
            id="a new one begins at the first record",
        ),
        pytest.param(
            [P], asks("count: a", AT_LEAST_2), "a@0#0 ! a@6#6 a@7#7 p@8#8", "8@8", id="with it"
        ),
        pytest.param(
            asks("count: a", AT_LEAST_2),
            asks("count: [a, b]", AT_LEAST_2),
            "a@0#0 a@1#1 p@2#2 ! p@5#5 a@6#6 b@7#7 p@8#8",
            "2@2 condition@5 8@8",
            id="an edited one begins anew",
        ),
        pytest.param(
            asks("count: a", AT_LEAST_2),
            [*asks("count: a", AT_LEAST_2), attribute("w", "count: b")],
            "a@0#0 a@1#1 ! p@5#5",
            "5@5",
            id="another one beside it changes nothing",
        ),
        pytest.param(
            [P],
            [trigger("{event: p}", if_=yaml("{count: a, at_least: 1, within: 1h}"))],
            "a@0#0 ! p@5#5 a@6#6 p@7#7",
            "condition@5 7@7",
            id="so does what `if` counts",
        ),
        pytest.param(
            [trigger("{event: p}", if_=yaml("{count: a, at_least: 1, within: 1h}"))],
            [trigger("{event: p}", if_=yaml("{count: a, at_least: 2, within: 1h}"))],
            "a@0#0 a@1#1 ! p@5#5",
            "5@5",
            id="but what it compares with may change",
        ),
        pytest.param(
            asks("count: a", AT_LEAST_2),
            asks("count: a", AT_LEAST_2, "w"),
            "a@0#0 a@1#1 ! p@5#5",
            "5@5",
            id="another name is no other definition",
        ),
        pytest.param(
            asks("count: a", AT_LEAST_2),
            [attribute("a", "count: a"), *asks("count: a", AT_LEAST_2)],
            "a@0#0 ! p@5#5 a@6#6 p@7#7",
            "condition@5 7@7",
            id="two of one definition count an event once",
        ),
        pytest.param(
            [attribute("v", "count: a"), attribute("w", "count: b")],
            [attribute("v", "count: b"), *asks("count: a", AT_LEAST_2, "w")],
            "a@0#0 a@1#1 b@2#2 ! p@5#5",
            "5@5",
            id="names that are exchanged",
        ),
    ],
)
def test_attributes(
    decide: Decide, before: list[Json], behind: list[Json], story: str, told: str
) -> None:
    """(51) The deploy is where `!` is."""
    first, second = story.split("!")

    assert decided(decide, before, behind, [*log(first), DEPLOY, *log(second)]) == told


def test_a_start_is_read_under_the_new_ruleset(decide: Decide) -> None:
    """(48, 51) 1 from the profile, and the a behind the deploy."""
    behind = asks("count: a\nstart: profile.n", AT_LEAST_2)
    story = [identify(0, n=1), *log("a@1#1"), DEPLOY, *log("p@5#5 a@6#6 p@7#7")]

    assert decided(decide, [P], behind, story) == "condition@5 7@7"


def test_what_an_attribute_began_with_stays_under_another_name(decide: Decide) -> None:
    """(48, 51) 1 from the profile, though that says 9 by now."""
    before = asks("count: a\nstart: profile.n", AT_LEAST_2)
    behind = asks("count: a\nstart: profile.n", {"equals": 3}, "w")
    story = [identify(0, n=1), *log("a@1#1"), identify(2, n=9), DEPLOY, *log("a@3#3 p@5#5")]

    assert decided(decide, before, behind, story) == "5@5"


@pytest.mark.parametrize("name", ["v", "w"])
@pytest.mark.parametrize("head", ["count: a", "count: a\nwithin: 1h"])
def test_who_reads_one_of_two_attributes_of_one_definition_hears_of_it(
    decide: Decide, name: str, head: str
) -> None:
    """(51, 54)"""
    documents = [attribute("v", head), attribute("w", head)]
    documents += [segment("s", f"is: {{profile.{name}: {{greater_than: 1}}}}")]
    documents += [trigger(f"{{changed: profile.{name}}}", "u")]

    assert tell(decide([documents], log("a@0#0 a@1#1"))) == f"+s@1 $changed:{name}@1"


CHANGED = trigger("{changed: profile.n}", "u")
CHANGED_V = trigger("{changed: profile.v}", "u")


@pytest.mark.parametrize(
    ("before", "behind", "story", "told"),
    [
        pytest.param(
            [P],
            [P, CHANGED],
            [identify(0, n=0), DEPLOY, identify(6, n=2)],
            "$changed:n@6",
            id="the value of before is remembered",
        ),
        pytest.param(
            [P],
            [P, attribute("v", "count: a"), CHANGED_V],
            [*log("a@0#0"), DEPLOY, *log("a@5#5")],
            "$changed:v@5",
            id="of a new attribute, its default",
        ),
        pytest.param(
            [attribute("v", "count: a"), CHANGED_V],
            [attribute("v", "count: [a, b]"), CHANGED_V],
            [*log("a@0#0 a@1#1"), DEPLOY, *log("p@5#5 a@6#6")],
            "$changed:v@1 $changed:v@6",
            id="that an edited one begins anew is no change",
        ),
        pytest.param(
            [attribute("v", "count: a"), CHANGED_V],
            [attribute("v", "count: a"), CHANGED_V, segment("s", N)],
            [*log("a@0#0"), DEPLOY, *log("a@5#5")],
            "$changed:v@5",
            id="one that stays goes on",
        ),
    ],
)
def test_what_is_remembered_of_a_value(
    decide: Decide, before: list[Json], behind: list[Json], story: list[Json], told: str
) -> None:
    """(56)"""
    assert decided(decide, before, behind, story) == told


@pytest.mark.parametrize(
    ("before", "behind", "told"),
    [
        pytest.param([trigger(WAIT)], [trigger(WAIT), segment("s", N)], "0@10", id="it stays"),
        pytest.param(
            [trigger(WAIT)],
            [trigger(WAIT, if_={"profile.n": {"equals": 1}})],
            "condition@10",
            id="if",
        ),
        pytest.param([trigger(WAIT)], [trigger(WAIT.replace("10s", "20s"))], "", id="edited"),
        pytest.param([trigger(WAIT)], [trigger(WAIT, mode="off")], "", id="switched off"),
        pytest.param(
            [trigger(WAIT)],
            [
                trigger(WAIT, if_={"profile.v": {"equals": 0}}),
                attribute("v", "count: a"),
            ],
            "0@10",
            id="it asks for a new attribute, which has its default",
        ),
        pytest.param(
            [trigger(WAIT)],
            [trigger(WAIT), trigger("{fired: t}", "u"), segment("s", N)],
            "0@10 $fired:t@10",
            id="what hears of it is of the new ruleset",
        ),
    ],
)
@pytest.mark.parametrize("behind_it", [tick(60), log("z@60")[0]])
def test_an_open_wait(
    decide: Decide, before: list[Json], behind: list[Json], told: str, behind_it: Json
) -> None:
    """(96) Decided by the clock, or by the customer's next event."""
    assert decided(decide, before, behind, [*log("a@0#0"), DEPLOY, behind_it]) == told


def test_a_deploy_that_makes_10000_members_fires_nothing(decide: Decide) -> None:
    """(56) `tell` tells each once, at their first event."""
    members = 10_000 if decide is by_partition else 100  # the reference is slow
    customers = [{**identify(0, n=2), "customer_id": f"c{number}"} for number in range(members)]
    events = [{**log("z@5#5")[0], "customer_id": f"c{number}"} for number in range(members)]
    heard = trigger("{entered: s}", "u")

    def lines(behind: Json) -> list[Json]:
        found: list[Json] = decide([[P], [heard, behind]], [*customers, DEPLOY, *events, *events])
        return found

    def who(kind: str) -> list[Any]:
        return sorted(
            line["customer_id"] for line in lines(existing(segment("s", N))) if line["kind"] == kind
        )

    assert lines(segment("s", N)) == []
    everybody = sorted(each["customer_id"] for each in customers)
    assert (who("segment"), who("firing")) == (everybody, everybody)


@pytest.mark.parametrize(
    ("before", "behind", "told"),
    [
        pytest.param("is: {profile.n: {greater_than: 0}}", N, "+s@0 5@5 -s@6", id="goes on"),
        pytest.param(N, "is: {profile.n: {less_than: 1}}", "+s@0 -s@5 5@5 +s@6", id="is out now"),
    ],
)
def test_what_is_told_of_an_edited_segment_alternates(
    decide: Decide, before: str, behind: str, told: str
) -> None:
    """(54, 56) Of one customer and segment: entered, left, entered, ..."""
    story = [identify(0, n=2), DEPLOY, *log("p@5#5"), identify(6, n=0)]

    assert (
        decided(decide, [P, segment("s", before)], [P, existing(segment("s", behind))], story)
        == told
    )


@pytest.mark.parametrize(
    ("story", "told"),
    [
        pytest.param([TOUCH], "+s@20", id="told once"),
        pytest.param([TOUCH, TOUCH], "+s@20", id="a repeat changes nothing"),
        pytest.param([TOUCH, *log("p@30#5")], "+s@20 5@30", id="and the other way"),
        pytest.param(
            [TOUCH, {"touch": "d", "at": ms(25)}, *log("p@30#5~d")],
            "+s@20 5@30",
            id="it makes nobody",
        ),
    ],
)
def test_a_touch(decide: Decide, story: list[Json], told: str) -> None:
    """(102) The customer adopts the ruleset at max(τ, its arrival)."""
    before = [*log("z@0"), identify(10, n=2), DEPLOY]

    assert decided(decide, [P], [P, existing(segment("s", N))], [*before, *story]) == told


def test_a_touch_does_not_go_back(decide: Decide) -> None:
    """(102) At τ, where that is later: the `identify` of 10 was folded."""
    before = [P, attribute("v", "count: identify")]
    behind = [*before, existing(segment("s", N))]
    story = [identify(10, n=2), DEPLOY, {"touch": "c", "at": ms(0)}]

    assert decided(decide, before, behind, story) == "+s@10"


def test_a_touch_lets_those_in_silence_leave_in_silence(decide: Decide) -> None:
    """(102) Members since 5, untold."""
    behind = [P, segment("s", "is: {since_last: {of: profile.since, less_than: 15s}}")]
    story = [identify(0, since=ms(0)), DEPLOY, {"touch": "c", "at": ms(5)}, tick(60)]

    assert decided(decide, [P], behind, story) == "-s@15"


def test_a_touch_of_10000_members(decide: Decide) -> None:
    """`tell` fires each once; without it, nothing fires."""
    members = 10_000 if decide is by_partition else 100
    ids = [f"c{number}" for number in range(members)]
    customers = [{**identify(0, n=2), "customer_id": id_} for id_ in ids]
    touches = [{"touch": id_, "at": ms(20)} for id_ in ids]
    heard = trigger("{entered: s}", "u")

    def lines(behind: Json) -> list[Json]:
        found: list[Json] = decide([[P], [heard, behind]], [*customers, DEPLOY, *touches, *touches])
        return found

    assert lines(segment("s", N)) == []
    told = lines(existing(segment("s", N)))
    fired = sorted(line["customer_id"] for line in told if line["kind"] == "firing")
    assert fired == sorted(ids)
    assert len(told) == 2 * members


def test_a_touch_arms_dates_and_makes_up_for_none(decide: Decide) -> None:
    """(65) The first of January was at 0; the deploy comes behind it. The next is in a month."""
    day = 86_400
    behind = [P, trigger("{date: profile.day, every: month, at: '00:00'}", "u")]
    story = [
        identify(1, day="1990-01-01"),
        identify(2, other=1),
        DEPLOY,
        {"touch": "c", "at": ms(20)},
        tick(32 * day),
    ]

    assert decided(decide, [P], behind, story).split("@")[-1] == f"{31 * day:.6g}"


def test_a_publication_keeps_progress_and_counts_from_the_next_event_on(decide: Decide) -> None:
    """(75, 77, 78) Two are counted when it becomes 2, which fires nothing; the third completes."""
    documents = [
        attribute("n", "count: b"),
        {"value": "busy", "percentile": 95, "of": "profile.n", "default": 5},
        trigger("{count: a, within: 1h, at_least: {value: busy}}"),
    ]
    told = {"number": 2, "groups": {}, "n": 100, "computed_at": ms(0), "from": "x"}
    published = {"published": {"busy": told}}
    story = [*log("a@0#0 a@1#1"), DEPLOY, tick(60), *log("b@70#b a@80#2")]

    lines = decide([documents, [*documents, published]], story)

    assert tell(lines) == "0,1,2@80"
    assert lines[0]["values"] == {"busy": 2}


def test_a_published_number_sets_members_without_an_edge(decide: Decide) -> None:
    """(56, 75, settlement 41) Fires nothing by itself."""
    documents = [
        attribute("n", "count: b"),
        {"value": "busy", "percentile": 95, "of": "profile.n", "default": 5},
        segment("s", "is: {profile.n: {greater_than_or_equal: {value: busy}}}"),
        P,
    ]
    told = {"number": 1, "groups": {}, "n": 100, "computed_at": ms(0), "from": "x"}
    published = {"published": {"busy": told}}
    story = [*log("b@0#0"), DEPLOY, *log("p@5#5 b@6#6")]
    back = [*story, {"ruleset": 2}, *log("p@7#7")]

    assert tell(decide([documents, [*documents, published]], story)) == "5@5"
    assert tell(decide([documents, [*documents, published], documents], back)) == "5@5 7@7"
