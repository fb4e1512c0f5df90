"""Deploys within a log (51, 56, 57, 96-98): the engine decides what the reference decides."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from tests.reference.partitions import Documents, by_partition, by_reference
from tests.reference.rulesets import NUMBERS, rulesets, silent_logs
from tests.reference.stories import START, Json
from tests.reference.strategies import MINUTE, Draw, logs
from tests.reference.test_agreement import some
from tests.reference.test_properties import by_customer


@st.composite
def edits(draw: Draw, documents: Documents) -> Documents:
    """The documents; the first of them, for they hear only of those before them; or all, with one
    of other durations."""
    kind = draw(st.sampled_from(["same", "fewer", "edited"]))
    if kind == "fewer":
        return documents[: draw(st.integers(1, len(documents)))]
    if kind == "same":
        return documents
    number = draw(st.integers(0, len(documents) - 1))
    text = json.dumps(documents[number])
    edited = json.loads(re.sub(r'"(\d+)m"', lambda found: f'"{int(found[1]) + 1}m"', text))
    return [*documents[:number], edited, *documents[number + 1 :]]


@st.composite
def deploys(draw: Draw) -> tuple[list[Documents], list[Json]]:
    """Three rulesets, of which any two may be equal, and a log in which the second and the third
    come into force."""
    documents = draw(rulesets(NUMBERS))
    events = draw(st.one_of(logs(orderly=True), silent_logs()))
    events = list({event["event_id"]: event for event in events if event["event_id"]}.values())
    events.sort(key=lambda event: event["timestamp"])
    versions = [draw(edits(documents)) for _ in range(3)]
    one, other = sorted(draw(st.integers(0, len(events))) for _ in range(2))
    return versions, [
        *events[:one],
        {"ruleset": 1},
        *events[one:other],
        {"ruleset": 2},
        *events[other:],
    ]


@some(4)
@given(deploys())
def test_deploys(deployed: tuple[list[Documents], list[Json]]) -> None:
    end = START + 90 * MINUTE

    found = by_partition(*deployed, until=end)

    assert by_customer(found) == by_customer(by_reference(*deployed, until=end))
