"""Trends (43-45): the engine decides what the reference decides."""

from __future__ import annotations

from hypothesis import given

from tests.reference.rulesets import TREND, rulesets, silent_logs
from tests.reference.stories import Json
from tests.reference.strategies import ends, logs, policies
from tests.reference.test_agreement import agree


@given(rulesets(TREND), logs(), ends(), policies())
def test_trends(documents: list[Json], events: list[Json], until: int | None, policy: Json) -> None:
    agree(documents, events, until, policy)


@given(rulesets(TREND), silent_logs(), ends())
def test_trends_and_silence(documents: list[Json], events: list[Json], until: int | None) -> None:
    agree(documents, events, until, {})
