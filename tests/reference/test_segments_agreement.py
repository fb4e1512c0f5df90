"""Segments, changes, scores and what decays (40, 46-58): the engine decides what the reference
decides."""

from __future__ import annotations

import json
import re

from hypothesis import given

from tests.reference.evaluator import evaluate
from tests.reference.rulesets import NUMBERS, rulesets, silent_logs
from tests.reference.stories import Json, by_engine
from tests.reference.strategies import ends, logs, policies, stray_logs
from tests.reference.test_agreement import agree

BUILT = NUMBERS - {"score"}


@given(rulesets(BUILT), logs(), ends(), policies())
def test_segments_changes_and_attributes(
    documents: list[Json], events: list[Json], until: int | None, policy: Json
) -> None:
    agree(documents, events, until, policy)


@given(rulesets(BUILT), silent_logs(), ends())
def test_edges_in_silence(documents: list[Json], events: list[Json], until: int | None) -> None:
    agree(documents, events, until, {})


@given(rulesets(BUILT), stray_logs(), ends())
def test_edges_and_late_events(
    documents: list[Json], events: list[Json], until: int | None
) -> None:
    agree(documents, events, until, {})


@given(rulesets(NUMBERS), silent_logs(), ends())
def test_scores(documents: list[Json], events: list[Json], until: int | None) -> None:
    """But for ids: what a segment without a name is called is nobody's business (58)."""
    expected = evaluate(documents, events, until=until)

    assert named(by_engine(documents, events, until=until)) == named(expected)


def named(lines: list[Json]) -> list[Json]:
    """The lines without what hangs on the name of a segment that has none."""
    for line in lines:
        line.pop("firing_id", None)
        line.pop("actions", None)
    return [json.loads(re.sub(r"~[0-9a-f]{16}|@[0-9a-f]{16}", "", json.dumps(x))) for x in lines]
