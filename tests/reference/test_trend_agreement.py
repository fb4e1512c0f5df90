"""Trends, alone and beside firings (43-45): the engine decides what the reference decides."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.reference.rulesets import TREND, rulesets
from tests.reference.stories import DECIDE, Json, log, ms, tell, trigger
from tests.reference.strategies import ends, logs, policies
from tests.reference.test_agreement import agree


@given(rulesets(TREND), logs(), ends(), policies())
def test_trends_and_what_hears_of_firings(
    documents: list[Json], events: list[Json], until: int | None, policy: Json
) -> None:
    agree(documents, events, until, policy)


@pytest.mark.parametrize(
    ("story", "told"),
    [
        # Three in [90 s, 170 s), and none since: a fall at 250 s.
        ("a@0 a@102 a@159 a@165", "3@250"),
        # The clock is at 260 s before the last comes, and the end at 250 s is asked already.
        ("a@0 a@102 a@159 b@260~d a@165^265", ""),
    ],
)
@pytest.mark.parametrize("by", DECIDE)
def test_an_end_that_the_clock_has_settled_is_not_asked_again(
    by: str, story: str, told: str
) -> None:
    when = "{trend: a, below: 0.5, recent: 80s, baseline: 80s, min: 3}"

    decided = DECIDE[by](
        [trigger(when)], log(story), until=ms(1000), policy={"allowed_lateness": "0s"}
    )

    assert tell(decided) == told
