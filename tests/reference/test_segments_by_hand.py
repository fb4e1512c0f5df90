"""Rules 53-57, worked by hand: the reference and the engine must both agree."""

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
)

pytestmark = pytest.mark.parametrize("decide", DECIDE.values(), ids=DECIDE.keys())

TWO = segment("s", "is: {count: a, at_least: 2, within: 10s}")


@pytest.mark.parametrize(
    ("story", "until", "told"),
    [
        pytest.param(
            "a@0 a@9.999", 19.999, "+s@9.999 -s@10", id="inside, and out as the older goes"
        ),
        pytest.param("a@0 a@10", 30, "", id="an event exactly W ago is outside"),
        # The second leaves at 15; the third and the second are two until then.
        pytest.param("a@0 a@5 a@8 a@9", 60, "+s@5 -s@18", id="the second newest decides"),
        pytest.param("a@0 a@1 b@40", 40, "+s@1 -s@10", id="by the next event, at the same time"),
        pytest.param("a@0 a@1 a@40 a@41", 60, "+s@1 -s@10 +s@41 -s@50", id="again and again"),
        pytest.param("a@0 a@1 z@19.999~d", None, "+s@1", id="not before the lateness is over"),
        pytest.param("a@0 a@1 z@20~d", None, "+s@1 -s@10", id="by the clock"),
    ],
)
def test_edges_of_a_window(decide: Decide, story: str, until: float | None, told: str) -> None:
    end = None if until is None else ms(until)

    assert tell(decide([TWO], log(story), until=end)) == told


@pytest.mark.covers("I2")
@pytest.mark.parametrize("is_", [True, False])
@pytest.mark.parametrize("leaves", [True, False])
@pytest.mark.parametrize("member", [True, False])
def test_is_and_leave(decide: Decide, is_: bool, leaves: bool, member: bool) -> None:
    """(54) Outside: it enters if `is` and not `leave`. Inside: it leaves if `leave`, whatever
    `is` says. The last `identify` sets both, and what was before makes a member of c, or not."""
    said = segment("s", "is: {profile.i: {equals: true}}\nleave: {profile.l: {equals: true}}")
    before = identify(0, i=member, l=False)

    lines = decide([said], [before, identify(1, i=is_, l=leaves)])

    expected = ["+s@0"] if member else []
    if member and leaves:
        expected.append("-s@1")
    if not member and is_ and not leaves:
        expected.append("+s@1")
    assert tell(lines) == " ".join(expected)


def test_an_edge_is_an_event(decide: Decide) -> None:
    heard = [TWO, trigger("{entered: s}", "t"), trigger("{left: s}", "u")]

    told = "+s@1 $entered:s@1 -s@10 $left:s@10"

    assert tell(decide(heard, log("a@0 a@1"), until=ms(60))) == told


def test_two_segments_are_told_by_name_and_before_the_triggers(decide: Decide) -> None:
    """(34) q, s, then the trigger on a; then what hears of q, then what hears of s."""
    heard = [
        segment("s", "is: {count: a, at_least: 1, within: 10s}"),
        segment("q", "is: {count: a, at_least: 1, within: 10s}"),
        trigger("{event: a}", "t"),
        trigger("{entered: s}", "m"),
        trigger("{entered: q}", "n"),
    ]

    assert tell(decide(heard, log("a@0"))) == "+q@0 +s@0 0@0 $entered:q@0 $entered:s@0"


def test_a_segment_comes_after_those_that_it_reads(decide: Decide) -> None:
    heard = [
        segment("a", "is: {segment: z}"),
        segment("m", "is: {segment: a}"),
        segment("z", "is: {count: a, at_least: 1, within: 10s}"),
    ]

    told = "+z@0 +a@0 +m@0 -z@10 -a@10 -m@10"

    assert tell(decide(heard, log("a@0"), until=ms(60))) == told


def test_a_chain_from_an_edge_in_silence(decide: Decide) -> None:
    """(38) At 10 s leaves; t fires on that; a count of t's firings makes a member of u."""
    heard = [
        segment("s", "is: {count: a, at_least: 1, within: 10s}"),
        trigger("{left: s}", "t"),
        segment("u", "is: {count: {fired: t}, at_least: 1, within: 5s}"),
    ]

    told = "+s@0 -s@10 $left:s@10 +u@10 -u@15"

    assert tell(decide(heard, log("a@0"), until=ms(60))) == told


