"""``case`` and ``expr`` (46, 48, 50, 56, 70-72), worked by hand: the reference, and the engine."""

from __future__ import annotations

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

pytestmark = pytest.mark.parametrize("decide", DECIDE.values(), ids=DECIDE)

CLASS = attribute(
    "v",
    """
    case:
      - {if: {profile.n: {greater_than: 2}}, then: high}
      - {if: {profile.n: {greater_than: 1}}, then: 2}
      - {if: {profile.flag: {equals: true}}, then: false}
    """,
)
LIFE = [
    attribute("orders", "count: a"),
    attribute(
        "life",
        """
        case:
          - {if: {profile.orders: {equals: 0}}, then: new}
          - {if: {since_last: {event: a, less_than: 10s}}, then: active}
          - {then: lapsed}
        """,
    ),
]


@pytest.mark.parametrize(
    ("said", "test", "expected"),
    [
        ({"n": 3}, {"equals": "high"}, "1"),
        ({"n": 3, "flag": True}, {"equals": "high"}, "1"),
        ({"n": 2}, {"equals": 2}, "1"),
        ({"n": 2}, {"equals": "2"}, "0"),
        ({"n": 1}, {"exists": False}, "1"),
        ({"flag": True}, {"equals": False}, "1"),
        ({"flag": True}, {"exists": True}, "1"),
        ({}, {"exists": False}, "1"),
    ],
)
def test_the_first_case_that_holds_else_null(
    decide: Decide, said: Json, test: Json, expected: str
) -> None:
    events = [identify(0, **said), *log("p@1")]

    assert asked(decide, [CLASS], {"profile.v": test}, events) == expected


@pytest.mark.parametrize(
    ("test", "expected"), [("new", "10000"), ("active", "01101"), ("lapsed", "00010")]
)
def test_a_lifecycle(decide: Decide, test: str, expected: str) -> None:
    """At 12 exactly 10 s have passed since the last. Who has none is new from the first record."""
    events = log("p@0 a@2 p@3 p@11.999 p@12 a@13 p@13")

    assert asked(decide, LIFE, {"profile.life": {"equals": test}}, events) == expected


def test_a_case_flips_in_silence(decide: Decide) -> None:
    """(50) At the flip of its `since_last`; the edge, and the change, are told there."""
    documents = [
        *LIFE,
        segment("gone", "is: {profile.life: {equals: lapsed}}"),
        trigger("{changed: profile.life, from: active, to: lapsed}"),
    ]

    lines = decide(documents, log("p@0 a@2 a@20"), until=ms(60))

    # Each has a timer of its own; what the one derives is handled before the next (38).
    assert tell(lines) == "$changed:life@12 +gone@12 -gone@20 $changed:life@30 +gone@30"


@pytest.mark.parametrize(
    ("condition", "story", "told"),
    [
        pytest.param(
            "{count: a, at_least: 2, within: 10s}", "a@0 a@5 b@30", "+s@5 -s@10", id="a window"
        ),
        pytest.param(
            "{not: {count: a, at_least: 1, within: 10s}}",
            "a@0 b@30",
            "+s@10",
            id="a window that is empty",
        ),
        pytest.param("{profile.w: {less_than: 0.5}}", "c@0", "+s@65", id="points that decay"),
        pytest.param("{profile.l: {equals: 1}}", "d@0=1 b@30", "+s@0 -s@10", id="a last of 10 s"),
        pytest.param("{segment: m}", "a@0 a@1 b@30", "+m@1 +s@1 -m@10 -s@10", id="a segment"),
        pytest.param("profile.k >= 2.0", "a@0 a@5 b@30", "+s@5 -s@10", id="an expression"),
    ],
)
def test_what_a_case_reads_wakes_it(decide: Decide, condition: str, story: str, told: str) -> None:
    documents: list[Json] = [
        attribute("w", "points: {c: 1}\nhalf_life: 64s"),
        attribute("l", "last: event_data.n\non: d\nwithin: 10s"),
        attribute("k", "count: a\nwithin: 10s"),
        {"attribute": "v", "case": [{"if": yaml(condition), "then": "yes"}]},
        segment("s", "is: {profile.v: {equals: 'yes'}}"),
    ]
    if "segment" in condition:
        documents.append(segment("m", "is: {count: a, at_least: 2, within: 10s}"))

    assert tell(decide(documents, log(story), until=ms(100))) == told


