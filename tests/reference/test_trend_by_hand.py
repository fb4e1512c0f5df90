"""Rules 43-45, worked by hand: the reference and the engine must both agree.

Buckets are of 10 s, so `recent` is 80 s, and so is the baseline.
"""

from __future__ import annotations

import pytest

from tests.reference.stories import DECIDE, Decide, identify, log, ms, tell, trigger

pytestmark = pytest.mark.parametrize("decide", DECIDE.values(), ids=DECIDE.keys())

BELOW = "{trend: a, below: 0.5, recent: 80s, baseline: 80s, min: 2}"
ABOVE = "{trend: a, above: 1, recent: 80s, baseline: 80s, min: 2}"


@pytest.mark.parametrize(
    ("story", "decided"),
    [
        # Anchor 0; first asked at 0 + (8+8)*10 = 160, of [80, 160) against [0, 80).
        pytest.param("a@0 a@1", "1@160", id="silence: 0*8 < 0.5*2*8"),
        pytest.param("a@0 a@1 a@159.999", "", id="1*8 < 0.5*2*8 is not"),
        # At 160: b = [0, 80) = 2, r = 1. At 170: b = [10, 90) = 0 and so on: min is not reached.
        pytest.param(
            "a@0 a@1 a@80", "", id="an event exactly at 80 is recent, and nothing is below"
        ),
        pytest.param("a@0 a@1 a@79.999", "2@160", id="one at 79.999 is of the baseline"),
        pytest.param("a@0", "", id="fewer than min"),
        # 160: r = 1, b = 3; 1*8 < 0.5*3*8.
        pytest.param("a@0 a@1 a@2 a@90", "3@160", id="one of three"),
        # It fires again after a new baseline: the anchor is the first event behind the match.
        pytest.param("a@0 a@1 b@160 a@161 a@162 b@330", "1@160 4@321", id="a match uses up"),
        # b@160 is no counted event, but fires the timer that is due at 160.
        pytest.param("a@0 a@1 a@160", "1@160", id="the timer comes before the event of its due"),
    ],
)
def test_below(decide: Decide, story: str, decided: str) -> None:
    assert tell(decide([trigger(BELOW)], log(story), until=ms(600))) == decided


@pytest.mark.parametrize(
    ("story", "decided"),
    [
        # Asked at an event in bucket j >= 15, of buckets j-7..j against the 8 before.
        pytest.param("a@0 a@1 a@80 a@81 a@149.999", "", id="no full history in bucket 14"),
        pytest.param("a@0 a@1 a@80 a@81 a@150", "4@150", id="3 of [80, 160) against 2 of [0, 80)"),
        pytest.param("a@0 a@1 a@80 a@150", "", id="2*8 > 1*2*8 is not"),
        pytest.param("a@0 a@80 a@81 a@150", "", id="fewer than min"),
        # 160 is in bucket 16: [90, 170) against [10, 90), which has one.
        pytest.param(
            "a@0 a@1 a@80 a@110 a@160", "", id="what has left the baseline does not count"
        ),
        pytest.param("a@0 a@1 a@80 a@81 a@82 a@150 a@151", "5@150", id="a match uses up"),
        # In bucket 16 the 16 buckets 1..16 are empty but for the event: 160 is the anchor.
        # Bucket 15 of that is [310, 320): [240, 320) against [160, 240).
        pytest.param(
            "a@0 a@160 a@161 a@240 a@241 a@310", "5@310", id="forgotten when all buckets are empty"
        ),
    ],
)
def test_above(decide: Decide, story: str, decided: str) -> None:
    assert tell(decide([trigger(ABOVE)], log(story), until=ms(600))) == decided


def test_a_late_event_counts_nothing(decide: Decide) -> None:
    """At 100 it is late by more than 10 s, and would have been of the baseline."""
    assert tell(decide([trigger(BELOW)], log("a@0 b@100 a@50"), until=ms(600))) == ""


def test_an_event_from_before_the_newest_is_counted_with_it(decide: Decide) -> None:
    """(36) t fires at 14, which is the anchor; then comes the a of 5, for which u fires at 5. Both
    are of bucket 0: two in [14, 22), none in [22, 30)."""
    documents = [
        trigger("{sequence: [{event: q}, {absent: x, for: 10s}]}", "t"),
        trigger("{event: a}", "u"),
        trigger("{trend: {fired: [t, u]}, below: 0.5, recent: 8s, baseline: 8s, min: 2}", "v"),
    ]

    told = "0@14 2@5 $fired:u@30"

    assert tell(decide(documents, log("q@4 z@25~d a@5"), until=ms(60))) == told


def test_a_trend_that_matched_is_a_time_before_which_nothing_is_read(decide: Decide) -> None:
    """(36) It matched at 16 when the p of 5 comes: what was seen at 12 is four seconds ago."""
    documents = [
        trigger("{trend: q, below: 0.5, recent: 8s, baseline: 8s, min: 1}"),
        trigger("{event: p}", "u", if_={"since_last": {"of": "profile.seen", "less_than": "4s"}}),
    ]

    events = [identify(0, seen=ms(12)), *log("q@0 z@60~d p@5")]

    assert tell(decide(documents, events)) == "0@16 condition@5"