def test_a_late_event_is_heard_of_at_the_next_evaluation(decide: Decide) -> None:
    """(49) a@20 is late at 60, and counted; s hears of it at the next that it reads, b@62."""
    documents: list[Json] = [
        attribute("v", "count: a"),
        attribute("w", "count: b"),
        segment("s", "is: {profile.v: {greater_than: 1}, profile.w: {greater_than_or_equal: 0}}"),
    ]

    assert tell(decide(documents, log("a@50 q@60 a@20 q@61 b@62"))) == "+s@62"


@pytest.mark.parametrize(
    ("is_", "story", "told"),
    [
        # Late are those of 20; nothing that s reads comes afterwards.
        pytest.param(
            "profile.v: {greater_than: 0}, count: b, at_least: 1, within: 30s",
            "b@50 b@55 q@60 a@20 q@61",
            "+s@80 -s@85",
            id="as a window loses its first, which alone flips nothing",
        ),
        pytest.param(
            "since_last: {event: a, at_least: 45s}, profile.v: {greater_than: 0}",
            "b@0 q@60 a@20 q@61",
            "+s@65",
            id="as its own time comes",
        ),
        pytest.param(
            "since_last: {event: a, at_least: 40s}, profile.v: {greater_than: 0}",
            "b@0 q@60 a@20 q@61",
            "",
            id="which has passed by then",
        ),
    ],
)
def test_a_late_event_is_heard_of_as_time_passes(
    decide: Decide, is_: str, story: str, told: str
) -> None:
    """(49, 50)"""
    documents: list[Json] = [attribute("v", "count: a"), segment("s", f"is: {{{is_}}}")]

    assert tell(decide(documents, log(story), until=ms(200))) == told


def test_an_identify_is_heard_of_as_time_passes(decide: Decide) -> None:
    """(34, 50) It is known before the timers up to its time, of which those up to 50.5 have come
    due by the clock. The score falls by itself at each second, which alone flips nothing."""
    documents: list[Json] = [
        attribute("v", "points: {a: 1}\nhalf_life: 64s"),
        segment("s", "is: {profile.n: {exists: true}, profile.v: {greater_than: 0.1}}"),
    ]

    events = [*log("a@0"), identify(60.5, n=1)]

    assert tell(decide(documents, events)) == "+s@51"


def test_conditions_see_who_is_a_member(decide: Decide) -> None:
    heard = [
        TWO,
        trigger("{event: b}", "t", if_={"segment": ["x", "s"]}),
        segment("x", "is: {segment: s}"),
    ]

    told = "condition@0 +s@2 +x@2 3@3 -s@11 -x@11 condition@12"

    assert tell(decide(heard, log("b@0 a@1 a@2 b@3 b@12"))) == told


def test_a_list_is_made_by_events(decide: Decide) -> None:
    said: list[Json] = log("segment_change@0 segment_change@1 segment_change@2 segment_change@3")
    for event, inside in zip(said, (True, True, False, False), strict=True):
        event["event_data"] = {"segment": "s", "in": inside}

    assert tell(decide([segment("s", "list: true")], said)) == "+s@0 -s@2"


@pytest.mark.parametrize(
    ("is_", "story", "told"),
    [
        ("{count: a, at_most: 0, within: 10s}", "b@0", "+s@0"),
        ("{count: a, at_most: 0, within: 10s}", "b@0 a@5 b@20", "+s@0 -s@5 +s@15"),
        ("{profile.n: {exists: false}}", "b@0", "+s@0"),
        ("{since_last: {event: a, at_least: 10s}}", "b@0 a@5 b@20", "+s@0 -s@5 +s@15"),
    ],
)
def test_a_first_record_may_make_a_member(decide: Decide, is_: str, story: str, told: str) -> None:
    """(48, 54, and the property of section 19: membership at any time equals `is`)."""
    assert tell(decide([segment("s", f"is: {is_}")], log(story), until=ms(60))) == told


def test_an_expression_as_the_whole_of_a_segment(decide: Decide) -> None:
    documents: list[Json] = [
        attribute("k", "count: a\nwithin: 10s"),
        {"segment": "s", "is": "profile.k >= 2", "leave": "profile.k < 1 || profile.out == true"},
        {"segment": "t", "is": {"expr": "profile.k >= 2", "not": "profile.out == true"}},
    ]

    events = [*log("a@0 a@5 b@30"), identify(40, out=True), *log("a@41#x a@42#y")]

    # k is 2 from 5, 1 from 10, 0 from 15 on; `profile.out == true` is an error until 40.
    expected = "+s@5 +t@5 -t@10 -s@15"
    assert tell(decide(documents, events, until=ms(60))) == expected


