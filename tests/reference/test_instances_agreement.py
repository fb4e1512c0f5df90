"""What asks for its own instance (21, 66): the engine decides what the reference decides."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reference.stories import Json
from tests.reference.strategies import Draw, ends, logs, minutes, patterns, policies, text
from tests.reference.test_agreement import agree

INSTANCE = "event_data.instance"
K = "event_data.k"


@st.composite
def counts(draw: Draw) -> Json:
    counted: list[tuple[Any, str]] = [
        ({"fired": "t"}, INSTANCE),
        ({"fired": ["t", "u"]}, INSTANCE),
        ("a", K),
        (["a", "b"], K),
    ]
    of, per = draw(st.sampled_from(counted))
    comparator = draw(st.sampled_from(["at_most", "at_most", "at_least", "more_than", "exactly"]))
    number = draw(st.integers(1 if comparator == "at_least" else 0, 2))
    return {"count": of, "per": per, comparator: number, "within": text(draw(minutes(1, 8)))}


@st.composite
def asking(draw: Draw, name: str) -> Json:
    simple: Json = draw(
        st.sampled_from(
            [
                {"event": [*"ab"]},
                {"count": "a", "at_least": 2, "within": "10m"},
                {"sequence": [{"event": "a"}, {"absent": "b", "for": "2m"}]},
            ]
        )
    )
    when = simple if draw(st.integers(0, 2)) else draw(patterns(1))
    condition: Json = draw(counts())
    if draw(st.integers(0, 3)) == 0:
        condition = {"any": [condition, {"not": draw(counts())}]}
    return {"trigger": name, "when": {**when, "per": K}, "if": condition}


@pytest.mark.covers("C23")
@given(asking("t"), asking("u"), logs(), ends(), policies())
def test_what_asks_for_its_own_instance(
    one: Json, other: Json, events: list[Json], until: int | None, policy: Json
) -> None:
    agree([one, other], events, until, policy)
