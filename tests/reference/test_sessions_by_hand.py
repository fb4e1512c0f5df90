"""Sessions by hand (60-62): what the reference and the engine decide, each row worked out on paper.

The gap is 30 s and the longest is 2 m, unless a row says otherwise.
"""

from __future__ import annotations

import pytest

from tests.reference.stories import DECIDE, Decide, Json, attribute, log, ms, segment, tell, trigger

pytestmark = pytest.mark.parametrize("decide", DECIDE.values(), ids=DECIDE.keys())

POLICY = {"activity": ["a", "b"], "session": {"gap": "30s", "longest": "2m"}}
STARTED = trigger("{session: started}", "s")
ENDED = trigger("{session: ended}", "e")


def decided(decide: Decide, documents: list[Json], story: str, until: float | None = None) -> str:
    """The decisions on *story*, without the signs of derived events."""
    end = None if until is None else ms(until)
    return tell(decide(documents, log(story), until=end, policy=POLICY)).replace("$session_", "")


@pytest.mark.covers("D8")
@pytest.mark.parametrize(
    ("story", "told"),
    [
        ("a@0 a@29.999", "started@0"),
        ("a@0 a@30", "started@0 ended@30 started@30"),
        ("a@0 a@30.001", "started@0 ended@30 started@30.001"),
        ("a@0 c@10 a@35", "started@0 ended@30 started@35"),
    ],
)
def test_an_event_at_the_gap_opens_another(decide: Decide, story: str, told: str) -> None:
    assert decided(decide, [STARTED, ENDED], story) == told


@pytest.mark.parametrize(("last", "told"), [(29.999, "started@0"), (30, "started@0 started@30")])
def test_so_it_does_where_nobody_waits_for_the_end(decide: Decide, last: float, told: str) -> None:
    assert decided(decide, [STARTED], f"a@0 a@{last}") == told


def test_at_one_due_the_session_goes_before_segments(decide: Decide) -> None:
    """(38) Both end at 30, in silence."""
    documents = [ENDED, segment("s", "is: {count: a, at_least: 1, within: 30s}")]

    assert decided(decide, documents, "a@0", until=60) == "+s@0 ended@30 -s@30"


@pytest.mark.parametrize(
    ("last", "told"),
    [("119.999", "started@0"), ("120", "started@0 ended@120 started@120")],
)
def test_an_event_at_the_longest_ends_it_first(decide: Decide, last: str, told: str) -> None:
    story = " ".join(f"a@{at}" for at in (0, 29, 58, 87, 116, last))

    assert decided(decide, [STARTED, ENDED], story) == told


def test_silence_ends_it(decide: Decide) -> None:
    assert decided(decide, [ENDED], "a@0 b@10", until=39.999) == ""
    assert decided(decide, [ENDED], "a@0 b@10", until=40) == "ended@40"


@pytest.mark.covers("A11")
def test_two_devices_are_in_one(decide: Decide) -> None:
    """The numbers of the two devices' own sessions decide nothing."""
    events = log("a@0 a@20 a@40")
    for event, device in zip(events, ("phone", "desk", "phone"), strict=True):
        event |= {"session_id": device, "device_info": {"type": device}}

    found = decide([STARTED, ENDED], events, until=ms(100), policy=POLICY)

    assert tell(found).replace("$session_", "") == "started@0 ended@70"


def test_the_rest_of_an_upload_belongs_to_it_until_it_is_decided(decide: Decide) -> None:
    """The clock stands at 35 when a of 20 comes: the end of 30 is known at 40. At 41 it is, and a
    of 25 is folded at 30, where a session begins."""
    policy = POLICY | {"allowed_lateness": "10s"}
    documents = [STARTED, ENDED]

    early = decide(documents, log("a@0^0 c@35~d^35 a@20^36"), until=ms(100), policy=policy)
    late = decide(documents, log("a@0^0 c@41~d^41 a@25^41"), until=ms(100), policy=policy)

    assert tell(early).replace("$session_", "") == "started@0 ended@50"
    assert tell(late).replace("$session_", "") == "started@0 ended@30 started@30 ended@60"


def test_a_late_event_is_in_none(decide: Decide) -> None:
    assert decided(decide, [STARTED, ENDED], "c@100 a@0 c@200") == ""


def test_what_others_do_to_a_customer_opens_none(decide: Decide) -> None:
    assert decided(decide, [STARTED, ENDED], "c@0 c@100", until=200) == ""


