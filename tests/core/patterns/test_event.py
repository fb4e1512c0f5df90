"""A single event: it matches at once and remembers nothing."""

from __future__ import annotations

import pytest

from tests.core.patterns.harness import Story, matches, n_is, one
from triggerstream.core.model import EventPattern


@pytest.mark.covers("B1")
def test_every_event_of_its_types_matches_at_once() -> None:
    assert matches(one("AB"), "A@0 X@1 B@2 A@2") == "A0@0 B2@2 A3@2"


@pytest.mark.covers("B2")
def test_where_limits_what_matches() -> None:
    assert matches(EventPattern(("A",), n_is(7)), "A=6@0 A=7@1 A@2") == "A1@1"


def test_nothing_is_remembered() -> None:
    story = Story(one("A")).tell("A@0")

    assert story.is_empty
    assert story.state.id_list() == []
