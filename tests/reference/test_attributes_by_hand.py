"""Rules 46-51, 66 and 67, worked by hand: the reference and the engine must both agree.

An attribute is looked at by a trigger on p, whose condition holds or not.
"""

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
    tell,
    trigger,
)

pytestmark = pytest.mark.parametrize("decide", DECIDE.values(), ids=DECIDE.keys())


def asked(decide: Decide, documents: list[Json], condition: Json, events: list[Json]) -> str:
    """What the condition said at each p: ``1`` or ``0``."""
    lines = decide([*documents, trigger("{event: p}", "asks", if_=condition)], events)
    return "".join("01"[line["kind"] == "firing"] for line in lines if line["trigger"] == "asks")


def value(decide: Decide, said: str, test: Json, story: str) -> str:
    return asked(decide, [attribute("v", said)], {"profile.v": test}, log(story))


@pytest.mark.parametrize(
    ("said", "test", "story", "expected"),
    [
        # count
        pytest.param("count: a", {"equals": 0}, "p@0 a@1 p@2", "10", id="none are 0"),
        pytest.param("count: a", {"equals": 2}, "a@0 a@0 p@1 a@2 p@3", "10", id="count"),
        pytest.param(
            "count: p", {"equals": 1}, "p@0 p@1", "10", id="the event asked at is counted"
        ),
        pytest.param("count: a\nstart: 3", {"equals": 4}, "p@0 a@1 p@2", "01", id="start"),
        # (t - 10, t]: at 9.999 both, at 10 the one at 5, at 15 none.
        pytest.param(
            "count: a\nwithin: 10s", {"equals": 2}, "a@0 a@5 p@9.999 p@10", "10", id="within: full"
        ),
        pytest.param(
            "count: a\nwithin: 10s", {"equals": 1}, "a@0 a@5 p@10 p@14.999 p@15", "110", id="within"
        ),
        # 1 and 1.0 are one value; what has none is not counted.
        pytest.param(
            "count: a\nwithin: 10s\ndistinct: event_data.n",
            {"equals": 2},
            "a@0=1 a@1=1.0 a@2 a@3=2 p@4 p@11 p@12",
            "100",
            id="distinct: 1 was last seen at 1, so it is gone at 11",
        ),
        # sum
        pytest.param(
            "sum: event_data.n\non: a", {"equals": 0}, "p@0", "1", id="a sum of none is 0"
        ),
        pytest.param(
            "sum: event_data.n\non: a", {"equals": 3}, "a@0=1 a@1 a@2=2 p@3", "1", id="sum"
        ),
        pytest.param(
            "sum: event_data.n\non: a\nminus: b", {"equals": 1}, "a@0=3 b@1=2 p@2", "1", id="minus"
        ),
        pytest.param(
            "sum: event_data.n\non: a\nwithin: 10s",
            {"equals": 2},
            "a@0=1 a@1=2 p@9 p@10",
            "01",
            id="sum within",
        ),
        # first, last
        pytest.param(
            "first: event_data.n\non: a",
            {"exists": True},
            "p@0 a@1 p@2 a@3=1 p@4",
            "001",
            id="null is none",
        ),
        pytest.param(
            "first: event_data.n\non: a", {"equals": 1}, "a@0=1 a@1=2 p@2", "1", id="first"
        ),
        pytest.param(
            "last: event_data.n\non: a", {"equals": 2}, "a@0=1 a@1=2 a@2 p@3", "1", id="last"
        ),
        pytest.param(
            "last: event_data.n\non: a\nwithin: 10s",
            {"exists": True},
            "a@0=1 p@9.999 p@10",
            "10",
            id="null when older",
        ),
        pytest.param(
            "last: event_data.n\non: a\nstart: 7",
            {"equals": 7},
            "p@0 a@1=1 p@2",
            "10",
            id="last begins with start",
        ),
        pytest.param(
            "first: at\non: a", {"equals": "2026-01-01T00:00:05.000Z"}, "a@5 a@6 p@7", "1", id="at"
        ),
        pytest.param(
            "first: at\nas: month\non: a", {"equals": "2026-01"}, "a@0 p@1", "1", id="month"
        ),
    ],
)
def test_values(decide: Decide, said: str, test: Json, story: str, expected: str) -> None:
    assert value(decide, said, test, story) == expected