def test_a_case_reads_another(decide: Decide) -> None:
    """A class of a class: `one` before, whatever the names say."""
    documents = [
        {"attribute": "b", "case": [{"if": {"profile.n": {"greater_than": 1}}, "then": "x"}]},
        {"attribute": "a", "case": [{"if": {"profile.b": {"equals": "x"}}, "then": "y"}]},
        {"attribute": "c", "expr": 'profile.a == "y" ? 1 : 0'},
        trigger("{changed: profile.c, to: 1}"),
        segment("s", "is: {profile.a: {equals: y}}"),
    ]

    events = [identify(0, n=1), identify(1, n=2), identify(2, n=3)]

    assert tell(decide(documents, events)) == "+s@1 $changed:c@1"


# ── expr ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "test", "expected"),
    [
        ("profile.n + 1", {"equals": 3}, "1"),
        ("profile.n + 1", {"equals": "3"}, "0"),
        ("profile.n > 1", {"equals": True}, "1"),
        ("profile.tier + 1", {"exists": False}, "1"),
        ("profile.tier", {"equals": "gold"}, "1"),
        ("profile.tags", {"contains": "A"}, "1"),
        ("profile.tags[1]", {"equals": "b"}, "1"),
        ("profile.tags[2]", {"exists": False}, "1"),
        ("profile.none", {"exists": False}, "1"),
        ("!(profile.none > 1)", {"exists": False}, "1"),
        ("profile.address.city", {"equals": "Bonn"}, "1"),
        ("size(profile.tags)", {"equals": 2}, "1"),
        ("profile.count / profile.n", {"equals": 0.5}, "1"),
        ("profile.empty == null", {"equals": True}, "1"),
        # JSON has no such number.
        ("profile.n / 0", {"exists": False}, "1"),
        ("(profile.n - 2) / 0", {"exists": False}, "1"),
    ],
)
def test_an_expression_over_the_profile(
    decide: Decide, text: str, test: Json, expected: str
) -> None:
    """An error is null. A declared attribute is there from the first event on, be it null."""
    documents: list[Json] = [
        attribute("count", "count: a"),
        attribute("empty", "last: event_data.n\non: b"),
        {"attribute": "v", "expr": text},
    ]
    said = {"n": 2, "tier": "gold", "tags": ["a", "b"], "address": {"city": "Bonn"}}
    events = [identify(0, **said), *log("a@1 p@2")]

    assert asked(decide, documents, {"profile.v": test}, events) == expected


def test_an_expression_flips_in_silence(decide: Decide) -> None:
    """(50) 1 and 1.0 are one value, so the second a is a change to 2, and 5 s later back."""
    documents: list[Json] = [
        attribute("k", "count: a\nwithin: 10s"),
        {"attribute": "v", "expr": "profile.k * 1.0"},
        trigger("{changed: profile.v, to: [1, 0]}"),
    ]

    lines = decide(documents, log("a@0 a@5 b@30"), until=ms(60))

    assert tell(lines) == "$changed:v@10 $changed:v@15"


def test_a_change_of_a_case_that_reads_a_segment_is_asked_behind_it(decide: Decide) -> None:
    """(34, 46) In the same record, and in silence at the same time."""
    documents: list[Json] = [
        segment("z", "is: {count: a, at_least: 1, within: 10s}"),
        {"attribute": "v", "case": [{"if": {"segment": "z"}, "then": 1}, {"then": 0}]},
        {"attribute": "w", "expr": "profile.v + 1"},
        trigger("{changed: profile.v}", "t"),
        trigger("{changed: profile.w}", "u"),
        segment("s", "is: {profile.w: {equals: 2}}"),
    ]

    lines = decide(documents, log("b@0 a@5 b@30"))

    assert tell(lines) == (
        "+z@5 +s@5 $changed:v@5 $changed:w@5 -z@15 -s@15 $changed:v@15 $changed:w@15"
    )
