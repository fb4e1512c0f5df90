"""Firings as events (32-39): the engine decides what the reference decides."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.reference.rulesets import rulesets
from tests.reference.stories import Json
from tests.reference.strategies import ends, logs, policies
from tests.reference.test_agreement import agree


@pytest.mark.covers("C23")
@given(rulesets({"fired"}), logs(), ends(), policies())
def test_what_hears_of_firings(
    documents: list[Json], events: list[Json], until: int | None, policy: Json
) -> None:
    agree(documents, events, until, policy)
