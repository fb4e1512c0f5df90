"""Attributes, and what conditions ask of the past (46-51, 66, 67): the engine decides what the
reference decides."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.reference.rulesets import STEP_1, rulesets
from tests.reference.stories import Json
from tests.reference.strategies import ends, logs, policies, stray_logs
from tests.reference.test_agreement import agree


@pytest.mark.covers("D1")
@given(rulesets(STEP_1), logs(), ends(), policies())
def test_attributes_and_conditions_on_the_past(
    documents: list[Json], events: list[Json], until: int | None, policy: Json
) -> None:
    agree(documents, events, until, policy)


@pytest.mark.covers("D1")
@given(rulesets(STEP_1), stray_logs(), ends())
def test_attributes_and_late_events(
    documents: list[Json], events: list[Json], until: int | None
) -> None:
    agree(documents, events, until, {})