@pytest.mark.covers("D8")
def test_the_end_tells_what_the_visit_was(decide: Decide) -> None:
    """Of 6 events in 50 s: depth is 6/10, time 50/600, so the quality is 0.3416…"""
    asks = "event_data.depth: {equals: 6}, event_data.seconds: {equals: 50}"
    good = "event_data.quality: {between: [0.3416, 0.3417]}"
    kinds = "event_data.types.a: {equals: 5}, event_data.entry.event_type: {equals: b}"
    wants = trigger(f"{{session: ended, where: {{{asks}, {good}, {kinds}}}}}")

    assert decided(decide, [wants], "b@0 a@10 a@20 a@30 a@40 a@50", until=100) == "ended@80"


def test_a_purchase_makes_it_the_best(decide: Decide) -> None:
    policy = {"activity": ["purchase_completed"], "session": {"gap": "30s"}}
    best = trigger("{session: ended, where: {event_data.quality: {equals: 1}}}")

    found = decide([best], log("purchase_completed@0"), until=ms(60), policy=policy)

    assert tell(found) == "$session_ended@30"


# ── where they may stand (39, 62) ───────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("story", "told"), [("a@0 b@29", "0,1@29"), ("a@0 b@30", ""), ("a@0 a@20 b@40", "1,2@40")]
)
def test_two_steps_of_one_visit(decide: Decide, story: str, told: str) -> None:
    same = trigger("{sequence: [{event: a}, {absent: {session: ended}}, {event: b}]}")

    assert decided(decide, [same], story) == told


@pytest.mark.parametrize(
    ("story", "told"),
    [("a@0 c@1", "0,ended@30"), ("a@0 b@1", ""), ("a@0 a@10 b@20", "")],
)
def test_a_visit_that_ends_without_something(decide: Decide, story: str, told: str) -> None:
    left = trigger("{sequence: [{event: a}, {absent: b}, {session: ended}]}")

    assert decided(decide, [left], story, until=200) == told


def test_visits_are_counted(decide: Decide) -> None:
    visits = trigger("{count: {session: started}, at_least: 3, within: 10m}")

    assert decided(decide, [visits], "a@0 a@10 a@50 a@100") == "started,started,started@100"


@pytest.mark.covers("B11")
def test_repeat_visits_is_such_a_count(decide: Decide) -> None:
    by_name = [trigger("{behavior: repeat_visits, at_least: 2, within: 1h}")]
    by_count = [trigger("{count: {session: started}, at_least: 2, within: 1h}")]
    if decide is DECIDE["reference"]:
        by_name = by_count

    assert decided(decide, [*by_name], "a@0 a@50") == "started,started@50"


def test_an_attribute_counts_visits(decide: Decide) -> None:
    documents = [
        attribute("visits", "count: {session: started}"),
        segment("regular", "is: {profile.visits: {greater_than: 1}}"),
        trigger("{event: a}", if_={"profile.visits": {"equals": 2}}),
    ]

    found = decided(decide, documents, "a@0 a@50 a@60")

    # What is derived from an event is handled behind it.
    assert found == "condition@0 condition@50 +regular@50 2@60"


def test_how_long_ago_a_visit_began(decide: Decide) -> None:
    asks = trigger("{event: c}", if_={"since_last": {"session": "started", "less_than": "1m"}})

    assert decided(decide, [asks], "a@0 c@59 c@60") == "1@59 condition@60"


# ── the open one ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("test", "told"),
    [
        ({"profile.session.depth": {"equals": 2}}, "condition@0 1@10 2@20 condition@50"),
        ({"profile.session.seconds": {"greater_than": 9}}, "condition@0 1@10 2@20 condition@50"),
        ({"profile.session.started": {"exists": True}}, "0@0 1@10 2@20 condition@50"),
        ({"profile.session": {"exists": False}}, "condition@0 condition@10 condition@20 3@50"),
    ],
)
def test_an_open_one_is_on_the_profile(decide: Decide, test: object, told: str) -> None:
    asks = trigger("{event: [a, c]}", if_=test)

    assert decided(decide, [asks], "a@0 a@10 c@20 c@50") == told


@pytest.mark.parametrize("others", [[], [ENDED]])
def test_a_segment_reads_the_open_one(decide: Decide, others: list[Json]) -> None:
    """Its member leaves in silence, whether or not anybody else hears of the end."""
    deep = segment("deep", "is: {profile.session.depth: {greater_than: 1}}")

    found = decided(decide, [deep, *others], "a@0 a@10", until=100)

    assert found == " ".join(["+deep@10", *(["ended@40"] if others else []), "-deep@40"])