@pytest.mark.parametrize(
    ("said", "test", "expected"),
    [
        # q@60 makes a@20 late: by 40 s, with 10 s allowed.
        pytest.param("count: a", {"equals": 2}, "1", id="count"),
        pytest.param("count: a\nwithin: 1h", {"equals": 1}, "1", id="not into a window"),
        pytest.param("sum: event_data.n\non: a", {"equals": 3}, "1", id="sum"),
        pytest.param(
            "sum: event_data.n\non: a\nwithin: 1h", {"equals": 1}, "1", id="no window's sum"
        ),
        pytest.param("first: event_data.n\non: a", {"equals": 2}, "1", id="the earlier is first"),
        pytest.param("last: event_data.n\non: a", {"equals": 1}, "1", id="the later is last"),
        pytest.param(
            "last: at\non: a", {"equals": "2026-01-01T00:00:50.000Z"}, "1", id="its moment"
        ),
    ],
)
def test_a_late_event_counts_at_its_own_time(
    decide: Decide, said: str, test: Json, expected: str
) -> None:
    """(49) The a of 20 comes behind the a of 50, and is late."""
    assert value(decide, said, test, "a@50=1 q@60 a@20=2 p@61") == expected


def test_a_start_of_the_profile_is_read_once(decide: Decide) -> None:
    """(48) At the first fold: what the profile says later changes nothing."""
    events = [identify(0, known=5), *log("a@1#a"), identify(2, known=9), *log("p@3#p")]

    documents = [attribute("v", "count: a\nstart: profile.known")]

    assert asked(decide, documents, {"profile.v": {"equals": 6}}, events) == "1"


@pytest.mark.parametrize(
    ("said", "test", "expected"),
    [
        pytest.param("count: a\nstart: profile.known", {"equals": 6}, "01", id="count"),
        pytest.param(
            "sum: event_data.n\non: a\nstart: profile.known", {"equals": 6}, "01", id="sum"
        ),
        pytest.param(
            "last: event_data.k\non: a\nstart: profile.known", {"equals": 5}, "11", id="last"
        ),
        pytest.param(
            "first: event_data.n\non: a\nstart: profile.known", {"equals": 5}, "11", id="first"
        ),
    ],
)
def test_a_start_of_the_profile_is_read_once_by_who_asks_too(
    decide: Decide, said: str, test: Json, expected: str
) -> None:
    """(48) p@1 asks while it is 5; so it is 5 for the a of 3, although it is 9 by then."""
    events = [identify(0, known=5), *log("p@1#p"), identify(2, known=9), *log("a@3=1#a p@4#q")]

    assert asked(decide, [attribute("v", said)], {"profile.v": test}, events) == expected


@pytest.mark.parametrize(
    ("said", "test"),
    [
        pytest.param("count: a\nstart: profile.known", {"equals": 2}, id="count"),
        pytest.param("sum: event_data.n\non: a\nstart: profile.known", {"equals": 1}, id="sum"),
        pytest.param(
            "last: event_data.k\non: a\nstart: profile.known", {"exists": False}, id="last"
        ),
        pytest.param("first: event_data.n\non: a\nstart: profile.known", {"equals": 1}, id="first"),
    ],
)
def test_the_first_event_fixes_the_start_though_it_has_no_value(
    decide: Decide, said: str, test: Json
) -> None:
    """(48) The a of 0 has no n, and the profile says nothing: so 9 comes too late."""
    events = [*log("a@0#a"), identify(1, known=9), *log("a@2=1#b p@3#p")]

    assert asked(decide, [attribute("v", said)], {"profile.v": test}, events) == "1"


def test_a_start_that_is_not_there_yet_is_not_read(decide: Decide) -> None:
    """(48) p@1 asks while the profile says nothing: 9 is what it begins with."""
    events = [*log("p@1#p"), identify(2, known=9), *log("a@3#a p@4#q")]

    documents = [attribute("v", "count: a\nstart: profile.known")]
    assert asked(decide, documents, {"profile.v": {"equals": 10}}, events) == "01"


TWO_BYTES = "\N{LATIN SMALL LETTER E WITH ACUTE}"


@pytest.mark.parametrize(
    ("text", "is_value"),
    [
        pytest.param("x" * 256, True, id="256 letters"),
        pytest.param("x" * 257, False, id="257"),
        pytest.param(TWO_BYTES * 128, True, id="256 bytes"),
        pytest.param(TWO_BYTES * 128 + "x", False, id="257 bytes"),
    ],
)
@pytest.mark.parametrize("head", ["first", "last", "top"])
def test_a_text_over_256_bytes_is_no_value(
    decide: Decide, head: str, text: str, is_value: bool
) -> None:
    """(46) As of `changed` (40)."""
    events = log("a@0 p@1")
    events[0]["event_data"] = {"text": text}

    documents = [attribute("v", f"{head}: event_data.text\non: a")]
    found = asked(decide, documents, {"profile.v": {"exists": True}}, events)

    assert found == str(int(is_value))