@pytest.mark.parametrize(
    ("test", "told"),
    [
        ("less_than: 0.5", "+s@65"),
        ("equals: 0.5", "+s@64 -s@65"),
        ("not_equals: 1", "+s@1"),
        ("between: [0.3, 0.6]", "+s@48 -s@112"),
        ("greater_than: 0.5, less_than: 0.9", "+s@10 -s@64"),
    ],
)
def test_a_score_that_decays_in_silence_makes_a_member(
    decide: Decide, test: str, told: str
) -> None:
    """(47, 50) A step is a second: 2^(-48/64) is 0.5946, 2^(-112/64) is 0.297."""
    documents = [
        attribute("v", "points: {c: 1}\nhalf_life: 64s"),
        segment("s", f"is: {{profile.v: {{{test}}}}}"),
    ]

    assert tell(decide(documents, log("c@0"), until=ms(300))) == told


@pytest.mark.parametrize("story", ["a@0=-2 a@5=2", "d@0=2 a@5=2"])
@pytest.mark.parametrize(
    "is_",
    [
        "{profile.v: {greater_than: 1}}",
        "{count: [a, d], sum: event_data.m, more_than: 1, within: 10s}",
    ],
)
def test_a_sum_rises_when_what_was_taken_off_leaves_its_window(
    decide: Decide, story: str, is_: str
) -> None:
    """(50) 0 from 5 on, 2 from 10 on, 0 from 15 on."""
    documents = [
        attribute("v", "sum: event_data.n\non: a\nminus: d\nwithin: 10s"),
        segment("s", f"is: {is_}"),
    ]
    events = log(story)
    for event in events:
        sign = -1 if event["event_type"] == "d" else 1
        event["event_data"]["m"] = sign * event["event_data"]["n"]

    assert tell(decide(documents, events, until=ms(60))) == "+s@10 -s@15"


@pytest.mark.parametrize(
    ("test", "told"),
    [
        ("exists: false", "+s@0 -s@1 +s@11"),
        ("not_equals: 7", "+s@0 -s@1 +s@11"),
        ("exists: true", "+s@1 -s@11"),
        ("less_than: 8", "+s@1 -s@11"),
    ],
)
def test_a_value_that_is_forgotten_in_silence(decide: Decide, test: str, told: str) -> None:
    """(46, 50) Null from 11 on."""
    documents = [
        attribute("v", "last: event_data.n\non: a\nwithin: 10s"),
        segment("s", f"is: {{profile.v: {{{test}}}}}"),
    ]

    assert tell(decide(documents, log("b@0 a@1=7"), until=ms(60))) == told


def test_a_segment_is_left_at_the_latest_time_of_anything(decide: Decide) -> None:
    """(29, 36) Its time is 21, and the rest of an upload may come until 40, as the a of 16 came at
    30. Meanwhile a wait has ended at 25."""
    documents = [
        segment("s", "is: {count: a, at_least: 1, within: 5s}"),
        trigger("{sequence: [{event: q}, {absent: x, for: 10s}]}"),
    ]

    story = "q@15^15 a@16^30 z@36^36~d z@40^40~d"

    assert tell(decide(documents, log(story))) == "+s@16 0@25 -s@25"


def test_an_edge_in_silence_is_a_time_before_which_nothing_is_read(decide: Decide) -> None:
    """(36) s is left at 12 when the p of 5 comes: what was seen at 8 is four seconds ago."""
    documents = [
        segment("s", "is: {count: a, at_least: 1, within: 10s}"),
        trigger("{event: p}", if_={"since_last": {"of": "profile.seen", "less_than": "4s"}}),
    ]

    events = [identify(0, seen=ms(8)), *log("a@2 z@40~d p@5")]

    assert tell(decide(documents, events)) == "+s@2 -s@12 condition@5"


def test_segments_go_by_name_where_none_reads_another(decide: Decide) -> None:
    """(34) m, which reads nothing, comes before a, which reads z."""
    documents = [
        segment(name, f"is: {{{said}}}")
        for name, said in [
            ("a", "segment: z"),
            ("m", "count: a, at_least: 1, within: 10s"),
            ("z", "count: a, at_least: 1, within: 10s"),
        ]
    ]

    assert tell(decide(documents, log("a@0"))) == "+m@0 +z@0 +a@0"
