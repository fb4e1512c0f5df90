"""Rows in which the engine differs from the rules that are named: not mended yet.

The last section of docs/decisions/0020 lists them. A row that the engine gets right fails here, so
that it is taken to its own kind's rows.
"""

from __future__ import annotations

import pytest

from tests.reference.stories import DECIDE, Decide, log, tell, trigger

OPEN = pytest.mark.xfail(strict=True, reason="docs/decisions/0020: where the engine differs")

pytestmark = pytest.mark.parametrize(
    "decide",
    [
        pytest.param(decide, id=name, marks=[OPEN] if name == "engine" else [])
        for name, decide in DECIDE.items()
    ],
)


def test_of_one_record_derived_events_stand_by_id(decide: Decide) -> None:
    """(35) `all` hears of z first, then of t: both stand at record 0, t before z."""
    heard = [
        trigger("{event: a}", "z", priority="high"),
        trigger("{event: a}", "t"),
        trigger("{all: [{fired: z}, {fired: t}, {event: a}]}", "u"),
    ]

    assert tell(decide(heard, log("a@0"))) == "0@0 0@0 0,$fired:t,$fired:z@0"