@pytest.mark.parametrize(
    ("story", "test", "expected"),
    [
        # It is counted at 14, so it is inside of (10, 20].
        pytest.param("q@4 z@35~d a@5 p@20", {"equals": 1}, "1", id="folded then"),
        pytest.param("q@4 z@35~d a@5 p@24", {"equals": 0}, "1", id="and gone 10 s later"),
        pytest.param("a@4 q@4 z@35~d p@5", {"equals": 0}, "1", id="read then: (4, 14]"),
        pytest.param("q@3.999 a@4 z@35~d p@5", {"equals": 1}, "1", id="just inside"),
    ],
)
def test_an_event_from_before_a_due_that_was_decided(
    decide: Decide, story: str, test: Json, expected: str
) -> None:
    """(36) The wait of q ends 10 s behind it, at 14; what comes after that is folded and read at
    14, whatever its own time says."""
    documents = [
        attribute("v", "count: a\nwithin: 10s"),
        trigger("{sequence: [{event: q}, {absent: x, for: 10s}]}"),
    ]

    assert asked(decide, documents, {"profile.v": test}, log(story)) == expected


def test_an_identify_cannot_write_a_declared_name(decide: Decide) -> None:
    events = [identify(0, v=5), *log("p@1")]

    assert asked(decide, [attribute("v", "count: a")], {"profile.v": {"equals": 0}}, events) == "1"


POINTS = "points: {a: 0.25, b: -1, c: 1}\nhalf_life: 64s"
"""A step is a second long."""


@pytest.mark.parametrize(
    ("test", "story", "expected"),
    [
        pytest.param({"equals": 0.5}, "p@0 p@64", "11", id="start, which does not decay"),
        pytest.param({"equals": 0.75}, "a@0 p@0 p@0.999 p@1", "110", id="a step"),
        pytest.param({"equals": 0.375}, "a@0 p@63.999 p@64 p@64.999 p@65", "0110", id="half"),
        pytest.param({"equals": 0.1875}, "a@0 p@128", "1", id="half of it"),
        # 0.75 is worth 0.375 at 64.
        pytest.param({"equals": 0.625}, "a@0 a@64 p@64", "1", id="worth and what is added"),
        pytest.param({"equals": 1}, "a@0 c@0 c@1 p@1", "1", id="at most 1"),
        pytest.param({"equals": 0}, "a@0 b@0 p@0 p@999", "11", id="at least 0"),
        pytest.param({"equals": 0.25}, "b@0 a@5 p@5", "1", id="in the order of the events"),
        # The anchor is 0, so steps are at whole seconds, whenever events come: from 0.5 on, it is
        # worth 0.25 until 0.999, and less from 1 on.
        pytest.param({"equals": 0.25}, "b@0 a@0.5 p@0.999 p@1", "10", id="steps of the anchor"),
        pytest.param({"equals": 0.5}, "p@60 a@20 p@61", "11", id="a late one adds nothing"),
    ],
)
def test_points(decide: Decide, test: Json, story: str, expected: str) -> None:
    assert value(decide, POINTS, test, story) == expected


OFTEN = "top: event_data.n\non: a"
THIRTY_TWO = ["a@0=0", *(f"a@0={n}" for n in range(32))]
"""0 is counted twice, and 1 to 31 once: all counters are taken."""


@pytest.mark.parametrize(
    ("events", "top"),
    [
        pytest.param(["a@0=1", "a@0=2", "a@0=1"], 1, id="the most frequent"),
        pytest.param(["a@0=1", "a@0=2"], 2, id="of equals the one seen last"),
        pytest.param(["a@0=1", "a@0=2", "a@0=2", "a@0=1"], 1, id="also seen again"),
        pytest.param(["a@0=1", "a@0=2", "a@0"], 2, id="what has none is not counted"),
        pytest.param([*THIRTY_TWO, "a@0=1"], 1, id="the 32nd is there: 1 comes to two"),
        # 99 takes the place of 1, so that 1 begins anew, and 0 has two.
        pytest.param([*THIRTY_TWO, "a@0=99", "a@0=1"], 0, id="the 33rd replaces the oldest"),
        # At 256 they are 200 and 56, and then 100 and 28.
        pytest.param(["a@0=0"] * 200 + ["a@0=1"] * (56 + 71), 0, id="halved: 99 of 100"),
        pytest.param(["a@0=0"] * 200 + ["a@0=1"] * (56 + 72), 1, id="halved: 100, seen last"),
        pytest.param(["a@0=1"] + ["a@0=0"] * 255 + ["a@0=1"], 0, id="half of one is none"),
    ],
)
def test_top(decide: Decide, events: list[str], top: int) -> None:
    assert value(decide, OFTEN, {"equals": top}, " ".join([*events, "p@0"])) == "1"


