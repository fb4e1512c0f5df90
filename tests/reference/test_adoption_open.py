"""Rows of several rulesets in one log in which the engine differs."""

from __future__ import annotations

import pytest

from tests.reference.partitions import UNDER
from tests.reference.stories import (
    Decide,
    Json,
    attribute,
    log,
    segment,
    trigger,
)
from tests.reference.test_adoption_by_hand import (
    DEPLOY,
    WAIT,
    N,
    P,
    decided,
    tick,
)


def open_for(reason: str) -> pytest.MarkDecorator:
    mark = pytest.mark.xfail(strict=True, reason=reason)
    return pytest.mark.parametrize(
        "decide",
        [
            pytest.param(decide, id=name, marks=[mark] if name == "engine" else [])
            for name, decide in UNDER.items()
        ],
    )


@open_for("a segment that stays is not looked at when what it reads changed while it waited")
@pytest.mark.parametrize("between", [[], [tick(60)]])
def test_a_firing_before_the_adoption_is_heard_at_it(decide: Decide, between: list[Json]) -> None:
    """(54) t fires at 10, under the new ruleset, which the customer adopts at 70."""
    before = [trigger(WAIT), P | {"trigger": "p"}]
    before += [
        attribute("v", "count: {fired: t}"),
        segment("s", "is: {profile.v: {greater_than: 0}}"),
    ]
    story = [*log("a@0#0"), DEPLOY, *between, *log("p@70#7 p@80#8")]

    told = decided(decide, before, [*before, segment("m", N)], story)

    assert told == "0@10 +s@70 7@70 8@80"