@pytest.mark.parametrize(("events", "expected"), [(999, "0"), (1000, "1"), (1001, "1")])
def test_a_window_holds_a_thousand(decide: Decide, events: int, expected: str) -> None:
    """(51) One that holds 1,000 says 1,000: of the first two windows, 1,000; of 999, fewer."""
    story = " ".join(["a@0"] * events) + " p@1"

    test = {"greater_than_or_equal": 1000, "less_than_or_equal": 1000}

    assert value(decide, "count: a\nwithin: 1h", test, story) == expected


@pytest.mark.parametrize(
    ("test", "story", "expected"),
    [
        pytest.param(
            {"event": "a", "at_least": "10s"}, "p@0 a@1 p@2 p@10.999 p@11", "1001", id="at least"
        ),
        pytest.param(
            {"event": "a", "less_than": "10s"}, "p@0 a@1 p@2 p@10.999 p@11", "0110", id="less"
        ),
        pytest.param(
            {"event": "p", "at_least": "10s"}, "p@0 p@20", "00", id="itself is the newest"
        ),
        # a@20 is late, and older; then it is the only one.
        pytest.param(
            {"event": "a", "at_least": "45s"}, "a@50 q@60 a@20 p@70", "0", id="older, late"
        ),
        pytest.param(
            {"event": "a", "less_than": "45s"}, "q@60 a@20 p@64.999 p@65", "10", id="late"
        ),
    ],
)
def test_since_last(decide: Decide, test: Json, story: str, expected: str) -> None:
    assert asked(decide, [], {"since_last": test}, log(story)) == expected


def test_since_the_last_firing(decide: Decide) -> None:
    """(67) `asks` is judged before `$fired:t` is handled: that of this record does not count."""
    test: Json = {"since_last": {"fired": "t", "at_least": "10s"}}

    fires = trigger("{event: p}", priority="high")

    assert asked(decide, [fires], test, log("p@0 p@9 p@30 p@40")) == "1011"


@pytest.mark.parametrize(
    ("test", "story", "expected"),
    [
        pytest.param({"at_least": 2}, "a@0 p@1 a@2 p@3 p@9.999 p@10", "0110", id="(at - W, at]"),
        pytest.param({"more_than": 1}, "a@0 a@1 p@2", "1", id="more than"),
        pytest.param({"at_most": 0}, "p@0 a@1 p@2 p@11", "101", id="at most none"),
        pytest.param({"exactly": 1}, "p@0 a@1 p@2 a@3 p@4", "010", id="exactly"),
        pytest.param(
            {"at_least": 3, "sum": "event_data.n"}, "a@0=1 a@1=2 p@2 p@10", "10", id="sum"
        ),
        pytest.param(
            {"at_least": 2, "distinct": "event_data.n"},
            "a@0=1 a@1=1 p@2 a@3=2 p@4",
            "01",
            id="distinct",
        ),
    ],
)
def test_count(decide: Decide, test: Json, story: str, expected: str) -> None:
    assert asked(decide, [], {"count": "a", "within": "10s", **test}, log(story)) == expected


def test_the_last_matched_event_is_counted(decide: Decide) -> None:
    test: Any = {"count": "p", "within": "10s", "at_least": 2}

    assert asked(decide, [], test, log("p@0 p@1 p@20")) == "010"


def test_folds_are_at_the_latest_time_that_was_decided(decide: Decide) -> None:
    """(36) The wait ended at 10 by the clock; then comes a of 5, and is folded at 10. At 14.999 it
    is in a window of 5 s, and at 15 it is not."""
    waits = trigger("{sequence: [{event: q}, {absent: x, for: 10s}]}", "t")
    story = "q@0 z@25~d a@5 p@14.999 p@15"

    said = asked(
        decide,
        [waits, attribute("v", "count: a\nwithin: 5s")],
        {"profile.v": {"equals": 1}},
        log(story),
    )

    assert said == "10"


def test_conditions_of_timers_read_at_their_due(decide: Decide) -> None:
    """a of 0 is 10 s ago when the wait of q ends at 10, whenever the clock says so."""
    waits = trigger(
        "{sequence: [{event: q}, {absent: x, for: 10s}]}",
        "t",
        if_={"count": "a", "within": "11s", "at_least": 1},
    )

    assert tell(decide([waits], log("a@0 q@0 z@90~d"), until=ms(99))) == "1@10"
